"""What the `mrpo` estimator costs beside verl's own vectorised GRPO, in the same process and on the same batch.

Both are called as verl calls them, by their registered name, with token rewards, mask and group ids. MRPO also gets a
record a row (steps, spans, labels), as the trainer mixin would bring them; building these records is not timed, since
that happens in the reward workers. Half of the rollouts are wrong. On a machine without a GPU, set VERL_PLATFORM=cpu.
The advantages are also compared, token by token, with the formula computed a second time in Python's float64.
"""

from __future__ import annotations

import argparse
import statistics

import torch


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
    from recipe.mrpo.gpu_check.batch import largest_deviation, make_batch
    from recipe.mrpo.gpu_check.estimators import GRPO, MRPO, estimator_calls, milliseconds

    batch = make_batch(args.rows, args.length, args.group, args.steps, args.seed)
    records, _, mask, index = batch
    calls = estimator_calls(batch, args.device)
    deviation = largest_deviation(calls[MRPO]()[0], records, mask, index)
    times = milliseconds(calls, args.repeats)
    base = statistics.median(times[GRPO])
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
    ratio = statistics.median(times[MRPO]) / base
    if args.max_ratio and ratio > args.max_ratio:
        raise SystemExit(f"mrpo takes {ratio:.2f} times as long as grpo_vectorized, more than {args.max_ratio}")


if __name__ == "__main__":
    main()
