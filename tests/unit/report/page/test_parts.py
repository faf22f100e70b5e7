"""The parts of a page: which rollouts it holds, texts stored once, images made small."""

from __future__ import annotations

import base64
import hashlib
import io
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from recipe.mrpo.evaluate.rollouts import read_rollouts
from recipe.mrpo.report.page.curves import MAX_POINTS, curves
from recipe.mrpo.report.page.make import run_names
from recipe.mrpo.report.page.pack import TEXT_LIMIT, Pack
from recipe.mrpo.report.page.pictures import Pictures
from recipe.mrpo.report.page.sample import GroupSample, fair_shares
from recipe.mrpo.report.page.text_pool import cut, step_places
from tests.unit.report.page.made import data_file, evaluated, picture, training_run

# --- which rollouts ---


@pytest.fixture(scope="module")
def rollouts(tmp_path_factory):
    return list(read_rollouts(training_run(tmp_path_factory.mktemp("run"), rows=160, steps=2)))


def kept(rollouts, limit: int) -> list:
    sample = GroupSample(limit)
    for rollout in rollouts:
        sample.add(rollout)
    return list(sample)


def unit(rollout) -> tuple:
    """The rollouts that are kept or dropped together."""
    return (rollout.step, rollout.group) if rollout.origin == "train" else (rollout.question_id,)


@pytest.mark.parametrize("limit", [1, 8, 50, 160, 343, 344, 10_000])
def test_whole_groups_are_kept_and_no_more_than_the_limit(rollouts, limit):
    found, sizes = Counter(map(unit, kept(rollouts, limit))), Counter(map(unit, rollouts))
    assert found and sum(found.values()) <= max(limit, 8)  # one group is kept however small the limit is
    assert all(sizes[name] == count for name, count in found.items())
    if limit >= len(rollouts):
        assert found == sizes


@pytest.mark.parametrize("limit", [40, 80, 200])
def test_the_order_of_the_rows_does_not_change_what_is_kept(rollouts, limit):
    mixed = random.Random(0).sample(rollouts, len(rollouts))
    assert kept(mixed, limit) == kept(rollouts, limit)


def test_two_evaluations_keep_the_same_questions(tmp_path):
    first, second = (
        kept(read_rollouts(evaluated(tmp_path / name, count=60, seed=seed)), 20) for name, seed in (("a", 1), ("b", 2))
    )
    assert len(first) == 20 and {r.question_id for r in first} == {r.question_id for r in second}


@given(st.lists(st.integers(0, 500), min_size=1, max_size=6), st.integers(1, 1000))
def test_shares_fill_the_limit_and_give_nobody_more_than_it_has(held, limit):
    shares = fair_shares(held, limit)
    assert all(0 <= share <= have for share, have in zip(shares, held, strict=True))
    assert sum(shares) <= limit and (sum(shares) == sum(held) or limit - sum(shares) < len(held))


# --- texts ---


@pytest.mark.parametrize(
    ("output", "steps", "why"),
    [
        ("<think>One. Two.</think>", ["One.", "Two."], "plain"),
        ("<think>One. One.</think>", ["One.", "One."], "the same words twice: the second place"),
        ("🫁 lung. 😀 ok. 肺。", ["🫁 lung.", "😀 ok.", "肺。"], "two UTF-16 units for a character beyond U+FFFF"),
        ("a\ud83d b. c.", ["a\ud83d b.", "c."], "half of a surrogate pair is one unit"),
    ],
)
def test_places_of_steps_are_those_that_a_browser_counts(output, steps, why):
    units = output.encode("utf-16-le", "surrogatepass")
    for (start, end), step in zip(step_places(output, steps), steps, strict=True):
        assert units[2 * start : 2 * end].decode("utf-16-le", "surrogatepass") == step, why


def test_a_step_that_does_not_stand_in_the_output_is_kept_as_text():
    assert step_places("One. Two.", ["One.", "three", "Two.", ""]) == [[0, 4], "three", [5, 9], ""]


@given(st.text("ab\n🫁", max_size=40), st.integers(1, 40))
def test_a_cut_text_says_how_much_is_missing(text, limit):
    shown = cut(text, limit)
    assert shown == text if len(text) <= limit else shown.endswith(f"[{len(text) - limit} more characters left out]")


def test_long_texts_are_cut_and_counted(tmp_path):
    run = training_run(tmp_path, rows=8, steps=1, change=lambda row: row | {"output": "x" * (TEXT_LIMIT + 5)})
    pack = Pack()
    pack.add(0, (r for r in read_rollouts(run) if r.origin == "train"))
    assert pack.cut_texts == 8
    assert "[5 more characters left out]" in dict(pack.blocks())["texts-0"][0][0]


# --- images ---


def questions(*names: str) -> list[dict]:
    return [
        {"data_source": "vqa-rad", "split": "test", "index": i, "question": q, "image_ids": ()}
        for i, q in enumerate(names)
    ]


def read(tmp_path, rows, *, limit=10, side=16, private=True) -> tuple[Pictures, dict]:
    pictures = Pictures(limit, side, private)
    asked = questions(*("What?" for _ in rows))
    return pictures, pictures.read([data_file(tmp_path / "a.parquet", rows)], asked)


def test_an_image_of_many_questions_is_stored_once_by_its_hash(tmp_path):
    same, other = picture(10), picture(200)
    pictures, found = read(tmp_path, [{"index": i, "image": image} for i, image in enumerate((same, same, other))])
    assert found == {i: [hashlib.sha256(x).hexdigest()] for i, x in enumerate((same, same, other))}
    assert set(pictures.by_hash) == {hashlib.sha256(x).hexdigest() for x in (same, other)}


def test_an_evaluation_finds_the_images_of_another_run_by_their_hashes(tmp_path):
    name = hashlib.sha256(picture(10)).hexdigest()
    asked = [*questions("What?"), {**questions("Another?")[0], "index": 77, "image_ids": (name, "unknown.jpg")}]
    found = Pictures(9, 16, True).read([data_file(tmp_path / "a.parquet", [{"index": 0, "image": picture(10)}])], asked)
    assert found == {0: [name], 1: [name]}


def test_an_image_is_made_small_and_stays_a_picture(tmp_path):
    pictures, _ = read(
        tmp_path, [{"index": 0, "image": picture(10, (400, 100))}, {"index": 1, "image": picture(9, (8, 8))}]
    )
    sizes = [
        Image.open(io.BytesIO(base64.b64decode(address.removeprefix("data:image/jpeg;base64,")))).size
        for address in pictures.by_hash.values()
    ]
    assert sizes == [(16, 4), (8, 8)] and pictures.made_small == 1


@pytest.mark.parametrize(
    ("row", "options", "counted", "why"),
    [
        ({"image": b"no picture"}, {}, "unreadable", "bytes that are no image"),
        ({"image": picture(1), "question": "Another?"}, {}, "other_question", "files of another release"),
        ({"image": picture(1), "private": True}, {"private": False}, "left_out_private", "asked to leave them out"),
        ({"image": picture(1)}, {"limit": 0}, "beyond_limit", "no more images than asked"),
    ],
)
def test_an_image_that_is_not_in_the_page_is_counted(tmp_path, row, options, counted, why):
    pictures, found = read(tmp_path, [{"index": 0, **row}], **options)
    assert pictures.by_hash == {} and found.get(0, []) == [], why
    assert {name for name, count in pictures.counts.items() if count} == {counted}, why


def test_images_of_private_rows_are_counted(tmp_path):
    rows = [{"index": 0, "image": picture(1), "private": True}, {"index": 1, "image": picture(2)}]
    assert read(tmp_path, rows)[0].private == 1


# --- names and curves ---


def test_runs_of_one_name_can_be_told_apart(tmp_path):
    paths = [tmp_path / "a" / "run", tmp_path / "b" / "run", tmp_path / "c", tmp_path / "c"]
    assert run_names(paths) == ["a/run", "b/run", f"{tmp_path.name}/c (1)", f"{tmp_path.name}/c (2)"]


def test_a_long_curve_is_thinned_and_keeps_its_ends():
    steps = {step: {"mrpo/valid_steps": float(step)} for step in range(5000)}
    (curve,) = curves(steps)
    assert len(curve["points"]) == MAX_POINTS and curve["of"] == 4999
    assert (curve["points"][0], curve["points"][-1]) == ([1, 1.0], [4999, 4999.0])
