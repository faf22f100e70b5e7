"""How fast the `openai` judge labels a batch, and what the client costs: against a local endpoint with a fixed latency.

The endpoint runs in a separate process, so that CPU time is the client's alone. Ideal is ceil(rollouts / slots) times
the latency. A call is as in training: rubric, image, case and steps, structured output, parsed and checked.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import math
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omegaconf import OmegaConf
from PIL import Image

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from recipe.mrpo.judge import JudgeRequest, get_judge  # noqa: E402
from recipe.mrpo.options.tree import load_options  # noqa: E402


@contextmanager
def endpoint(latency_s: float) -> Iterator[str]:
    """A judge endpoint in another process; yields its base URL."""
    command = [sys.executable, "-m", "tests.fake_judge_server", "--port", "0", "--latency-s", str(latency_s)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield next(word.rstrip(",") for word in server.stdout.readline().split() if word.startswith("http"))
        finally:
            server.terminate()


def rollouts(count: int, *, group: int, steps: int, side: int) -> list[JudgeRequest]:
    """Rollouts in groups that share question and image; every text differs, so that no cache can help."""
    rng = random.Random(0)
    words = "opacity lung right left lower zone effusion heart border sharp consolidation air fluid mass".split()
    made, image = [], b""
    for i in range(count):
        if i % group == 0:
            buffer = io.BytesIO()
            noise = bytes(rng.getrandbits(8) for _ in range(side * side // 64))
            Image.frombytes("L", (side // 8, side // 8), noise).resize((side, side)).save(buffer, "JPEG", quality=90)
            image = buffer.getvalue()
        texts = tuple(f"Step {i}.{k}: the {' '.join(rng.choices(words, k=14))}." for k in range(steps))
        made.append(
            JudgeRequest(
                question=f"What is seen in image {i // group}?",
                answer="consolidation",
                gold_reasoning="There is a dense opacity with air bronchograms in the right lower zone.",
                steps=texts,
                images=((image, "image/jpeg"),),
                may_leave_machine=True,
            )
        )
    return made


async def label_all(url: str, requests: list[JudgeRequest], *, slots: int) -> tuple[float, float]:
    """Wall and CPU seconds for one batch, all asked for at once. Raises SystemExit if a judgement failed."""
    node = {"name": "openai", "openai": {"base_url": url, "model": "fake", "concurrency": slots}}
    judge = get_judge(OmegaConf.to_container(load_options({"judge": node}).judge, resolve=True))
    await judge.label(requests[0])  # connection, imports
    start, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    judgements = await asyncio.gather(*map(judge.label, requests))
    wall, now = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    await judge.close()
    failed = [f"{j.failure}: {j.detail}" for j in judgements if j.failure]
    if failed:
        raise SystemExit(f"error: {len(failed)} judgements failed, first {failed[0]}")
    return wall, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--latency", type=float, default=2.0, help="seconds until the endpoint answers")
    parser.add_argument("--slots", type=int, nargs="+", default=[64], help="mrpo.judge.openai.concurrency")
    parser.add_argument("--rollouts", type=int, nargs="+", default=[64, 512])
    parser.add_argument("--waves", type=int, help="slots times this many rollouts, in the place of --rollouts")
    parser.add_argument("--group", type=int, default=8, help="rollouts that share a question and an image")
    parser.add_argument("--steps", type=int, default=6, help="steps of a rollout")
    parser.add_argument("--side", type=int, default=512, help="width and height of the images; 0: none are sent")
    parser.add_argument(
        "--max-ratio", type=float, nargs="+", help="status 1 if a batch takes longer than ideal by more"
    )
    parser.add_argument("--max-cpu-ms", type=float, help="status 1 if a rollout costs more CPU time")
    arguments = parser.parse_args()
    missed = False
    limits = arguments.max_ratio or []
    cases = [
        (slots, count)
        for slots in arguments.slots
        for count in ([arguments.waves * slots] if arguments.waves else arguments.rollouts)
    ]
    with endpoint(arguments.latency) as url:
        for number, (slots, count) in enumerate(cases):
            requests = rollouts(count, group=arguments.group, steps=arguments.steps, side=max(arguments.side, 8))
            if not arguments.side:
                requests = [JudgeRequest(**{**vars(r), "images": ()}) for r in requests]
            wall, cpu = asyncio.run(label_all(url, requests, slots=slots))
            ideal = math.ceil(count / slots) * arguments.latency
            print(
                f"{count} rollouts, {slots} slots: {wall:.2f} s, ideal {ideal:.2f} s, ratio {wall / ideal:.3f}, "
                f"{count / wall:.1f} judgements/s, {1000 * cpu / count:.2f} ms of CPU each",
                flush=True,
            )
            missed |= number < len(limits) and wall / ideal > limits[number]
            missed |= arguments.max_cpu_ms is not None and 1000 * cpu / count > arguments.max_cpu_ms
    sys.exit(int(missed))


if __name__ == "__main__":
    main()
