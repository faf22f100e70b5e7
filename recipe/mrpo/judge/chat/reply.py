"""A judge's reply -> labels, or the kind of failure. Never raises: a reply is untrusted text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from recipe.mrpo.common.printable import printable
from recipe.mrpo.endpoint.json_in_text import MAX_REPLY_CHARS, TooCostly, json_objects
from recipe.mrpo.endpoint.thoughts import after_thoughts, unwrapped
from recipe.mrpo.judge.chat.grades import REASON_CHARS, STUDY, Grades
from recipe.mrpo.judge.chat.quotation import is_quotation, may_hide_a_verdict
from recipe.mrpo.judge.protocol import JudgeRequest

_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,8}")


class ReplyLabels(NamedTuple):
    """Labels, or a failure with its detail; exactly one of `labels` and `failure` is set.

    The detail quotes the reply without a cut, so that a key in it can be redacted before it is shown.
    """

    labels: tuple[int, ...] | None
    failure: str | None
    detail: str
    overall: int | None = None
    grades: tuple[Mapping[str, int | None], ...] | None = None
    """For each step its grades by their names."""
    reasons: tuple[str | None, ...] | None = None
    """For each step the judge's reason in printable characters, if reasons were asked for."""
    answer: int | None = None


class _Asked(NamedTuple):
    num_steps: int
    overall: bool
    verdict: bool
    grades: Grades


def asked_of(request: JudgeRequest, grades: Grades) -> dict[str, Any]:
    """What a request asks for, as keyword arguments of `parse_reply`; the rollout's texts are its `quoted`."""
    answer = request.rollout_answer
    quoted = request.steps if answer is None else (*request.steps, answer)
    asked = {"num_steps": len(request.steps), "overall": request.overall, "verdict": answer is not None}
    return {**asked, "grades": grades, "quoted": quoted}


def parse_reply(
    reply: str,
    *,
    num_steps: int,
    quoted: Sequence[str],
    overall: bool,
    cut_off: bool = False,
    grades: Grades = STUDY,
    verdict: bool = False,
) -> ReplyLabels:
    """Labels of steps 1..num_steps from `{"steps": {"1": {"alignment": 0|1, "contribution": 0|1}, ...}}`.

        v_k by `grades` of the rubric; of the study: 1 if alignment or contribution is 1

    A list `[{"step": 1, "alignment": 0|1, "contribution": 0|1}, ...]` is read as well. Labels go by the judge's own
    step numbers. A reason that was asked for and is not there is None, and no failure. The verdict is the whole reply,
    in a fence or box or bare, after the model's reasoning; in prose it counts only if it ends the reply and cannot
    come from `quoted`, the rollout's own steps. Two verdicts with other labels are ambiguous. A reply that was
    `cut_off` must be a verdict and nothing else: its prose may hold a draft. With `overall` the verdict must hold a
    grade of the whole beside the steps, `"overall": 0|1`; without it, such a grade is ignored. So it is with `verdict`
    and `"answer": 0|1`.

    Failures: empty, truncated, unparsable, ambiguous, bad_label, extra_step, duplicate_step, missing_step,
    missing_overall, missing_answer.
    """
    asked = _Asked(num_steps, overall, verdict, grades)
    text = reply.strip().removeprefix("\ufeff").strip()
    quoted = (quoted,) if isinstance(quoted, str) else quoted
    if not text:
        return ReplyLabels(None, "truncated" if cut_off else "empty", "the reply is blank")
    try:
        whole = _verdict_alone(text)
        if whole is None and cut_off:
            return ReplyLabels(None, "truncated", "the reply was cut off")
        if whole is not None:
            return _read(whole, asked)
        return _verdict_in_prose(text, quoted, asked)
    except TooCostly as error:
        return ReplyLabels(None, "unparsable", str(error))


def _verdict_alone(text: str) -> dict[str, Any] | None:
    """The one verdict that is all of the text."""
    if len(text) > MAX_REPLY_CHARS or not text.startswith("{"):
        return None
    verdicts = [(found, source) for found, source in json_objects(text) if _is_verdict(found)]
    return verdicts[0][0] if len(verdicts) == 1 and verdicts[0][1] == text else None


def _verdict_in_prose(text: str, quoted: Sequence[str], asked: _Asked) -> ReplyLabels:
    answer, opened = after_thoughts(text)
    answer = unwrapped(answer)
    if len(answer) > MAX_REPLY_CHARS:
        return ReplyLabels(None, "unparsable", f"a reply of {len(answer)} characters")
    whole = _verdict_alone(answer)
    # Without its opening mark, the closing mark may be quoted from a step, and the verdict behind it.
    if whole is not None and opened:
        return _read(whole, asked)
    verdicts = [(found, source) for found, source in json_objects(answer) if _is_verdict(found)]
    verdicts = [(found, source) for found, source in verdicts if not is_quotation(source, quoted)]
    if not verdicts:
        return ReplyLabels(None, "unparsable", f"no JSON object with steps in {text!r}")
    readings = {(*reading[:4], reading.answer): reading for found, _ in verdicts for reading in [_read(found, asked)]}
    if len(readings) > 1:
        return ReplyLabels(None, "ambiguous", f"{len(readings)} different verdicts in one reply")
    if not answer.endswith(verdicts[-1][1]):
        return ReplyLabels(None, "unparsable", f"a verdict that does not end the reply: {text!r}")
    if may_hide_a_verdict(quoted, asked.grades.names):
        return ReplyLabels(None, "unparsable", f"a verdict in prose, and the steps may hold one: {text!r}")
    return readings.popitem()[1]


def _is_verdict(found: dict[str, Any]) -> bool:
    return isinstance(found.get("steps"), (dict, list))


def _read(verdict: dict[str, Any], asked: _Asked) -> ReplyLabels:
    num_steps, grades = asked.num_steps, asked.grades
    given: dict[int, dict[str, int | None]] = {}
    reasons: dict[int, str | None] = {}
    if "\0doubled" in verdict:
        return ReplyLabels(None, "bad_label", "the verdict has a key twice")
    if "\0doubled" in verdict["steps"]:
        return ReplyLabels(None, "duplicate_step", "a step stands twice")
    for entry in _entries(verdict["steps"]):
        if not isinstance(entry, dict) or "\0doubled" in entry:
            return ReplyLabels(None, "bad_label", f"an entry is not an object with distinct keys: {_short(entry)}")
        number = entry.get("step")
        if type(number) is not int:
            return ReplyLabels(None, "bad_label", f"step is not a whole number: {_short(number)}")
        if not 1 <= number <= num_steps:
            return ReplyLabels(None, "extra_step", f"step {_short(number)} of {num_steps}")
        if number in given:
            return ReplyLabels(None, "duplicate_step", f"step {number} twice")
        answers = tuple(entry.get(name) for name in grades.names)
        if not all(name in entry for name in grades.names) or not all(map(grades.allows, answers)):
            return ReplyLabels(None, "bad_label", f"step {number}: {_short(answers)}")
        numbers = (None if answer is None else int(answer) for answer in answers)
        given[number] = dict(zip(grades.names, numbers, strict=True))
        reasons[number] = _reason(entry) if grades.reasons else None
    missing = next((k for k in range(1, num_steps + 1) if k not in given), None)
    if missing is not None:
        return ReplyLabels(None, "missing_step", f"step {missing} of {num_steps} has no label")
    more: dict[str, int | None] = {"overall": None, "answer": None}
    for name, wanted, what in (
        ("overall", asked.overall, "no grade of the whole"), ("answer", asked.verdict, "nothing about the answer")
    ):  # fmt: skip
        value = verdict.get(name) if wanted else None
        if wanted and value is None:
            return ReplyLabels(None, f"missing_{name}", f"the verdict has {what}")
        if wanted and not _is_binary(value):
            return ReplyLabels(None, "bad_label", f"{name}: {_short(value)}")
        more[name] = None if value is None else int(value)
    in_order = tuple(given[k] for k in range(1, num_steps + 1))
    return ReplyLabels(
        tuple(map(grades.label, in_order)),
        None,
        "",
        more["overall"],
        in_order,
        tuple(reasons[k] for k in range(1, num_steps + 1)) if grades.reasons else None,
        more["answer"],
    )


def _reason(entry: dict[str, Any]) -> str | None:
    reason = entry.get("reason")
    return printable(reason, REASON_CHARS) if isinstance(reason, str) and reason.strip() else None


def _is_binary(value: object) -> bool:
    # type(), not isinstance: 1.0 and "1" are not binary labels; true and false are.
    return type(value) in (int, bool) and value in (0, 1)


def _entries(steps: dict[str, Any] | list[Any]) -> list[Any]:
    """Entries with their step number inside, as a list of them has it; a key that is not a number stays text."""
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


def _small(value: dict[str, Any] | list[Any] | tuple[Any, ...]) -> bool:
    return len(value) < 16 and not any(isinstance(v, (dict, list)) for v in value)
