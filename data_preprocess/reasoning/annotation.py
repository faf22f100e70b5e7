"""Rationales by a model: the request, and the checks that a reply must pass to become gold reasoning."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from recipe.mrpo.endpoint.image import image_parts
from recipe.mrpo.endpoint.json_in_text import TooCostly, json_objects
from recipe.mrpo.endpoint.thoughts import after_thoughts
from recipe.mrpo.endpoint.untrusted_json import untrusted_json
from reward_fns.answer.conflicts.find import find_conflict
from reward_fns.answer.words.normalise import RULES, tokens

PROMPT = Path(__file__).with_name("annotation_prompt.txt")
MIN_STEPS, MAX_STEPS, MAX_STEP_CHARS = 3, 8, 400
_RULES = frozenset(RULES)


class BadReply(ValueError):
    """A reply that may not become gold reasoning; `kind` is counted."""

    def __init__(self, kind: str, detail: str):
        self.kind = kind
        super().__init__(f"{kind}: {detail}")


@cache
def rubric() -> tuple[str, str]:
    """The prompt and its version, the first 12 digits of its sha256."""
    text = PROMPT.read_text(encoding="utf-8")
    return text, hashlib.sha256(text.encode()).hexdigest()[:12]


def build_messages(question: str, answer: str, image_urls: Sequence[str]) -> list[dict[str, Any]]:
    """Messages of a chat completions request; question and answer are JSON data, the images are data URLs in order."""
    data = untrusted_json({"question": question, "answer": answer})
    return [
        {"role": "system", "content": rubric()[0]},
        {"role": "user", "content": [*image_parts(image_urls), {"type": "text", "text": data}]},
    ]


def check_reply(reply: str, *, answer: str) -> str:
    """The reasoning of a reply, its steps joined to a text.

    Raises BadReply: unparsable (not one JSON object with steps), steps (not 3 to 8 sentences of up to 400 characters),
    tags (a step holds a tag of the response format), answer (another answer is named, or the last step does not state
    it), laterality (the last step names the other side than the answer).
    """
    try:
        found = [o for o, _ in json_objects(after_thoughts(reply).text) if "steps" in o]
    except TooCostly as error:
        raise BadReply("unparsable", str(error)) from error
    if len(found) != 1 or not isinstance(found[0]["steps"], list):
        raise BadReply("unparsable", f"no JSON object with steps: {reply[:80]!r}")
    steps = [" ".join(step.split()) for step in found[0]["steps"] if isinstance(step, str) and step.strip()]
    if not MIN_STEPS <= len(steps) <= MAX_STEPS or len(steps) != len(found[0]["steps"]):
        raise BadReply("steps", f"{len(steps)} usable steps of {len(found[0]['steps'])}")
    if max(map(len, steps)) > MAX_STEP_CHARS:
        raise BadReply("steps", f"a step of {max(map(len, steps))} characters")
    if any("<" in step and ">" in step for step in steps):
        raise BadReply("tags", "a step contains a tag")
    stated = found[0].get("answer")
    if not isinstance(stated, str) or tokens(stated, _RULES) != tokens(answer, _RULES):
        raise BadReply("answer", f"it answers {stated!r}")
    # Before "is it stated": a last step that names both sides states the answer, and its opposite.
    if find_conflict(steps[-1], answer, ("laterality",)) is not None:
        raise BadReply("laterality", f"the last step is {steps[-1]!r}")
    if not _contains(tokens(steps[-1], _RULES), tokens(answer, _RULES)):
        raise BadReply("answer", f"the last step does not state it: {steps[-1]!r}")
    return " ".join(step if step[-1] in ".!?。！？" else step + "." for step in steps)


def _contains(words: tuple[str, ...], part: tuple[str, ...]) -> bool:
    """Does `part` stand in `words`, in this order and without gaps?"""
    size = len(part)
    return any(words[i : i + size] == part for i in range(len(words) - size + 1))
