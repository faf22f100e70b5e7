"""Whatever stands in a file: it is scored, or left out and counted, or refused in one sentence."""

from __future__ import annotations

import json
import random

from recipe.mrpo.evaluate.rollouts import read_rollouts
from recipe.mrpo.evaluate.scores.files import score_path
from recipe.mrpo.evaluate.scores.options import ScoreOptions
from recipe.mrpo.evaluate.scores.tables.every import all_tables
from recipe.mrpo.evaluate.scores.tables.table import FORMATS
from tests.hostile_values import changed
from tests.unit.evaluate.made import case, dump_row, evaluation, generation, judgement, write

HOSTILE = [None, "", "text", "\x1b[2J", 0, -1, 2**70, 10**400, 1e308, float("nan"), float("inf"), True, [], {}, [None],
           {"a": None}, [[]], "x" * 3000, "\u2028", "\ud800", "٣"]  # fmt: skip


def checked(path, rows):
    """Every row is a rollout or was told; the scores are JSON, and every table can be printed."""
    told: list[str] = []
    found = list(read_rollouts(path, left_out=told.append))
    assert len(found) + len(told) == rows
    try:
        scores = score_path(path, ScoreOptions(draws=100, pass_at=(2,)))
    except ValueError as error:
        assert not found and "\n" not in str(error)
        return
    json.dumps(scores, allow_nan=False)
    micro = scores["answers"]["micro"]
    assert micro["right"] + micro["wrong"] + micro["not_known"] == micro["rollouts"]
    for table in all_tables(scores):
        for form in FORMATS:
            assert "\x1b" not in table.formatted(form)


def test_rows_of_dumps(tmp_path):
    rng = random.Random(11)
    for number in range(12):
        given = {"advantage": 0.1, "step_advantages": [0.1, 0.1]}
        good = [dump_row(f"u{i}_0_0", about=case(i, modality="CT", patient="p"), **given) for i in range(25)]
        checked(write(tmp_path / f"{number}.jsonl", [changed(rng, row, HOSTILE) for row in good]), 25)


def test_lines_of_evaluations(tmp_path):
    rng = random.Random(12)
    for number in range(12):
        pairs = []
        for i in range(20):
            one = generation(i, answer_logprobs=[-0.1, -0.2], image_sha256=["ab"])
            other = judgement(one, verdict={"label": 1, "status": "ok"}, repeats=[[1, 0], None])
            pairs.append(
                (changed(rng, one, HOSTILE), None) if rng.random() < 0.5 else (one, changed(rng, other, HOSTILE))
            )
        told: list[str] = []
        folder = evaluation(tmp_path / str(number), pairs)
        found = list(read_rollouts(folder, left_out=told.append))
        lost = sum("generations.jsonl" in sentence for sentence in told)
        # A changed id makes another rollout of a line, or a newer line of another rollout; no line makes two.
        assert len({r.id for r in found}) == len(found) <= 20 - lost
        scores = score_path(folder, ScoreOptions(draws=100))
        json.dumps(scores, allow_nan=False)
        assert scores["left_out"]["rows"] == len(told)
