"""The published figures beside those of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from recipe.mrpo.evaluate.scores.published.read import Published, published
from recipe.mrpo.evaluate.scores.tables.table import Cell, Figure, Table
from recipe.mrpo.rollout.first_failure import STAGES


def published_tables(scores: Mapping[str, Any]) -> Iterator[Table]:
    """First failures and test sizes as published, with the run's own beside them."""
    known = published()
    yield _stages(scores, known)
    yield _sizes(scores, known)


def _stages(scores: Mapping[str, Any], known: Published) -> Table:
    rows: list[list[Cell]] = [
        [f"{row.method} (published)", None, *(Figure(row.share(name) / 100) for name in STAGES), None, None]
        for row in known.first_failures.rows
    ]
    overall = scores["reasoning"]["overall"]
    for stages in overall["stages"]:
        cuts = f"{stages['cuts'][0]:.2f}, {stages['cuts'][1]:.2f}"
        rows.append([printed_name(scores), cuts, *(Figure.of(stages["share"][name]) for name in STAGES),
                     overall["failed_first"], Figure.of(stages["rate"]["early"])])  # fmt: skip
    notes = (
        f"Published: {known.source[known.first_failures.from_]}, {known.first_failures.unit}; cut-offs and N are not "
        f"given. {_other_reports(known)} Why the figures differ: docs/evaluation.md.",
    )
    headers = ("", "cut-offs", *STAGES, "first failures", "early, of all rollouts")
    return Table(
        "published_stages", "First failures beside the published ones (% of first failures)", headers, rows, notes
    )


def _other_reports(known: Published) -> str:
    return " ".join(
        f"{known.source[row.from_]}: early from {row.before:.1f} to {row.after:.1f} %."
        for row in known.early_failures
        if row.from_ != known.first_failures.from_
    )


def _sizes(scores: Mapping[str, Any], known: Published) -> Table:
    sets = scores["answers"]["by_set_and_type"]
    rows: list[list[Cell]] = []
    for name, size in known.test_sizes.items():
        ours = sets.get(name, {}).get("OPEN")
        rows.append([name, size, ours and ours["questions"], ours and ours["images"],
                     Figure.of(ours and ours["accuracy"]), Figure(ours and ours["detectable"]
                     and ours["detectable"]["clustered"]), known.size_notes.get(name)])  # fmt: skip
    gains = "; ".join(f"{d.of} minus {d.minus} {d.points:+.2f} ({d.from_})" for d in known.differences)
    notes = (
        f"Published: {known.questions}, {known.judge}; averages are {known.average}. Differences of averages, in "
        f"points, without intervals: {gains}.",
    )
    headers = (
        "data set",
        "N published",
        "open questions here",
        "images",
        "open accuracy here (%)",
        "detectable",
        "note",
    )
    return Table("published_sizes", "Test sets beside the published ones", headers, rows, notes)


def printed_name(scores: Mapping[str, Any]) -> str:
    return f"{scores['run']} (here)"
