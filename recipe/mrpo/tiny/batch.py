"""Prompts as tensors: computed once a row, put together for training and for sampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from recipe.mrpo.tiny.rows import Row

IGNORED = -100  # a label that the loss leaves out


class Prompt(NamedTuple):
    """Processor output for one row."""

    sequence: dict[str, torch.Tensor]
    """Tensors of shape (L,): input_ids and other tensors per token."""
    media: dict[str, torch.Tensor]
    """The other tensors, which are joined along dimension 0."""


def encode(processor, row: Row) -> Prompt:
    """Chat template and processor applied to one row."""
    text = processor.apply_chat_template(list(row.messages), add_generation_prompt=True, tokenize=False)
    tensors = processor(text=[text], images=[row.open_images()], return_tensors="pt")
    shape = tensors["input_ids"].shape
    sequence = {name: value[0] for name, value in tensors.items() if value.shape == shape}
    return Prompt(sequence, {name: value for name, value in tensors.items() if name not in sequence})


def collate(prompts: Sequence[Prompt], completions: Sequence[Sequence[int]], pad: int) -> dict[str, torch.Tensor]:
    """Model inputs of shape (B, P + C): prompts padded on the left to P, completions on the right to C.

    All completions begin in column P, so that the model needs to compute logits from column P - 1 on only.
    """
    width = max(prompt.sequence["input_ids"].numel() for prompt in prompts)
    tail = max(map(len, completions))
    rows: dict[str, list[torch.Tensor]] = {}
    for prompt, ids in zip(prompts, completions, strict=True):
        given = torch.tensor(list(ids), dtype=torch.long)
        for name, value in prompt.sequence.items():
            filler = pad if name == "input_ids" else 0
            after = {"input_ids": given, "attention_mask": torch.ones_like(given)}.get(name, torch.zeros_like(given))
            row = torch.nn.functional.pad(
                torch.cat([value, after]), (width - value.numel(), tail - len(given)), value=filler
            )
            rows.setdefault(name, []).append(row)
    out = {name: torch.stack(values) for name, values in rows.items()}
    return out | {name: torch.cat([prompt.media[name] for prompt in prompts]) for name in prompts[0].media}


def completion_labels(completions: Sequence[Sequence[int]]) -> torch.Tensor:
    """Labels of shape (B, C) for the logits that predict the completions."""
    tail = max(map(len, completions))
    return torch.tensor([[*ids, *[IGNORED] * (tail - len(ids))] for ids in completions])
