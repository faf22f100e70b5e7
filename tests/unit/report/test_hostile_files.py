"""Files of a run are not trusted: `mrpo report` says one sentence or leaves a row out and counts it."""

from __future__ import annotations

import json
import random
import sys

import pytest

from recipe.mrpo.report.__main__ import main
from recipe.mrpo.report.run_files import steps_of
from tests.hostile_values import changed
from tests.unit.report.test_terminal import row

METRICS = {"step": 1, "data": {"mrpo/reward/answer": 0.1, "val-core/rad/acc/mean@1": 0.25}}


@pytest.fixture
def report(tmp_path, monkeypatch, capsys):
    """report(metrics lines, rollout lines): (exit status, standard output, standard error)."""

    def run(metrics, rollouts=()):
        for folder, lines in (("metrics", metrics), ("rollouts", rollouts)):
            (tmp_path / folder).mkdir(exist_ok=True)
            texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
            (tmp_path / folder / "1.jsonl").write_text("".join(f"{text}\n" for text in texts))
        monkeypatch.setattr(sys, "argv", ["report", str(tmp_path)])
        code = main()
        seen = capsys.readouterr()
        return code, seen.out, seen.err

    return run


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("null", "null"),
        ("[1, 2]", "a list"),
        ('{"data": {}}', "no step"),
        ('{"step": null, "data": {}}', "step null"),
        ('{"step": "1", "data": {}}', "step text"),
        ('{"step": 1e999, "data": {}}', "step infinite"),
        ('{"step": 1}', "no data"),
        ('{"step": 1, "data": [1]}', "data a list"),
        ('{"step": 1, "data": ' + "[" * 20_000 + "]" * 20_000 + "}", "nested deeply"),
        ("{", "broken"),
    ],
)
def test_a_row_that_is_not_one_of_metrics_is_one_sentence_with_file_and_line(report, line, why):
    code, _, err = report([METRICS, line])
    assert code == 1 and "1.jsonl:2 is " in err and err.count("\n") == 1, why


@pytest.mark.parametrize("value", [None, "high", [1], {}, True, 10**400])
def test_a_metric_that_is_not_a_number_is_left_out_and_counted(report, value):
    code, out, _ = report([METRICS, {"step": 2, "data": {"mrpo/reward/answer": value, "mrpo/ffp": 0.5}}])
    assert code == 0 and "Left out: 1 rows or values" in out and "0.5" in out


def without(name):
    made = row()
    del made[name]
    return made


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (without("uid"), "no uid"),
        (without("mrpo"), "no record"),
        (row() | {"mrpo": None}, "a row of padding"),
        (row() | {"mrpo": []}, "a record that is a list"),
        (row(labels=(1,), steps=["one", "two"]), "fewer labels than steps"),
        (row(given=[0.1]), "fewer advantages than steps"),
        (row(labels=(1, 7), steps=["one", "two"]), "a label that is none"),
        (row(rewards={"answer": "high"}), "a reward that is text"),
        (row(rewards={"mine": 1.0}), "a reward without a weight"),
        (row(steps=[1, 2]), "steps that are no text"),
        (row(wrong="yes"), "wrong is text"),
        (row(case=[1]), "a case that is a list"),
        (row() | {"score": None}, "no score"),
        (row() | {"uid": 3}, "a uid that is no text"),
    ],
)  # fmt: skip
def test_a_row_that_is_not_a_rollout_is_left_out_and_counted(report, made, why):
    code, out, _ = report([METRICS], [row("good_0_0", steps=["kept", "too"]), made])
    assert code == 0 and "kept" in out and "Left out: 1 rows" in out and "1.jsonl:2" in out.replace("\n", ""), why


@pytest.mark.parametrize("line", ["null", "[]", "{", "[" * 100_000])
def test_a_dump_that_is_not_json_is_one_sentence_with_file_and_line(report, line):
    code, _, err = report([METRICS], [row(), line])
    assert code == 1 and "1.jsonl:2 is " in err and err.count("\n") == 1


def test_whatever_stands_in_a_value_the_report_ends_in_order(report):
    """1,000 random changes of good rows."""
    rng = random.Random(7)
    hostile = [None, "", "text", "[red]x[/]", "\x1b[2J", 0, -1, 2**70, 1e308, float("nan"), float("inf"), True, [], {},
               [None], {"a": None}, [[]], "x" * 5000, "\u2028", "\ud800"]  # fmt: skip

    for _ in range(100):
        code, out, err = report(
            [METRICS, changed(rng, METRICS, hostile)], [changed(rng, row(f"p{i}_0_0"), hostile) for i in range(10)]
        )
        assert code in (0, 1) and (code == 0 or err.count("\n") == 1)
        assert "\x1b[2J" not in out + err


def test_a_data_source_is_shown_as_text(report):
    evil = {"step": 1, "data": {"val-core/[red]x\x1b]52;c;x\x07/acc/mean@1": 0.5,
                                "val-aux/[red]x\x1b]52;c;x\x07/acc/mean@1": 0.5}}  # fmt: skip
    code, out, _ = report([evil])
    assert code == 0 and "[red]x" in out and not {"\x1b", "\x07"} & set(out)


def test_a_file_whose_name_is_no_step_is_passed_over(tmp_path):
    (tmp_path / "rollouts").mkdir()
    for name in ("2", "10", "²", "١", "latest", "9" * 40):
        (tmp_path / "rollouts" / f"{name}.jsonl").touch()
    assert steps_of(tmp_path, "rollouts") == [2, 10]
