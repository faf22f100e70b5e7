"""Reasoning as tables: by group, by stage and cut-offs, by position of the first failure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from recipe.mrpo.evaluate.scores.tables.answers import NAMES
from recipe.mrpo.evaluate.scores.tables.table import Cell, Figure, Table
from recipe.mrpo.rollout.first_failure import STAGES

HEADERS = (
    "questions", "images", "rollouts", "labelled", "not known", "no steps", "valid steps", "steps per answer",
    "no invalid step", "FFP", "FAR", "early (of all)", "mid (of all)", "late (of all)", "early (of failures)",
    "right, invalid reasoning", "wrong, valid reasoning",
)  # fmt: skip


def reasoning_tables(scores: Mapping[str, Any]) -> Iterator[Table]:
    """By group (one table for each attribute), stages by cut-offs, FFP and FAR."""
    reasoning = scores["reasoning"]
    overall: list[Cell] = ["all", *_cells(reasoning["overall"])]
    for attribute, found in reasoning["by"].items():
        rows = [[name, *_cells(group)] for name, group in found.items()]
        name = "reasoning" if attribute == "data_source" else f"reasoning_by_{attribute}"
        title = f"Reasoning by {NAMES[attribute]} (shares in %)"
        yield Table(name, title, (NAMES[attribute], *HEADERS), [*rows, overall], _notes(scores))
    yield _stages(reasoning["overall"])
    yield _positions(reasoning["overall"])


def _cells(group: Mapping[str, Any]) -> list[Cell]:
    first = group["stages"][0]
    return [
        group["questions"], group["images"], group["rollouts"], group["labelled"], group["not_known"],
        group["without_steps"], Figure.of(group["valid_steps"]),
        Figure.of(group["steps_per_answer"], percent=False, digits=2), Figure.of(group["no_invalid_step"]),
        Figure.of(group["ffp"], percent=False, digits=2), Figure.of(group["far"], percent=False, digits=2),
        *(Figure.of(first["rate"][name]) for name in STAGES), Figure.of(first["share"]["early"]),
        Figure.of(group["answers"]["right_with_invalid_reasoning"]),
        Figure.of(group["answers"]["wrong_with_valid_reasoning"]),
    ]  # fmt: skip


def _stages(group: Mapping[str, Any]) -> Table:
    rows: list[list[Cell]] = []
    for stages in group["stages"]:
        early, mid = stages["cuts"]
        for name in STAGES:
            bounds = stages["rate_bounds"][name] if stages["rate_bounds"] else (None, None)
            rows.append([f"{early:.2f}, {mid:.2f}", name, Figure.of(stages["share"][name]),
                         Figure.of(stages["rate"][name]), Figure(bounds[0]), Figure(bounds[1])])  # fmt: skip
    headers = ("cut-offs", "stage", "share of first failures", "rate over all rollouts", "rate, least", "rate, most")
    notes = (
        f"{group['failed_first']} first failures in {group['rollouts']} rollouts; labels of {group['not_known']} are "
        "not known: least, none of them failed; most, all failed at this stage. The study's cut-offs are unpublished.",
    )
    return Table("stages", "First failures by stage (%)", headers, rows, notes)


def _positions(group: Mapping[str, Any]) -> Table:
    rows: list[list[Cell]] = [
        [f"{row['from']:.2f} to {row['to']:.2f}", row["rollouts"], Figure.of(row["share"]),
         Figure.of(row["far"], percent=False, digits=2)]
        for row in group["ffp_bins"]
    ]  # fmt: skip
    notes = ("FFP = (k*-1)/(K-1), k* the first invalid step; FAR: share of invalid steps after it.",)
    return Table("ffp", "Where the reasoning first fails, and what follows", ("FFP", "rollouts", "share (%)", "FAR"),
                 rows, notes)  # fmt: skip


def _notes(scores: Mapping[str, Any]) -> tuple[str, ...]:
    early, mid = scores["options"]["cuts"][0]
    return (f"Early: FFP below {early:.2f}, mid: below {mid:.2f}. Intervals draw {scores['options']['cluster']}s anew, "
            "with their rollouts and steps. Unknown labels count as no failure in the rates (of all).",)  # fmt: skip
