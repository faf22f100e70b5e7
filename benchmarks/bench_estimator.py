"""What the estimators `mrpo` and `gdpo` cost beside verl's own vectorised GRPO: same process, same batch, taking turns.

All are called as verl calls them, by their registered name, with token rewards, mask and group ids. verl gives GRPO its
rewards as a tensor that it has made of the rewards of the rows; `mrpo` and `gdpo` have the records of the rows (steps,
spans, labels) as arrays likewise. The row "mrpo, reading records" makes these arrays in the timed call, as the first
estimator of a training step does. Half of the rollouts are wrong. CPU time is that of the process; on a busy machine it
says more than wall time. The advantages are also compared, token by token, with the formula computed a second time in
Python's float64. On a machine without a GPU, set VERL_PLATFORM=cpu.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch


def shape(text: str) -> tuple[int, int]:
    rows, _, length = text.partition("x")
    return int(rows), int(length)


def peak_mib(call: Callable) -> float:
    """Memory that a call takes at its peak beyond what is there, measured in a copy of this process."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        before = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        call()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        os.write(write, f"{(peak - before) / 2**20}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read) as told:
        return float(told.read() or "nan")


def times(calls: dict[str, Callable], repeats: int, device: str) -> dict[str, list[tuple[float, float]]]:
    """(wall, CPU) milliseconds of each call; they take turns, so that a busy machine slows all of them alike."""
    wait = torch.cuda.synchronize if device.startswith("cuda") else lambda: None
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for turn in range(repeats + 3):  # the allocator and the thread pool warm up first
        for name, call in calls.items():
            wait()
            wall, used = time.perf_counter(), time.process_time()
            out = call()
            wait()
            wall, used = time.perf_counter() - wall, time.process_time() - used
            del out
            if turn >= 3:
                found[name].append((1e3 * wall, 1e3 * used))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=512, help="rollouts in the batch (default: %(default)s)")
    parser.add_argument("--length", type=int, default=2048, help="response tokens (default: %(default)s)")
    parser.add_argument(
        "--shapes", type=shape, nargs="+", metavar="ROWSxLENGTH", help="several batches, such as 64x512 1024x4096"
    )
    parser.add_argument("--group", type=int, default=8, help="rollouts per prompt (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=16, help="largest number of steps (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=30, help="timed calls; the median counts (default: %(default)s)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="torch threads (default: 1)")
    parser.add_argument("--device", default="cpu", help="of rewards and mask: cpu or cuda (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    parser.add_argument(
        "--max-ratio", type=float, help="exit with status 1 if mrpo takes more than this times GRPO (CPU time; "
        "on a GPU wall time)"
    )  # fmt: skip
    args = parser.parse_args()

    torch.set_num_threads(1)
    from recipe.mrpo.gpu_check.batch import largest_deviation, make_batch
    from recipe.mrpo.gpu_check.estimators import GRPO, MRPO, estimator_calls

    print(f"groups of {args.group}, torch {torch.__version__}, {args.device}; medians of {args.repeats} calls")
    too_slow = []
    for rows, length in args.shapes or [(args.rows, args.length)]:
        batch = make_batch(rows, length, args.group, args.steps, args.seed)
        records, _, mask, index = batch
        calls = estimator_calls(batch, args.device)
        peaks = {name: peak_mib(call) if args.device == "cpu" else float("nan") for name, call in calls.items()}
        deviation = largest_deviation(calls[MRPO]()[0], records, mask, index)
        for threads in args.threads:
            torch.set_num_threads(threads)
            found = times(calls, args.repeats, args.device)
            torch.set_num_threads(1)
            medians = {name: [statistics.median(v) for v in zip(*pairs, strict=True)] for name, pairs in found.items()}
            print(f"\n({rows}, {length}) tokens, {threads} thread(s); output {4 * rows * length / 2**20:.0f} MiB")
            print(f"{'estimator':<24} {'wall ms':>9} {'CPU ms':>9} {'x GRPO':>7} {'x GRPO, CPU':>11} {'peak MiB':>9}")
            for name, (wall, used) in medians.items():
                ratios = wall / medians[GRPO][0], used / medians[GRPO][1]
                label = name.replace(", ", "_").replace(" ", "_")
                print(
                    f"{label:<24} {wall:>9.2f} {used:>9.2f} {ratios[0]:>7.2f} {ratios[1]:>11.2f} {peaks[name]:>9.1f}",
                    flush=True,
                )
                ratio = ratios[0 if args.device.startswith("cuda") else 1]
                if name == MRPO and args.max_ratio and ratio > args.max_ratio:
                    too_slow.append(f"{ratio:.2f} times as long as grpo_vectorized at ({rows}, {length})")
        print(f"largest deviation of mrpo from float64: {deviation:.1e}")
        if not deviation < 1e-6:
            raise SystemExit("mrpo's advantages are not those of the formula")
    if too_slow:
        raise SystemExit(f"mrpo takes {'; '.join(too_slow)}; more than {args.max_ratio}")


if __name__ == "__main__":
    main()
