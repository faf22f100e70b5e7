"""The page in a real browser: figures, filters, search, keys, links, two runs side by side."""

from __future__ import annotations

import re

import pytest

from tests.unit.report.page.made import block


def count(page) -> int:
    return int(re.match(r"[\d\u202f]+", page.text("#count"))[0].replace("\u202f", ""))


def rows_of(file) -> tuple[dict, list]:
    text = file.read_text()
    return block(text, "columns"), block(text, "questions")


def choose(page, name: str, value: str) -> int:
    """Set a filter; the number of rollouts that are left."""
    before = page.text("#count")
    page.tab.select_option(f"#filters select[name={name}]", value)
    page.tab.wait_for_function("before => document.getElementById('count').textContent !== before", arg=before)
    return count(page)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_page_opens_from_disk_and_loads_nothing(opened, three_runs, width, scheme):
    page = opened(three_runs, width=width, scheme=scheme)
    page.tab.wait_for_selector(".chart svg")
    assert page.loaded() == []
    assert page.tab.locator(".chart svg").count() == page.tab.locator(".chart").count() - 1  # one holds a table
    wide = page.tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0  # nothing makes the page itself scroll sideways
    page.tab.evaluate("() => { location.hash = '#rollouts' }")
    page.tab.keyboard.press("g")
    page.tab.wait_for_selector(".step, .empty")
    assert page.loaded() == []


def test_each_filter_leaves_the_rollouts_that_fit(opened, three_runs):
    columns, questions = rows_of(three_runs)
    every = range(len(columns["run"]))

    def first_failure(i: int) -> float | None:
        labels = columns["labels"][i]
        if not labels or "0" not in labels:
            return None
        return labels.index("0") / (len(labels) - 1) if len(labels) > 1 else 0.0

    expected = {
        ("outcome", "wrong"): sum(columns["right"][i] == 0 for i in every),
        ("outcome", "unknown"): sum(columns["right"][i] is None for i in every),
        ("failure", "early"): sum(first_failure(i) is not None and first_failure(i) < 1 / 3 for i in every),
        ("failure", "none"): sum(columns["labels"][i] is not None and first_failure(i) is None for i in every),
        ("run", "1"): sum(columns["run"][i] == 1 for i in every),
        ("origin", "training"): sum(columns["origins"][columns["origin"][i]] == "train" for i in every),
        ("step", "2"): sum(columns["step"][i] == 2 for i in every),
        ("source", "slake"): sum(questions[columns["question"][i]]["data_source"] == "slake" for i in every),
    }
    page = opened(three_runs, "#rollouts")
    assert count(page) == len(columns["run"])
    for (name, value), wanted in expected.items():
        assert choose(page, name, value) == wanted > 0, (name, value)
        choose(page, name, "")


def test_judge_failures_and_changed_answers_can_be_picked_out(opened, three_runs):
    columns, questions = rows_of(three_runs)
    failed = sum(columns["statuses"][s].startswith("failed") for s in columns["status"])
    seen: dict[tuple, dict[int, object]] = {}
    for i, origin in enumerate(columns["origin"]):
        if columns["origins"][origin] != "train":
            key = questions[columns["question"][i]]["id"], columns["sample"][i]
            seen.setdefault(key, {})[i] = columns["right"][i]
    changed = sum(len(members) for members in seen.values() if len(set(members.values())) > 1)
    page = opened(three_runs, "#rollouts")
    for name, wanted in (("judge", failed), ("changed", changed)):
        page.tab.check(f"#filters input[name={name}]")
        page.tab.wait_for_function(
            "n => document.getElementById('count').textContent.startsWith(n + ' of')", arg=str(wanted)
        )
        page.tab.uncheck(f"#filters input[name={name}]")


def test_search_finds_words_in_any_order_and_says_when_there_are_none(opened, three_runs):
    page = opened(three_runs, "#rollouts")
    page.tab.fill("#filters input[name=text]", "air ABDOMEN")
    page.tab.wait_for_function("() => document.getElementById('count').textContent.includes(' of ')")
    assert count(page) > 0
    page.tab.fill("#filters input[name=text]", "no such words")
    page.tab.wait_for_function("() => document.getElementById('count').textContent.startsWith('0 of')")
    assert page.tab.locator(".row").count() == 0
    page.tab.click("#filters button[type=reset]")
    page.tab.wait_for_function("() => !document.getElementById('count').textContent.includes(' of ')")


def chosen(page) -> str:
    return page.tab.evaluate("decodeURIComponent(location.hash)")


def test_keys_walk_the_list_and_the_group(opened, three_runs):
    page = opened(three_runs, "#rollouts")
    press = page.tab.keyboard.press
    walked = [(press("n"), chosen(page))[1] for _ in range(3)]
    assert len(set(walked)) == 3 and (press("p"), chosen(page))[1] == walked[1]
    press("Shift+G")
    last = chosen(page)
    assert (press("n"), chosen(page))[1] == last, "there is nothing after the last"
    choose(page, "origin", "training")
    page.tab.focus("#list")
    press("Shift+G")
    last = chosen(page)
    group = [(press("j"), chosen(page))[1] for _ in range(8)]
    assert len(set(group)) == 8 and group[-1] == last, "a group of eight, and round again"
    assert (press("k"), chosen(page))[1] == group[-2]
    choose(page, "origin", "")
    page.tab.focus("#list")
    assert (press("g"), chosen(page))[1] == walked[0]
    press("f")
    page.tab.keyboard.type("n")
    assert page.tab.input_value("#filters input[name=text]") == "n", "a key typed into the search is text"
    press("Escape")
    press("?")
    assert page.tab.locator("#help[open]").count() == 1
    press("Escape")
    press("o")
    page.tab.wait_for_selector("#overview-view:visible")


def test_a_link_opens_its_rollout_and_a_missing_one_is_said(opened, three_runs):
    columns, questions = rows_of(three_runs)
    place = columns["run"].index(2)
    question = questions[columns["question"][place]]
    page = opened(three_runs, f"#second/{question['id']}/{columns['sample'][place]}")
    assert page.text("#detail h2") == question["question"]
    assert "second · evaluation" in page.text(".crumbs")
    page.go(three_runs, "#second/none/0")
    assert "does not hold that rollout" in page.text("#detail")
    page.go(three_runs, "#second/%E0%A4%A/0")
    assert "does not hold that rollout" in page.text("#detail")


def test_a_rollout_is_shown_whole_beside_its_group_and_the_other_run(opened, three_runs):
    columns, questions = rows_of(three_runs)
    text = three_runs.read_text()
    fields, texts = block(text, "text-fields"), block(text, "texts-0")
    place = columns["run"].index(1)
    question, known = questions[columns["question"][place]], dict(zip(fields, texts[place], strict=True))
    page = opened(three_runs, f"#first/{question['id']}/{columns['sample'][place]}")
    detail = page.text("#detail")
    for said in (question["question"], *question["gold"], question["gold_reasoning"], known["answer"]):
        assert said in detail
    steps = page.tab.locator("section[aria-label=Steps] .step")
    assert steps.count() == len(known["steps"])
    labels = columns["labels"][place]
    for k, label in enumerate(labels or ()):
        assert ("● valid", "✕ invalid")[label == "0"] in steps.nth(k).inner_text()
    assert page.text(".output") == known["output"]
    elsewhere = page.tab.locator("section[aria-label='Same question elsewhere'] .card")
    assert {card.split(",")[0] for card in elsewhere.locator("h4").all_inner_texts()} >= {"first", "second"}
    assert page.tab.locator("section[aria-label=Group] .card").count() == 2


def test_tokens_are_shaded_by_the_advantage_that_they_were_given(opened, three_runs):
    columns, questions = rows_of(three_runs)
    text = three_runs.read_text()
    fields = block(text, "text-fields")
    place = next(i for i, a in enumerate(columns["advantage"]) if a is not None and columns["labels"][i])
    known = dict(zip(fields, block(text, f"texts-{place // 100}")[place % 100], strict=True))
    question = questions[columns["question"][place]]
    page = opened(three_runs, f"#run/{question['id']}/{columns['sample'][place]}/training-{columns['step'][place]}")
    pieces = (
        page.tab.locator(".output")
        .first.locator(".piece")
        .evaluate_all("found => found.map((e) => [e.textContent, e.className, e.title])")
    )
    assert "".join(piece for piece, _, _ in pieces) == known["output"]
    inside = [(kind, title) for _, kind, title in pieces if title.startswith("step")]
    for (kind, title), advantage in zip(inside, known["step_advantages"], strict=True):
        assert kind.endswith("up" if advantage > 0 else "down")
        assert f"{abs(advantage):.3f}" in title


def test_an_image_stands_beside_its_question(opened, three_runs):
    columns, questions = rows_of(three_runs)
    question = next(q for q in questions if q["images"])
    place = next(i for i, q in enumerate(columns["question"]) if questions[q] is question and columns["run"][i] == 0)
    origin = {"train": "training"}.get(columns["origins"][columns["origin"][place]], "validation")
    page = opened(three_runs, f"#run/{question['id']}/{columns['sample'][place]}/{origin}-{columns['step'][place]}")
    page.tab.wait_for_function("() => document.querySelector('.image img').naturalWidth > 0")
    page.tab.click(".image button")
    assert page.tab.locator("#zoom[open] img").count() == 1


def test_on_a_phone_the_list_and_the_rollout_take_turns(opened, three_runs):
    page = opened(three_runs, "#rollouts", width=390, height=844)
    assert page.tab.locator("#detail:visible").count() == 0
    page.tab.click(".row >> nth=0")
    page.tab.wait_for_selector("#detail:visible")
    assert page.tab.locator(".side:visible").count() == 0
    page.tab.click(".back")
    page.tab.wait_for_selector(".side:visible")


def test_print_leaves_out_the_list(opened, three_runs):
    page = opened(three_runs, "#rollouts")
    page.tab.keyboard.press("n")
    page.tab.emulate_media(media="print")
    assert page.tab.locator(".side:visible").count() == 0 and page.tab.locator("#detail:visible").count() == 1
    assert page.tab.pdf()[:5] == b"%PDF-"
