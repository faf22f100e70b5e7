"""Judge calls, tokens and money for 1,000 rollouts under each setting that asks the judge less.

Rollouts have the real images and questions of the VQA-RAD sample and the steps of its hand-written rollouts, or those
of your own run (`--dumps`). They go through the scorer, the draw of groups and the labeller of a training run, and over
HTTP to a judge. Without `--base-url` that is a local server of the tests, which counts tokens with `--tokenizer` (the
text, and one token for 28 x 28 pixels, as Qwen2.5-VL does) or, without one, reports none: then the judge estimates.
Each different request is sent once; a rollout that comes again costs as much again.

Prices differ by service and change: they are an argument. A service may charge less for cached prompt tokens.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import json
import random
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from recipe.mrpo.common.plain import plain
from recipe.mrpo.judge import Judgement, JudgeRequest, Usage, get_judge
from recipe.mrpo.judge.spending import group_is_judged, validation_is_judged
from recipe.mrpo.options.tree import load_options
from recipe.mrpo.scoring.labels import Labeller, judge_is_shown_images
from recipe.mrpo.scoring.rollout import Scorer
from recipe.mrpo.scoring.row import Row
from tests.fake_judge_server import FakeJudgeServer

SAMPLE = Path(__file__).parent.parent / "examples" / "data" / "vqa_rad_sample"
WRONG_ANSWER = "something else"


@dataclass(frozen=True)
class Setting:
    """A row of the table: options of a run, or, with `every`, a run's validations."""

    name: str
    options: Mapping[str, Any]
    every: int | None = None


SETTINGS = (
    Setting("every rollout (the default)", {}),
    Setting("ask_for=wrong_answers", {"judge": {"ask_for": "wrong_answers"}}),
    Setting("ask_for=needed, process.weight=0",
            {"judge": {"ask_for": "needed"}, "rewards": {"process": {"weight": 0.0}}}),
    Setting("share=0.5", {"judge": {"share": 0.5}}),
    Setting("share=0.25", {"judge": {"share": 0.25}}),
    Setting("share=0.5, ask_for=wrong_answers", {"judge": {"share": 0.5, "ask_for": "wrong_answers"}}),
    Setting("openai.image_max_pixels=200704", {"judge": {"openai": {"image_max_pixels": 200704}}}),
    Setting("openai.send_image=false", {"judge": {"openai": {"send_image": False}}}),
    Setting("rewards.answer.mode=judge", {"rewards": {"answer": {"mode": "judge"}}}),
    Setting("the same, share=0.5", {"judge": {"share": 0.5}, "rewards": {"answer": {"mode": "judge"}}}),
    Setting("validation, validation_every=1", {}, every=1),
    Setting("validation, validation_every=4", {}, every=4),
)  # fmt: skip


@dataclass(frozen=True)
class Prompt:
    """A question with its image and the completions of its group."""

    name: str
    row: Row
    messages: list[dict[str, Any]]
    completions: tuple[str, ...]


def prompts(files: Sequence[Path], *, group: int, right: float, seed: int) -> list[Prompt]:
    """The questions of the dumps, each with `group` completions made of steps of the file's rollouts."""
    rng = random.Random(seed)
    records = [json.loads(line)["mrpo"] for file in files for line in file.read_text().splitlines() if line.strip()]
    records = [record for record in records if record["steps"]]
    cases = {(c["split"], c["index"]): c for c in (record["case"] for record in records)}
    made = []
    for place, case in cases.items():
        drawn = rng.choices(records, k=group)
        answers = [case["gold"][0] if rng.random() < right else WRONG_ANSWER for _ in drawn]
        texts = [
            f"<think>{' '.join(record['steps'])}</think><answer>{answer}</answer>"
            for record, answer in zip(drawn, answers, strict=True)
        ]
        row = Row.of(case["gold"], {**case, "answers": case["gold"]}, data_source=case["data_source"])
        path = SAMPLE / "VQA_RAD Image Folder" / str(case.get("image_id", ""))
        images = [{"type": "image", "image": str(path)}] if path.is_file() else []
        messages = [{"role": "user", "content": [*images, {"type": "text", "text": case["question"]}]}]
        made.append(Prompt("/".join(place), row, messages, tuple(texts)))
    return made


class Remembering:
    """A judge that sends each different request once; its judgement counts each time."""

    name = "remembering"

    def __init__(self, judge: Any) -> None:
        self.judge, self._known = judge, {}

    async def label(self, request: JudgeRequest) -> Judgement:
        if request not in self._known:
            self._known[request] = await self.judge.label(request)
        return self._known[request]

    async def close(self) -> None:
        await self.judge.close()


async def spent(setting: Setting, base: Mapping[str, Any], given: Sequence[Prompt], steps: int) -> dict[str, float]:
    """Calls, tokens, judged rollouts and all rollouts of `steps` training steps (or validations) over the prompts."""
    options = load_options(merged(base, setting.options))
    node = plain(options.judge)
    scorer, judge = Scorer(options), Remembering(get_judge(node))
    labeller = Labeller(
        ask_for=options.judge.ask_for, read_by_rewards=scorer.reads_labels,
        shaped={True: True, False: False, None: False}, overall=False,
        show_images=judge_is_shown_images(node), verdict=scorer.asks_for_verdict,
    )  # fmt: skip
    cases = {(p.name, k): scorer.begin(text, p.row) for p in given for k, text in enumerate(p.completions)}
    total, judged, rollouts = Usage(), 0, 0
    for step in range(steps):
        for prompt in given:
            if setting.every is not None:
                chosen = validation_is_judged(step, every=setting.every, test_freq=1, last=False)
            else:
                share, seed = options.judge.share, options.judge.share_seed
                chosen = group_is_judged(prompt.name, step=step, share=share, seed=seed)
            for k in range(len(prompt.completions)):
                found = await labeller.label(
                    judge, cases[prompt.name, k], prompt.row, prompt=prompt.messages,
                    not_chosen=None if chosen else "share",
                )  # fmt: skip
                if found.status.startswith("failed"):
                    raise SystemExit(f"error: a judgement failed: {found.status}")
                rollouts, judged = rollouts + 1, judged + (found.labels is not None)
                total += Usage.of(found.judge or {})
    await judge.close()
    return {"rollouts": rollouts, "judged": judged, "calls": total.calls, "prompt": total.prompt_tokens,
            "completion": total.completion_tokens}  # fmt: skip


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for name, value in over.items():
        both = isinstance(value, Mapping) and isinstance(out.get(name), Mapping)
        out[name] = merged(out[name], value) if both else value
    return out


def counter(path: str):
    """usage_of(messages, reply) by a real tokenizer, with images as Qwen2.5-VL counts them."""
    from PIL import Image
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path)

    def image_tokens(address: str) -> int:
        with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as image:
            # Qwen2.5-VL rounds each side to a multiple of 28 pixels, and puts a mark before and behind the image.
            return max(1, round(image.height / 28)) * max(1, round(image.width / 28)) + 2

    def usage_of(messages: Sequence[Mapping[str, Any]], reply: str) -> dict[str, int]:
        count = 3  # the turn that the model begins
        for message in messages:
            content = message["content"]
            parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
            for part in parts:
                text = part["type"] == "text"
                count += len(tokenizer(part["text"])["input_ids"]) if text else image_tokens(part["image_url"]["url"])
            count += 5  # <|im_start|>role and <|im_end|> with their line breaks
        return {"prompt_tokens": count, "completion_tokens": len(tokenizer(reply)["input_ids"]) + 1}

    return usage_of


def table(rows: Sequence[tuple[str, Mapping[str, float]]], prices: tuple[float, float] | None) -> str:
    """Markdown; every figure is for 1,000 rollouts."""
    head = ["setting", "judged", "calls", "prompt tokens", "completion tokens", "tokens, of the default"]
    lines = [head + (["money"] if prices else [])]
    first = rows[0][1]
    for name, row in rows:
        scale = 1000 / row["rollouts"]
        part = (row["prompt"] + row["completion"]) * scale
        whole = (first["prompt"] + first["completion"]) * 1000 / first["rollouts"]
        cells = [f"`{name}`", *(f"{row[k] * scale:,.0f}" for k in ("judged", "calls", "prompt", "completion"))]
        cells.append(f"{part / whole:.0%}")
        if prices:
            cells.append(f"{(row['prompt'] * prices[0] + row['completion'] * prices[1]) * scale / 1e6:.2f}")
        lines.append(cells)
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--dumps", type=Path, nargs="+", default=[SAMPLE / "step_labels.jsonl"], help="rollouts with steps and a case")
    add("--group", type=int, default=8, help="rollouts of a prompt")
    add("--right", type=float, default=0.5, help="share of the rollouts that give the gold answer")
    add("--steps", type=int, default=12, help="training steps over all prompts, each with its own draw")
    add("--tokenizer", help="folder or hub id that counts the tokens of the local server; none: estimated")
    add("--base-url", help="a judge of yours instead of the local server, with --model")
    add("--model", default="fake", help="its model")
    add("--prompt-price", type=float, help="price of a million prompt tokens, in any currency")
    add("--completion-price", type=float, help="price of a million completion tokens")
    add("--seed", type=int, default=0, help="of the rollouts")
    arguments = parser.parse_args(argv)
    if (arguments.prompt_price is None) != (arguments.completion_price is None):
        parser.error("--prompt-price and --completion-price: give both or neither")
    prices = None if arguments.prompt_price is None else (arguments.prompt_price, arguments.completion_price)
    given = prompts(arguments.dumps, group=arguments.group, right=arguments.right, seed=arguments.seed)
    count = counter(arguments.tokenizer) if arguments.tokenizer else None
    server = nullcontext() if arguments.base_url else FakeJudgeServer(usage_of=count)
    with server as local:
        if local is not None and count is None:
            local.usage_of = lambda messages, reply: {}
        url = arguments.base_url or local.base_url
        base = {"judge": {"name": "openai", "openai": {"base_url": url, "model": arguments.model}}}
        rows = []
        for setting in SETTINGS:
            rows.append((setting.name, asyncio.run(spent(setting, base, given, arguments.steps))))
            print(f"{setting.name}: {rows[-1][1]['calls']:.0f} calls", file=sys.stderr, flush=True)
    print(table(rows, prices))


if __name__ == "__main__":
    main()
