"""The page of a run: its figures are those of the dumps, computed here once more in another way."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from statistics import fmean

import pytest

from recipe.mrpo.evaluate.rollouts import read_rollouts
from recipe.mrpo.evaluate.scores.compare.command import compare_paths
from recipe.mrpo.evaluate.scores.options import ScoreOptions
from recipe.mrpo.evaluate.scores.score import score
from recipe.mrpo.report import __main__ as command
from recipe.mrpo.report.page.make import PageOptions, make_page
from tests.unit.evaluate.made import write
from tests.unit.report.page.made import block, data_file, evaluated, picture, training_run

SCORES = ScoreOptions(draws=200)


def options(**more) -> PageOptions:
    given = {"max_rollouts": 500, "max_images": 9, "image_side": 32, "private_images": True, "data": (), "title": "T"}
    return PageOptions(**(given | {"scores": SCORES} | more))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(folder of a run, text of its page)."""
    folder = tmp_path_factory.mktemp("page")
    run = training_run(folder / "run", rows=64, steps=2)
    make_page([run], folder / "page.html", options())
    return run, (folder / "page.html").read_text()


def rows(run, pattern: str) -> list[dict]:
    return [json.loads(line)["mrpo"] for file in sorted(run.glob(pattern)) for line in file.read_text().splitlines()]


def the_set(page: str, origin: str, step: int | None = None) -> dict:
    (run,) = block(page, "overview")["runs"]
    return next(one for one in run["sets"] if one["origin"] == origin and step in (None, one["step"]))


def test_the_scores_of_the_page_are_those_of_mrpo_score(made):
    run, page = made
    for origin, steps in (("train", None), ("validation", [0]), ("validation", [2])):
        rollouts = read_rollouts(run, label="run", origins={origin}, steps=steps)
        expected = json.loads(json.dumps(score(rollouts, SCORES)))
        assert the_set(page, origin, steps and steps[0])["scores"] == expected


def test_counts_and_first_failures_are_those_of_the_dump(made):
    """From the JSON lines alone: right, wrong, not known, valid steps, FFP bins, FAR and stages."""
    run, page = made
    records = rows(run, "rollouts/*.jsonl")
    scores = the_set(page, "train")["scores"]
    answers, reasoning = scores["answers"]["micro"], scores["reasoning"]["overall"]
    kinds = Counter(record["wrong"] for record in records)
    assert [answers["right"], answers["wrong"], answers["not_known"]] == [kinds[False], kinds[True], kinds[None]]
    assert answers["accuracy"]["value"] == pytest.approx(kinds[False] / len(records))
    labelled = [record["labels"] for record in records if record["labels"]]
    assert reasoning["valid_steps"]["value"] == pytest.approx(fmean(label for labels in labelled for label in labels))
    failures = [(labels.index(0), len(labels), labels) for labels in labelled if 0 in labels]
    ffps = [(k / (n - 1) if n > 1 else 0.0, labels[k + 1 :].count(0) / max(1, n - k - 1)) for k, n, labels in failures]
    bins = [[far for ffp, far in ffps if min(math.floor(5 * ffp + 1e-9), 4) == n] for n in range(5)]
    for bar, fars in zip(reasoning["ffp_bins"], bins, strict=True):
        assert (bar["rollouts"], bar["share"]["value"]) == (len(fars), pytest.approx(len(fars) / len(ffps)))
        assert bar["far"]["value"] == (pytest.approx(fmean(fars)) if fars else None)
    stages = Counter("early" if ffp < 1 / 3 else "mid" if ffp < 2 / 3 else "late" for ffp, _ in ffps)
    for name in ("early", "mid", "late"):
        assert reasoning["stages"][0]["share"][name]["value"] == pytest.approx(stages[name] / len(ffps))
        assert reasoning["stages"][0]["rate"][name]["value"] == pytest.approx(stages[name] / len(records))


def test_labels_and_advantages_by_place_are_those_of_the_dump(made):
    run, page = made
    records = [record for record in rows(run, "rollouts/*.jsonl") if record["labels"]]
    found = the_set(page, "train")["positions"]
    assert [row["place"] for row in found] == list(range(1, max(len(r["labels"]) for r in records) + 1))
    for row in found:
        k = row["place"] - 1
        here = [record for record in records if len(record["labels"]) > k]
        assert (row["labelled"], row["valid"]) == (len(here), sum(record["labels"][k] for record in here))
        for label, name in ((1, "advantage_valid"), (0, "advantage_invalid")):
            given = [r["step_advantages"][k] for r in here if r["wrong"] and r["labels"][k] == label]
            assert row[name] == (pytest.approx(fmean(given)) if given else None)


def test_the_time_of_the_judge_and_the_curves_are_those_of_the_files(made):
    run, page = made
    seconds = [record["judge"]["latency_s"] for record in rows(run, "rollouts/*.jsonl")]
    time = the_set(page, "train")["judge_time"]
    assert time == {"cached": 0, "mean_seconds": pytest.approx(fmean(seconds)), "slowest_seconds": max(seconds)}
    (shown,) = block(page, "overview")["runs"]
    metrics = [json.loads(line) for line in (run / "metrics" / "1.jsonl").read_text().splitlines()]
    for curve in shown["curves"]:
        assert curve["points"] == [[row["step"], row["data"][curve["key"]]] for row in metrics]


def test_every_rollout_of_the_dump_is_in_the_page_with_its_texts(made):
    run, page = made
    columns, fields = block(page, "columns"), block(page, "text-fields")
    dumped = [json.loads(line) for file in run.glob("*/[0-9].jsonl") for line in file.read_text().splitlines()]
    dumped = [row for row in dumped if "mrpo" in row]
    texts = [dict(zip(fields, row, strict=True)) for n in range(2) for row in block(page, f"texts-{n}")]
    assert len(columns["run"]) == len(texts) == len(dumped)
    assert Counter(text["output"] for text in texts) == Counter(row["output"] for row in dumped)
    for text in texts:
        steps = [text["output"][step[0] : step[1]] for step in text["steps"]]
        assert any(row["output"] == text["output"] and row["mrpo"]["steps"] == steps for row in dumped)


def test_a_part_of_the_rollouts_is_shown_and_the_figures_are_over_all(made, tmp_path):
    run, page = made
    facts = make_page([run], tmp_path / "part.html", options(max_rollouts=20))
    part = (tmp_path / "part.html").read_text()
    assert (facts["shown"] <= 20, facts["rollouts"]) == (True, 152)
    assert the_set(part, "train") == the_set(page, "train")


def test_a_row_that_is_not_a_rollout_is_said(tmp_path):
    run = training_run(tmp_path / "run", rows=8, steps=1)
    write(run / "rollouts" / "2.jsonl", ["not JSON", {"uid": "x"}])
    make_page([run], tmp_path / "page.html", options())
    (shown,) = block((tmp_path / "page.html").read_text(), "overview")["runs"]
    assert shown["left_out"] == 2 and "2.jsonl:1" in shown["left_out_first"]


def test_a_page_that_cannot_be_made_leaves_the_old_one(tmp_path):
    file = tmp_path / "page.html"
    file.write_text("old")
    with pytest.raises(ValueError, match="has no rollouts"):
        make_page([tmp_path], file, options())
    assert file.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["page.html"]


# --- the command ---


def run_command(monkeypatch, *words) -> int:
    monkeypatch.setattr(sys, "argv", ["mrpo report", *map(str, words)])
    return command.main()


def test_the_command_writes_a_page_and_says_what_must_stay_here(tmp_path, monkeypatch, capsys):
    run = training_run(tmp_path / "run", rows=16, steps=1)
    data_file(run / "data" / "a.parquet", [{"index": 0, "image": picture(3), "private": True}])
    assert run_command(monkeypatch, run, "--html", tmp_path / "a.html") == 0
    said = capsys.readouterr()
    assert "40 of 40 rollouts, 1 images" in said.out and "keep the file here" in said.err
    assert run_command(monkeypatch, run, "--html", tmp_path / "b.html", "--no-private-images") == 0
    assert "keep the file here" not in capsys.readouterr().err
    assert "data:image/jpeg" not in (tmp_path / "b.html").read_text()


def test_several_runs_and_evaluations_share_a_page(tmp_path, monkeypatch):
    paths = [
        training_run(tmp_path / "run", rows=16, steps=1),
        evaluated(tmp_path / "one"),
        evaluated(tmp_path / "two", seed=1),
    ]
    assert run_command(monkeypatch, *paths, "--html", tmp_path / "a.html", "--title", "Three") == 0
    overview = block((tmp_path / "a.html").read_text(), "overview")
    assert [run["name"] for run in overview["runs"]] == ["run", "one", "two"] and overview["facts"]["title"] == "Three"


def test_the_comparison_of_the_page_is_that_of_mrpo_compare(tmp_path):
    paths = [evaluated(tmp_path / name, seed=seed) for name, seed in (("a", 1), ("b", 2))]
    make_page(paths, tmp_path / "page.html", options())
    (pair,) = block((tmp_path / "page.html").read_text(), "overview")["comparison"]["pairs"]
    expected = compare_paths(paths, SCORES, names=["a", "b"])["pairs"][0]
    assert pair == json.loads(json.dumps({name: value for name, value in expected.items() if name != "changed"}))
    first, second = ({r.question_id: r.wrong is False for r in read_rollouts(path)} for path in paths)
    assert pair["all"]["gained"] == sum(second[q] and not first[q] for q in first)
    assert pair["all"]["lost"] == sum(first[q] and not second[q] for q in first)


def test_runs_that_cannot_be_compared_say_why(tmp_path):
    rows = [json.loads(line) for line in (evaluated(tmp_path / "a") / "generations.jsonl").read_text().splitlines()]
    other = [row | {"question_id": "0" * 16, "id": f"{i:016x}"} for i, row in enumerate(rows)]
    write(tmp_path / "b" / "generations.jsonl", other)
    make_page([tmp_path / "a", tmp_path / "b"], tmp_path / "page.html", options())
    found = block((tmp_path / "page.html").read_text(), "overview")["comparison"]
    assert set(found) == {"refused"} and "question" in found["refused"]


def test_an_evaluation_in_the_terminal_is_its_headline(tmp_path, monkeypatch, capsys):
    assert run_command(monkeypatch, evaluated(tmp_path / "one")) == 0
    assert capsys.readouterr().out.startswith("one: 30 rollouts")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere", "--html", "x.html"], "does not exist"),
        ([".", "--html", "x.html"], "has no rollouts"),
        ([".", "--html", "nowhere/x.html"], "--html must be a file in a folder that exists"),
        ([".", "--html", "."], "--html must be a file in a folder that exists"),
    ],
)
def test_a_path_that_cannot_be_read_or_written_is_one_sentence(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    assert run_command(monkeypatch, *words) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--max-rollouts", "0"], ["--image-size", "3"], ["--format", "gif"]])
def test_an_option_out_of_range_is_a_usage_error(tmp_path, monkeypatch, words):
    with pytest.raises(SystemExit) as leave:
        run_command(monkeypatch, tmp_path, "--html", tmp_path / "a.html", *words)
    assert leave.value.code == 2


def test_figures_are_written_as_files(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib is in the extras plots and dev")
    paths = [training_run(tmp_path / "run", rows=32, steps=2), evaluated(tmp_path / "$x_{eval}$")]
    assert run_command(monkeypatch, *paths, "--figures", tmp_path / "out", "--format", "svg") == 0
    files = sorted(file.name for file in (tmp_path / "out").iterdir())
    drawn = ["accuracy", "advantage_by_step", "failure_after_rate", "first_failure_position", "stages", "valid_by_step"]
    curves = ["curve_actor_kl_loss", "curve_mrpo_reward_answer", "curve_mrpo_valid_steps"]
    assert files == sorted(f"{name}.svg" for name in (*drawn, *curves))
    assert "$x_{eval}$" in (tmp_path / "out" / "accuracy.svg").read_text(), "a name is text, not mathematics"
    first = (tmp_path / "out" / "stages.svg").read_bytes()
    assert run_command(monkeypatch, *paths, "--figures", tmp_path / "out", "--format", "svg") == 0
    assert (tmp_path / "out" / "stages.svg").read_bytes() == first
