"""Figures of answers in the page: looking or guessing, pass@k, calibration and flips are those of `mrpo score`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from recipe.mrpo.evaluate.rollouts import read_rollouts
from recipe.mrpo.evaluate.scores import command as score_command
from recipe.mrpo.evaluate.scores.columns import columns_of
from recipe.mrpo.report import __main__ as command
from recipe.mrpo.report.page.beside import beside
from recipe.mrpo.report.page.pass_at import which_k
from tests.unit.evaluate.made import dump_row, evaluation, generation, write
from tests.unit.report.page.made import block, evaluated, training_run
from tests.unit.report.page.made_answers import answered


def run_command(monkeypatch, *words) -> int:
    monkeypatch.setattr(sys, "argv", ["mrpo report", *map(str, words)])
    return command.main()


def sets_of(file: Path) -> list[dict]:
    return [one for run in block(file.read_text(), "overview")["runs"] for one in run["sets"]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Path]:
    """Evaluations of two models, of both without the image, of one with another image."""
    folder = tmp_path_factory.mktemp("answered")
    kinds = {"image": "", "no_image": "_blind", "other_image": "_other"}
    wanted = [("a", "image"), ("a", "no_image"), ("a", "other_image"), ("b", "image"), ("b", "no_image")]
    return {
        f"{model}{kinds[condition]}": answered(
            folder / f"{model}{kinds[condition]}", seed=ord(model), condition=condition, model=model, questions=12
        )
        for model, condition in wanted
    }


def test_the_figures_of_the_page_are_those_that_mrpo_score_writes(runs, tmp_path, monkeypatch):
    also = [str(runs[name]) for name in ("a_blind", "a_other", "b_blind")]
    out = tmp_path / "page.html"
    assert run_command(monkeypatch, runs["a"], runs["b"], "--html", out, "--also", *also) == 0
    for one, name, beside_it in zip(sets_of(out), "ab", (also[:2], also[2:]), strict=True):
        scores = tmp_path / f"{name}.json"
        words = [str(runs[name]), "--pass-at", "2,4", "--out", str(scores), "--format", "headline", "--also"]
        assert score_command.main([*words, *beside_it]) == 0
        expected = json.loads(scores.read_text())
        for part in ("looking", "prior", "repeats", "calibration", "answers"):
            assert one["scores"][part] == expected[part] and expected[part]
        assert one["scores"] == expected
        assert set(expected["answers"]["micro"]["pass_at"]) == {"pass@2", "pass@4"}
        assert len(expected["looking"]["conditions"]) == 1 + len(beside_it)


def test_rollouts_of_other_conditions_are_in_the_list_and_in_no_other_figure(runs, tmp_path, monkeypatch):
    alone, with_blind = tmp_path / "alone.html", tmp_path / "with.html"
    assert run_command(monkeypatch, runs["a"], "--html", alone) == 0
    assert run_command(monkeypatch, runs["a"], "--html", with_blind, "--also", runs["a_blind"]) == 0
    ((first,), (second,)) = sets_of(alone), sets_of(with_blind)
    assert (first["positions"], first["judge_time"]) == (second["positions"], second["judge_time"])
    assert first["scores"]["reasoning"] == second["scores"]["reasoning"]
    assert first["scores"]["answers"] == second["scores"]["answers"]
    columns = block(with_blind.read_text(), "columns")
    shown = [columns["conditions"][number] for number in columns["condition"]]
    assert (shown.count("image"), shown.count("no_image")) == (48, 48)
    (run,) = block(with_blind.read_text(), "overview")["runs"]
    assert run["also"] == [str(runs["a_blind"])] and run["rollouts"] == 96


def test_what_a_run_does_not_have_is_not_in_its_scores(tmp_path, monkeypatch):
    out = tmp_path / "page.html"
    assert run_command(monkeypatch, evaluated(tmp_path / "one"), "--html", out) == 0
    (one,) = sets_of(out)
    assert [one["scores"][part] for part in ("looking", "prior", "repeats", "calibration")] == [None] * 4
    assert "pass_at" not in one["scores"]["answers"]["micro"]


# --- which pass@k ---


def columns(folder: Path, numbers: list[int]):
    """Of an evaluation with these numbers of answers to its questions."""
    pairs = [(generation(index, k), None) for index, count in enumerate(numbers) for k in range(count)]
    return columns_of(read_rollouts(evaluation(folder, pairs)), cluster="image")


@pytest.mark.parametrize(
    ("numbers", "expected", "why"),
    [
        ([1, 1, 1], (), "one answer: pass@1 is the accuracy"),
        ([2, 2], (2,), "two"),
        ([4, 4, 4], (2, 4), "powers of two"),
        ([6, 6, 6], (2, 4, 6), "and all of them"),
        ([8, 8, 1], (2, 4, 8), "a question that was not finished takes nothing away"),
        ([1, 1, 8], (), "nor does one with more add anything"),
        ([16], (2, 4, 8, 16), "many"),
    ],
)
def test_pass_at_k_is_shown_for_as_many_answers_as_the_questions_have(tmp_path, numbers, expected, why):
    assert which_k(columns(tmp_path, numbers)) == expected, why


def test_training_rollouts_have_no_pass_at_k_unless_it_is_asked_for(tmp_path, monkeypatch):
    run = training_run(tmp_path / "run", rows=16, steps=1)
    out = tmp_path / "page.html"
    assert run_command(monkeypatch, run, "--html", out) == 0
    assert all("pass_at" not in one["scores"]["answers"]["micro"] for one in sets_of(out))
    assert run_command(monkeypatch, run, "--html", out, "--pass-at", "3") == 0
    train = next(one for one in sets_of(out) if one["origin"] == "train")
    assert train["scores"]["answers"]["micro"]["pass_at"]["pass@3"]["n"] == 2


# --- which evaluation of another condition belongs to which run ---


def test_an_evaluation_without_the_image_counts_with_that_of_the_same_model(runs, tmp_path):
    trained = training_run(tmp_path / "run", rows=8, steps=1)
    also = [runs["b_blind"], runs["a_blind"], runs["a_other"]]
    assert beside([runs["a"], trained, runs["b"]], also) == [
        (runs["a_blind"], runs["a_other"]), (), (runs["b_blind"],)
    ]  # fmt: skip
    assert beside([trained, runs["a"]], also) == [(), tuple(also)], "a single evaluation has all"
    assert beside([trained], []) == [()]


def refused(case: str, runs: dict[str, Path], tmp_path: Path) -> tuple[list[Path], Path, str]:
    """(runs, other run, what is said)."""
    other = runs["a_blind"]
    if case == "no evaluation":
        return [training_run(tmp_path / "run", rows=8, steps=1)], other, "needs an evaluation among the runs"
    if case == "another model":
        third = answered(tmp_path / "c", condition="no_image", model="c", questions=2)
        return [runs["a"], runs["b"]], third, "names the model of none of the runs"
    if case == "no manifest":
        plain = evaluation(tmp_path / "plain", [(generation(condition="no_image"), None)])
        return [runs["a"], runs["b"]], plain, "names the model of none of the runs"
    if case == "a training run":
        rows = write(tmp_path / "r" / "rollouts" / "1.jsonl", [dump_row()])
        return [runs["a"]], rows.parent.parent, "has no answer without the image"
    return [runs["a"]], runs["b"], "has no answer without the image"


@pytest.mark.parametrize("case", ["no evaluation", "another model", "no manifest", "a training run", "the own image"])
def test_an_evaluation_that_stands_beside_no_run_is_refused(runs, tmp_path, monkeypatch, capsys, case):
    paths, other, said = refused(case, runs, tmp_path)
    assert run_command(monkeypatch, *paths, "--html", tmp_path / "page.html", "--also", other) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("words", [["--also", "x"], ["--pass-at", "2"], ["--html", "x.html", "--pass-at", "two"]])
def test_options_of_figures_need_figures_and_numbers(runs, monkeypatch, words):
    with pytest.raises(SystemExit) as leave:
        run_command(monkeypatch, runs["a"], *words)
    assert leave.value.code == 2


def test_figures_of_answers_are_written_as_files(runs, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib", reason="matplotlib is in the extras plots and dev")
    also = [runs[name] for name in ("a_blind", "a_other", "b_blind")]
    words = ["--figures", tmp_path / "out", "--format", "svg"]
    assert run_command(monkeypatch, runs["a"], runs["b"], *words, "--also", *also) == 0
    files = {file.stem: file.read_text() for file in (tmp_path / "out").iterdir()}
    assert {"looking", "pass_at_k", "calibration_joint", "calibration_mean"} <= set(files)
    out = tmp_path / "page.html"
    assert run_command(monkeypatch, runs["a"], runs["b"], "--html", out) == 0
    for one, name in zip(sets_of(out), "ab", strict=True):
        for confidence in ("joint", "mean"):
            error = 100 * one["scores"]["calibration"][confidence]["ece"]
            assert f"{name}: ECE {error:.1f} %" in files[f"calibration_{confidence}"]
    assert "another image" in files["looking"]
