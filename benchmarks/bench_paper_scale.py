"""What N GPUs would ask of each part, from rates that this run measures; and one step of that size, simulated.

Assumed, by option: rollouts that a GPU makes in a second (generation and update together), the length of a step, the
judge's latency. Measured here: bytes of a rollout's record, reading it, crediting it, and the memory of a whole step in
the driver, which does both. The step is simulated whole: its records arrive as JSON, as verl hands them over.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.bench_steps import PROSE
from recipe.mrpo.credit.group import group_advantages
from recipe.mrpo.credit.shaping import get_shaping
from recipe.mrpo.credit.shaping.apply import rule_options, shape_steps
from recipe.mrpo.credit.token_runs import TokenRuns
from recipe.mrpo.gpu_check.batch import make_batch
from recipe.mrpo.rollout.record import RECORD_KEY, RolloutRecord
from recipe.mrpo.wiring.batch_table import BatchTable

CASE = {
    "question": "Which abnormality is seen in the right lower lobe of this frontal chest radiograph?",
    "gold": ["pneumonia"], "gold_reasoning": " ".join(PROSE[:4]), "image_id": "synpic12345", "data_source": "vqa-rad",
}  # fmt: skip
JUDGED = {"calls": 1, "retries": 0, "latency_s": 1.234, "cached": False, "prompt_tokens": 812, "completion_tokens": 96}


def rss_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def credited(records: list[RolloutRecord], mask: torch.Tensor, groups: list) -> torch.Tensor:
    """(B, T) advantages, as the estimator makes them."""
    table = BatchTable.of(records)
    rewards, missing = table.weighted_rewards(process_only_if_right=False)
    plain = group_advantages(rewards, groups, norm_by_std=True, missing=missing)
    rule = get_shaping("mrpo")
    options = rule_options("mrpo", rule, shared={"factor_base": 2.718281828459045, "round_factors": False}, own={})
    steps = shape_steps("mrpo", rule, plain, table.labels, table.num_steps, table.wrong, groups=groups, **options)
    return TokenRuns.of(table.spans, mask, table.response_tokens).spread(steps, plain)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--gpus", type=int, default=1000, help="(default: %(default)s)")
    add("--rollouts-per-gpu-s", type=float, default=1.0, help="assumed (default: %(default)s)")
    add("--step-s", type=float, default=60.0, help="assumed seconds of a training step (default: %(default)s)")
    add("--latency", type=float, default=2.0, help="assumed seconds of a judgement (default: %(default)s)")
    add("--judge-cpu-ms", type=float, default=2.0, help="of the client, from bench_judge.py (default: %(default)s)")
    add("--steps-rate", type=float, default=5000.0, help="a core, from bench_steps.py (default: %(default)s)")
    add("--length", type=int, default=512, help="tokens of a response (default: %(default)s)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    size = int(args.gpus * args.rollouts_per_gpu_s * args.step_s)
    few = min(size, 2048)
    records, _, mask, index = make_batch(few, args.length, 8, 10, 0)
    texts = []
    for record in records:
        steps = [PROSE[k % len(PROSE)] for k in range(len(record.steps))]
        whole = replace(record, steps=steps, case=CASE, judge=JUDGED)
        texts.append(whole.to_extra_info(stage_cuts=(1 / 3, 2 / 3))[RECORD_KEY])
    size -= size % few
    groups = [f"{uid}-{i}" for i in range(size // few) for uid in index]
    before, begun = rss_mib(), time.process_time()
    read = [RolloutRecord.from_extra_info({RECORD_KEY: texts[i % few]}) for i in range(size)]
    reading = time.process_time() - begun
    begun = time.process_time()
    out = credited([r for r in read if r is not None], mask.repeat(size // few, 1), groups)
    crediting = time.process_time() - begun
    used, per_s = rss_mib() - before, args.gpus * args.rollouts_per_gpu_s
    share = (reading + crediting) / args.step_s
    length = sum(map(len, texts)) / few
    print(f"{size} rollouts of a step: {reading:.2f} s to read their records, {crediting:.2f} s to credit them")
    print(f"{1e6 * reading / size:.1f} us to read a record, {1e6 * crediting / size:.1f} us to credit a rollout")
    print(f"{length:.0f} bytes of record, 1 message to the driver and 1 judge call for each rollout")
    print(f"{used:.0f} MiB of records, mask and advantages ({out.numel()} tokens) in the driver")
    print(f"\nat {args.gpus} GPUs, {per_s:g} rollouts/s, a step of {args.step_s:g} s:")
    print(f"judge calls an hour: {3600 * per_s:.0f}; in flight at {args.latency:g} s: {args.latency * per_s:.0f}")
    print(f"record traffic: {length * per_s / 2**20:.2f} MiB/s; whole step {length * size / 2**20:.0f} MiB")
    print(f"cores of reward workers: {per_s / args.steps_rate:.2f} for steps and spans, "
          f"{args.judge_cpu_ms * per_s / 1000:.2f} for the judge's client")  # fmt: skip
    print(
        f"driver, one process: {100 * share:.2f} % of the step; it would fill the step at {args.gpus / share:.0f} GPUs"
    )
    print(f"breaks first: {breaks_first(args, share, per_s)}")


def breaks_first(args: argparse.Namespace, share: float, per_s: float) -> str:
    """The part with one instance or a fixed number that is full at the fewest GPUs."""
    slots = 64  # mrpo.judge.openai.concurrency of one reward worker
    full = {
        f"one reward worker's {slots} judge slots": args.gpus * slots / (args.latency * per_s),
        "one core of the judge's client": args.gpus * 1000 / (args.judge_cpu_ms * per_s),
        "one core of steps and spans": args.gpus * args.steps_rate / per_s,
        "the driver's reading and crediting, if it may take 5 % of the step": args.gpus * 0.05 / share,
    }
    ordered = sorted(full.items(), key=lambda item: item[1])
    return "; then ".join(f"{name} at {gpus:.0f} GPUs" for name, gpus in ordered)


if __name__ == "__main__":
    main()
