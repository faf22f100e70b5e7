"""The one parser of `<think>` and `<answer>`, used by rewards, steps and evaluation alike."""

from __future__ import annotations

import re
from dataclasses import dataclass

Span = tuple[int, int]

# One run of white space before the slash and one after it: side by side they would cost the square of its length.
_TAG = re.compile(r"<\s*(?:(/)\s*)?(think|thinking|answer)\s*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Parsed:
    """Where a completion reasons and what it answers; all spans are character offsets into `text`, tags excluded."""

    text: str
    think: tuple[Span, ...]
    """Think blocks that were closed, by their closing tag or by an `<answer>` inside them."""
    open_think: Span | None
    """The think block that the text ends in (a truncated rollout), if any."""
    answer: str | None
    """Stripped text of the last `<answer>` block; None when no such tag was opened."""
    answer_closed: bool
    well_formed: bool
    """One closed think block, then one closed non-empty answer, and nothing but white space around them."""

    @property
    def unclosed_think(self) -> bool:
        return self.open_think is not None


def parse(text: str) -> Parsed:
    """Find the think blocks and the final answer of a completion.

    `<think>` and `<thinking>` open a block in any letter case and either closing tag ends it; an `<answer>` inside a
    block ends it too; an opening tag inside a block starts a new one, so that tag characters never belong to a step.
    Inside an answer only `</answer>` or another `<answer>` counts. An answer that never closes reaches to the end.

    Never raises. Source: arXiv 2606.31825, response format.
    """
    think: list[Span] = []
    answer_span: Span | None = None
    answer_closed = False
    sequence: list[str] = []
    outside: list[Span] = []  # stretches between blocks, to judge `well_formed`
    state, since = "outside", 0

    for tag in _TAG.finditer(text):
        closing, name = tag.group(1) == "/", tag.group(2).lower()
        name = "answer" if name == "answer" else "think"
        if state == "answer":
            if name == "think":
                continue
            answer_span, answer_closed = (since, tag.start()), closing
            state, since = ("outside" if closing else "answer"), tag.end()
        elif state == "think":
            think.append((since, tag.start()))
            if closing and name == "answer":  # a stray `</answer>`: neither the end of the block nor a part of a step
                state, since = "think", tag.end()
            elif closing:
                state, since = "outside", tag.end()
            else:
                state, since = name, tag.end()
        else:
            outside.append((since, tag.start()))
            state, since = ("outside" if closing else name), tag.end()
        sequence.append(("/" if closing else "") + name)

    open_think = None
    if state == "answer":
        answer_span, answer_closed = (since, len(text)), False
    elif state == "think":
        open_think = (since, len(text))
    else:
        outside.append((since, len(text)))

    answer = None if answer_span is None else text[slice(*answer_span)].strip()
    well_formed = (
        sequence == ["think", "/think", "answer", "/answer"]
        and bool(answer)
        and all(not text[a:b].strip() for a, b in outside)
        and all(text[a:b].strip() for a, b in think)
    )
    return Parsed(text, tuple(think), open_think, answer, answer_closed, well_formed)
