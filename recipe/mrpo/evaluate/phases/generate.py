"""Phase 1: an answer of the model to each question and sample, a line each."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from recipe.mrpo.common.printable import printable
from recipe.mrpo.evaluate.ids import digest, sample_id
from recipe.mrpo.evaluate.phases.conditions import NO_OTHER_IMAGE, shown_images
from recipe.mrpo.evaluate.phases.log import AppendLog
from recipe.mrpo.evaluate.phases.questions import Question, Questions
from recipe.mrpo.evaluate.phases.stop import Stop
from recipe.mrpo.evaluate.phases.tasks import Engine, Generated, Task, seed_of
from recipe.mrpo.rollout.parsing import parse

GENERATIONS = "generations.jsonl"


def failed(row: Mapping[str, Any]) -> bool:
    return row.get("output") is None


def tasks_of(questions: Questions, *, samples: int, seed: int, condition: str, input_of: str) -> list[Task]:
    """All answers of an evaluation in the order of the data. `input_of`: fingerprint of model and settings."""
    shown = shown_images(questions.all, condition)
    return [
        _task(question, sample, seed=seed, image_of=image_of, all_=questions.all, input_of=input_of)
        for question, image_of in zip(questions.all, shown, strict=True)
        for sample in range(samples)
    ]


def _task(
    question: Question, sample: int, *, seed: int, image_of: int | None, all_: Sequence[Question], input_of: str
) -> Task:
    name = sample_id(question.case, sample)
    problem = question.image_problem and "bad_image"
    images: Sequence[str] = ()
    if image_of == -1:
        image_of, problem = None, problem or NO_OTHER_IMAGE
    elif image_of is not None:
        images = all_[image_of].images
    else:
        problem = None  # without the image its fault does not matter
    own_seed = seed_of(name, seed)
    told = digest(input_of, question.prompt_hash, own_seed, *images, "" if image_of is None else "image")
    return Task(name, question, sample, own_seed, image_of, told, tuple(images), problem)


@dataclass
class Outcome:
    """What a phase has found and done."""

    wanted: int
    done_before: int
    done: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    not_asked: int = 0
    """What was not tried: the work was stopped."""
    unanswered: int = 0
    """Answers that cannot be judged because there are none."""

    @property
    def complete(self) -> bool:
        return not self.not_asked and not self.failures and not self.unanswered


def generate(tasks: Sequence[Task], log: AppendLog, *, engine: Engine, condition: str, stop: Stop) -> Outcome:
    """Ask for every task that `log` has no answer for; each answer is appended as it comes."""
    from tqdm import tqdm

    todo = {task.id for task in tasks if not log.done(task.id, task.input_hash)}
    out = Outcome(len(tasks), len(tasks) - len(todo))
    asked = set(todo)
    with tqdm(total=len(tasks), initial=out.done_before, desc="answers", unit="answer", file=sys.stderr) as bar:

        def done(task: Task, given: Generated) -> None:
            if task.id not in asked:
                return
            asked.discard(task.id)
            log.append(line(task, given, condition=condition))
            if given.output is None:
                kind = given.failure or "unknown"
                if not out.failures[kind]:
                    told = f"no answer to {task.question.id} ({kind}): {printable(given.detail, 300)}"
                    bar.write(told, file=sys.stderr)
                out.failures[kind] += 1
            else:
                out.done += 1
            bar.update()

        able = []
        for task in tasks:
            if task.problem is None:
                able.append(task)
            elif task.id in todo:
                done(task, Generated(failure=task.problem, detail=task.question.image_problem or ""))
        engine.run(able, set(asked), done=done, stop=stop)
    out.not_asked = len(asked)
    return out


def line(task: Task, given: Generated, *, condition: str) -> dict[str, Any]:
    """A line of generations.jsonl."""
    question = task.question
    row: dict[str, Any] = {
        "id": task.id,
        "question_id": question.id,
        "sample": task.sample,
        "input_hash": task.input_hash,
        "data_source": question.case["data_source"],
        "split": question.case["split"],
        "index": question.case["index"],
        "image_sha256": list(question.images),
        "image_id": question.case["image_id"],
        "case": dict(question.case),
        "condition": condition,
        "seed": task.seed,
        "prompt": given.prompt,
        "output": given.output,
        "response_tokens": given.response_tokens,
        "finish_reason": given.finish_reason,
        "answer_logprobs": answer_logprobs(given),
    }
    if given.output is None:
        row["failure"] = given.failure or "unknown"
        row["detail"] = printable(given.detail, 300)
    if condition == "other_image":
        row["shown_image_sha256"] = list(task.shown)
    if given.starts is not None and given.ends is not None:
        row["token_starts"], row["token_ends"] = list(given.starts), list(given.ends)
    return row


def answer_logprobs(given: Generated) -> list[float] | None:
    """Log probabilities of the tokens that touch the answer; None where they are not known or there is no answer."""
    if given.output is None or given.logprobs is None or given.starts is None or given.ends is None:
        return None
    span = parse(given.output).answer_span
    if span is None:
        return None
    tokens = zip(given.starts, given.ends, given.logprobs, strict=True)
    return [round(value, 6) for start, end, value in tokens if start < span[1] and end > span[0] and start < end]
