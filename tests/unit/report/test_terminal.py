"""The summary of a run in the terminal, and the second, independent computation of its advantages."""

from __future__ import annotations

import io
import json
import math
import re

import pytest
import torch
from rich.console import Console

from recipe.mrpo.common.jsonl import read_jsonl
from recipe.mrpo.credit.group import group_advantages
from recipe.mrpo.credit.shaping.mrpo import step_advantages
from recipe.mrpo.report import terminal
from recipe.mrpo.report.recompute import recompute
from recipe.mrpo.report.run_files import metrics_by_step

COLOUR = r"\x1b\[(?:\d;)*(?:3[0-8]|9[0-7])[;m]"


def row(uid="p_0_0", *, answer=0.0, process=0.5, labels=(1, 0), advantage=0.4, given=None, steps=None, **more) -> dict:
    labels = None if labels is None else list(labels)
    steps = steps or [f"step {k}" for k in range(len(labels or (0, 0)))]
    record = {
        "steps": steps, "labels": labels, "judge_status": "ok", "wrong": answer <= 0.6, "answer": "liver",
        "rewards": {"answer": answer, "process": process, "length": -0.25, "format": 1.0},
        "weights": {"answer": 1.0, "process": 1.0, "length": 1.0, "format": 0.0},
        "advantage": advantage, "step_advantages": given or [advantage] * len(steps), "case": {"question": "What?"},
    }  # fmt: skip
    return {"uid": uid, "input": "", "gts": "spleen", "score": 0.25, "mrpo": record | more}


def printed(what) -> str:
    out = io.StringIO()
    Console(file=out, width=200, force_terminal=True, color_system="truecolor").print(what)
    return out.getvalue()


# --- recomputation ---


def test_recomputation_agrees_with_the_estimator():
    """Two implementations of one formula: plain Python from a dump, and the tensors that trained."""
    generator = torch.Generator().manual_seed(3)
    rows, size = [], 6
    for i in range(4 * size):
        labels = torch.randint(0, 2, (int(torch.randint(1, 6, (1,), generator=generator)),), generator=generator)
        answer = (0.0, 0.3, 0.6, 0.61, 1.0)[i % 5]
        process = None if i % 7 == 3 else float(labels.float().mean())
        rows.append(row(f"p{i // size}_{i % size}_0", answer=answer, process=process, labels=labels.tolist()))
    values = [[r["mrpo"]["rewards"][n] for n in ("answer", "process", "length")] for r in rows]
    missing = torch.tensor([[v is None for v in vs] for vs in values])
    rewards = torch.tensor([[0.0 if v is None else v for v in vs] for vs in values], dtype=torch.float64)
    groups = [r["uid"].split("_")[0] for r in rows]
    advantages = group_advantages(rewards, groups, norm_by_std=True, missing=missing)
    width = max(len(r["mrpo"]["labels"]) for r in rows)
    labels = torch.tensor([r["mrpo"]["labels"] + [math.nan] * (width - len(r["mrpo"]["labels"])) for r in rows])
    shaped = step_advantages(
        advantages, labels, torch.tensor([len(r["mrpo"]["labels"]) for r in rows]),
        torch.tensor([r["mrpo"]["wrong"] for r in rows]), factor_base=2.0, round_factors=False,
    )  # fmt: skip
    for i, (advantage, steps) in enumerate(recompute(rows, tau=0.6, base=2.0)):
        assert advantage == pytest.approx(float(advantages[i]), rel=1e-9, abs=1e-12)
        assert steps == pytest.approx(shaped[i, : len(steps)].tolist(), rel=1e-9, abs=1e-12)


def test_a_worked_group():
    """Totals 0.25 and 1.25: mean 0.75, unbiased deviation 0.7071; the wrong one's steps are -e|A|, +|A|, -|A|."""
    rows = [row("p_0_0", labels=(0, 1, 0)), row("p_1_0", answer=1.0, labels=(0,))]
    (low, steps), (high, untouched) = recompute(rows, tau=0.6, base=math.e)
    size = 0.5 / (math.sqrt(0.5) + 1e-4)
    assert (low, high) == pytest.approx((-size, size))
    assert steps == pytest.approx([-math.e * size, size, -size])
    assert untouched == [high]


@pytest.mark.parametrize(
    ("rows", "expected", "reason"),
    [
        ([row()], 0.0, "a group of one has nothing to be compared with"),
        ([row("p_0_0"), row("p_1_0")], 0.0, "equal rewards"),
        ([row("p_0_0", process=0.5), row("p_1_0", process=None)], 0.0, "an unknown reward counts as its group's mean"),
    ],
)
def test_groups_without_a_difference_have_advantage_0(rows, expected, reason):
    assert [a for a, _ in recompute(rows, tau=0.6, base=math.e)] == [expected] * len(rows), reason


def test_unknown_labels_keep_the_advantage():
    rows = [row("p_0_0", labels=None), row("p_1_0", answer=0.5)]
    advantage, steps = recompute(rows, tau=0.6, base=math.e)[0]
    assert advantage < 0 and steps == [advantage, advantage]


def test_a_row_without_a_record_is_an_error_not_a_smaller_group():
    with pytest.raises(ValueError, match="no record"):
        recompute([row(), {"uid": "p_1_0", "mrpo": None}], tau=0.6, base=math.e)


# --- colours, choice, untrusted text ---


@pytest.mark.parametrize(
    ("given", "advantage", "expected"),
    [
        (0.4, -0.4, "green"),
        (-0.4, 0.4, "red"),
        (-1.6 * 0.4, -0.4, "bright_red"),
        (-math.e * 0.4, -0.4, "bold bright_red"),
        (0.4, 0.4, "bright_black"),
        (-0.4, -0.4, "bright_black"),
        (None, 0.4, "bright_black"),  # a step without a token of its own
        (0.0, 0.0, "bright_black"),
    ],
)
def test_colour_says_what_shaping_did(given, advantage, expected):
    assert terminal.colour(given, advantage) == expected


def test_a_wrong_rollout_with_both_labels_comes_first_and_a_right_one_is_shown():
    rows = [
        row("a_0_0", answer=1.0),
        row("b_0_0", labels=(0, 0)),
        row("c_0_0", labels=(0, 1)),
        row("c_1_0", labels=(0, 1)),
        {"uid": "d_0_0", "mrpo": None},
    ]
    assert [r["uid"] for r in terminal.choose(rows, 3)] == ["c_0_0", "b_0_0", "a_0_0"]
    assert [r["uid"] for r in terminal.choose(rows[2:], 3)] == ["c_0_0", "c_1_0"], "fewer prompts than places"
    assert [r["uid"] for r in terminal.choose(rows, 2)] == ["c_0_0", "a_0_0"]


def test_text_of_a_model_can_neither_steer_the_terminal_nor_use_markup():
    evil = "\x1b]0;title\x07\x1b[2J[bold red]x[/bold red][/]\x9b31m\u202e"
    made = row(steps=[evil, "fine"], answer=0.0) | {"gts": evil}
    made["mrpo"] |= {"answer": evil, "case": {"question": evil}, "judge_status": evil}
    shown = printed(terminal.rollout_view(made))
    assert "\x1b]" not in shown and "\x1b[2J" not in shown
    assert not {"\x07", "\x9b", "\u202e"} & set(shown)
    assert shown.count("[bold red]x[/bold red]") == 5


def test_a_rollout_shows_amount_factor_and_label_of_each_step():
    made = row(labels=(0, 1), advantage=-0.4, given=[-0.4 * math.e, 0.4], steps=["It is red.", "It is blue."])
    lines = printed(terminal.rollout_view(made)).splitlines()
    assert all(word in next(line for line in lines if "It is red." in line) for word in ("-1.087", "x2.72", "invalid"))
    assert all(word in next(line for line in lines if "It is blue." in line) for word in ("+0.400", "x1.00", "valid"))
    assert not any("format" in line for line in lines), "a reward of weight 0 is no part of R"


def test_the_question_of_a_dump_without_case_is_the_first_line_of_the_users_turn():
    made = row() | {"input": "system\nHelp.\nuser\nWhere is it?\nThink first.\nassistant\n"}
    made["mrpo"]["case"] = {}
    assert terminal.question_of(made) == "Where is it?"


# --- files ---


@pytest.fixture
def folder(tmp_path):
    for name in ("metrics", "rollouts", "validation"):
        (tmp_path / name).mkdir()
    first = [{"step": 0, "data": {"val-core/rad/acc/mean@1": 0.25}}]
    first += [{"step": n, "data": {"mrpo/reward/answer": n / 10}} for n in (1, 2)]
    (tmp_path / "metrics" / "1-from-step-0.jsonl").write_text("\n".join(map(json.dumps, first)) + '\n{"step": 3, "da')
    later = {"mrpo/reward/answer": 0.9, "val-core/rad/acc/mean@1": 0.5, "val-core/slake/acc/mean@1": 0.75}
    (tmp_path / "metrics" / "2-from-step-1.jsonl").write_text(json.dumps({"step": 2, "data": later}) + "\n")
    (tmp_path / "rollouts" / "2.jsonl").write_text(json.dumps(row()) + "\n")
    return tmp_path


def test_metrics_of_a_resumed_run_are_merged_by_step(folder):
    steps = metrics_by_step(folder)
    assert list(steps) == [0, 1, 2]
    assert steps[1]["mrpo/reward/answer"] == 0.1 and steps[2]["mrpo/reward/answer"] == 0.9, "the later attempt's"


def test_a_broken_line_inside_a_file_is_named(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"a": 1}\nbroken\n{"a": 2}\n')
    with pytest.raises(ValueError, match=r"x\.jsonl:2"):
        list(read_jsonl(tmp_path / "x.jsonl"))


def test_validation_is_shown_per_data_source_before_and_after(folder):
    shown = printed(terminal.validation_table(metrics_by_step(folder)))
    assert "before" in shown and "after step 2" in shown
    assert [cell in shown for cell in ("rad: acc", "0.25", "0.5", "slake: acc", "0.75")] == [True] * 5
    assert terminal.validation_table({1: {"mrpo/reward/answer": 1.0}}) is None


def test_a_long_run_shows_its_first_and_last_step():
    steps = {n: {"mrpo/reward/answer": 0.5} for n in range(101)}
    table = terminal.metrics_table(steps)
    names = [column.header for column in table.columns]
    assert len(names) == terminal.MAX_COLUMNS + 1 and (names[1], names[-1]) == ("step 1", "step 100")


def test_a_folder_without_metrics_is_an_error_that_names_the_override(tmp_path):
    with pytest.raises(ValueError, match=r"trainer\.logger"):
        terminal.show(tmp_path)


def test_no_color_is_respected(folder, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    terminal.show(folder)
    assert not re.search(COLOUR, capsys.readouterr().out)
    monkeypatch.delenv("NO_COLOR")
    terminal.show(folder)
    assert re.search(COLOUR, capsys.readouterr().out)


def test_the_picture_holds_the_summary(folder, tmp_path):
    terminal.show(folder, svg=tmp_path / "s.svg")
    assert "invalid" in (tmp_path / "s.svg").read_text()
