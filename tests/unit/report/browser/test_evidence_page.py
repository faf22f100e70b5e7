"""The page of `make evidence` in a real browser: tables, paired seeds, curves; nothing is loaded."""

from __future__ import annotations

import pytest

from recipe.mrpo.report.page.evidence import write_evidence_page

CURVE = [[10, 0.5], [20, 0.4]]


def arm(name: str, *, early: list[float], base: list[float] | None) -> dict:
    """An arm with one value a seed; accuracy is what is left of 1."""

    def metric(values, others):
        pairs = [[s, a - b] for s, (a, b) in enumerate(zip(values, others, strict=False))] if others else []
        apart = {"mean": -0.1, "low": -0.2, "high": 0.0, "sd": 0.1, "seeds": len(pairs)}
        return {"mean": sum(values) / len(values) if values else None, "pairs": pairs,
                "difference": apart if len(pairs) > 1 else None}  # fmt: skip

    right = [1 - v for v in early]
    curves = [{"seed": s, "points": CURVE} for s in range(len(early))]
    return {
        "name": name, "rate": 0.004 if early else None, "seeds": list(range(len(early))),
        "metrics": {"early_rate": metric(early, base), "accuracy": metric(right, base and [1 - v for v in base])},
        "curves": {"early_rate": curves, "accuracy": curves},
    }  # fmt: skip


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    base = [0.4, 0.5]
    hostile = "</script><img src=x onerror=alert(1)>"
    arms = [arm("grpo", early=base, base=None), arm("mrpo", early=[0.3, 0.4], base=base),
            arm(hostile, early=[0.3], base=base)]  # fmt: skip
    empty = {"name": "drawn, main", "baseline": "grpo", "seeds": 5, "arms": [arm("grpo", early=[], base=None)],
             "tests": []}  # fmt: skip
    tested = [{"arm": "mrpo", "p": 0.002, "holm": 0.004}]
    made = tmp_path_factory.mktemp("evidence") / "report.html"
    comparison = {"name": "chain, main", "baseline": "grpo", "seeds": 10, "arms": arms, "tests": tested}
    write_evidence_page([comparison, empty], made)
    return made


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_each_comparison_has_its_table_curves_and_paired_seeds(opened, file, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = opened(file, width=width, scheme=scheme)
    page.tab.wait_for_selector(".chart svg")
    assert page.loaded() == []
    assert page.tab.locator(".chart svg").count() == 4  # two curves, two differences; nothing of the empty comparison
    first, second = page.text("#comparison-0"), page.text("#comparison-1")
    assert "−10.0 points" in first and "−20.0 to +0.0" in first and "2 of 10" in first and "adjusted 0.0040" in first
    assert "one pair: no interval" in first and "</script>" in first, "names are texts"
    assert "not chosen yet" in second and "No run of this comparison is there yet." in second
    wide = page.tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    found = axe.Axe().run(page.tab).response["violations"]
    assert [fault["id"] for fault in found if fault["impact"] in ("serious", "critical")] == []
