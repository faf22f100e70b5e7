"""A reply without the reasoning that a model writes before its answer, whatever its marks are."""

from __future__ import annotations

import re
from typing import NamedTuple

_NAME = r"(?:seed:)?(?:think|thinking|thoughts?|reason|reasoning|reflection|analysis|scratch_?pad|cot)"
# <think> [THINK] ◁think▷ <|think|> <|begin_of_thought|> <|START_THINKING|> <unused94>, and the channels of gpt-oss and
# Gemma. Each channel names its kind: all but the last one are reasoning.
_OPEN = re.compile(
    rf"<{_NAME}>|\[{_NAME}\]|◁{_NAME}▷|<\|(?:begin_of_|start_of_|start_)?{_NAME}(?:_start)?\|>"
    r"|<unused94>|<\|channel\|?>\s*(?:analysis|commentary|thought|thinking)",
    re.IGNORECASE,
)
_CLOSE = re.compile(
    rf"</{_NAME}>|\[/{_NAME}\]|◁/{_NAME}▷|<\|(?:/|end_of_|end_){_NAME}\|>|<\|{_NAME}_end\|>"
    r"|<unused95>|<channel\|>|<\|channel\|?>\s*final\s*(?:<\|constrain\|>\s*\w+\s*)?<\|message\|>",
    re.IGNORECASE,
)
# gpt-oss as a server prints it that drops control tokens: "analysis<thoughts>assistantfinal<answer>".
_BARE_CHANNELS = re.compile(r"analysis(?=\S).*assistantfinal", re.DOTALL)

_ROOTS = ("think", "thought", "reason", "reflection", "analysis", "scratch", "cot", "unused9", "channel")
"""One of them stands in every mark; a text of megabytes without one is not searched."""


class Answer(NamedTuple):
    """What follows the reasoning, and whether the reply began with an opening mark (or has no reasoning)."""

    text: str
    opened: bool


def after_thoughts(text: str) -> Answer:
    """The reply behind its last closing mark; reasoning that never ends hides all that comes after its opening.

    >>> after_thoughts("<think>Perhaps 1? No.</think> 2")
    Answer(text=' 2', opened=True)
    >>> after_thoughts("[THINK]Perhaps 1?").text
    ''
    """
    lower = text.lower()
    if not any(root in lower for root in _ROOTS):
        return Answer(text, True)
    begins = text.lstrip()
    bare = _BARE_CHANNELS.match(begins)
    if bare:
        return Answer(begins[bare.end() :], True)
    opening, end = _OPEN.match(begins) is not None, 0
    for mark in _CLOSE.finditer(text):
        end = mark.end()
    answer = text[end:]
    again = _OPEN.search(answer)
    if again:
        answer = answer[: again.start()]
    return Answer(answer, opening or end == 0)


_WRAPPING_BEFORE = re.compile(r"\s*(?:```\w*[ \t]*(?=\n)|<\|begin_of_box\|>|<answer>|<\|message\|>|\ufeff)")
_WRAPPING_AFTER = re.compile(
    r"(?:```|<\|end_of_box\|>|</answer>|<\|(?:end|return|im_end|eot_id|eom_id|endoftext|end_of_text)\|>|</s>|<eos>"
    r"|<end_of_turn>)\s*\Z"
)


def unwrapped(answer: str) -> str:
    """The answer without the fence, box or tags around it, and without control tokens at its end.

    A closing fence goes also where prose stands before the opening one.
    """
    while found := _WRAPPING_BEFORE.match(answer):
        answer = answer[found.end() :]
    answer = answer.strip()
    while found := _WRAPPING_AFTER.search(answer[-32:]):
        answer = answer[: len(answer) - len(answer[-32:]) + found.start()].rstrip()
    return answer
