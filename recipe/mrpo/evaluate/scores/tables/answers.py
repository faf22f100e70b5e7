"""Accuracy as tables: by set with open and closed apart, and by the other groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from recipe.mrpo.evaluate.scores.tables.table import Cell, Figure, Table

NAMES = {"data_source": "data set", "answer_type": "answer type", "modality": "modality", "organ": "organ",
         "question_type": "question type"}  # fmt: skip
N_HEADERS = ("questions", "images", "answers")


def answer_tables(scores: Mapping[str, Any]) -> Iterator[Table]:
    """The table of the sets, then one for each other attribute."""
    yield _sets(scores)
    for attribute, found in scores["answers"]["by"].items():
        if attribute != "data_source":
            headers = (NAMES[attribute], *_headers(scores))
            rows = [[name, *_cells(group, scores)] for name, group in found.items()]
            yield Table(f"answers_by_{attribute}", f"Accuracy by {NAMES[attribute]}", headers, rows, _notes(scores))


def _sets(scores: Mapping[str, Any]) -> Table:
    answers, types = scores["answers"], ("OPEN", "CLOSED")
    rows: list[list[Cell]] = []
    for name, group in answers["by"].get("data_source", {}).items():
        apart = answers["by_set_and_type"].get(name, {})
        rows.append([name, *_cells(group, scores), *(c for kind in types for c in _type(apart.get(kind)))])
    by_type = answers["by"].get("answer_type", {})
    rows.append(["all (micro)", *_cells(answers["micro"], scores), *(c for k in types for c in _type(by_type.get(k)))])
    macro: list[Cell] = ["mean of sets (macro)", *[None] * len(N_HEADERS), Figure.of(answers["macro"])]
    headers = ("data set", *_headers(scores), "open", "open N", "open images", "closed", "closed N", "closed images")
    rows.append(macro + [None] * (len(headers) - len(macro)))
    return Table("answers", "Accuracy by data set (%)", headers, rows, _notes(scores))


def _headers(scores: Mapping[str, Any]) -> tuple[str, ...]:
    more = tuple(f"pass@{k}" for k in scores["options"]["pass_at"] if k > 1)
    return (*N_HEADERS, "accuracy", *more, "right", "wrong", "not known", "if wrong", "if right", "detectable")


def _cells(group: Mapping[str, Any], scores: Mapping[str, Any]) -> list[Cell]:
    bounds = group["bounds"] or (None, None)
    found = group["detectable"]
    ks = [k for k in scores["options"]["pass_at"] if k > 1]
    return [
        group["questions"], group["images"], group["rollouts"], Figure.of(group["accuracy"]),
        *(Figure.of(group["pass_at"][f"pass@{k}"]) for k in ks),
        group["right"], group["wrong"], group["not_known"],
        Figure(bounds[0]), Figure(bounds[1]), Figure(found and found["clustered"]),
    ]  # fmt: skip


def _type(group: Mapping[str, Any] | None) -> list[Cell]:
    if group is None:
        return [Figure(None), 0, 0]
    return [Figure.of(group["accuracy"]), group["questions"], group["images"]]


def _notes(scores: Mapping[str, Any]) -> tuple[str, ...]:
    options = scores["options"]
    rule = "R_ans > tau" if options["answers"] == "reward" else "the judge of answers"
    unknown = "left out (released code)" if options["compat"] == "reference" else "counted as wrong"
    return (
        f"Right by {rule}; not known is {unknown}; if wrong, if right: all that is not known taken as wrong, as right.",
        f"Intervals: {100 * options['level']:g} %, bootstrap over {options['cluster']}s, {options['draws']} draws, "
        f"seed {options['seed']}; Wilson where each {options['cluster']} has one answer. Detectable: points by which "
        f"two runs must differ ({100 * options['power']:g} % power, {100 * options['discordant']:g} % discordant "
        "questions).",
    )
