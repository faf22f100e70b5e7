"""Time that a rollout can cost: the policy writes it, and while it is parsed no other rollout of the worker goes on."""

from __future__ import annotations

import time

import pytest

from recipe.mrpo.rollout.steps import SPLITTERS, parse, split_steps

SIZE = 65_536


def filled(unit: str) -> str:
    return (unit * (SIZE // len(unit) + 1))[:SIZE]


@pytest.mark.parametrize("splitter", SPLITTERS)
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("<" + " " * SIZE, id="a tag that never comes"),
        pytest.param("</" + " " * SIZE, id="a closing tag that never comes"),
        pytest.param("<think" + " " * SIZE, id="a tag that never ends"),
        pytest.param(filled("< /  "), id="many beginnings of tags"),
        pytest.param(filled("<think>"), id="many tags"),
        pytest.param("<think>" + "." * SIZE + "x", id="a run of full stops that ends no sentence"),
        pytest.param("<think>1" + "." * SIZE + "x", id="the same after a number"),
        pytest.param("<think>." + ")" * SIZE + "x", id="a run of closing brackets"),
        pytest.param("<think>" + filled("a.\n"), id="sentences without a space"),
        pytest.param("<think>" + "-" * SIZE + "x", id="a run of marks"),
        pytest.param("<think>step" + " " * SIZE, id="a header that never ends"),
        pytest.param("<think>" + filled("\nstep   "), id="many headers"),
        pytest.param("<think>" + filled("1. "), id="bare numbers"),
        pytest.param("<think>fig. A" + " " * (SIZE // 2) + "b" * (SIZE // 2), id="an abbreviation before a long word"),
        pytest.param("<think>" + filled("large.The "), id="sentences without a space behind the mark"),
        pytest.param("<think>" + "a" * SIZE + ".The", id="a long word before a mark without a space"),
        pytest.param("<think>" + filled("<br>"), id="many tags of lines"),
        pytest.param("<think>" + filled("<b>"), id="many tags inside sentences"),
        pytest.param("<think>" + filled("x.<"), id="marks before beginnings of tags"),
        pytest.param("<think>" + filled("a b → c d "), id="arrows"),
        pytest.param("<think>" + filled("a ->"), id="arrows without statements"),
        pytest.param("<think>" + filled("①"), id="circled numbers"),
        pytest.param("<think>" + filled("A\n"), id="lines"),
        pytest.param("<think>a" + " " * (SIZE // 2) + "\n" + " " * (SIZE // 2), id="space around a line break"),
        pytest.param("<think>" + filled("a.[1,"), id="references that never end"),
        pytest.param("<think>" + filled("Findings: 1. "), id="headings with numbers"),
        pytest.param("<think>" + filled("**a"), id="bold that never ends"),
        pytest.param("<think>#" + filled(" a"), id="a heading that never ends"),
        pytest.param("<think>" + filled("x" * 3000 + ". "), id="long words"),
        pytest.param("<think>" + filled("。」"), id="wide marks"),
        pytest.param("<think>" + "\n" * SIZE, id="blank lines"),
        pytest.param("<think>" + "." + " " * SIZE, id="white space to the end"),
    ],
)
def test_no_text_costs_more_than_its_length(text, splitter):
    """A text four times as long takes about four times as long: a square would take sixteen times."""
    quarter = text[: len(text) // 4] + text[-8:]
    short, long = (
        fastest(lambda t=t: split_steps(parse(t), splitter=splitter, unclosed_think="keep")) for t in (quarter, text)
    )
    assert long < 10 * short + 0.02


def fastest(call) -> float:
    """CPU seconds of the fastest of three calls: what other processes take does not count."""
    times = []
    for _ in range(3):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)
