"""The one parser of `<think>` and `<answer>`, used by rewards, steps and evaluation alike."""

from __future__ import annotations

from dataclasses import dataclass

from recipe.mrpo.common.response_format import ANSWER_TAG, TAG

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ParsedRollout:
    """Where a completion reasons and what it answers; all spans are character offsets into `text`, tags excluded."""

    text: str
    think: tuple[Span, ...]
    """Think blocks that were closed, by their closing tag or by an `<answer>` inside them; tags excluded."""
    open_think: Span | None
    """The think block that the text ends in (a truncated rollout), if any."""
    answer: str | None
    """Stripped text of the last `<answer>` block; None when no such tag was opened."""
    answer_closed: bool
    well_formed: bool
    """One closed think block, then one closed answer, both not empty, and nothing but white space around them."""
    answer_span: Span | None = None
    """The last `<answer>` block, tags excluded, white space around the answer included."""


def parse(text: str) -> ParsedRollout:
    """Find the think blocks and the final answer of a completion.

    `<think>` and `<thinking>` open a block in any letter case and either closing tag ends it; an `<answer>` inside a
    block ends it too; an opening tag inside a block starts a new one, so that tag characters never belong to a step.
    Where a closing think tag is the first tag of all, the chat template has opened the block in the prompt: the text
    before that tag is a block like any other, and the format is as asked for.
    Inside an answer only `</answer>` or another `<answer>` counts. An answer that never closes reaches to the end.

    Never raises. Source: arXiv 2606.31825, response format.

    >>> parsed = parse("<think>It is CT.</think><answer>yes</answer>")
    >>> parsed.think, parsed.answer, parsed.well_formed
    (((7, 16),), 'yes', True)
    >>> parse("It is CT.</think><answer>yes</answer>").think  # the prompt ends in <think>
    ((0, 9),)
    """
    think: list[Span] = []
    answer_span: Span | None = None
    answer_closed = False
    sequence: list[str] = []
    outside: list[Span] = []  # stretches between blocks, to judge `well_formed`
    state, since = "outside", 0

    for tag in TAG.finditer(text):
        closing, name = tag.group(1) == "/", tag.group(2).lower()
        name = ANSWER_TAG if name == ANSWER_TAG else "think"
        if closing and name == "think" and not sequence:  # the prompt has opened the block
            state = "think"
            sequence.append("think")
        if state == ANSWER_TAG:
            if name == "think":
                continue
            answer_span, answer_closed = (since, tag.start()), closing
            state, since = ("outside" if closing else ANSWER_TAG), tag.end()
        elif state == "think":
            think.append((since, tag.start()))
            if closing and name == ANSWER_TAG:  # a stray `</answer>`: neither the end of the block nor a part of a step
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
    if state == ANSWER_TAG:
        answer_span, answer_closed = (since, len(text)), False
    elif state == "think":
        open_think = (since, len(text))
    else:
        outside.append((since, len(text)))

    answer = None if answer_span is None else text[slice(*answer_span)].strip()
    well_formed = (
        sequence == ["think", "/think", ANSWER_TAG, f"/{ANSWER_TAG}"]
        and bool(answer)
        and all(not text[a:b].strip() for a, b in outside)
        and all(text[a:b].strip() for a, b in think)
    )
    return ParsedRollout(text, tuple(think), open_think, answer, answer_closed, well_formed, answer_span)
