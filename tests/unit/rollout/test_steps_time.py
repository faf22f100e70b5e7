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
        pytest.param("<think>" + filled("x" * 3000 + ". "), id="long words"),
        pytest.param("<think>" + filled("。」"), id="wide marks"),
        pytest.param("<think>" + "\n" * SIZE, id="blank lines"),
        pytest.param("<think>" + "." + " " * SIZE, id="white space to the end"),
    ],
)
def test_no_text_costs_more_than_its_length(text, splitter):
    start = time.perf_counter()
    split_steps(parse(text), splitter=splitter, unclosed="keep")
    assert time.perf_counter() - start < 1.0  # a square of the length took 6 to 100 s; measured: under 0.1 s
