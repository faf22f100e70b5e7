"""Tables of the runs that are there: means, and paired differences to the baseline with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from recipe.mrpo.evaluate.statistics import holm, sign_flip_test
from recipe.mrpo.worlds import compare
from recipe.mrpo.worlds.evidence.jobs import Comparison

METRICS = (("early_rate", "early failures of all"), ("accuracy", "accuracy"))


def table(comparison: Comparison, out: Path) -> str:
    """Markdown: percent, paired differences with 95 % t intervals over the seeds that arm and baseline both have."""
    base = comparison.baseline
    found: dict[str, dict[int, dict]] = {arm: {} for arm in comparison.arms}
    for job in comparison.compared(out):
        result = job.result(out)
        if result is not None:
            found[job.arm][job.seed] = result
    heads = [f"{name} | vs {base}" for _, name in METRICS]
    lines = [
        f"### {comparison.world}, {comparison.setting}",
        "",
        f"| arm | learning rate | seeds | {' | '.join(heads)} |",
        "| --- " * (3 + 2 * len(METRICS)) + "|",
    ]
    for arm, by_seed in found.items():
        rate = comparison.chosen(arm, out)
        cells = [arm, "not chosen yet" if rate is None else f"{rate:g}", f"{len(by_seed)} of {len(comparison.seeds)}"]
        for metric, _ in METRICS:
            cells.append(f"{100 * _mean([r[metric] for r in by_seed.values()]):.1f}" if by_seed else "-")
            cells.append("" if arm == base else _difference(metric, by_seed, found.get(base, {})))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, *_tests(comparison, found)])


def _tests(comparison: Comparison, found: Mapping[str, Mapping[int, dict]]) -> list[str]:
    """One line: p of the sign-flip test of early failures, adjusted by Holm over the tested arms."""
    base = found.get(comparison.baseline, {})
    known = {}
    for arm in comparison.tested:
        seeds = sorted(set(found[arm]) & set(base))
        if len(seeds) > 1:
            apart = [found[arm][s]["early_rate"] - base[s]["early_rate"] for s in seeds]
            known[arm] = sign_flip_test(np.array(apart))
    if not known:
        return []
    adjusted = zip(known, known.values(), holm(list(known.values())), strict=True)
    told = "; ".join(f"{arm} p = {p:.4f}, adjusted {q:.4f}" for arm, p, q in adjusted)
    return ["", f"Early failures against {comparison.baseline}, sign-flip test, Holm over {len(known)}: {told}."]


def report(comparisons: Sequence[Comparison], out: Path) -> str:
    """All tables. A comparison that is not complete says so in its column of seeds."""
    return "\n\n".join(table(c, out) for c in comparisons) + "\n"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _difference(metric: str, arm: dict[int, dict], baseline: dict[int, dict]) -> str:
    ours, theirs = ({seed: r[metric] for seed, r in runs.items()} for runs in (arm, baseline))
    shared = set(ours) & set(theirs)
    if len(shared) < 2:
        return "one pair: no interval" if shared else "-"
    d = compare.paired(ours, theirs)
    return f"{100 * d.mean:+.1f} [{100 * d.low:+.1f}, {100 * d.high:+.1f}]"
