"""Texts of models, judges, files and names are text in the page: forty attacks in every field, none does anything."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from recipe.mrpo.report.page.make import make_page
from recipe.mrpo.report.page.script import FOLDER as SCRIPTS
from tests.unit.evaluate.made import evaluation, generation, judgement
from tests.unit.report.browser.attacks import ATTACKS
from tests.unit.report.browser.conftest import OPTIONS
from tests.unit.report.page.made import block


def hostile(folder, name: str, attacks):
    """An evaluation with one attack a question, in every text of its rollout."""
    pairs = []
    for index, attack in enumerate(attacks):
        names = "gold_reasoning data_source split image_id modality organ question_type answer_type".split()
        about = dict.fromkeys(names, attack) | {"question": f"{attack}?", "gold": [attack], "index": str(index)}
        asked = generation(
            about=about, output=f"<think>{attack}</think><answer>{attack}</answer>", prompt=attack, finish_reason=attack
        )
        judged = judgement(
            asked, labels=[1, 0], answer=attack, status="ok" if index % 2 else f"failed:{attack}",
            judge={"calls": 1, "latency_s": 0.1, "reasons": [attack, None]}, errors={attack: attack},
            rewards={"answer": 0.0, attack: 1.0}, weights={"answer": 1.0, attack: 1.0},
        )  # fmt: skip
        judged["mrpo"] |= {"steps": [attack, f"2. {attack}"]}
        if not index % 2:
            judged["mrpo"]["labels"] = None
        pairs.append((asked, judged))
    return evaluation(folder / name, pairs)


RUNS = ("<img src=x onerror=1>", "'\"><script>1<")


@pytest.fixture(scope="module")
def hostile_page(pages):
    paths = [hostile(pages, RUNS[0], ATTACKS), hostile(pages, RUNS[1], ATTACKS[:2])]
    file = pages / "hostile.html"
    make_page(paths, file, OPTIONS)
    return file


def test_there_are_forty_attacks():
    assert len(set(ATTACKS)) >= 40


def test_no_text_becomes_markup_runs_or_loads(opened, hostile_page):
    """Every rollout is opened; every element, attribute, request, dialog and variable is the page's own."""
    page = opened(hostile_page, "#rollouts")
    page.tab.evaluate(INVENTORY)
    page.tab.keyboard.press("g")
    shown = page.tab.evaluate(
        """async (count) => {
          const found = new Set(inventory(document));
          for (let k = 0; k < count; k += 1) {
            document.dispatchEvent(new KeyboardEvent("keydown", { key: "n" }));
            await new Promise((done) => setTimeout(done, 0));
            inventory(document.getElementById("rollouts-view")).forEach((name) => found.add(name));
          }
          return [[...found], decodeURIComponent(location.hash)];
        }""",
        len(ATTACKS) + 2,
    )
    assert set(shown[0]) - ALLOWED == set() and len(shown[0]) > 30
    page.tab.evaluate("() => { location.hash = '#overview' }")
    page.tab.evaluate("() => document.querySelectorAll('details').forEach((d) => { d.open = true })")
    assert set(page.tab.evaluate("() => inventory(document)")) - ALLOWED == set()
    state = "() => [window.__attacked, ({}).polluted, document.querySelectorAll('script:not([type])').length]"
    assert page.tab.evaluate(state) == [None, None, 2]
    assert page.loaded() == []
    assert len(page.tab.context.pages) == 1


# Names of all elements, and of all attributes that could run or load something.
INVENTORY = """() => {
  const running = ["action", "formaction", "srcdoc", "data", "background", "poster", "ping"];
  window.inventory = (root) => {
    const found = new Set();
    for (const e of root.querySelectorAll("*")) {
      found.add(e.localName);
      for (const { name, value } of e.attributes) {
        const leads = (name === "href" || name.endsWith(":href")) && !value.startsWith("#");
        const loads = name === "src" && !value.startsWith("data:image/jpeg;base64,");
        if (name.startsWith("on") || running.includes(name) || leads || loads) found.add(`${e.localName}[${name}]`);
      }
    }
    return [...found];
  };
}"""
ALLOWED = set(
    "html head meta title style body a header div span nav button noscript main section form p dialog script "
    "h1 h2 h3 h4 table caption thead tbody tr th td svg line circle rect path text tspan g figure figcaption ul li "
    "details summary fieldset legend label input select option bdi ol dl dt dd article kbd img defs desc wbr".split()
)


def test_an_attack_is_shown_as_it_was_written(opened, hostile_page):
    page = opened(hostile_page, "#rollouts")
    questions = block(hostile_page.read_text(), "questions")
    for number in (0, 1, 7, 28, 33, 35, 38):
        attack = ATTACKS[number][:10_000]  # a longer text is cut
        question = next(q for q in questions if q["question"].startswith(attack))
        page.tab.evaluate("hash => { location.hash = hash }", f"#{quote(RUNS[0], safe='')}/{question['id']}/0")
        page.tab.wait_for_function(
            "text => document.querySelector('#detail h2')?.textContent.startsWith(text)", arg=attack
        )
        texts = page.tab.evaluate(TEXTS)
        assert len(texts) >= 6 and all(attack in text for text in texts), number
        assert page.tab.evaluate(WIDER) <= 0, "no text makes the page wider"


WIDER = "() => { const d = document.getElementById('detail'); return d.scrollWidth - d.clientWidth }"
TEXTS = """() => [...document.querySelectorAll(
  '#detail :is(h2, .answers, .gold-reasoning, .output, .tags, .step-text, .reason)'
)].map((e) => e.textContent)"""


def test_words_keep_their_direction_to_themselves(opened, hostile_page):
    """A right-to-left override in a model's text must not turn the words around it."""
    page = opened(hostile_page, "#rollouts")
    page.tab.keyboard.press("g")
    page.tab.wait_for_selector("#detail .words")
    kinds = page.tab.evaluate(
        "() => [...document.querySelectorAll('#detail .words')].map((e) => getComputedStyle(e).unicodeBidi)"
    )
    assert kinds and set(kinds) == {"isolate"}


def test_the_modules_make_elements_in_one_place():
    makers = {file.name for file in SCRIPTS.glob("*.js") if "createElement" in file.read_text()}
    assert makers == {"dom.js"}
