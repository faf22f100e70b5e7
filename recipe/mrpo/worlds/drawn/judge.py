"""Exact judges of the drawn world, by the names `recipe.mrpo.worlds.drawn.judge:scene` and `…:local`.

    mrpo.judge.name=recipe.mrpo.worlds.drawn.judge:local +mrpo.judge.options.flip=0.15

The scene is read from the row: the question names the chain, and the gold reasoning states its right values, from
which the clues follow. Noise is drawn from a hash of case and steps, so the same reasoning gets the same labels again.
"""

from __future__ import annotations

import hashlib

import torch

from recipe.mrpo.judge.protocol import Judgement, JudgeRequest
from recipe.mrpo.rollout.steps import parse, split_steps
from recipe.mrpo.worlds import world
from recipe.mrpo.worlds.drawn.question import Question, parse_question
from recipe.mrpo.worlds.judges import JudgeFaults, degrade


def case_of(question: str, gold_reasoning: str) -> tuple[Question, list[int]]:
    """Question and clues of a row. Raises ValueError if it is not one of the drawn world."""
    asked = parse_question(question)
    text = f"<think>{gold_reasoning}</think>"
    sentences = [text[s.start : s.end] for s in split_steps(parse(text), splitter="rules", unclosed_think="drop")]
    values = asked.read(sentences)
    if min(values) < 0 or len(sentences) != len(values):
        raise ValueError(f"the gold reasoning does not state the {len(values)} readings of its question")
    return asked, world.clues_of(asked, torch.tensor([values]))[0].tolist()


class SceneJudge:
    """A step is valid if it is true in the scene and in its place of the chain."""

    stays_on_machine = True
    kind = "scene"

    def __init__(
        self, flip: float = 0.0, flip_first: float = 0.0, fail: float = 0.0, failed_as: str = "unknown", seed: int = 0
    ):
        self.name = f"drawn:{self.kind}"
        self.faults = JudgeFaults(flip=flip, flip_first=flip_first, fail=fail, failed_as=failed_as)
        self.seed = seed

    async def label(self, request: JudgeRequest) -> Judgement:
        try:
            question, clues = case_of(request.question, request.gold_reasoning)
        except ValueError as error:
            return Judgement(failure="not_of_this_world", detail=str(error))
        exact = question.labels(clues, request.steps, self.kind)
        if not exact:
            return Judgement(labels=())
        given = degrade(torch.tensor([exact], dtype=torch.float64), self.faults, self._noise(request))[0]
        if torch.isnan(given).any():
            return Judgement(failure="on_purpose")
        return Judgement(labels=tuple(int(v) for v in given.tolist()))

    def _noise(self, request: JudgeRequest) -> torch.Generator:
        """Seeded by what is judged: labels do not depend on the order of the calls."""
        told = repr((self.seed, request.question, request.gold_reasoning, request.steps)).encode()
        return torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(told).digest()[:7], "big"))

    async def close(self) -> None:
        pass


class LocalJudge(SceneJudge):
    """A step is valid if it follows from its clue and the step before, inherited errors forgiven."""

    kind = "local"


scene, local = SceneJudge, LocalJudge
