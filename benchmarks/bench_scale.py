"""Rollouts by the million through the pure core: rollouts a second, peak memory, bytes of a record.

Batches of 512 rollouts in groups of 8 are credited and spread over tokens, as a trainer does step by step. Memory that
grew with their number would show after the first tenth.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from recipe.mrpo.credit.group import group_advantages
from recipe.mrpo.credit.shaping import get_shaping
from recipe.mrpo.credit.shaping.apply import rule_options, shape_steps
from recipe.mrpo.credit.token_runs import TokenRuns
from recipe.mrpo.gpu_check.batch import make_batch


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def now_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def one_batch(records, rewards, mask, index) -> torch.Tensor:
    """(B, T) advantages: group statistics, step credit, tokens."""
    plain = group_advantages(rewards.sum(dim=1), list(index), norm_by_std=True)
    counts = torch.tensor([len(r.steps) for r in records])
    labels = torch.full((len(records), int(counts.max())), torch.nan, dtype=torch.float64)
    for row, record in enumerate(records):
        labels[row, : len(record.labels)] = torch.tensor(record.labels, dtype=torch.float64)
    wrong = torch.tensor([r.wrong for r in records])
    rule = get_shaping("mrpo")
    options = rule_options("mrpo", rule, shared={"factor_base": 2.718281828459045, "round_factors": False}, own={})
    steps = shape_steps("mrpo", rule, plain, labels, counts, wrong, groups=list(index), **options)
    runs = TokenRuns.of([r.spans for r in records], mask, [r.response_tokens for r in records])
    return runs.spread(steps, plain)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rollouts", type=int, default=1_000_000, help="(default: %(default)s)")
    parser.add_argument("--length", type=int, default=256, help="tokens of a response (default: %(default)s)")
    parser.add_argument("--max-growth-mib", type=float, help="exit with status 1 if the last 90 %% need more than this")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    kept = [make_batch(512, args.length, 8, 10, seed) for seed in range(8)]
    record = kept[0][0][0].to_extra_info(stage_cuts=(1 / 3, 2 / 3))
    begun, done, early, held = time.process_time(), 0, 0.0, 0.0
    while done < args.rollouts:
        one_batch(*kept[done // 512 % len(kept)])
        done += 512
        if done <= args.rollouts / 10 or not early:
            early, held = peak_mib(), now_mib()
    rate = done / (time.process_time() - begun)
    # A start that took more than all the rest would hide growth from the peak.
    growth = max(peak_mib() - early, now_mib() - held)
    size = len(json.dumps(record))
    print(f"{done} rollouts: {rate:.0f} rollouts/s of CPU time, peak {peak_mib():.0f} MiB")
    print(f"{growth:.1f} MiB after the first tenth")
    print(f"one rollout: {size} bytes of record, one judge call")
    if args.max_growth_mib is not None and growth > args.max_growth_mib:
        raise SystemExit(f"memory grew by {growth:.1f} MiB, more than {args.max_growth_mib:g}")


if __name__ == "__main__":
    main()
