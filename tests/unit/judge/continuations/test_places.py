"""Everything that knows judges by name knows the one that continues: scoring, start, doctor, audit, page."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from pathlib import Path

import pytest

from benchmarks import bench_continuations
from recipe.mrpo.judge import get_judge
from recipe.mrpo.judge.__main__ import main as judge_command
from recipe.mrpo.judge.when_to_judge import overall_conflict, verdict_conflict
from recipe.mrpo.methods import table
from recipe.mrpo.options.tree import load_options
from recipe.mrpo.rollout.prefixes import prefixes_by_texts
from recipe.mrpo.scoring.judged import judged_rollout
from recipe.mrpo.scoring.labels import Labeller, judge_is_shown_images, judge_needs_gold_reasoning
from recipe.mrpo.scoring.rollout import Scorer
from recipe.mrpo.scoring.row import Row
from tests.fake_judge_server import FakeJudgeServer
from tests.unit.judge.continuations.conftest import RIGHT, STEPS, TEXT, continuing, prefix_of, prefixes

ROOT = Path(__file__).parents[4]
WRONG_ROLLOUT = TEXT.replace("<answer>right", "<answer>left")


def record_of(options, server, row, *, text=WRONG_ROLLOUT):
    node = {**options, "openai__base_url": server.base_url}
    scorer = Scorer(load_options())
    labeller = Labeller(
        ask_for="all", read_by_rewards=True, shaped=dict.fromkeys((True, False, None), True), overall=False,
        show_images=judge_is_shown_images(node), gold_reasoning=judge_needs_gold_reasoning(node),
    )  # fmt: skip

    async def run():
        judge = get_judge(options)
        try:
            prompt = [{"role": "user", "content": "Which lobe is affected?"}]
            return await judged_rollout(
                text, row, scorer=scorer, labeller=labeller, judge=judge, prompt=prompt,
                spans=lambda steps: [(0, 0)] * len(steps), response_tokens=9,
            )  # fmt: skip
        finally:
            await judge.close()

    return asyncio.run(run())


def test_a_rollout_without_gold_reasoning_gets_its_labels_and_the_counts_stand_in_its_record(options_of):
    with FakeJudgeServer(says=continuing([4, 1, 4, 4])) as server:
        options = options_of(name="continuations", continuations__n=4, openai__base_url=server.base_url)
        record = record_of(options, server, Row(gold=("right lower lobe",), question="Which lobe is affected?"))
    assert (record.judge_status, record.labels) == ("ok", [0, 1, 1])
    assert record.judge["right_of_known"] == [[4, 4], [1, 4], [4, 4], [4, 4]]
    assert record.rewards["process"] == pytest.approx(2 / 3)
    assert {prefix_of(body) for body in server.requests} == set(prefixes()), "the text of the rollout itself"


def test_unknown_labels_leave_the_process_reward_unknown(options_of):
    with FakeJudgeServer(says=lambda body: RIGHT, faults={"http_400": 1.0}) as server:
        options = options_of(name="continuations", continuations__n=4, openai__base_url=server.base_url)
        record = record_of(options, server, Row(gold=("right lower lobe",)))
    assert record.labels is None and record.judge_status == "failed:http_400"
    assert record.rewards["process"] is None and record.judge["unknown_continuations"] == 16


def test_it_grades_steps_alone():
    assert "continuations" in (verdict_conflict(["continuations"], "all") or "")
    assert overall_conflict(["overlap", "openai"]) is None and overall_conflict(["openai", "continuations"])
    assert judge_needs_gold_reasoning({"name": "overlap"}) and not judge_needs_gold_reasoning({"name": "continuations"})


def test_the_table_of_methods_names_every_judge():
    assert "continuations" in table().splitlines()[-1]


@pytest.mark.parametrize(
    ("text", "found", "why"),
    [
        (TEXT, prefixes(), "as it was written"),
        (f"<think>{STEPS[0]}</think>", (), "a step is missing"),
        (" ".join(reversed(STEPS)), (), "another order"),
        ("", (), "no text"),
    ],
)
def test_prefixes_of_a_dump_are_those_of_the_rollout(text, found, why):
    assert prefixes_by_texts(text, STEPS) == found, why


@pytest.fixture(scope="module")
def run_files(tmp_path_factory):
    """A dump of one rollout, and its row."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tmp_path_factory.mktemp("run")
    info = {"split": "train", "index": 0, "question": "Which lobe is affected?", "may_leave_machine": True}
    prompt = [{"role": "user", "content": "Which lobe is affected?"}]
    row = {"data_source": "d", "prompt": prompt, "images": [], "extra_info": info}
    pq.write_table(pa.Table.from_pylist([row]), folder / "train.parquet")
    case = {
        "question": info["question"],
        "gold": ["right lower lobe"],
        "data_source": "d",
        "split": "train",
        "index": "0",
    }
    record = {"steps": list(STEPS), "labels": [1, 1, 0], "case": case}
    (folder / "1.jsonl").write_text(json.dumps({"output": TEXT, "step": 1, "uid": "a", "mrpo": record}) + "\n")
    return folder


def test_an_audit_goes_on_from_the_rollouts_of_a_dump_and_tells_its_calls_first(run_files, capsys):
    with FakeJudgeServer(says=continuing([8, 8, 0, 0])) as server:
        options = [
            "mrpo.judge.name=continuations",
            f"mrpo.judge.openai.base_url={server.base_url}",
            "mrpo.judge.openai.model=m",
        ]
        dump = str(run_files / "1.jsonl")
        assert judge_command(["audit", dump, "--data", str(run_files / "train.parquet"), *options]) == 0
        told = capsys.readouterr()
        assert "1 rollouts take 32 calls" in told.err and len(server.requests) == 32
        assert "1 rollouts, 3 steps; without a second label 0" in told.out
        assert judge_command(["audit", dump, *options]) == 1
        assert "give the run's parquet files with --data" in capsys.readouterr().err


def test_the_page_holds_the_figures_of_its_command():
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        bench_continuations.main()
    page = (ROOT / "docs" / "judge.md").read_text().splitlines()
    assert [line for line in printed.getvalue().splitlines() if line and line not in page] == []
