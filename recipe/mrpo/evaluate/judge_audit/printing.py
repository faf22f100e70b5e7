"""The figures of an audit: as text, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recipe.mrpo.evaluate.judge_audit.agreement import Audit, Confusion


def page(audit: Audit, interval: tuple[float, float] | None, failures: Mapping[str, int]) -> str:
    """The figures as text."""
    whole = audit.confusion
    lines = [
        f"{audit.rollouts} rollouts, {whole.total} steps; without a second label {audit.second_failed}"
        + "".join(f", {kind} {count}" for kind, count in sorted(failures.items())),
        f"Cohen's kappa  {_number(whole.kappa)}"
        + (f"   (95 % interval {interval[0]:.3f} to {interval[1]:.3f})" if interval else ""),
        f"agreement      {_number(whole.agreement)}",
        "",
        "                  second: valid   second: invalid",
        f"first: valid    {whole.both_valid:15d} {whole.only_first:17d}",
        f"first: invalid  {whole.only_second:15d} {whole.both_invalid:17d}",
        "",
        "step     steps   agreement   kappa",
        *(
            f"{k:4d} {part.total:9d} {_number(part.agreement):>11} {_number(part.kappa):>7}"
            for k, part in enumerate(audit.by_position, 1)
        ),
    ]
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _figures(part: Confusion) -> dict[str, float | int | None]:
    return {**vars(part), "total": part.total, "agreement": part.agreement, "kappa": part.kappa}


def figures(audit: Audit, interval: tuple[float, float] | None, failures: Mapping[str, int]) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "rollouts": audit.rollouts,
        "without_second_label": audit.second_failed,
        "failures": dict(failures),
        "kappa_interval": interval,
        "steps": _figures(audit.confusion),
        "by_position": [_figures(part) for part in audit.by_position],
    }
