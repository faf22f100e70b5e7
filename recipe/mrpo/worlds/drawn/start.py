"""The start model of the drawn world: a Qwen2.5-VL of 0.7 million weights, taught right chains with errors on purpose.

First it is taught to name what the picture shows, then to read in chains of every strength, then to slip.
"""

from __future__ import annotations

import hashlib
import json
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from itertools import islice
from pathlib import Path

import torch

from data_preprocess.convert.prompts import user_prompt
from recipe.mrpo.tiny.backbones import BACKBONES, MAX_POSITIONS, Backbone, build_random
from recipe.mrpo.tiny.templates import chat_template
from recipe.mrpo.tiny.tokenizer import END_OF_TURN, train_tokenizer
from recipe.mrpo.worlds.drawn.lessons import Slips, completion, lesson
from recipe.mrpo.worlds.drawn.picture import picture
from recipe.mrpo.worlds.drawn.policy import prompt_ids
from recipe.mrpo.worlds.drawn.question import questions
from recipe.mrpo.worlds.drawn.rows import TAG
from recipe.mrpo.worlds.drawn.scene import scenes
from recipe.mrpo.worlds.drawn.words import VALUES

MANIFEST = "start_model.json"
STRENGTHS = (0.0, 0.5, 1.0)
"""Cascade strengths that the lessons have in equal parts."""
SCENES, BATCH, LEARNING_RATE = 2400, 32, 3e-3
DIRECT_UNTIL, RIGHT_UNTIL = 0.15, 0.85
"""Shares of the steps: independent readings alone, then right chains of every strength, then chains with slips.

Slips come last: noise on every label would hide from the model what the picture shows.
"""
VISION = {"hidden_size": 64, "intermediate_size": 128, "num_heads": 4}


SLIPS, NONE = Slips(first=0.35, last=0.1), Slips(first=0.0, last=0.0)


@dataclass(frozen=True)
class Recipe:
    """What decides the weights, beside the code and the libraries."""

    seed: int = 0
    steps: int = 2500
    slips: Slips = SLIPS


def make(out: Path, recipe: Recipe, *, progress: Callable[[str], None]) -> bool:
    """Write the model to `out`; False if it was there already, made from the same inputs.

    Raises ValueError if `out` is a folder of something else.
    """
    key = cache_key(recipe)
    if (out / MANIFEST).is_file() and json.loads((out / MANIFEST).read_text())["key"] == key:
        return False
    if out.exists() and any(out.iterdir()) and not (out / MANIFEST).is_file():
        raise ValueError(f"{out} is not a start model of the drawn world; choose another folder, or remove it.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as scratch:
        made = Path(scratch) / "model"  # moved to its place whole
        begun = time.monotonic()
        loss = _teach(made, recipe, progress)
        told = {"key": key, **asdict(recipe), "loss": loss, "seconds": round(time.monotonic() - begun, 1)}
        (made / MANIFEST).write_text(json.dumps(told, indent=2) + "\n")
        if out.exists():
            for file in out.iterdir():
                file.unlink()
            out.rmdir()
        made.rename(out)
    return True


def cache_key(recipe: Recipe) -> str:
    """SHA-256 over the recipe, the source of this world and of the tiny models, and the versions of the libraries."""
    here = Path(__file__).parent
    digest = hashlib.sha256(json.dumps(asdict(recipe), sort_keys=True).encode())
    named = ("words", "question", "scene", "picture", "lessons", "policy", "start")
    tiny = sorted((here.parents[1] / "tiny").glob("*.py"))
    for source in (*(here / f"{name}.py" for name in named), here.parent / "world.py", *tiny):
        digest.update(source.read_bytes() + b"\0")
    digest.update(json.dumps({name: version(name) for name in ("torch", "transformers", "tokenizers")}).encode())
    return digest.hexdigest()


def backbone() -> Backbone:
    """The tiny Qwen2.5-VL without a system message, its image encoder twice as wide."""
    plain = BACKBONES["qwen2_5_vl"]

    def config(tokenizer):
        made = plain.make_config(tokenizer)
        for name, value in VISION.items():
            setattr(made.vision_config, name, value)
        return made

    template = chat_template(
        system=None,
        image="<|vision_start|><|image_pad|><|vision_end|>",
        video="<|vision_start|><|video_pad|><|vision_end|>",
    )
    return replace(plain, template=template, make_config=config)


def tokenizer():
    """Every word of this world, the tags and the instruction of the prompt are one token each: steps stay fast."""
    asked = [q for strength in STRENGTHS for q in questions(strength)]
    instruction = user_prompt(asked[0].text, tag=TAG, images=1).partition("\n")[2]
    words = "\n".join(word for values in VALUES.values() for word in values)
    # The bare words weigh most: an answer stands without a blank before it.
    texts = [words] * 3000 + [q.text for q in asked] + ["user\nassistant\n"]
    texts += [completion(s, s.truth) for s in islice(scenes("lessons", cascade=1.0, seed=0), 500)]
    plain = BACKBONES["qwen2_5_vl"]
    tags = (f"<{TAG}>", f"</{TAG}>", "<answer>", "</answer>")
    return train_tokenizer(
        texts,
        max_size=600,
        special=plain.special,
        named=plain.named,
        owned=(*tags, instruction),
        max_length=MAX_POSITIONS,
    )


class Lessons:
    """Batches for supervised steps: prompts and pictures are prepared once, questions and slips drawn anew."""

    def __init__(self, processor, recipe: Recipe):
        from PIL import Image

        self.processor, self.tokenizer = processor, processor.tokenizer
        self.draw = random.Random(recipe.seed)
        self.scenes = list(islice(scenes("lessons", cascade=1.0, seed=recipe.seed), SCENES))
        self.questions = {strength: questions(strength) for strength in STRENGTHS}
        images = [Image.fromarray(picture(scene)).convert("RGB") for scene in self.scenes]
        seen = processor.image_processor(images=images, return_tensors="pt")
        self.patches = seen["pixel_values"].reshape(len(images), -1, seen["pixel_values"].shape[-1]).half()
        self.grid = seen["image_grid_thw"][:1]
        self.prompts = {q: prompt_ids(processor, q, images[0]) for asked in self.questions.values() for q in asked}
        self.pad = self.tokenizer.convert_tokens_to_ids("<|image_pad|>")

    def batch(self, strengths: Sequence[float], slips: Slips) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """Model inputs and the ids of the responses, (B, C): all prompts and all responses are of one length."""
        picked = [self.draw.randrange(len(self.scenes)) for _ in range(BATCH)]
        asked = [self.draw.choice(self.questions[self.draw.choice(strengths)]) for _ in picked]
        drawn = [replace(self.scenes[i], question=q) for i, q in zip(picked, asked, strict=True)]
        texts = [completion(s, lesson(s, slips, self.draw)) + END_OF_TURN for s in drawn]
        responses = torch.tensor(self.tokenizer(texts, add_special_tokens=False)["input_ids"])
        ids = torch.cat([torch.stack([self.prompts[q] for q in asked]), responses], dim=1)
        inputs = {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "pixel_values": self.patches[picked].float().flatten(0, 1),
            "image_grid_thw": self.grid.repeat(BATCH, 1),
            "mm_token_type_ids": (ids == self.pad).int(),
        }
        return inputs, responses


def _teach(out: Path, recipe: Recipe, progress: Callable[[str], None]) -> float:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums come in one order, and a busy machine has no second core to wait for
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model, processor = build_random(backbone(), tokenizer())
        lessons = Lessons(processor, recipe)
        progress(f"{model.num_parameters():,} parameters, vocabulary of {len(processor.tokenizer)}")
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01, fused=True
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: min(1.0, (step + 1) / 50, 1.3 - step / recipe.steps)
        )
        model.train()
        begun, loss = time.monotonic(), torch.tensor(0.0)
        for step in range(recipe.steps):
            share = step / recipe.steps
            strengths = STRENGTHS[:1] if share < DIRECT_UNTIL else STRENGTHS
            inputs, wanted = lessons.batch(strengths, NONE if share < RIGHT_UNTIL else recipe.slips)
            logits = model(**inputs, logits_to_keep=wanted.shape[1] + 1, use_cache=False).logits[:, :-1]
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), wanted.flatten())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            if (step + 1) % max(1, recipe.steps // 20) == 0:
                seconds = time.monotonic() - begun
                left = seconds / (step + 1) * (recipe.steps - step - 1)
                progress(f"step {step + 1}/{recipe.steps}  loss {loss.item():.3f}  {seconds:.0f} s, {left:.0f} s left")
        model.eval()
    torch.set_num_threads(threads)
    model.save_pretrained(out)
    processor.save_pretrained(out)
    return round(loss.item(), 4)
