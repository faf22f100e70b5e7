"""A comparison as sentences and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from recipe.mrpo.common.printable import printable
from recipe.mrpo.evaluate.scores.headline import with_interval
from recipe.mrpo.evaluate.scores.tables.table import Cell, Figure, Table

SHOWN = 20
"""Changed questions that are printed; the files have all."""
HEADERS = (
    "questions", "images", "first", "second", "difference", "gained", "lost", "p clustered", "p Holm", "p McNemar",
    "p McNemar Holm", "not known", "detectable",
)  # fmt: skip


def sentences(comparison: Mapping[str, Any]) -> list[str]:
    """The result in a few sentences, what stands against it included."""
    lines = [*comparison["notes"]]
    level = f"{100 * comparison['options']['level']:g} %"
    cluster = comparison["options"]["cluster"]
    for pair in comparison["pairs"]:
        found, (one, two) = pair["all"], (printable(pair[name], 60) for name in ("first", "second"))
        before, after = (100 * value for value in found["accuracy"])
        lines.append(
            f"{two} against {one}: {_points(found['difference'])} points of accuracy ({before:.1f} to {after:.1f} %), "
            f"{level} interval clustered by {cluster}, p {found['p_clustered']:.3g} (sign flips by {cluster}); "
            f"{found['questions']} common questions on {found['images']} images, {found['gained']} gained, "
            f"{found['lost']} lost. {_verdict(found)}"
        )
        if pair["only_in_first"] or pair["only_in_second"]:
            lines.append(f"LEFT OUT: {pair['only_in_first']} questions are in {one} alone, {pair['only_in_second']} in "
                         f"{two} alone.")  # fmt: skip
        if any(found["not_known"]):
            lines.append(
                f"NOT KNOWN: {found['not_known'][0]} answers of {one}, {found['not_known'][1]} of {two}, counted as "
                f"wrong. Over the {found['known_in_both']['n']} questions known in both: "
                f"{_points(found['known_in_both'])} points."
            )
        early, valid = found["early"], found["valid_steps"]
        if None not in valid["share"]:
            lines.append(
                f"Early failures of all rollouts: {_points(early['difference'])} points ({100 * early['rate'][0]:.1f} "
                f"to {100 * early['rate'][1]:.1f} %, p {early['p_clustered']:.3g}). Valid steps: "
                f"{_points(valid['difference'])} points."
            )
    return lines


def _points(figure: Mapping[str, Any]) -> str:
    return with_interval(figure).replace(" %", "", 1) if figure["value"] is not None else "not known"


def _verdict(found: Mapping[str, Any]) -> str:
    low, high = found["difference"]["low"], found["difference"]["high"]
    if low is None:
        return "One image says nothing about others."
    if low > 0 or high < 0:
        return "The interval excludes 0."
    return f"The interval holds 0; {100 * found['detectable']:.1f} points could have been told apart."


def comparison_tables(comparison: Mapping[str, Any]) -> Iterator[Table]:
    for number, pair in enumerate(comparison["pairs"], start=1):
        end = "" if len(comparison["pairs"]) == 1 else f"_{number}"
        rows = [[name, *_cells(row)] for name, row in pair["sets"].items()]
        rows.append(["all", *_cells(pair["all"])])
        title = f"{printable(pair['second'], 60)} minus {printable(pair['first'], 60)} (points)"
        notes = (
            "Interval: bootstrap over clusters, both runs drawn together. p clustered: sign flips by cluster. p "
            "McNemar: exact, takes questions for independent; none with several samples a question. Holm: over all "
            "sets and pairs.",
        )
        yield Table(f"compare{end}", title, ("data set", *HEADERS), rows, notes)
        yield _reasoning(pair, f"compare_reasoning{end}", title)
        yield _changed(pair["changed"], f"changed{end}", pair)


def _cells(row: Mapping[str, Any]) -> list[Cell]:
    return [
        row["questions"], row["images"], *(Figure(value) for value in row["accuracy"]), Figure.of(row["difference"]),
        row["gained"], row["lost"],
        *(_p(row.get(name)) for name in ("p_clustered", "p_clustered_holm", "p_mcnemar", "p_mcnemar_holm")),
        f"{row['not_known'][0]}, {row['not_known'][1]}", Figure(row["detectable"]),
    ]  # fmt: skip


def _p(value: float | None) -> Figure:
    return Figure(value, percent=False, digits=4)


def _reasoning(pair: Mapping[str, Any], name: str, title: str) -> Table:
    rows: list[list[Cell]] = []
    for set_name, row in [*pair["sets"].items(), ("all", pair["all"])]:
        early, valid = row["early"], row["valid_steps"]
        cells: list[Cell] = [*map(Figure, early["rate"]), Figure.of(early["difference"]), _p(early["p_clustered"])]
        rows.append([set_name, *cells, *map(Figure, valid["share"]), Figure.of(valid["difference"])])
    headers = ("data set", "early: first", "second", "difference", "p clustered", "valid steps: first", "second",
               "difference")  # fmt: skip
    notes = ("Early failures as rate over all rollouts of the common questions; unknown labels count as no failure.",)
    return Table(name, f"{title}: reasoning", headers, rows, notes)


def _changed(rows: Sequence[Mapping[str, Any]], name: str, pair: Mapping[str, Any]) -> Table:
    cells: list[list[Cell]] = [
        [row["change"], row["data_source"], row["index"], row["question"], "; ".join(row["gold"] or ()),
         *("; ".join(answer or "(none)" for answer in given) for given in row["answers"])]
        for row in rows
    ]  # fmt: skip
    headers = ("change", "data set", "index", "question", "gold", "answer: first", "second")
    return Table(name, f"{len(rows)} changed questions", headers, cells)


def shortened(table: Table) -> Table:
    """A long list as it is printed."""
    if len(table.rows) <= SHOWN or not table.name.startswith("changed"):
        return table
    note = f"{len(table.rows) - SHOWN} more; --tables and --out write all."
    return Table(table.name, table.title, table.headers, table.rows[:SHOWN], (*table.notes, note))
