"""What a tiny model says: samples at temperature 1, and how many of them are as they should be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import torch

from recipe.mrpo.rollout.steps import parse, split_steps
from recipe.mrpo.tiny.batch import collate, encode
from recipe.mrpo.tiny.rows import Row


@dataclass(frozen=True, slots=True)
class Sample:
    """One sampled completion and the row that it answers."""

    row: Row
    text: str
    tokens: int
    ended: bool
    """Whether it ended its turn within the limit."""

    @property
    def well_formed(self) -> bool:
        return self.ended and parse(self.text).well_formed

    @property
    def sentences(self) -> tuple[str, ...]:
        steps = split_steps(parse(self.text), splitter="rules", unclosed_think="drop")
        return tuple(self.text[step.start : step.end] for step in steps)

    @property
    def right(self) -> bool:
        return (parse(self.text).answer or "").casefold() == self.row.answer.casefold()


@dataclass(frozen=True, slots=True)
class Shares:
    """Of `samples` samples or of their prompts: shares in [0, 1], and mean numbers of steps and tokens."""

    samples: int
    well_formed: float
    several_steps: float
    right: float
    verbatim: float
    """Share whose reasoning is the gold reasoning, word for word."""
    mixed: float
    """Share of prompts with right and wrong samples: those that a group-based method learns from."""
    steps: float
    tokens: float

    def lines(self) -> list[str]:
        return [
            f"well-formed (closed think and answer, end of turn)  {self.well_formed:6.1%}",
            f"two steps or more                                   {self.several_steps:6.1%}",
            f"answer right                                        {self.right:6.1%}",
            f"prompts with right and wrong answers                {self.mixed:6.1%}",
            f"gold reasoning word for word                        {self.verbatim:6.1%}",
            f"mean number of steps, of tokens                     {self.steps:6.1f} {self.tokens:6.1f}",
        ]


@torch.no_grad()
def sample(model, processor, rows: Sequence[Row], *, per_row: int, max_new_tokens: int) -> list[Sample]:
    """`per_row` completions of each row's prompt at temperature 1, the rows in order."""
    tokenizer = processor.tokenizer
    prompts = [prompt for prompt in (encode(processor, row) for row in rows) for _ in range(per_row)]
    inputs = collate(prompts, [()] * len(prompts), tokenizer.pad_token_id)
    width = inputs["input_ids"].shape[1]
    generated = model.generate(**inputs, generation_config=_plain(tokenizer, max_new_tokens))
    samples = []
    for number, ids in enumerate(generated[:, width:].tolist()):
        length = next((at for at, token in enumerate(ids) if token == tokenizer.eos_token_id), None)
        kept = ids if length is None else ids[:length]
        text = tokenizer.decode(kept, skip_special_tokens=True)
        samples.append(Sample(rows[number // per_row], text, len(kept), length is not None))
    return samples


def _plain(tokenizer, max_new_tokens: int):
    from transformers import GenerationConfig

    return GenerationConfig(
        do_sample=True,
        temperature=1.0,
        top_p=1.0,
        top_k=0,
        max_new_tokens=max_new_tokens,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def shares(samples: Sequence[Sample], per_row: int) -> Shares:
    """Statistics of samples that come `per_row` to a row."""
    groups = [samples[at : at + per_row] for at in range(0, len(samples), per_row)]
    return Shares(
        samples=len(samples),
        well_formed=fmean([sample.well_formed for sample in samples]),
        several_steps=fmean([len(sample.sentences) >= 2 for sample in samples]),
        right=fmean([sample.right for sample in samples]),
        verbatim=fmean([" ".join(sample.sentences) == " ".join(sample.row.sentences) for sample in samples]),
        mixed=fmean([len({sample.right for sample in group}) == 2 for group in groups]),
        steps=fmean([len(sample.sentences) for sample in samples]),
        tokens=fmean([sample.tokens for sample in samples]),
    )
