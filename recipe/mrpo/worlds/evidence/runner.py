"""Does the runs that are left, one after the other, and says how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from recipe.mrpo.worlds.evidence.jobs import Comparison, Job


def go(comparisons: Sequence[Comparison], out: Path, *, say: Callable[[str], None], limit: float | None = None) -> bool:
    """Run what has no result yet; True when nothing is left, False when `limit` seconds were over before.

    A result is kept as soon as its run has ended, so an interruption costs one run.
    """
    begun, spent = time.monotonic(), 0.0
    total = sum(c.count() for c in comparisons)
    kept = sum(job.result(out) is not None for c in comparisons for job in (*c.tuning(), *c.compared(out)))
    if kept:
        say(f"{kept} of {total} runs are there already")
    for comparison in comparisons:
        seconds: list[float] = []
        for jobs in (comparison.tuning, lambda c=comparison: c.compared(out)):
            for job in jobs():
                if job.result(out) is not None:
                    continue
                if limit is not None and time.monotonic() - begun > limit:
                    say(f"stopped after {limit:.0f} s; the same command goes on")
                    return False
                started = time.monotonic()
                result = comparison.do(job)
                seconds.append(time.monotonic() - started)
                job.keep(out, {**result, "seconds": round(seconds[-1], 1)})
                kept += 1
                spent += seconds[-1]
                say(_line(job, result, seconds, kept, total, _left(comparison, out)))
    return True


def _left(comparison: Comparison, out: Path) -> int:
    done = sum(job.result(out) is not None for job in (*comparison.tuning(), *comparison.compared(out)))
    return comparison.count() - done


def _line(job: Job, result, seconds: Sequence[float], kept: int, total: int, left: int) -> str:
    recent = seconds[-5:]
    minutes = left * sum(recent) / len(recent) / 60
    return (
        f"{kept}/{total}  {job.world}/{job.setting} {job.arm} lr {job.lr:g} seed {job.seed}: "
        f"early failures {result['early_rate']:.1%}, right {result['accuracy']:.1%}, {seconds[-1]:.0f} s; "
        f"about {minutes:.0f} min left in this comparison"
    )
