"""A request -> chat messages: first the part that all calls share, then the part of the group, last the steps.

The order serves prefix caching: the rollouts of one group differ only in the last lines of the prompt.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from recipe.mrpo.endpoint.image import image_parts
from recipe.mrpo.endpoint.untrusted_json import untrusted_json
from recipe.mrpo.judge.chat.grades import STUDY, Grades
from recipe.mrpo.judge.chat.rubric_folder import Rubric
from recipe.mrpo.judge.protocol import JudgeRequest

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


def reply_schema(num_steps: int, *, overall: bool, grades: Grades = STUDY, verdict: bool = False) -> dict[str, Any]:
    """JSON schema of a verdict on `num_steps` steps: no step can be left out, doubled, added or called otherwise.

    An object with a key for each step, not a list: providers' strict modes know required keys, and no list of a given
    length whose entries are numbered.
    """
    names = [str(k) for k in range(1, num_steps + 1)]
    steps = {
        "type": "object",
        "properties": dict.fromkeys(names, grades.schema()),
        "required": names,
        "additionalProperties": False,
    }
    # They stand after the steps: the grade of the whole follows from these.
    binary = {"type": "integer", "enum": [0, 1]}
    parts = {"steps": steps} | ({"overall": binary} if overall else {}) | ({"answer": binary} if verdict else {})
    return {"type": "object", "properties": parts, "required": list(parts), "additionalProperties": False}


def schema_of(request: JudgeRequest, grades: Grades) -> dict[str, Any]:
    """The schema of a verdict on a request."""
    asked = request.rollout_answer is not None
    return reply_schema(len(request.steps), overall=request.overall, grades=grades, verdict=asked)


def fill(template: str, values: Mapping[str, str]) -> str:
    """`{{name}}` -> values[name], in one pass: the text of a value is never substituted again."""
    return _PLACEHOLDER.sub(lambda found: values[found[1]], template)


def steps_json(steps: tuple[str, ...], answer: str | None, *, max_step_chars: int) -> str:
    """The steps, and the answer if it is asked about, as one line of JSON data."""
    entries = []
    for number, text in enumerate(steps, 1):
        entry: dict[str, Any] = {"step": number, "text": text[:max_step_chars]}
        if len(text) > max_step_chars:
            entry["cut_after"] = max_step_chars
        entries.append(entry)
    data: dict[str, Any] = {"rollout_steps": entries}
    if answer is not None:
        data["rollout_answer"] = answer[:max_step_chars]
    return untrusted_json(data)


def case_json(request: JudgeRequest) -> str:
    """The part that the rollouts of a group share, as one line of JSON data."""
    case: dict[str, Any] = {"question": request.question, "gold_answer": request.answer}
    if request.alternatives:
        case["other_gold_answers"] = request.alternatives
    case["gold_reasoning"] = request.gold_reasoning
    return untrusted_json(case)


def fenced(data: str, before: str = "") -> str:
    """`data` between two lines with a mark that nothing in it can hold: a hash of `data` and of the text `before` it.

    A mark for the content keeps the prompt of a case the same for all its rollouts, so that a server's prefix cache
    serves them, and the same request the same.
    """
    mark = hashlib.sha256(f"{before}\0{data}".encode()).hexdigest()[:16]
    return f"[data {mark}]\n{data}\n[end of data {mark}]"


def build_messages(
    request: JudgeRequest, rubric: Rubric, *, images: Sequence[str], max_step_chars: int
) -> list[dict[str, Any]]:
    """Always two messages: the rubric (system), then images, case and steps (user).

    `images` are data URLs, in the order of the prompt. One user message, because some chat templates refuse two in a
    row.
    """
    case, steps = case_json(request), steps_json(request.steps, request.rollout_answer, max_step_chars=max_step_chars)
    shared = fill(rubric.case, {"case_json": fenced(case)})
    own = fill(rubric.steps, {"steps_json": fenced(steps, before=case)})
    text = f"{shared}\n{own}"
    content: str | list[dict[str, Any]] = text
    if images:
        content = [*image_parts(images), {"type": "text", "text": text}]
    system = rubric.instructions(overall=request.overall, verdict=request.rollout_answer is not None)
    return [{"role": "system", "content": system}, {"role": "user", "content": content}]
