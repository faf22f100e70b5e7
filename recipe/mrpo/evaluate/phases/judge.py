"""Phase 2: the steps of each answer labelled, its rewards computed, the answer judged; a line each."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from recipe.mrpo.evaluate.ids import digest, output_hash
from recipe.mrpo.evaluate.phases.generate import Outcome
from recipe.mrpo.evaluate.phases.judging import Judging
from recipe.mrpo.evaluate.phases.log import AppendLog
from recipe.mrpo.evaluate.phases.prompts import chat_messages
from recipe.mrpo.evaluate.phases.questions import Questions
from recipe.mrpo.evaluate.phases.stop import Stop
from recipe.mrpo.evaluate.phases.tasks import Task
from recipe.mrpo.evaluate.phases.verdict import answer_verdict
from recipe.mrpo.rollout.steps import Step
from recipe.mrpo.rollout.tokens import TokenText, align
from recipe.mrpo.scoring.faults import CAUGHT, ends_the_run
from recipe.mrpo.scoring.judged import judged_rollout, unscored_record
from recipe.mrpo.scoring.row import read_row

JUDGEMENTS = "judgements.jsonl"
AT_ONCE = 64
"""Judgements under way; how many calls are made at once is the judge's own option."""

logger = logging.getLogger(__name__)


def failures_of(row: Mapping[str, Any]) -> list[str]:
    """Kinds of failures in a line of judgements.jsonl, which the next run tries again."""
    record = row.get("mrpo")
    if not isinstance(record, dict):
        return ["not_judged"]
    found = [f"labels: {kind}" for kind in [_kind(record.get("judge_status"))] if kind]
    found += [f"reward {name}: {kind}" for name, kind in (record.get("errors") or {}).items()]
    found += [f"verdict: {kind}" for kind in [_kind((row.get("answer_verdict") or {}).get("status"))] if kind]
    found += ["repeat"] * sum(labels is None for labels in row.get("repeats") or ())
    return found


def _kind(status: Any) -> str | None:
    return str(status).removeprefix("failed:") if str(status).startswith("failed:") else None


def failed(row: Mapping[str, Any]) -> bool:
    return bool(failures_of(row))


def is_repeated(name: str, *, share: float, seed: int) -> bool:
    """Is this answer one of the random part that is judged again? The same answers in every run."""
    draw = int.from_bytes(hashlib.sha256(f"repeat:{seed}:{name}".encode()).digest()[:8], "big")
    return draw < share * 2**64


class JudgePhase:
    """Judges what generations.jsonl holds for `tasks`. `judging` makes the judges and rewards, if any is needed."""

    judging: Judging

    def __init__(
        self,
        questions: Questions,
        generations: AppendLog,
        log: AppendLog,
        *,
        judging: Callable[[], Judging],
        input_of: str,
        stop: Stop,
    ) -> None:
        self.questions, self.generations, self.log = questions, generations, log
        self.made, self.input_of, self.stop = judging, input_of, stop

    def run(self, tasks: Sequence[Task]) -> Outcome:
        """Judge every answer that has no judgement yet. Raises PermissionError for a row that may not be sent."""
        answered = [task for task in tasks if self.generations.done(task.id, task.input_hash)]
        hashes = {}
        for task in answered:
            row = self.generations.row(task.id) or {}
            hashes[task.id] = self._input_hash(task, row)
        todo = [task for task in answered if not self.log.done(task.id, hashes[task.id])]
        out = Outcome(len(tasks), len(answered) - len(todo), unanswered=len(tasks) - len(answered))
        if todo:
            self.judging = self.made()
            self.judging.check([task.question for task in todo])
            asyncio.run(self._run(todo, hashes, out))
        return out

    def _input_hash(self, task: Task, generation: Mapping[str, Any]) -> str:
        question = task.question
        about = [question.case.get(name) for name in ("question", "gold_reasoning")]
        told = output_hash(generation.get("output"))
        return digest(self.input_of, told, *map(str, about), *question.case.get("gold", ()), "|", *question.images)

    async def _run(self, tasks: Sequence[Task], hashes: Mapping[str, str], out: Outcome) -> None:
        from tqdm import tqdm

        waiting, left = iter(tasks), len(tasks)
        with tqdm(total=out.done_before + left, initial=out.done_before, desc="judged", file=sys.stderr) as bar:

            async def worker() -> None:
                nonlocal left
                for task in waiting:
                    if self.stop:
                        return
                    row = await self._judged(task, hashes[task.id])
                    self.log.append(row)
                    left -= 1
                    kinds = failures_of(row)
                    out.failures += Counter(kinds)
                    out.done += not kinds
                    bar.update()

            workers = [asyncio.create_task(worker()) for _ in range(min(AT_ONCE, len(tasks)))]
            try:
                await asyncio.gather(*workers)
            finally:
                for each in workers:
                    each.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
                await self.judging.close()
        out.not_asked = left

    async def _judged(self, task: Task, input_hash: str) -> dict[str, Any]:
        """The line of an answer. What an earlier line of the same input knows is kept, what failed is asked again."""
        generation = self.generations.row(task.id) or {}
        entry = self.log.entry(task.id)
        earlier = self.log.row(task.id) if entry is not None and entry.input_hash == input_hash else None
        data = await asyncio.to_thread(self.questions.row, task.question.number)
        row = read_row(data)
        prompt = chat_messages(data["prompt"], data["images"] or ())
        record = earlier and earlier["mrpo"]
        if record is None or str(record["judge_status"]).startswith("failed") or record["errors"]:
            record = await self._record(generation, row, prompt)
        record["case"] = {**record["case"], **task.question.case}
        verdict = earlier and earlier["answer_verdict"]
        if self.judging.answer is not None and (verdict is None or verdict["status"].startswith("failed")):
            verdict = await answer_verdict(
                self.judging.answer, row, record["answer"], prompt=prompt, show_images=self.judging.show_images
            )
        repeats = await self._repeats(task, generation, row, prompt, record, (earlier or {}).get("repeats"))
        return {
            "id": task.id, "question_id": task.question.id, "sample": task.sample, "input_hash": input_hash,
            "output_hash": output_hash(generation.get("output")), "mrpo": record, "answer_verdict": verdict,
            "repeats": repeats,
        }  # fmt: skip

    async def _record(self, generation: Mapping[str, Any], row: Any, prompt: Any) -> dict[str, Any]:
        scorer, tokens = self.judging.scorer, _tokens(generation)
        count = generation.get("response_tokens")
        try:
            record = await judged_rollout(
                generation["output"], row, scorer=scorer, labeller=self.judging.labeller, judge=self.judging.judge,
                prompt=prompt, spans=lambda steps: _spans(steps, tokens), response_tokens=count or 0,
            )  # fmt: skip
        except CAUGHT as error:
            if ends_the_run(error):
                raise
            kind = scorer.told("scoring a rollout", error)
            record = unscored_record(scorer, response_tokens=count or 0, errors={"rollout": kind})
        plain = asdict(record)
        if tokens is None:  # no engine of ours: which token belongs to which step is not known
            plain["spans"] = None
        plain["response_tokens"] = count
        return plain

    async def _repeats(
        self, task: Task, generation: Mapping[str, Any], row: Any, prompt: Any, record: Mapping[str, Any], earlier: Any
    ) -> list[list[int] | None] | None:
        """Labels of further judgements, each asked for anew; None: this answer is not one of the random part."""
        judging = self.judging
        if not judging.repeats or not record["labels"] or not is_repeated(
            task.id, share=judging.repeat_share, seed=judging.repeat_seed
        ):  # fmt: skip
            return None
        case = await asyncio.to_thread(judging.scorer.begin, generation["output"], row)
        out = list(earlier or [None] * judging.repeats)
        for at, labels in enumerate(out):
            if labels is None:
                found = await judging.labeller.label(judging.repeat_judge, case, row, prompt=prompt)
                out[at] = found.labels
        return out


def _tokens(generation: Mapping[str, Any]) -> TokenText | None:
    starts, ends = generation.get("token_starts"), generation.get("token_ends")
    if starts is None or ends is None:
        return None
    return TokenText(generation["output"], np.array(starts, dtype=np.int64), np.array(ends, dtype=np.int64))


def _spans(steps: Sequence[Step], tokens: TokenText | None) -> list[tuple[int, int]]:
    return [(0, 0)] * len(steps) if tokens is None else align(steps, tokens)
