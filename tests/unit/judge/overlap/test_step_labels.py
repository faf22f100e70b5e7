"""The hand-labelled rollouts of the sample, and how far the default judge agrees with them (docs/judge.md)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data_preprocess.command.dataset import main as convert
from recipe.mrpo.evaluate.judge_audit.rollouts import data_rows, labelled_rollouts
from recipe.mrpo.judge.__main__ import main
from tests.fake_judge_server import FakeJudgeServer

ROOT = Path(__file__).parents[4]
SAMPLE = ROOT / "examples" / "data" / "vqa_rad_sample"
LABELS = SAMPLE / "step_labels.jsonl"


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_step_has_a_label_and_its_reason():
    rollouts = lines(LABELS)
    assert len(rollouts) >= 40 and sum(len(r["mrpo"]["steps"]) for r in rollouts) >= 150
    assert len({r["uid"] for r in rollouts}) == len(rollouts)
    for rollout in rollouts:
        record = rollout["mrpo"]
        assert len(record["steps"]) == len(record["labels"]) == len(rollout["why"])
        assert set(record["labels"]) <= {0, 1} and all(rollout["why"]) and "not by clinicians" in rollout["source"]


def test_every_case_is_one_of_the_sample():
    cases = {
        (c["image_name"], c["question"], c["answer"], c["reasoning"]) for c in lines(SAMPLE / "gold_reasoning.jsonl")
    }
    for rollout in lines(LABELS):
        case = rollout["mrpo"]["case"]
        assert (case["image_id"], case["question"], case["gold"][0], case["gold_reasoning"]) in cases


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> list[Path]:
    """The sample's rows, by the command of its README."""
    out = tmp_path_factory.mktemp("data")
    gold = ["--gold-reasoning", str(SAMPLE / "gold_reasoning.jsonl"), "--open-only"]
    assert convert(["vqa_rad", "--source", str(SAMPLE), "--out", str(out), *gold]) == 0
    return [out / "train.parquet", out / "test.parquet"]


def test_every_case_names_its_row(data):
    rollouts = labelled_rollouts([LABELS])
    rows = data_rows(data, {rollout.row for rollout in rollouts})
    for rollout in rollouts:
        info = rows[rollout.row]["extra_info"]
        named = info["image_id"], info["question"], info["answers"], info["gold_reasoning"]
        assert named == tuple(rollout.case[key] for key in ("image_id", "question", "gold", "gold_reasoning"))


def test_with_the_data_a_judge_sees_the_image_of_every_case(data):
    with FakeJudgeServer() as server:
        options = [
            "mrpo.judge.name=openai",
            f"mrpo.judge.openai.base_url={server.base_url}",
            "mrpo.judge.openai.model=m",
        ]
        assert main(["audit", str(LABELS), "--sample", "0", "--data", *map(str, data), *options]) == 0
        assert len(server.requests) == len(lines(LABELS))
        assert all("data:image/" in json.dumps(request["messages"]) for request in server.requests)


@pytest.mark.parametrize("label", [0, 1])
def test_both_labels_stand_at_every_position(label):
    """A judge that goes by the position alone must not look good."""
    for position in range(4):
        here = [r["mrpo"]["labels"][position] for r in lines(LABELS) if len(r["mrpo"]["labels"]) > position]
        assert here.count(label) >= 4


def test_the_docs_print_the_agreement_of_the_default_judge(capsys):
    assert main(["audit", str(LABELS), "--sample", "0"]) == 0
    printed = capsys.readouterr().out
    figures = [line.strip() for line in printed.splitlines() if line.strip()]
    assert any(line.startswith("Cohen's kappa") for line in figures)
    docs = [line.strip() for line in (ROOT / "docs" / "judge.md").read_text().splitlines()]
    assert [line for line in figures if line not in docs] == []
