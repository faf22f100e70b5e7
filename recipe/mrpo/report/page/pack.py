"""Rollouts as the page reads them: columns for the list, texts in blocks that are parsed when one is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from recipe.mrpo.evaluate.rollouts import Rollout
from recipe.mrpo.report.page.sample import ORIGINS
from recipe.mrpo.report.page.text_pool import TextPool, cut, step_places

BLOCK = 100
"""Rollouts whose texts share a JSON block."""
TEXT_LIMIT = 20_000
"""Characters of one text of a model or a file."""
QUESTION_FIELDS = (
    "id", "data_source", "split", "index", "question", "gold", "gold_reasoning", "modality", "organ", "question_type",
    "answer_type", "image_ids",
)  # fmt: skip
TEXT_FIELDS = (
    "output", "answer", "prompt", "steps", "reasons", "spans", "step_advantages", "rewards", "weights", "failure",
    "judge", "finish_reason", "response_tokens", "verdict", "verdict_status", "errors", "place",
)  # fmt: skip


class Pack:
    """Collects rollouts; `columns` and `blocks` are the JSON blocks of the page."""

    def __init__(self) -> None:
        self._questions, self._groups, self._statuses = TextPool(), TextPool(), TextPool()
        self._prompts, self._conditions = TextPool(), TextPool()
        self._columns: dict[str, list[Any]] = {
            name: []
            for name in (
                "run",
                "origin",
                "step",
                "question",
                "group",
                "sample",
                "right",
                "labels",
                "status",
                "advantage",
                "condition",
            )
        }
        self._texts: list[list[Any]] = []
        self.images: dict[int, list[str]] = {}
        """Hashes of the images of each question, filled in by whoever reads them."""
        self.cut_texts = 0

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, run: int, rollouts: Iterable[Rollout]) -> None:
        columns = self._columns
        for rollout in rollouts:
            columns["run"].append(run)
            columns["origin"].append(ORIGINS.index(rollout.origin))
            columns["step"].append(rollout.step)
            columns["question"].append(self._questions.add(self._question(rollout)))
            columns["group"].append(
                self._groups.add((run, rollout.origin, rollout.step, rollout.group, rollout.condition))
            )
            columns["sample"].append(rollout.sample)
            columns["right"].append(None if rollout.wrong is None else int(not rollout.wrong))
            columns["labels"].append(None if rollout.labels is None else "".join(map(str, rollout.labels)))
            columns["status"].append(self._statuses.add(rollout.judge_status))
            columns["advantage"].append(rollout.advantage)
            columns["condition"].append(self._conditions.add(rollout.condition))
            self._texts.append(self._text(rollout))

    def _question(self, rollout: Rollout) -> tuple:
        gold = tuple(self._cut(text) for text in rollout.gold)
        texts = (self._cut(rollout.question), gold, self._cut(rollout.gold_reasoning))
        place = (rollout.question_id, rollout.data_source, rollout.split, rollout.index)
        kinds = (rollout.modality, rollout.organ, rollout.question_type, rollout.answer_type)
        return (*place, *texts, *kinds, rollout.image_ids)

    def _text(self, rollout: Rollout) -> list[Any]:
        output = self._cut(rollout.output or "")
        judge = {name: value for name, value in rollout.judge.items() if name not in ("reasons", "agreement") and value}
        return [
            output,
            None if rollout.answer is None else self._cut(rollout.answer),
            self._prompts.add(self._cut(rollout.prompt)),
            step_places(output, [self._cut(step) for step in rollout.steps]),
            None if rollout.reasons is None else [None if r is None else self._cut(r) for r in rollout.reasons],
            rollout.spans,
            rollout.step_advantages,
            rollout.rewards,
            rollout.weights,
            rollout.failure,
            judge,
            rollout.finish_reason,
            rollout.response_tokens,
            rollout.verdict,
            rollout.verdict_status,
            rollout.errors,
            rollout.place,
        ]

    def _cut(self, text: str) -> str:
        self.cut_texts += len(text) > TEXT_LIMIT
        return cut(text, TEXT_LIMIT)

    def questions(self) -> list[dict[str, Any]]:
        return [dict(zip(QUESTION_FIELDS, values, strict=True)) for values in self._questions.values]

    def blocks(self) -> Iterator[tuple[str, Any]]:
        """(id, value) of the JSON blocks: the columns first, then the texts."""
        questions = [q | {"images": self.images.get(i, [])} for i, q in enumerate(self.questions())]
        yield (
            "columns",
            self._columns
            | {"statuses": self._statuses.values, "origins": ORIGINS, "conditions": self._conditions.values},
        )
        yield "questions", questions
        yield "prompts", self._prompts.values
        yield "text-fields", TEXT_FIELDS
        for number, start in enumerate(range(0, len(self._texts), BLOCK)):
            yield f"texts-{number}", self._texts[start : start + BLOCK]


def question_key(question: Mapping[str, Any]) -> tuple[str, str, str]:
    """(data_source, split, index) of a row of the data."""
    index = question["index"]
    return question["data_source"], question["split"], "" if index is None else str(index)
