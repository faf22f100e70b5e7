"""What a slow judge costs a real training run: the same run with an instant judge and with one that takes a second.

Two runs of verl on this machine, on the tiny model, with a judge on a local socket; the figure is the time of a
training step (`timing_s/step`) without the first, which also warms up. The judge labels a rollout while others are
generated, so that two things can show: what the last rollouts of a batch wait for, which a step must be long enough to
hide, and judgements that queue for a slot, if rollouts x latency / slots is more than the generation takes. verl asks
for finished batches every two seconds, so that a step's generation time is a multiple of that and a difference shows
as none or as two seconds.

Ends with status 1 if a step takes longer by more than --max-ratio; with --max-ratio inf it only measures.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.fake_judge_server import FakeJudgeServer
from tests.integration.verl_run import Run, make_assets


def step_times(folder: Path, *, latency_s: float, arguments: argparse.Namespace) -> dict[str, list[float]]:
    """Timings of every step but the first of one run whose judge answers after `latency_s` seconds."""
    with FakeJudgeServer(latency_s=latency_s) as server:
        options = {
            "name": "openai",
            "openai.base_url": server.base_url,
            "openai.model": "fake",
            "openai.concurrency": arguments.slots,
        }
        run = Run(
            folder,
            steps=arguments.steps,
            overrides={f"+mrpo.judge.{name}": value for name, value in options.items()}
            | {
                "data.train_batch_size": arguments.prompts,
                "actor_rollout_ref.rollout.n": arguments.group,
                "trainer.total_epochs": 1000,
                "trainer.val_before_train": False,
                "trainer.test_freq": -1,
                "trainer.save_freq": -1,
                "trainer.resume_mode": "disable",
            },
        )
        finished = run.go(timeout=arguments.timeout)
    if finished.exit_code:
        raise SystemExit(f"error: the run ended with exit code {finished.exit_code}; see {run.log}\n{run.tail()}")
    steps = [data for step, data in sorted(run.metrics().items()) if step > 1 and "timing_s/step" in data]
    names = (
        *("timing_s/step", "timing_s/gen", "timing_s/adv", "mrpo/reward_wait_s"),
        *("mrpo/judge/latency_s", "mrpo/judge/failures_total"),
    )
    return {name: [step[name] for step in steps] for name in names}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--latency", type=float, default=1.0, help="seconds until the slow judge answers")
    parser.add_argument("--prompts", type=int, default=16, help="questions of a batch; with few, a step is too short")
    parser.add_argument("--group", type=int, default=8, help="rollouts of a question")
    parser.add_argument("--slots", type=int, default=32, help="mrpo.judge.openai.concurrency; there is one worker")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--timeout", type=float, default=1500, help="seconds that each of the two runs may take")
    parser.add_argument(
        "--max-ratio", type=float, default=1.05, help="status 1 if a step with the slow judge takes longer by more"
    )
    arguments = parser.parse_args(argv)
    make_assets()
    mean, generation = {}, {}
    with tempfile.TemporaryDirectory(prefix="mrpo-bench-") as folder:
        for latency in (0.0, arguments.latency):
            times = step_times(Path(folder) / f"{latency:g}", latency_s=latency, arguments=arguments)
            steps = times["timing_s/step"]
            mean[latency], generation[latency] = statistics.fmean(steps), statistics.fmean(times["timing_s/gen"])
            failed = sum(times["mrpo/judge/failures_total"])
            print(
                f"judge {latency:g} s: step {mean[latency]:.2f} s (median {statistics.median(steps):.2f}, "
                f"{min(steps):.2f} to {max(steps):.2f}, {len(steps)} steps), generation "
                f"{generation[latency]:.2f} s, judgement "
                f"{statistics.fmean(times['mrpo/judge/latency_s']):.2f} s, "
                f"failed {failed:g}",
                flush=True,
            )
            if failed:  # a judgement that fails at once is waited for by nobody
                sys.exit(f"error: {failed:g} judgements failed, so that the times cannot be compared")
    ratio = mean[arguments.latency] / mean[0.0]
    print(f"ratio {ratio:.3f}")
    if not ratio <= arguments.max_ratio:
        rollouts, latency = arguments.prompts * arguments.group, arguments.latency
        sys.exit(
            f"error: a step with the slow judge takes {ratio:.3f} times as long, more than {arguments.max_ratio:g}; "
            f"{rollouts} judgements in {arguments.slots} slots take {rollouts * latency / arguments.slots:.1f} s at "
            f"least, the last one {latency:g} s, and generation {generation[0.0]:.1f} s"
        )


if __name__ == "__main__":
    main()
