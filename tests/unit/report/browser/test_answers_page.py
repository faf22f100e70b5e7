"""Looking or guessing, pass@k, calibration and flips in a real browser: shown where the data is there, as text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from recipe.mrpo.evaluate.scores.columns import plain_answer
from recipe.mrpo.report.page.make import make_page
from recipe.mrpo.report.page.script import FOLDER as SCRIPTS
from tests.unit.report.browser.attacks import ATTACKS
from tests.unit.report.browser.conftest import OPTIONS
from tests.unit.report.browser.test_hostile import ALLOWED, INVENTORY, RUNS
from tests.unit.report.page.made import block, evaluated
from tests.unit.report.page.made_answers import answered

SECTIONS = ("pass-at", "looking", "calibration", "repeats")


def two_models(folder: Path, names: tuple[str, str], **more) -> tuple[list[Path], tuple[Path, ...]]:
    """Evaluations of two models, and both without the image, the second with another one, too."""
    runs = [answered(folder / name, seed=k, model=str(k), questions=12, **more) for k, name in enumerate(names)]
    kinds = [(0, "no_image"), (1, "no_image"), (1, "other_image")]
    also = [
        answered(folder / f"{k}_{condition}", seed=k, model=str(k), questions=12, condition=condition, **more)
        for k, condition in kinds
    ]
    return runs, tuple(also)


@pytest.fixture(scope="module")
def page_file(pages) -> Path:
    runs, also = two_models(pages / "answers", ("first", "second"))
    file = pages / "answers.html"
    make_page(runs, file, replace(OPTIONS, also=also))
    return file


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def signed(value: float) -> str:
    return f"{'−' if value < 0 else '+'}{abs(100 * value):.1f}"


def cells(page, table: str) -> list[list[str]]:
    """The texts of a table's rows; of a cell the first line alone."""
    return (
        page.tab.locator(table)
        .locator("tbody tr")
        .evaluate_all("rows => rows.map((row) => [...row.cells].map((cell) => cell.innerText.split('\\n')[0].trim()))")
    )


def test_the_tables_say_what_the_scores_say(opened, page_file):
    page = opened(page_file)
    page.tab.wait_for_selector("#calibration svg")
    page.tab.evaluate("() => document.querySelectorAll('details').forEach((d) => { d.open = true })")
    scores = [run["sets"][0]["scores"] for run in block(page_file.read_text(), "overview")["runs"]]
    names = ("first", "second")
    passed = [one["answers"]["micro"]["pass_at"] for one in scores]
    assert [row[3:] for row in cells(page, "#pass-at table")] == [
        [percent(found[f"pass@{k}"]["value"]) for k in (2, 4)] for found in passed
    ]
    against = [
        [name, words, f"{signed(found['gain']['value'])} points", percent(found["right_without"]["value"]),
         percent(found["same_answer"]["value"]), str(found["questions"])]
        for name, one in zip(names, scores, strict=True)
        for kind, words in (("no_image", "without the image"), ("other_image", "with another image"))
        if (found := one["looking"].get(f"image_against_{kind}"))
    ]  # fmt: skip
    assert len(against) == 3 and cells(page, "#looking > .scroll >> nth=0") == against
    shown = cells(page, "#looking .chart >> nth=0")
    assert [row[2] for row in shown] == [
        percent(answers["accuracy"]["value"]) for one in scores for answers in one["looking"]["conditions"].values()
    ]
    assert {row[0] for row in shown} == {"own image", "no image", "another image"}
    assert cells(page, "#looking .chart >> nth=1") == [
        [row["answer"], name, percent(row["given"]), percent(row["gold"])]
        for name, one in zip(names, scores, strict=True) for row in one["prior"]["most_given"]
    ]  # fmt: skip
    best = [one["prior"]["best_constant"] for one in scores]
    assert [row[-2:] for row in cells(page, "#looking > .scroll >> nth=1")] == [
        [one["answer"], percent(one["accuracy"])] for one in best
    ]
    found = [one["calibration"] for one in scores]
    assert [row[1:6] for row in cells(page, "#calibration > .scroll")] == [
        [percent(one["joint"]["ece"]), f"{one['joint']['brier']:.3f}", percent(one["mean"]["ece"]),
         f"{one['mean']['brier']:.3f}", str(one["answers"])] for one in found
    ]  # fmt: skip
    bins = [row for one in found for row in one["joint"]["bins"]]
    assert [row[2] for row in cells(page, "#calibration .chart >> nth=0")] == [str(row["answers"]) for row in bins]
    flipped = [one["repeats"] for one in scores]
    assert [row[1:3] for row in cells(page, "#repeats table")] == [
        [percent(one["flipped"]["value"]), percent(one["unstable_steps"]["value"])] for one in flipped
    ]


def test_numbers_are_rounded_as_mrpo_score_rounds_them(chromium):
    """At a tie, such as 5 of 16, JavaScript's toFixed and Python's format differ."""
    values = [k / n for n in (1, 3, 7, 16, 32, 80, 160, 2000) for k in range(n + 1)] + [1e-9, 12345.0625]
    source = (SCRIPTS / "numbers.js").read_text().replace("export ", "")
    asked = "values.map((v) => [share(v), share(v, 0), decimal(v, 3), signed(-v, 2)])"
    tab = chromium.new_page()
    shown = tab.evaluate(f"(values) => {{ {source}; return {asked} }}", values)
    tab.close()
    assert shown == [[f"{100 * v:.1f} %", f"{100 * v:.0f} %", f"{v:.3f}", f"{'−' if v else '+'}{v:.2f}"]
                     for v in values]  # fmt: skip


def test_a_set_that_is_not_chosen_is_in_no_figure(opened, page_file):
    page = opened(page_file)
    page.tab.uncheck(".chooser input >> nth=0")
    assert {row[0] for row in cells(page, "#calibration > .scroll")} == {"second"}
    page.tab.uncheck(".chooser input >> nth=1")
    for section in SECTIONS[:3]:
        assert page.tab.locator(f"#{section}").count() == 0
    assert len(cells(page, "#repeats table")) == 2, "the judge's tables are of all runs"


def test_without_the_data_there_is_no_section(opened, pages):
    file = pages / "none.html"
    make_page([evaluated(pages / "none", count=6)], file, OPTIONS)
    page = opened(file)
    page.tab.wait_for_selector(".chart svg")
    assert [page.tab.locator(f"#{section}").count() for section in SECTIONS] == [0] * 4


@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_everyone_can_use_the_sections(opened, page_file, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = opened(page_file, width=width, scheme=scheme)
    page.tab.wait_for_selector("#calibration svg")
    assert page.tab.locator("#pass-at svg, #looking svg, #calibration svg").count() == 5
    labels = page.tab.locator(".chart .drawing svg").evaluate_all("all => all.map((e) => e.getAttribute('aria-label'))")
    assert len(labels) == len(set(labels)) and all("stand" in label for label in labels), "each points to its numbers"
    wide = page.tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    found = axe.Axe().run(page.tab).response["violations"]
    assert [fault["id"] for fault in found if fault["impact"] in ("serious", "critical")] == []


def test_the_list_tells_answers_without_the_image_apart(opened, page_file):
    page = opened(page_file, "#rollouts")
    page.tab.select_option("#filters select[name=condition]", label="none")
    page.tab.wait_for_function("() => document.getElementById('count').textContent.startsWith('96 of')")
    page.tab.keyboard.press("n")
    page.tab.wait_for_selector("#detail .step")
    assert "without the image" in page.text(".crumbs") and "without the image" in page.text(".row >> nth=0")
    cards = page.text("section[aria-label='Same question elsewhere']")
    assert "with another image" in cards


def test_hostile_answers_and_names_are_text(opened, pages):
    """Every attack is the name of a data set or an answer to closed questions, of which a page shows five a run."""
    attacks = [text for text in ATTACKS if plain_answer(text)]
    runs = []
    for start in range(0, len(attacks), 5):
        some, name = attacks[start : start + 5], f"{start}{RUNS[start // 5 % 2]}"
        more = {"model": name, "questions": 10, "samples": 2, "choices": some, "source": some[0]}
        runs.append(answered(pages / "hostile_answers" / name, **more))
    blind = answered(pages / "hostile_answers" / "blind", condition="no_image", **more)
    file = pages / "hostile_answers.html"
    make_page(runs, file, replace(OPTIONS, also=(blind,)))
    page = opened(file)
    page.tab.wait_for_selector("#calibration svg")
    page.tab.evaluate("() => document.querySelectorAll('details').forEach((d) => { d.open = true })")
    page.tab.evaluate(INVENTORY)
    assert set(page.tab.evaluate("() => inventory(document)")) - ALLOWED == set()
    assert page.tab.evaluate("() => [window.__attacked, ({}).polluted]") == [None, None]
    assert page.loaded() == []
    shown = [run["sets"][0]["scores"]["prior"]["most_given"] for run in block(file.read_text(), "overview")["runs"]]
    answers = [row["answer"] for rows in shown for row in rows]
    heads = page.tab.locator("#looking .chart tbody th").evaluate_all("all => all.map((e) => e.textContent)")
    assert len(answers) > 30 and set(answers) <= set(heads), "as they were written"
    for section in SECTIONS:
        texts = page.tab.locator(f"#{section}").evaluate("e => e.textContent")
        assert all(run.name in texts for run in (runs if section != "looking" else runs[-1:]))
    wide = page.tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0


def test_sections_print_on_white(opened, page_file):
    page = opened(page_file, scheme="dark")
    page.tab.wait_for_selector("#calibration svg")
    page.tab.emulate_media(media="print")
    for section in SECTIONS:
        assert page.tab.locator(f"#{section} table:visible, #{section} svg:visible").count() > 0
    paper = page.tab.evaluate("() => getComputedStyle(document.documentElement).backgroundColor")
    assert paper == "rgb(255, 255, 255)", "also where the system is dark"
    assert page.tab.pdf()[:5] == b"%PDF-"
