"""What a slow judge costs a real training run: the same run with an instant judge and with one that takes a second.

Two runs of verl on this machine, on the tiny model, with a judge on a local socket; the figure is the time of a
training step (`timing_s/step`) without the first, which also warms up. The judge labels a rollout while others are
generated, so that only what the last rollouts of a batch wait for can show; verl asks for finished batches every two
seconds, so that a step's generation time is a multiple of that and a difference shows as none or as two seconds.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.fake_judge_server import FakeJudgeServer
from tests.integration.verl_run import Run, make_assets


def step_times(folder: Path, *, latency_s: float, arguments: argparse.Namespace) -> dict[str, list[float]]:
    """Timings of every step but the first of one run whose judge answers after `latency_s` seconds."""
    with FakeJudgeServer(latency_s=latency_s) as server:
        options = {"name": "openai", "openai.base_url": server.base_url, "openai.model": "fake"}
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
    names = ("timing_s/step", "timing_s/gen", "mrpo/judge/latency_s", "mrpo/judge/failures_total")
    return {name: [step[name] for step in steps] for name in names}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--latency", type=float, default=1.0, help="seconds until the slow judge answers")
    parser.add_argument("--prompts", type=int, default=4, help="questions of a batch")
    parser.add_argument("--group", type=int, default=8, help="rollouts of a question")
    parser.add_argument("--steps", type=int, default=9)
    parser.add_argument("--timeout", type=float, default=1500, help="seconds that each of the two runs may take")
    parser.add_argument("--max-ratio", type=float, help="status 1 if a step with the slow judge takes longer by more")
    arguments = parser.parse_args()
    make_assets()
    mean = {}
    with tempfile.TemporaryDirectory(prefix="mrpo-bench-") as folder:
        for latency in (0.0, arguments.latency):
            times = step_times(Path(folder) / f"{latency:g}", latency_s=latency, arguments=arguments)
            steps = times["timing_s/step"]
            mean[latency] = statistics.fmean(steps)
            print(
                f"judge {latency:g} s: step {mean[latency]:.2f} s (median {statistics.median(steps):.2f}, "
                f"{min(steps):.2f} to {max(steps):.2f}, {len(steps)} steps), generation "
                f"{statistics.fmean(times['timing_s/gen']):.2f} s, judgement "
                f"{statistics.fmean(times['mrpo/judge/latency_s']):.2f} s, "
                f"failed {sum(times['mrpo/judge/failures_total']):g}",
                flush=True,
            )
    ratio = mean[arguments.latency] / mean[0.0]
    print(f"ratio {ratio:.3f}")
    if arguments.max_ratio is not None and ratio > arguments.max_ratio:
        sys.exit(1)


if __name__ == "__main__":
    main()
