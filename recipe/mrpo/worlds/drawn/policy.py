"""The model of the drawn world as a policy: prompts with pictures, sampling, log-probabilities; no verl, one process.

verl's loop is the reference (training.py); this one is for comparisons that need many seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from data_preprocess.convert.prompts import IMAGE, user_prompt
from recipe.mrpo.worlds.drawn.picture import picture
from recipe.mrpo.worlds.drawn.question import Question
from recipe.mrpo.worlds.drawn.rows import TAG
from recipe.mrpo.worlds.drawn.scene import Scene

LIMIT = 26
"""Tokens of a response at most; a response of the right form has 22 and the end of the turn."""


@dataclass(frozen=True)
class Samples:
    """What was sampled: model inputs of prompt and response, and the responses alone."""

    inputs: dict[str, torch.Tensor]
    responses: torch.Tensor
    """(B, C) ids."""
    mask: torch.Tensor
    """(B, C) float32, 1 up to the end of the turn."""
    texts: list[str]

    @property
    def lengths(self) -> list[int]:
        return self.mask.sum(dim=1).to(torch.int64).tolist()


class Prompts:
    """Scenes as model inputs; all prompts are of one length, and the prompt of a question is prepared once."""

    def __init__(self, processor):
        self.processor = processor
        self.known: dict[Question, torch.Tensor] = {}
        self.image_token = processor.tokenizer.convert_tokens_to_ids("<|image_pad|>")

    def __call__(self, scenes: Sequence[Scene], *, rollouts: int = 1) -> dict[str, torch.Tensor]:
        """Inputs of every scene `rollouts` times, the siblings side by side."""
        from PIL import Image

        images = [Image.fromarray(picture(scene)).convert("RGB") for scene in scenes]
        seen = self.processor.image_processor(images=images, return_tensors="pt")
        patches = seen["pixel_values"].reshape(len(scenes), -1, seen["pixel_values"].shape[-1])
        ids = torch.stack([self._prompt(scene.question, images[0]) for scene in scenes])
        ids = ids.repeat_interleave(rollouts, dim=0)
        return {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "pixel_values": patches.repeat_interleave(rollouts, dim=0).flatten(0, 1),
            "image_grid_thw": seen["image_grid_thw"].repeat_interleave(rollouts, dim=0),
            "mm_token_type_ids": (ids == self.image_token).int(),
        }

    def _prompt(self, question: Question, image) -> torch.Tensor:
        if question not in self.known:
            self.known[question] = prompt_ids(self.processor, question, image)
        return self.known[question]


def prompt_ids(processor, question: Question, image) -> torch.Tensor:
    """Token ids of the prompt of a question, the same for every picture."""
    text = user_prompt(question.text, tag=TAG, images=1).removeprefix(IMAGE)
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}]
    told = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    return processor(text=[told], images=[image], return_tensors="pt")["input_ids"][0]


def load(folder: Path):
    """Model (float32) and processor of a start model."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    return model, AutoProcessor.from_pretrained(folder)


@torch.no_grad()
def sample(model, prompts: dict[str, torch.Tensor], tokenizer, generator: torch.Generator) -> Samples:
    """Responses at temperature 1 from the whole vocabulary; the draws depend on the generator alone."""
    model.eval()
    width = prompts["input_ids"].shape[1]
    rows = len(prompts["input_ids"])
    ended = torch.zeros(rows, dtype=torch.bool)
    columns, masks = [], []
    out = model(**prompts, use_cache=True, logits_to_keep=1)
    for place in range(LIMIT):
        chance = out.logits[:, -1].softmax(dim=-1)
        drawn = torch.multinomial(chance, 1, generator=generator)[:, 0]
        columns.append(torch.where(ended, tokenizer.pad_token_id, drawn))
        masks.append(~ended)
        ended = ended | (drawn == tokenizer.eos_token_id)
        if ended.all() or place == LIMIT - 1:
            break
        positions = model.model.rope_deltas + width + place  # as the model itself counts on
        out = model(
            input_ids=drawn[:, None],
            position_ids=positions.view(1, rows, 1).expand(3, -1, -1),
            past_key_values=out.past_key_values,
            use_cache=True,
        )
    responses, mask = torch.stack(columns, dim=1), torch.stack(masks, dim=1)
    ids = torch.cat([prompts["input_ids"], responses], dim=1)
    types = torch.cat([prompts["mm_token_type_ids"], torch.zeros_like(responses, dtype=torch.int32)], dim=1)
    attention = torch.cat([prompts["attention_mask"], mask.to(torch.int64)], dim=1)
    inputs = {**prompts, "input_ids": ids, "attention_mask": attention, "mm_token_type_ids": types}
    texts = [tokenizer.decode(r[m], skip_special_tokens=True) for r, m in zip(responses, mask, strict=True)]
    return Samples(inputs, responses, mask.float(), texts)


def log_probs(model, samples: Samples) -> torch.Tensor:
    """(B, C) log-probabilities of the sampled tokens."""
    width = samples.responses.shape[1]
    logits = model(**samples.inputs, use_cache=False, logits_to_keep=width + 1).logits[:, :-1]
    return logits.log_softmax(dim=-1).gather(-1, samples.responses[..., None])[..., 0]
