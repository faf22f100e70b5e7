"""What the `mrpo` estimator costs beside verl's own vectorised GRPO, in the same process and on the same batch.

Both are called as verl calls them, by their registered name, with token rewards, mask and group ids. MRPO also gets a
record a row (steps, spans, labels), as the trainer mixin would bring them; building these records is not timed, since
that happens in the reward workers. Half of the rollouts are wrong. On a machine without a GPU, set VERL_PLATFORM=cpu.
The advantages are also compared, token by token, with the formula computed a second time in Python's float64.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import time
from dataclasses import asdict
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from omegaconf import OmegaConf


def make_batch(rows: int, length: int, group: int, steps: int, seed: int):
    """Records, token rewards, mask and group ids of `rows` rollouts whose steps fill most of the response."""
    from recipe.mrpo.rollout.record import RolloutRecord

    rng = random.Random(seed)
    records, lengths = [], []
    for _ in range(rows):
        n = rng.randint(length // 2, length)
        k = rng.randint(max(1, steps // 2), steps)
        edges = sorted(rng.sample(range(1, n - 1), k + 1))
        labels = [int(rng.random() < 0.7) for _ in range(k)]
        answer = float(rng.random() < 0.5)
        records.append(
            RolloutRecord(
                steps=["A sentence."] * k,
                spans=list(pairwise(edges)),
                labels=labels,
                judge_status="ok",
                rewards={"answer": answer, "process": sum(labels) / k, "length": -(k - 10) / 10 if k > 10 else 0.0},
                weights={"answer": 1.0, "process": 1.0, "length": 1.0},
                answer="yes",
                wrong=answer <= 0.6,
                well_formed=True,
                response_tokens=n,
            )
        )
        lengths.append(n)
    ends = torch.tensor(lengths)
    mask = (torch.arange(length)[None, :] < ends[:, None]).to(torch.int64)
    rewards = torch.zeros(rows, length)
    rewards[torch.arange(rows), ends - 1] = torch.tensor([r.total for r in records], dtype=torch.float32)
    index = np.array([f"uid-{i // group}" for i in range(rows)], dtype=object)
    return records, rewards, mask, index


def largest_deviation(advantages: torch.Tensor, records, mask: torch.Tensor, index: np.ndarray) -> float:
    """Largest |given - expected| / max(1, |expected|) over all tokens; expected: report/recompute.py, in float64."""
    from recipe.mrpo.report.recompute import recompute

    expected = torch.zeros(mask.shape, dtype=torch.float64)
    rows = [{"uid": f"{uid}_0_0", "mrpo": asdict(record)} for uid, record in zip(index, records, strict=True)]
    for i, (outside, per_step) in enumerate(recompute(rows, tau=0.6, base=math.e)):
        expected[i] = outside
        for (t0, t1), value in zip(records[i].spans, per_step, strict=True):
            expected[i, t0:t1] = value
    expected *= mask.cpu()
    return float(((advantages.cpu().double() - expected).abs() / expected.abs().clamp(min=1)).max())


def milliseconds(calls: dict, repeats: int) -> dict[str, list[float]]:
    """Wall time of each call; they take turns, so that a busy machine slows all of them alike."""
    wait = torch.cuda.synchronize if torch.cuda.is_initialized() else lambda: None
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 3):  # three turns for the allocator and the thread pool to warm up
        for name, call in calls.items():
            wait()
            begin = time.perf_counter()
            call()
            wait()
            if turn >= 3:
                times[name].append(1e3 * (time.perf_counter() - begin))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=512, help="rollouts in the batch (default: %(default)s)")
    parser.add_argument("--length", type=int, default=2048, help="response tokens (default: %(default)s)")
    parser.add_argument("--group", type=int, default=8, help="rollouts per prompt (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=16, help="largest number of steps (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=30, help="timed calls; the median counts (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="torch threads (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="of rewards and mask: cpu or cuda (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    parser.add_argument("--max-ratio", type=float, help="exit with status 1 if MRPO takes more than this times GRPO")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    from verl.trainer.ppo.core_algos import get_adv_estimator_fn

    from recipe.mrpo import plugin  # noqa: F401 - registers `mrpo` where the entry point is not installed
    from recipe.mrpo.options.tree import load_options
    from recipe.mrpo.wiring.estimators import CREDIT, StepCredit

    records, rewards, mask, index = make_batch(args.rows, args.length, args.group, args.steps, args.seed)
    rewards, mask = rewards.to(args.device), mask.to(args.device)
    common = {"token_level_rewards": rewards, "response_mask": mask, "index": index}
    credit = StepCredit(
        records=records, options=load_options(OmegaConf.create({})), norm_by_std=True, use_kl_in_reward=False
    )
    CREDIT.set(credit)
    calls = {
        "grpo_vectorized (verl)": partial(get_adv_estimator_fn("grpo_vectorized"), **common),
        "mrpo": partial(get_adv_estimator_fn("mrpo"), **common),
    }
    deviation = largest_deviation(calls["mrpo"]()[0], records, mask, index)
    times = milliseconds(calls, args.repeats)
    base = statistics.median(times["grpo_vectorized (verl)"])
    threads = torch.get_num_threads()
    print(
        f"({args.rows}, {args.length}) tokens, groups of {args.group}, {threads} thread(s), torch {torch.__version__}, "
        f"{args.device}"
    )
    print(f"{'estimator':<24} {'median ms':>10} {'min ms':>8} {'x GRPO':>8}")
    for name, values in times.items():
        median = statistics.median(values)
        print(f"{name:<24} {median:>10.2f} {min(values):>8.2f} {median / base:>8.2f}")
    print(f"largest deviation of mrpo from float64: {deviation:.1e}")
    if not deviation < 1e-6:
        raise SystemExit("mrpo's advantages are not those of the formula")
    ratio = statistics.median(times["mrpo"]) / base
    if args.max_ratio and ratio > args.max_ratio:
        raise SystemExit(f"mrpo takes {ratio:.2f} times as long as grpo_vectorized, more than {args.max_ratio}")


if __name__ == "__main__":
    main()
