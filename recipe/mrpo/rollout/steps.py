"""Steps: the sentences inside the think block, or of a long answer, as character spans (docs/steps.md)."""

from __future__ import annotations

from typing import NamedTuple

from recipe.mrpo.rollout.parsing import ParsedRollout, parse
from recipe.mrpo.rollout.published_splitter import published_steps
from recipe.mrpo.rollout.rule_splitter import rule_steps

__all__ = ["SOURCES", "SPLITTERS", "UNCLOSED_THINK", "ParsedRollout", "Step", "parse", "split_steps"]

_SPLIT = {"rules": rule_steps, "reference": published_steps}
SPLITTERS = tuple(_SPLIT)
UNCLOSED_THINK = ("drop", "keep")
SOURCES = ("reasoning", "answer", "both")


class Step(NamedTuple):
    """`text[start:end]` is the sentence; `text[lead:start]` is the white space between it and the text before it."""

    start: int
    end: int
    lead: int


def split_steps(parsed: ParsedRollout, *, splitter: str, unclosed_think: str, source: str = "reasoning") -> list[Step]:
    """Split the reasoning of a completion into steps; K = len(result).

    `splitter`: "rules" (rule_splitter.py) or "reference" (published_splitter.py).
    `unclosed_think`: "drop" gives a think block that never closes no steps, "keep" splits it like any other.
    `source`: "reasoning" cuts the think blocks, "answer" the last answer block, "both" one after the other.
    Spans are in order, disjoint, trimmed of white space and inside such a block. Several blocks count on.

    Raises ValueError for an unknown `splitter`, `unclosed_think` or `source`.

    >>> text = "<think>1. The mass is 3.5 cm wide. It is round, e.g. a cyst.</think><answer>cyst</answer>"
    >>> [text[s.start : s.end] for s in split_steps(parse(text), splitter="rules", unclosed_think="drop")]
    ['1. The mass is 3.5 cm wide.', 'It is round, e.g. a cyst.']
    """
    if splitter not in _SPLIT:
        raise ValueError(f"mrpo.steps.splitter={splitter!r} is unknown; choose one of {', '.join(SPLITTERS)}.")
    if unclosed_think not in UNCLOSED_THINK:
        raise ValueError(
            f"mrpo.steps.unclosed_think={unclosed_think!r} is unknown; choose one of {', '.join(UNCLOSED_THINK)}."
        )
    if source not in SOURCES:
        raise ValueError(f"mrpo.steps.source={source!r} is unknown; choose one of {', '.join(SOURCES)}.")
    split, text = _SPLIT[splitter], parsed.text
    blocks = parsed.think if source != "answer" else ()
    if source != "answer" and unclosed_think == "keep" and parsed.open_think is not None:
        blocks = (*blocks, parsed.open_think)
    if source != "reasoning" and parsed.answer_span is not None:
        blocks = (*blocks, parsed.answer_span)
    steps: list[Step] = []
    for block in sorted(blocks):
        lead = block[0]
        for start, end in split(text, block):
            steps.append(Step(start, end, lead))
            lead = end
    return steps
