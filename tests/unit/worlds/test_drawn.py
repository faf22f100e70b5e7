"""The drawn world: its scenes are seeded and distinct, its rows are the package's own, its judges are exact."""

from __future__ import annotations

import asyncio
import itertools
import json

import pytest
import torch

from data_preprocess.convert.schema import find_fault
from recipe.mrpo.judge import get_judge
from recipe.mrpo.judge.protocol import JudgeRequest
from recipe.mrpo.options.tree import load_options
from recipe.mrpo.rollout.steps import parse, split_steps
from recipe.mrpo.worlds import world
from recipe.mrpo.worlds.drawn import judge, measure, rows, words
from recipe.mrpo.worlds.drawn.lessons import Slips, completion, lesson
from recipe.mrpo.worlds.drawn.picture import picture
from recipe.mrpo.worlds.drawn.question import CHAINS, Question, parse_question, questions
from recipe.mrpo.worlds.drawn.scene import held_out, scenes

FULL = Question("level", 4)
"""modality, region, tone, side, level: a full chain."""


def some(split: str, count: int, *, cascade: float = 1.0, seed: int = 0):
    return list(itertools.islice(scenes(split, cascade=cascade, seed=seed), count))


@pytest.mark.parametrize(
    ("steps", "scene", "local", "why"),
    [
        ("Modality ct. Region limb. Tone bright. Side middle. Level upper.", "11111", "11111", "the truth"),
        ("Modality mri. Region limb. Tone bright. Side middle. Level upper.", "01111", "00111", "right by another way"),
        ("Modality mri. Region head. Tone dark. Side right. Level central.", "00000", "01111", "an inherited error"),
        ("Modality ct. Region limb. Tone bright. Side middle. Level lower.", "11110", "11110", "a late error"),
        ("Modality ct. Tone bright. Region limb. Side middle. Level upper.", "10011", "10001", "out of order"),
        ("Modality ct. Region limb. I am not sure. Side middle. Level upper.", "11011", "11001", "no value"),
        ("Modality ct. Region limb.", "11", "11", "a chain that stops has labels for its steps"),
        ("Modality ct. Region limb. Tone bright. Side middle. Level upper. Level upper.", "111110", "111110", "beyond"),
        ("modality ct. Region limb", "11", "11", "letters of the case, a full stop less"),
    ],
)
def test_labels_of_written_steps(steps, scene, local, why):
    """Clues ct, chest, dark, right, lower: right values ct, chest + 1, dark + 2, right + 2, lower + 1 (mod 3)."""
    text = f"<think>{steps}</think>"
    said = [text[s.start : s.end] for s in split_steps(parse(text), splitter="rules", unclosed_think="drop")]
    for kind, expected in (("scene", scene), ("local", local)):
        assert "".join(map(str, FULL.labels([1, 1, 0, 2, 2], said, kind))) == expected, (kind, why)


def test_the_truth_is_valid_and_the_clues_come_back_from_it():
    for cascade in (0.0, 0.5, 1.0):
        for scene in some("train", 20, cascade=cascade):
            steps = scene.question.steps(scene.truth)
            assert scene.question.labels(scene.clues, steps, "scene") == (1,) * len(steps)
            assert judge.case_of(scene.question.text, " ".join(steps)) == (scene.question, scene.clues)


def test_both_judges_agree_where_nothing_depends():
    for scene in some("train", 30, cascade=0.0):
        guess = scene.question.steps([(c + i) % 3 for i, c in enumerate(scene.clues)])
        assert scene.question.labels(scene.clues, guess, "scene") == scene.question.labels(scene.clues, guess, "local")


@pytest.mark.parametrize(("cascade", "dependent"), [(0.0, 0), (0.5, 2), (1.0, 4)])
def test_a_question_says_how_many_readings_depend(cascade, dependent):
    assert {q.depends for q in questions(cascade)} == {dependent}
    assert [parse_question(q.text) for q in questions(cascade)] == questions(cascade)


@pytest.mark.parametrize("text", ["What plane is this?", "Which mood? 4 readings depend on the one before.", ""])
def test_another_question_is_not_of_this_world(text):
    with pytest.raises(ValueError, match="not a question of the drawn world"):
        parse_question(text)


def test_the_seed_decides_scenes_and_pictures_and_no_two_pictures_are_equal():
    again = [some("train", 200), some("train", 200)]
    assert again[0] == again[1] and again[0] != some("train", 200, seed=1)
    images = [picture(scene).tobytes() for scene in again[0]]
    assert len(set(images)) == 200 and images == [picture(scene).tobytes() for scene in again[1]]


def test_a_picture_shows_every_value_of_every_attribute():
    """Without noise two scenes differ in the picture as soon as one shown value differs."""
    scene = some("train", 1)[0]
    for name, values in words.VALUES.items():
        seen = set()
        for index in range(len(values)):
            changed = type(scene)({**scene.shown, name: index}, scene.question, scene.noise_seed)
            seen.add(picture(changed).tobytes())
        assert len(seen) == len(values), name


def test_the_shifted_test_has_combinations_that_training_never_sees():
    def kinds(split):
        return {tuple(s.shown[a] for a in ("modality", "region", "tone")) for s in some(split, 400)}

    train, test, shifted = kinds("train"), kinds("test"), kinds("shifted")
    assert train == test and not train & shifted and len(train | shifted) == 27
    assert all(held_out(s.shown) for s in some("shifted", 20))


def test_test_scenes_are_not_those_of_training():
    assert not {s.noise_seed for s in some("train", 500)} & {s.noise_seed for s in some("test", 500)}


def test_rows_keep_the_schema_and_say_that_they_are_synthetic(tmp_path):
    import pyarrow.parquet as pq

    rows.write(tmp_path, counts={"train": 3, "test": 2, "shifted": 2}, cascade=1.0, seed=0)
    for split, source in (("train", "synthetic-drawn"), ("test", "synthetic-drawn"), ("shifted", rows.SHIFTED)):
        for row in pq.read_table(tmp_path / f"{split}.parquet").to_pylist():
            assert find_fault(row) is None and row["data_source"] == source
            assert row["extra_info"]["gold_source"] == "synthetic-drawn"
            asked, clues = judge.case_of(row["extra_info"]["question"], row["extra_info"]["gold_reasoning"])
            right = world.truth(asked, torch.tensor([clues]))[0].tolist()
            assert row["reward_model"]["ground_truth"] == asked.answer(right)


def request(steps, scene) -> JudgeRequest:
    gold = " ".join(scene.question.steps(scene.truth))
    return JudgeRequest(
        question=scene.question.text, answer="", gold_reasoning=gold, steps=tuple(steps), images=(),
        may_leave_machine=False,
    )  # fmt: skip


def made(kind: str, **options):
    node = load_options({"judge": {"name": f"{judge.__name__}:{kind}", "options": options}})
    return get_judge(dict(node.judge))


@pytest.mark.parametrize("kind", world.KINDS)
def test_the_judge_is_named_in_an_option_and_is_exact(kind):
    for scene in some("train", 10):
        guess = scene.question.steps([(v + (k == 1)) % 3 for k, v in enumerate(scene.truth)])
        got = asyncio.run(made(kind).label(request(guess, scene)))
        assert got.labels == scene.question.labels(scene.clues, guess, kind)


def test_a_row_of_another_world_is_a_failure_and_no_label():
    odd = JudgeRequest("What is it?", "", "A mass.", ("A mass.",), (), True)
    assert asyncio.run(made("scene").label(odd)).failure == "not_of_this_world"


def test_faults_are_as_often_as_asked_and_the_same_for_the_same_reasoning():
    noisy, failing = made("scene", flip=0.2, flip_first=0.3), made("scene", fail=0.25)
    flipped, failed = [], 0
    for scene in some("train", 600):
        one = request(scene.question.steps(scene.truth), scene)
        got = asyncio.run(noisy.label(one)).labels
        assert got == asyncio.run(noisy.label(one)).labels
        flipped.append([1 - v for v in got])
        failed += asyncio.run(failing.label(one)).failure == "on_purpose"
    share = torch.tensor(flipped, dtype=torch.float64).mean(dim=0)
    assert share[0].item() == pytest.approx(1 - 0.8 * 0.7, abs=0.06)
    assert share[1:].mean().item() == pytest.approx(0.2, abs=0.03) and failed / 600 == pytest.approx(0.25, abs=0.05)


def test_lessons_slip_as_often_as_asked_and_later_steps_inherit_the_error():
    import random

    draw, slips = random.Random(0), Slips(first=0.35, last=0.1)
    wrong = []
    for scene in some("lessons", 1500):
        values = lesson(scene, slips, draw)
        wrong.append([1 - v for v in scene.question.labels(scene.clues, scene.question.steps(values), "local")])
    share = torch.tensor(wrong, dtype=torch.float64).mean(dim=0).tolist()
    assert share == pytest.approx([0.35, 0.2875, 0.225, 0.1625, 0.1], abs=0.04)


def test_rates_are_those_of_all_rollouts_by_scene_labels():
    scene = next(s for s in some("test", 50) if s.question.asked == "level")
    right = scene.truth
    early, late = [(right[0] + 1) % 3, *right[1:]], [*right[:4], (right[4] + 1) % 3]

    def row(output):
        gold = " ".join(scene.question.steps(right))
        case = {"question": scene.question.text, "gold_reasoning": gold}
        return {"output": output, "gts": scene.question.answer(right), "mrpo": {"case": case}}

    texts = [completion(scene, values) for values in (right, early, late)] + ["<answer>upper</answer>"]
    got = measure.measure(map(row, texts))
    assert got["early_rate"] == 0.5, "one that errs first, and one without a step"
    assert got["rollouts"] == 4 and got["early_share"] == pytest.approx(2 / 3)
    assert got["accuracy"] == pytest.approx((2 + (scene.question.answer(right) == "upper")) / 4)
    with pytest.raises(ValueError, match="no rollout"):
        measure.measure([])


def test_every_chain_ends_with_what_is_asked_and_reads_nothing_twice():
    for asked, chain in CHAINS.items():
        assert chain[-1] == asked and len(set(chain)) == len(chain) == 5
    assert json.dumps(words.VALUES).isascii()


def test_a_start_model_of_one_lesson_speaks_in_one_token_a_word(tmp_path):
    """The tokenizer, the processor and the schedule of the start; and it is made once for the same inputs."""
    from recipe.mrpo.worlds.drawn import start

    tokenizer = start.tokenizer()
    for scene in some("train", 20):
        told = completion(scene, scene.truth)
        ids = tokenizer(told)["input_ids"]
        assert len(ids) == 3 * 5 + 2 + 3 and tokenizer.decode(ids) == told
    recipe = start.Recipe(steps=1)
    assert start.cache_key(recipe) == start.cache_key(start.Recipe(steps=1)) != start.cache_key(start.Recipe(steps=2))
