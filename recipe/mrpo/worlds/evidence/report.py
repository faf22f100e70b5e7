"""Tables of the runs that are there: means, and paired differences to the baseline with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recipe.mrpo.worlds.evidence.figures import METRICS, figures
from recipe.mrpo.worlds.evidence.jobs import Comparison


def table(comparison: Comparison, out: Path) -> str:
    """Markdown: percent, paired differences with 95 % t intervals over the seeds that arm and baseline both have."""
    return _markdown(figures(comparison, out))


def report(comparisons: Sequence[Comparison], out: Path) -> str:
    """All tables. A comparison that is not complete says so in its column of seeds."""
    return "\n\n".join(table(c, out) for c in comparisons) + "\n"


def _markdown(found: Mapping[str, Any]) -> str:
    base = found["baseline"]
    heads = [f"{name} | vs {base}" for _, name in METRICS]
    lines = [
        f"### {found['name']}",
        "",
        f"| arm | learning rate | seeds | {' | '.join(heads)} |",
        "| --- " * (3 + 2 * len(METRICS)) + "|",
    ]
    for arm in found["arms"]:
        rate = "not chosen yet" if arm["rate"] is None else f"{arm['rate']:g}"
        cells = [arm["name"], rate, f"{len(arm['seeds'])} of {found['seeds']}"]
        for metric, _ in METRICS:
            one = arm["metrics"][metric]
            cells.append("-" if one["mean"] is None else f"{100 * one['mean']:.1f}")
            cells.append("" if arm["name"] == base else _difference(one))
        lines.append(f"| {' | '.join(cells)} |")
    if found["tests"]:
        told = "; ".join(f"{one['arm']} p = {one['p']:.4f}, adjusted {one['holm']:.4f}" for one in found["tests"])
        count = len(found["tests"])
        lines += ["", f"Early failures against {base}, sign-flip test, Holm over {count}: {told}."]
    return "\n".join(lines)


def _difference(one: Mapping[str, Any]) -> str:
    d = one["difference"]
    if d is None:
        return "one pair: no interval" if one["pairs"] else "-"
    return f"{100 * d['mean']:+.1f} [{100 * d['low']:+.1f}, {100 * d['high']:+.1f}]"
