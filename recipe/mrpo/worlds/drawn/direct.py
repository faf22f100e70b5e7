"""One run of the drawn world without verl: sample, judge, reward, credit, update, all in one process.

The same model, prompts, judge, rewards and loss as training.py, for comparisons of many seeds; verl's loop is the
reference. Steps, token spans, group statistics, shaping and the spread over tokens are the package's own functions.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from recipe.mrpo.credit.token_runs import TokenRuns
from recipe.mrpo.rollout.first_failure import first_failure_position
from recipe.mrpo.rollout.parsing import Span
from recipe.mrpo.rollout.record import is_wrong
from recipe.mrpo.rollout.steps import parse, split_steps
from recipe.mrpo.rollout.tokens import TokenTable, TokenText, align
from recipe.mrpo.worlds.arms import Arm
from recipe.mrpo.worlds.credit import step_advantages
from recipe.mrpo.worlds.drawn.measure import EARLY
from recipe.mrpo.worlds.drawn.policy import Prompts, Samples, load, log_probs, sample
from recipe.mrpo.worlds.drawn.scene import Scene, scenes
from recipe.mrpo.worlds.judges import degrade


@dataclass(frozen=True)
class DirectSettings:
    """What all arms share."""

    updates: int = 60
    prompts: int = 4
    rollouts: int = 4
    lr: float = 3e-4
    kl: float = 0.04
    cascade: float = 1.0
    test_scenes: int = 384
    """Of each test; two rollouts of each."""


@dataclass(frozen=True)
class Read:
    """One response, read: its answer, its steps, and the tokens of each step."""

    answer: str
    steps: list[str]
    spans: list[Span]


def read(samples: Samples, table: TokenTable) -> list[Read]:
    """Parse, split and align every response, as the reward workers do."""
    out = []
    for ids, length in zip(samples.responses.tolist(), samples.lengths, strict=True):
        tokens = TokenText.from_ids(ids[:length], table)
        parsed = parse(tokens.text)
        steps = split_steps(parsed, splitter="rules", unclosed_think="drop")
        said = [tokens.text[s.start : s.end] for s in steps]
        out.append(Read((parsed.answer or "").strip(), said, align(steps, tokens)))
    return out


def labels_of(drawn: Sequence[Scene], responses: Sequence[Read], kind: str) -> torch.Tensor:
    """(B, K) float64 exact labels, NaN behind a rollout's own steps."""
    width = max(1, *(len(r.steps) for r in responses))
    out = torch.full((len(responses), width), torch.nan, dtype=torch.float64)
    for row, (scene, response) in enumerate(zip(drawn, responses, strict=True)):
        given = scene.question.labels(scene.clues, response.steps, kind)
        out[row, : len(given)] = torch.tensor(given, dtype=torch.float64)
    return out


def test(model, prompts: Prompts, split: str, settings: DirectSettings, *, table: TokenTable) -> dict[str, float]:
    """Rates over all rollouts by exact `scene` labels, on scenes of the split's own seed; the same for every run."""
    drawn = list(islice(scenes(split, cascade=settings.cascade, seed=0), settings.test_scenes))
    generator = torch.Generator().manual_seed(7_919)
    early = right = 0
    for first in range(0, len(drawn), 64):
        some = drawn[first : first + 64]
        twice = [scene for scene in some for _ in range(2)]
        samples = sample(model, prompts(some, rollouts=2), prompts.processor.tokenizer, generator)
        for scene, response in zip(twice, read(samples, table), strict=True):
            labels = list(scene.question.labels(scene.clues, response.steps, "scene"))
            labels += [0] * (len(scene.clues) - len(labels))
            position = first_failure_position(labels)
            early += position is not None and position < EARLY
            right += response.answer == scene.question.answer(scene.truth)
    return {"early_rate": early / (2 * len(drawn)), "accuracy": right / (2 * len(drawn))}


def run(folder: Path, arm: Arm, settings: DirectSettings, *, seed: int) -> dict[str, Any]:
    """Rates after the last update. Seeds are paired: scenes and sampling noise of a seed do not depend on the arm."""
    model, processor = load(folder)
    start = copy.deepcopy(model).eval()
    prompts, table = Prompts(processor), TokenTable.from_tokenizer(processor.tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.lr, weight_decay=0.0)
    stream = scenes("train", cascade=settings.cascade, seed=seed)
    groups = [p for p in range(settings.prompts) for _ in range(settings.rollouts)]
    for number in range(settings.updates):
        generator = torch.Generator().manual_seed(1_000_003 * (seed + 1) + number)
        some = list(islice(stream, settings.prompts))
        drawn = [some[p] for p in groups]
        samples = sample(model, prompts(some, rollouts=settings.rollouts), processor.tokenizer, generator)
        update(model, start, optimizer, samples, credit(arm, drawn, samples, table, groups, generator), settings.kl)
    return {
        **test(model, prompts, "test", settings, table=table),
        "shifted": test(model, prompts, "shifted", settings, table=table),
    }


def credit(
    arm: Arm, drawn: Sequence[Scene], samples: Samples, table: TokenTable, groups: Sequence[int],
    generator: torch.Generator,
) -> torch.Tensor:  # fmt: skip
    """(B, C) advantage of every token."""
    responses = read(samples, table)
    answers = zip(responses, drawn, strict=True)
    reward = torch.tensor([float(r.answer == s.question.answer(s.truth)) for r, s in answers], dtype=torch.float64)
    wrong = torch.tensor([is_wrong(r, tau=arm.tau) for r in reward.tolist()])
    exact = labels_of(drawn, responses, arm.judge)
    judged = torch.where(torch.isnan(exact), exact, degrade(exact, arm.faults, generator))
    steps = torch.tensor([len(r.steps) for r in responses])
    shaped, outside = step_advantages(arm, reward, judged, groups, wrong, steps)
    runs = TokenRuns.of([r.spans for r in responses], samples.mask.to(torch.int64), samples.lengths)
    return runs.spread(shaped, outside)


def update(model, start, optimizer, samples: Samples, advantages: torch.Tensor, kl: float) -> None:
    """One on-policy step: token mean, then rollout mean, of -A log p + kl (e^d - d - 1), d = log p_start - log p."""
    model.train()
    with torch.no_grad():
        reference = log_probs(start, samples)
    taken = log_probs(model, samples)
    apart = reference - taken
    loss = -advantages * taken + kl * (apart.exp() - apart - 1)
    mean = ((loss * samples.mask).sum(dim=1) / samples.mask.sum(dim=1)).mean()
    optimizer.zero_grad(set_to_none=True)
    mean.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
