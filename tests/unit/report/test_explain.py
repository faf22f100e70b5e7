"""`mrpo explain`: the arithmetic of one rollout, from a dump alone."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

from recipe.mrpo.report.explain import main

E = math.e


def row(number: int, *, answer: float, labels: list[int] | None, step_advantages=None, advantage=None, **more) -> dict:
    process = None if labels is None else sum(labels) / len(labels)
    steps = [f"Finding {k} of {number}." for k in range(len(labels or (0, 0)))]
    record = {
        "steps": steps, "spans": [[2 * k, 2 * k + 2] for k in range(len(steps))], "labels": labels,
        "judge_status": "failed:timeout" if labels is None else "ok", "wrong": answer <= 0.6,
        "answer": f"answer {number}",
        "rewards": {"answer": answer, "process": process, "format": 1.0},
        "weights": {"answer": 1.0, "process": 1.0, "format": 0.0}, "response_tokens": 10,
        "advantage": advantage, "step_advantages": step_advantages,
        "case": {"question": "Where?", "gold": ["liver"], "data_source": "made", "index": "3", "split": "train"},
    }  # fmt: skip
    return {"uid": f"p_{number}_0", "input": "", "output": "", "gts": "liver", "score": 0.0, "mrpo": record | more}


@pytest.fixture
def run(tmp_path, capsys):
    """run(rows, *words): exit status, output and errors of the command on a dump of these rows."""

    def command(rows: list[dict], *words: str) -> tuple[int, str, str]:
        folder = tmp_path / "rollouts"
        folder.mkdir(exist_ok=True)
        (folder / "1.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
        status = main([str(tmp_path), *words])
        out = capsys.readouterr()
        return status, out.out, out.err

    return command


A = 0.25 / (math.sqrt(2 * 0.25**2) + 1e-4)
"""Totals 0.5 and 1.0: mean 0.75, unbiased deviation 0.3536."""
WRONG = row(0, answer=0.0, labels=[0, 1], advantage=-A, step_advantages=[-E * A, A])
RIGHT = row(1, answer=1.0, labels=[0, 0], advantage=A, step_advantages=[A, A])


def test_the_lines_hold_the_numbers_of_the_formula(run):
    status, out, _ = run([WRONG, RIGHT])
    assert status == 0
    assert "R_i       +0.500 = 1 x answer +0.000 + 1 x process +0.500" in out, "a reward of weight 0 is no term"
    assert "R_ans     0.000 <= tau = 0.6: wrong" in out
    assert f"A_i       (+0.500 - +0.750) / (0.354 + 0.0001) = {-A:+.4f}" in out
    assert re.search(rf"1    0  2\.718   {re.escape(f'{-E * A:+.4f}')}       2  Finding 0", out)
    assert re.search(rf"2    1          {re.escape(f'{A:+.4f}')}       2  Finding 1", out)
    assert f"outside the steps: A_i = {-A:+.4f}, 6 tokens" in out
    assert "given" not in out, "the dump has the same advantages"


def test_a_right_rollout_keeps_a_on_every_step(run):
    _, out, _ = run([row(0, answer=0.0, labels=[1, 1], advantage=-A), RIGHT], "--step", "1")
    assert "wrong" in out  # the wrong one is shown first
    ids = re.findall(r"^rollout +(\w+)", out, re.M)
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("rows", "says", "reason"),
    [
        ([row(0, answer=0.0, labels=[0, 1], advantage=-A, step_advantages=[-A, A]), RIGHT],
         "another mrpo.shaping, factor_base or tau", "a flat factor"),
        ([row(0, answer=0.0, labels=[0, 1], advantage=-2 * A, step_advantages=[-2 * E * A, 2 * A]), RIGHT],
         "another estimator (gdpo, no division by std)", "another A"),
        ([row(0, answer=0.55, labels=[0, 1], wrong=False)], "its mrpo.tau is another; give --tau", "another tau"),
    ],
)  # fmt: skip
def test_a_run_with_another_rule_is_told(run, rows, says, reason):
    assert says in run(rows)[1], reason


def test_options_that_a_dump_does_not_hold_can_be_given(run):
    flat = [row(0, answer=0.0, labels=[0, 1], advantage=-A, step_advantages=[-A, A]), RIGHT]
    _, out, _ = run(flat, "--factor-base", "1")
    assert "another mrpo.shaping" not in out


def test_what_is_unknown_stays_unknown(run):
    _, out, _ = run([row(0, answer=0.0, labels=None, advantage=-A, step_advantages=[-A, -A]), RIGHT])
    assert "labels    unknown (failed:timeout): every step keeps A_i" in out
    assert "process unknown" in out and "1 have an unknown reward" in out


def test_a_validation_has_no_group(tmp_path, capsys):
    (tmp_path / "validation").mkdir()
    (tmp_path / "validation" / "0.jsonl").write_text(json.dumps(WRONG) + "\n")
    assert main([str(tmp_path)]) == 0
    assert "A_i       not computed: a rollout of validation" in capsys.readouterr().out


def test_the_text_of_a_model_moves_no_cursor(run):
    hostile = row(0, answer=0.0, labels=[0], answer_text="x")
    hostile["mrpo"]["steps"] = ["\x1b[2J\x1b]0;gone\x07 dense"]
    hostile["mrpo"]["answer"] = "\x1b[31mred\r\n"
    _, out, _ = run([hostile])
    assert "\x1b" not in out and "\r" not in out and "\x07" not in out


def test_an_id_names_one_and_a_beginning_of_several_is_told(run):
    _, out, _ = run([WRONG, RIGHT])
    name = re.search(r"^rollout +(\w+)", out, re.M)[1]
    assert run([WRONG, RIGHT], name[:12])[1] == out
    question = re.compile(r"2 rollouts begin with")
    status, _, err = run([WRONG, RIGHT], "")
    assert status == 2 and question.search(err)
    status, _, err = run([WRONG, RIGHT], "zz")
    assert status == 2 and "no rollout has an id that begins with zz" in err


def test_a_path_without_rollouts_is_one_sentence(tmp_path, capsys):
    assert main([str(tmp_path / "nothing")]) == 2
    err = capsys.readouterr().err
    assert err.startswith("mrpo explain: ") and err.count("\n") == 1


def test_rows_that_are_no_rollouts_are_told(run):
    status, out, _ = run([WRONG, {"uid": 3}, RIGHT])
    assert status == 0 and "1 rows were left out, the first is" in out


def test_the_command_is_known_to_the_console_command():
    from recipe.mrpo.cli import DELEGATES

    assert DELEGATES["explain"] == "recipe.mrpo.report.explain" and Path(main.__code__.co_filename).name == "explain.py"


def test_a_step_without_a_dump_is_told_with_those_that_there_are(run):
    status, _, err = run([WRONG, RIGHT], "--step", "99")
    assert status == 2 and "has no dump of step 99; it has 1" in err
