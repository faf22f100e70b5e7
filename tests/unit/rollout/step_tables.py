"""Tables of text with the place of every cut, for the tests of the splitter."""

from __future__ import annotations

import pytest

from recipe.mrpo.rollout.steps import parse, split_steps

CUT = "¦"


def steps_of(inside: str, *, splitter: str = "rules") -> list[str]:
    """The steps of a think block with this text in it."""
    text = f"<think>{inside}</think>"
    return [text[s.start : s.end] for s in split_steps(parse(text), splitter=splitter, unclosed_think="drop")]


def cut_table(*rows: tuple[str, str]) -> pytest.MarkDecorator:
    """Rows of (reason, text in which every end of a step is marked with ¦)."""
    reasons = [reason for reason, _ in rows]
    assert len(set(reasons)) == len(reasons), "two rows with one reason"
    return pytest.mark.parametrize("marked", [pytest.param(text, id=reason) for reason, text in rows])


def cut(marked: str) -> str:
    """`marked` with a mark at every end of a step that the splitter finds, for a comparison that can be read."""
    inside = marked.replace(CUT, "")
    found = steps_of(inside)
    at, out = 0, []
    for step in found[:-1]:
        end = inside.index(step, at) + len(step)
        out.append(inside[at:end])
        at = end
    return CUT.join([*out, inside[at:]]) if found else inside
