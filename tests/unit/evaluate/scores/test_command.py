"""`mrpo score`: what it prints and writes, and one sentence for what cannot be scored."""

from __future__ import annotations

import csv
import json

import pytest

from recipe.mrpo.cli import main as mrpo
from recipe.mrpo.evaluate.scores.command import main
from recipe.mrpo.evaluate.scores.files import score_evaluation
from recipe.mrpo.evaluate.scores.options import ScoreOptions
from recipe.mrpo.evaluate.scores.tables.table import Figure, Table
from tests.unit.evaluate.made import case, dump_row, evaluation, generation, judgement, write
from tests.unit.evaluate.scores.made_runs import random_evaluation, random_training

DRAWS = ["--draws", "100"]


@pytest.fixture
def run(capsys):
    def call(*arguments):
        status = main([*map(str, arguments), *DRAWS])
        seen = capsys.readouterr()
        return status, seen.out, seen.err

    return call


# --- what it reads ---


def test_a_training_run_a_dump_and_an_evaluation_are_scored_alike(run, tmp_path):
    training = random_training(tmp_path / "run", seed=1)
    for path in (training, training / "rollouts" / "2.jsonl", random_evaluation(tmp_path / "e", seed=1)):
        status, out, err = run(path)
        assert status == 0 and "Accuracy " in out and "questions on" in out and err == ""


def test_the_last_validation_counts_unless_other_dumps_are_named(run, tmp_path):
    training = random_training(tmp_path / "run", seed=1)
    for step in (0, 2):
        write(training / "validation" / f"{step}.jsonl", [dump_row(f"v{step}_0_0", right=step == 2)])
    assert "1 rollouts of validation, step 2" in run(training, "--format", "headline")[1]
    assert "160 rollouts of train, 2 steps" in run(training, "--origin", "train", "--steps", "all")[1]
    assert run(training, "--steps", "7")[2] == f"error: {training} has no validation dump of step 7; it has 0, 2\n"


def test_scores_of_an_evaluation_are_written_whole(run, tmp_path):
    folder = random_evaluation(tmp_path / "e", seed=1)
    assert run(folder)[0] == 0
    written = json.loads((folder / "scores.json").read_text())
    assert written["answers"]["micro"]["rollouts"] == 180
    again = score_evaluation(folder, ScoreOptions(draws=100))
    assert json.loads(json.dumps(again)) == written, "scoring again gives the same figures"
    assert not [file for file in folder.iterdir() if file.name.startswith(".")]


def test_no_difference_above_100_points_is_promised_to_be_told_apart(run, tmp_path):
    (tmp_path / "validation").mkdir()
    write(tmp_path / "validation" / "0.jsonl", [dump_row("v0_0_0", right=True)])
    out = run(tmp_path, "--format", "headline")[1]
    assert "These questions are too few to tell any two runs apart." in out and "must differ by" not in out


# --- what is not known ---


def test_a_failing_judge_stands_in_the_headline_and_moves_no_score(run, tmp_path):
    pairs = [(g := generation(i), judgement(g, right=i < 2, labels=None if i % 2 else (1, 0))) for i in range(4)]
    out = run(evaluation(tmp_path / "e", pairs))[1]
    assert "NOT KNOWN: the labels of 2 rollouts (failed:timeout x2)" in out
    assert "The judge failed for 2 rollouts (50.0 %)" in out
    assert "Accuracy 50.0 %" in out, "answers do not depend on the judge of steps"


def test_answers_that_are_not_known_are_counted_wrong_and_bounded(run, tmp_path):
    pairs = [(g := generation(i), judgement(g, right=(True, False, None, None)[i])) for i in range(4)]
    pairs.append((generation(4) | {"output": None, "failure": "timeout"}, None))
    out = run(evaluation(tmp_path / "e", pairs), "--format", "headline")[1]
    assert "Accuracy 20.0 %" in out and "1 right, 1 wrong, 3 not known of 5 questions" in out
    assert "NOT KNOWN: 3 answers (no output: timeout x1, reward not known x2)" in out
    assert "all of them were wrong 20.0 %, if all were right 80.0 %" in out


def test_rows_that_were_left_out_are_counted_in_the_headline(run, tmp_path):
    path = write(tmp_path / "rollouts" / "1.jsonl", [dump_row(), "{}", "null", dump_row() | {"mrpo": None}])
    out = run(path, "--format", "headline")[1]
    assert "LEFT OUT: 3 rows of the files; the first: " in out and "1.jsonl:2" in out


def test_a_rollout_that_stands_twice_counts_once(run, tmp_path):
    path = write(tmp_path / "1.jsonl", [dump_row("a_0_0"), dump_row("a_0_0"), dump_row("b_0_0")])
    out = run(path, "--format", "headline")[1]
    assert "LEFT OUT: 1 rollouts whose id an earlier one had" in out


# --- what cannot be scored ---


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda d: d / "nothing", "does not exist"),
        (lambda d: d, "has no rollouts"),
        (lambda d: write(d / "1.jsonl", []), "there is no rollout to score"),
        (lambda d: write(d / "1.jsonl", ["{", "[]"]), "2 rows were left out"),
        (lambda d: write(d / "metrics.jsonl", ['{"step": 1, "data": {}}']), "1 rows were left out"),
        (lambda d: write(d / "generations.jsonl", ["\x00\xff"]).parent, "1 rows were left out"),
        (lambda d: write(d / "scores.json", ["{}"]), "not a file of rollouts"),
    ],
)
def test_what_cannot_be_scored_is_one_sentence_and_exit_status_2(run, tmp_path, make, said):
    status, out, err = run(make(tmp_path))
    assert (status, out) == (2, "") and said in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--level", "95"], "--level must lie between 0 and 1"),
        (["--pass-at", "0"], "--pass-at must name whole numbers"),
        (["--cuts", "0.7,0.3"], "--cuts must be two numbers"),
        (["--answers", "verdict"], "no answer has a verdict"),
        (["--compat", "reference"], "no answer has a verdict"),
        (["--ffp-width", "nan"], "--ffp-width must lie"),
        (["--origin", "validation"], "has no dumps of validation"),
    ],
)
def test_an_option_that_cannot_be_is_one_sentence_that_names_it(run, tmp_path, arguments, said):
    status, _, err = run(random_training(tmp_path / "run", seed=1, groups=2), *arguments)
    assert status == 2 and said in err and err.count("\n") == 1


def test_the_console_command_reaches_both(tmp_path, capsys):
    path = write(tmp_path / "rollouts" / "1.jsonl", [dump_row(), dump_row("b_0_0", about=case(1), right=True)])
    assert mrpo(["score", str(path), "--format", "headline", *DRAWS]) == 0
    assert "Accuracy 50.0 %" in capsys.readouterr().out
    assert mrpo(["compare", str(path), str(path), "--format", "headline", *DRAWS]) == 0
    assert "0.0 points of accuracy" in capsys.readouterr().out.replace("0.0 [no interval] points", "0.0 points")


# --- tables ---


def test_tables_are_written_in_three_formats_and_hold_the_figures(run, tmp_path):
    folder = random_evaluation(tmp_path / "e", seed=1)
    assert run(folder, "--tables", tmp_path / "t", "--pass-at", "1,2")[0] == 0
    scores = json.loads((folder / "scores.json").read_text())
    with (tmp_path / "t" / "answers.csv").open() as file:
        rows = {row["data set"]: row for row in csv.DictReader(file)}
    micro = scores["answers"]["micro"]
    assert float(rows["all (micro)"]["accuracy"]) == micro["accuracy"]["value"], "unrounded"
    assert float(rows["all (micro)"]["accuracy low"]) == micro["accuracy"]["low"]
    assert int(rows["all (micro)"]["images"]) == micro["images"]
    for ending in ("md", "tex", "csv"):
        names = {file.stem for file in (tmp_path / "t").glob(f"*.{ending}")}
        assert {"answers", "reasoning", "stages", "ffp", "published_stages", "published_sizes"} <= names
    assert "\\toprule" in (tmp_path / "t" / "stages.tex").read_text()


@pytest.mark.parametrize("form", ["text", "markdown", "latex", "csv", "json"])
def test_every_format_is_printed(run, tmp_path, form):
    status, out, _ = run(random_training(tmp_path / "run", seed=1), "--format", form)
    assert status == 0 and "nan" not in out.replace("finance", "")
    if form == "json":
        assert json.loads(out)["format"] == 1


HOSTILE = 'a|b <script>alert(1)</script> \\input{x} $x$ [l](http://e) \x1b[2J\n=cmd|"/c calc"'


def test_names_from_files_are_data_in_every_format(run, tmp_path):
    rows = [dump_row(f"u{i}_0_0", about=case(i, source=HOSTILE, organ=HOSTILE, modality="=1+1")) for i in range(3)]
    path = write(tmp_path / "1.jsonl", rows)
    for form in ("text", "markdown", "latex", "csv"):
        out = run(path, "--format", form)[1]
        assert "\x1b" not in out and "\n=cmd" not in out, form
        if form == "markdown":
            assert "<script>" not in out and "[l](" not in out and "a\\|b" in out
        if form == "latex":
            assert "\\input{x}" not in out
        if form == "csv":
            cells = [cell for row in csv.reader(out.splitlines()[8:]) for cell in row]
            assert "'=1+1" in cells and "=1+1" not in cells


def test_a_figure_has_three_columns_in_csv_and_one_cell_elsewhere():
    table = Table("t", "T", ("a", "b"), [["x", Figure(0.5, 0.25, 0.75)], ["y", None]])
    assert table.csv() == "a,b,b low,b high\nx,0.5,0.25,0.75\ny,,,"
    assert "50.0 [25.0, 75.0]" in table.text() and "50.0 [25.0, 75.0]" in table.markdown()
