"""The page for everyone: axe-core finds nothing serious, in light and dark, on wide screens and phones."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("view", "width", "scheme"),
    [("figures", 1280, "dark"), ("figures", 390, "light"), ("rollout", 1280, "light"), ("rollout", 390, "dark")],
)
def test_axe_finds_nothing_serious(opened, three_runs, view, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = opened(three_runs, "#rollouts" if view == "rollout" else "", width=width, scheme=scheme)
    if view == "rollout":
        page.tab.keyboard.press("Shift+G")
        page.tab.wait_for_selector(".step")
    else:
        page.tab.wait_for_selector(".chart svg")
    found = axe.Axe().run(page.tab).response["violations"]
    bad = [
        f"{fault['id']}: {fault['nodes'][0]['html'][:200]} {fault['nodes'][0].get('failureSummary', '')[:300]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]
    assert bad == []


def test_the_list_can_be_used_without_a_mouse(opened, three_runs):
    page = opened(three_runs, "#rollouts")
    page.tab.focus("#list")
    for key in ("ArrowDown", "ArrowDown", "ArrowUp"):
        page.tab.keyboard.press(key)
    # The list is drawn anew in the next frame, so the test waits for what it shows.
    page.tab.wait_for_selector('#list [aria-selected="true"][aria-posinset="1"]')
    chosen = page.tab.get_attribute('#list [aria-selected="true"]', "id")
    assert page.tab.get_attribute("#list", "aria-activedescendant") == chosen
