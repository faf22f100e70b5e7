"""What a training step's judgements cost in calls and tokens, and how much of the prompts a prefix cache can reuse.

Rollouts are drawn from the gold reasoning of the sample, so that their steps have natural length. Compared are this
package's prompt (rubric, case, steps) and the same texts in the order in which a call that knows of no siblings puts
them (case and steps, then the rubric). A server with prefix caching computes each prefix once, in blocks. Images are
left out: they stand before the case, and siblings share them, which only adds to the share.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

from omegaconf import OmegaConf

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.bench_steps import make_tokenizer
from recipe.mrpo.judge import JudgeRequest, get_judge
from recipe.mrpo.judge.chat.rubric import build_messages
from recipe.mrpo.judge.chat.rubric_folder import Rubric
from recipe.mrpo.options.tree import load_options
from tests.fake_judge_server import FakeJudgeServer

GOLD = Path(__file__).parent.parent / "examples" / "data" / "vqa_rad_sample" / "gold_reasoning.jsonl"


def training_step(prompts: int, group: int, seed: int) -> list[list[JudgeRequest]]:
    """`prompts` groups of `group` rollouts, whose steps are sentences of the gold reasoning of any question."""
    rng = random.Random(seed)
    rows = [json.loads(line) for line in GOLD.read_text().splitlines()]
    sentences = [s.strip() + "." for row in rows for s in row["reasoning"].split(". ")]
    groups = []
    for row in rng.sample(rows, prompts):
        shared = {"question": row["question"], "answer": row["answer"], "gold_reasoning": row["reasoning"]}
        groups.append(
            [
                JudgeRequest(
                    steps=tuple(rng.sample(sentences, rng.randint(4, 7))),
                    images=(),
                    may_leave_machine=True,
                    **shared,
                )
                for _ in range(group)
            ]
        )
    return groups


def common(a: list[int], b: list[int]) -> int:
    """Length of the common prefix."""
    return next((k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def computed(prompts: list[list[int]], block: int) -> int:
    """Tokens that a server computes which keeps every whole block of every prompt that it has seen."""
    seen: set[tuple[int, ...]] = set()
    total = 0
    for ids in prompts:
        reused = 0
        while reused + block <= len(ids) and tuple(ids[: reused + block]) in seen:
            reused += block
        total += len(ids) - reused
        seen.update(tuple(ids[:k]) for k in range(block, len(ids) + 1, block))
    return total


def texts(request: JudgeRequest, rubric: Rubric) -> tuple[str, str]:
    """The prompt as it is sent, and the same in the order of a self-contained call."""
    system, user = (m["content"] for m in build_messages(request, rubric, images=(), max_step_chars=2000))
    return f"{system}\n{user}", f"{user}\n{system}"


async def labelled_twice(requests: list[JudgeRequest]) -> tuple[int, int]:
    """Calls of a first and of a second run over the same rollouts, with the cache on disk, over real HTTP."""
    calls = []
    with FakeJudgeServer() as server, tempfile.TemporaryDirectory() as folder:
        openai = {"base_url": server.base_url, "model": "fake"}
        node = {"name": "openai", "openai": openai, "cache": {"path": f"{folder}/labels.db"}}
        for _ in range(2):
            before = len(server.requests)
            judge = get_judge(OmegaConf.to_container(load_options({"judge": node}).judge, resolve=True))
            await asyncio.gather(*map(judge.label, requests))
            await judge.close()
            calls.append(len(server.requests) - before)
    return calls[0], calls[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--prompts", type=int, default=8, help="questions of a training step")
    parser.add_argument("--group", type=int, default=8, help="rollouts of a question")
    parser.add_argument("--block", type=int, default=16, help="tokens of a cache block (vLLM: 16)")
    parser.add_argument("--tokenizer", help="directory or hub id; default: a byte-level BPE trained on the texts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--min-share", type=float, help="status 1 if two siblings share less of their prompts")
    arguments = parser.parse_args()
    groups = training_step(arguments.prompts, arguments.group, arguments.seed)
    rubric = Rubric.load("study")
    rows = GOLD.read_text().splitlines()
    tokenizer = make_tokenizer(arguments.tokenizer, [rubric.system, *rows])
    ours, alone = [], []
    for request in (r for group in groups for r in group):
        for text, into in zip(texts(request, rubric), (ours, alone), strict=True):
            into.append(tokenizer(text, add_special_tokens=False)["input_ids"])
    size = arguments.group
    shares = [
        common(a, b) / max(len(a), len(b)) for k in range(0, len(ours), size) for a, b in pairwise(ours[k : k + size])
    ]
    first, second = asyncio.run(labelled_twice([r for group in groups for r in group]))
    print(f"{arguments.prompts} questions x {size} rollouts: {first} calls; the same rollouts again: {second} calls")
    print(
        f"siblings share {min(shares):.1%} to {max(shares):.1%} of their prompts (mean {sum(shares) / len(shares):.1%})"
    )
    for name, prompts in (("this prompt", ours), ("self-contained", alone)):
        total, new = sum(map(len, prompts)), computed(prompts, arguments.block)
        print(f"{name:15} {total:7d} prompt tokens, {new:7d} computed with a prefix cache ({new / total:.1%})")
    if second or (arguments.min_share is not None and min(shares) < arguments.min_share):
        sys.exit(1)


if __name__ == "__main__":
    main()
