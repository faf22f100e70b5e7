"""A judge's reply -> labels, or the kind of failure. Never raises: a reply is untrusted text."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from recipe.mrpo.endpoint.json_in_text import MAX_REPLY_CHARS, TooCostly, json_objects

_DRESSING = re.compile(r"[^0-9a-z{}\[\]:,]+")
_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,8}")


class Parsed(NamedTuple):
    """Labels, or a failure with its detail; exactly one of `labels` and `failure` is set.

    The detail quotes the reply without a cut, so that a key in it can be found and hidden before it is shown.
    """

    labels: tuple[int, ...] | None
    failure: str | None
    detail: str
    overall: int | None = None


def parse_reply(reply: str, *, num_steps: int, quoted: Sequence[str], overall: bool, cut_off: bool = False) -> Parsed:
    """Labels of steps 1..num_steps from `{"steps": {"1": {"alignment": 0|1, "contribution": 0|1}, ...}}`.

        v_k = 1 if alignment or contribution is 1

    A list `[{"step": 1, "alignment": 0|1, "contribution": 0|1}, ...]` is read as well. Labels go by the judge's own
    step numbers. The verdict may stand in a fence or in prose, after a closed <think> block. In prose, an object that
    also stands in `quoted` (the rollout's own steps) is a quotation, not a verdict, whatever became of its white space,
    quotes and escapes, and of the seams between steps; two verdicts that differ are none. A reply that was `cut_off`
    at the endpoint's limit must be a verdict and nothing else: what stands in its prose may be a draft. With `overall`
    the verdict must hold a grade of the whole beside the steps, `"overall": 0|1`; without, one that is there is not
    looked at.

    Failures: empty, truncated, unparsable, ambiguous, bad_label, extra_step, duplicate_step, missing_step,
    missing_overall.
    """
    text = reply[:MAX_REPLY_CHARS].strip()
    if not text:
        return Parsed(None, "truncated" if cut_off else "empty", "the reply is blank")
    try:
        verdicts = [(found, source) for found, source in json_objects(text) if _is_verdict(found)]
        alone = len(verdicts) == 1 and verdicts[0][1] == text
        if not alone and cut_off:
            return Parsed(None, "truncated", "the reply was cut off")
        if not alone:
            answer = _after_thinking(text)
            verdicts = [(f, s) for f, s in json_objects(answer) if _is_verdict(f)]
            fenced = len(verdicts) == 1 and _fence_body(answer) == verdicts[0][1]
            if verdicts and not fenced:
                own = _bare("".join(quoted))
                verdicts = [(f, s) for f, s in verdicts if _bare(s) not in own]
    except TooCostly as error:
        return Parsed(None, "unparsable", str(error))
    if not verdicts:
        return Parsed(None, "unparsable", f"no JSON object with steps in {text!r}")
    readings = {_read(found, num_steps, overall) for found, _ in verdicts}
    if len(readings) > 1:
        return Parsed(None, "ambiguous", f"{len(readings)} different verdicts in one reply")
    return readings.pop()


def _is_verdict(found: dict[str, Any]) -> bool:
    return isinstance(found.get("steps"), (dict, list))


def _bare(text: str) -> str:
    """What of a JSON text survives re-spacing, other quotes, escapes and invisible characters."""
    return _DRESSING.sub("", text.casefold())


def _after_thinking(text: str) -> str:
    """The reply without its reasoning; drafts of a verdict stand there. Blank if the reasoning never ends."""
    if "</think>" in text:
        return text.rpartition("</think>")[2]
    return "" if text.startswith("<think>") else text


def _fence_body(text: str) -> str:
    lines = text.strip().splitlines()
    if len(lines) < 3 or not lines[0].startswith("```") or lines[-1].strip() != "```":
        return ""
    return "\n".join(lines[1:-1]).strip()


def _read(verdict: dict[str, Any], num_steps: int, overall: bool) -> Parsed:
    labels: dict[int, int] = {}
    if "\0doubled" in verdict:
        return Parsed(None, "bad_label", "the verdict has a key twice")
    if "\0doubled" in verdict["steps"]:
        return Parsed(None, "duplicate_step", "a step stands twice")
    for entry in _entries(verdict["steps"]):
        if not isinstance(entry, dict) or "\0doubled" in entry:
            return Parsed(None, "bad_label", f"an entry is no object with distinct keys: {_short(entry)}")
        number = entry.get("step")
        if type(number) is not int:
            return Parsed(None, "bad_label", f"step is no whole number: {_short(number)}")
        if not 1 <= number <= num_steps:
            return Parsed(None, "extra_step", f"step {_short(number)} of {num_steps}")
        if number in labels:
            return Parsed(None, "duplicate_step", f"step {number} twice")
        answers = (entry.get("alignment"), entry.get("contribution"))
        if not all(map(_is_binary, answers)):
            return Parsed(None, "bad_label", f"step {number}: {_short(answers)}")
        labels[number] = int(any(answers))
    missing = next((k for k in range(1, num_steps + 1) if k not in labels), None)
    if missing is not None:
        return Parsed(None, "missing_step", f"step {missing} of {num_steps} has no label")
    whole = verdict.get("overall") if overall else None
    if overall and whole is None:
        return Parsed(None, "missing_overall", "the verdict has no grade of the whole")
    if overall and not _is_binary(whole):
        return Parsed(None, "bad_label", f"overall: {_short(whole)}")
    return Parsed(tuple(labels[k] for k in range(1, num_steps + 1)), None, "", int(whole) if overall else None)


def _is_binary(value: object) -> bool:
    # type(), not isinstance: 1.0 and "1" are no binary labels; true and false are.
    return type(value) in (int, bool) and value in (0, 1)


def _entries(steps: dict[str, Any] | list[Any]) -> list[Any]:
    """Entries with their step number inside, as a list of them has it; a key that is no number stays text."""
    if isinstance(steps, list):
        return steps
    return [
        {**entry, "step": int(key) if _NUMBER.fullmatch(key) else key} if isinstance(entry, dict) else entry
        for key, entry in steps.items()
    ]


def _short(value: object) -> str:
    # A whole number from a reply may have too many digits to be printed.
    if isinstance(value, int) and value.bit_length() > 64:
        return "a huge number"
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, default=str) if _small(value) else "a large value"
    return repr(value)


def _small(value: object) -> bool:
    return len(value) < 16 and not any(isinstance(v, (dict, list)) for v in value)  # type: ignore[arg-type, union-attr]
