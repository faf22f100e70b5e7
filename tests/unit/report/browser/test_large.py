"""5,000 rollouts: what is in the document does not grow with them."""

from __future__ import annotations

import pytest

from recipe.mrpo.report.page.make import make_page
from tests.unit.report.browser.conftest import OPTIONS
from tests.unit.report.page.made import training_run

NODES = "() => document.getElementsByTagName('*').length"


@pytest.fixture(scope="module")
def sizes(pages):
    """Pages of 500 and of 5,000 rollouts."""
    made = {}
    for rows in (480, 4976):
        run = training_run(pages / f"run{rows}", rows=rows, steps=1)
        made[rows + 24] = pages / f"{rows}.html"
        make_page([run], made[rows + 24], OPTIONS)
    return made


def test_the_rows_in_the_document_are_those_in_sight(opened, sizes):
    nodes = {}
    for count, file in sizes.items():
        page = opened(file, "#rollouts")
        assert page.tab.inner_text("#count").replace("\u202f", "").startswith(f"{count} rollouts")
        nodes[count] = page.tab.evaluate(NODES) - page.tab.evaluate("() => document.querySelectorAll('script').length")
        assert page.tab.locator(".row").count() < 40
    assert nodes[5000] - nodes[504] < 200


def test_any_place_of_the_list_is_reached_by_scrolling(opened, sizes):
    page = opened(sizes[5000], "#rollouts")
    for part in (0.5, 0.99, 0.1):
        page.tab.evaluate(
            "part => { const l = document.getElementById('list'); l.scrollTop = part * l.scrollHeight }", part
        )
        page.tab.wait_for_function(
            "part => { const rows = [...document.querySelectorAll('.row')];"
            " const at = rows.map((row) => Number(row.getAttribute('aria-posinset')));"
            " return at.length < 40 && Math.min(...at) <= 5000 * part + 15 && Math.max(...at) >= 5000 * part - 15 }",
            arg=part,
        )


def test_texts_are_parsed_when_they_are_shown(opened, sizes):
    """Opening one rollout reads one block of 100 texts; a search reads all of them, once."""
    page = opened(sizes[5000], "#rollouts")
    page.tab.evaluate(
        "() => { window.parsed = 0; const parse = JSON.parse;"
        " JSON.parse = (text) => { window.parsed += 1; return parse(text) } }"
    )
    page.tab.keyboard.press("n")
    page.tab.wait_for_selector("#detail .step, #detail .empty")
    assert page.tab.evaluate("() => window.parsed") <= 6  # its block, its group's, the prompts, images
    for word in ("midline", "trachea"):
        page.tab.fill("#filters input[name=text]", word)
        page.tab.wait_for_function("() => document.getElementById('count').textContent.includes(' of ')")
    assert page.tab.evaluate("() => window.parsed") <= 60
