"""What step credit adds to a training step, against GRPO on the same rollouts: instant judge, judge of one second.

Two real runs of verl with the tiny model, and the comparison within each of them: two runs on a machine that does other
work differ by more than the parts that are looked for. What mrpo adds to a step is known from the run itself,

    wait    how much longer the rollouts of the step took with their rewards and judgements (mrpo/reward_wait_s)
    adv     bringing the records, advantages, shaping, writing back (timing_s/adv; GRPO's part of it is counted, too)

`wait` holds all of a rollout's scoring (also the answer reward, which GRPO needs as well) and waiting for a core, so

    ratio = step / (step - wait - adv)

is no less than the ratio to a step of GRPO on the same rollouts; it can be far more, because verl asks for finished
batches every two seconds, which hides a wait. Metrics and dumps of a step are in none of the parts. Ends with status 1
above --max-ratio, one bound for each judge.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.bench_judge_in_run import step_times
from tests.integration.verl_run import make_assets

STEP, ADV, WAIT, GEN = "timing_s/step", "timing_s/adv", "mrpo/reward_wait_s", "timing_s/gen"


def ratios(times: Mapping[str, Sequence[float]]) -> list[float]:
    """One for each step."""
    rows = zip(times[STEP], times[ADV], times[WAIT], strict=True)
    return [step / (step - adv - wait) for step, adv, wait in rows]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency", type=float, default=1.0, help="seconds of the slow judge (default: %(default)s)")
    parser.add_argument("--prompts", type=int, default=16, help="questions of a batch (default: %(default)s)")
    parser.add_argument("--group", type=int, default=8, help="rollouts of a question (default: %(default)s)")
    parser.add_argument("--slots", type=int, default=32, help="mrpo.judge.openai.concurrency (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=4, help="the first is not counted (default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=1500, help="seconds of each run (default: %(default)s)")
    parser.add_argument(
        "--max-ratio",
        type=float,
        nargs=2,
        metavar=("INSTANT", "SLOW"),
        help="such as 1.03 1.05 (default: only measure)",
    )
    args = parser.parse_args(argv)
    make_assets()
    missed = []
    with tempfile.TemporaryDirectory(prefix="mrpo-bench-") as folder:
        for number, latency in enumerate((0.0, args.latency)):
            times = step_times(Path(folder) / f"{latency:g}", latency_s=latency, arguments=args)
            if failed := sum(times["mrpo/judge/failures_total"]):
                sys.exit(f"error: {failed:g} judgements failed, so that nobody waited for them")
            ratio = statistics.median(ratios(times))
            told = {name: statistics.median(times[name]) for name in (STEP, GEN, WAIT, ADV)}
            print(
                f"judge {latency:g} s: ratio {ratio:.4f} (each step: {' '.join(f'{r:.4f}' for r in ratios(times))}); "
                f"step {told[STEP]:.2f} s, generation {told[GEN]:.2f}, wait {told[WAIT]:.3f}, adv {told[ADV]:.3f}",
                flush=True,
            )
            if args.max_ratio and not ratio <= args.max_ratio[number]:
                missed.append(f"{ratio:.4f} with the judge of {latency:g} s, more than {args.max_ratio[number]:g}")
    if missed:
        sys.exit(f"error: a step takes {'; '.join(missed)} times as long as without step credit")


if __name__ == "__main__":
    main()
