"""evaluate/phases/questions.py, conditions.py, prompts.py: which questions there are, and what the model is shown."""

from __future__ import annotations

import copy

import pandas as pd
import pytest
from omegaconf import OmegaConf

from data_preprocess.convert.prompts import user_prompt
from recipe.mrpo.evaluate.ids import question_id
from recipe.mrpo.evaluate.phases.conditions import shown_images
from recipe.mrpo.evaluate.phases.prompts import chat_messages, without_images
from recipe.mrpo.evaluate.phases.questions import Questions
from tests.unit.evaluate.phases.data import picture, row, write

DATA = OmegaConf.create({"prompt_key": "prompt", "image_key": "images"})


@pytest.fixture
def questions(tmp_path):
    def made(*files, **more):
        paths = [str(write(tmp_path / f"{number}.parquet", rows)) for number, rows in enumerate(files)]
        return Questions(paths, DATA, **more)

    return made


def test_every_row_of_every_file_is_a_question_and_can_be_read_again(questions):
    found = questions([row(n) for n in range(7)], [row(n, split="train") for n in range(4)])
    assert [q.number for q in found] == list(range(11)) and len({q.id for q in found}) == 11
    for question in found:
        whole = found.row(question.number)
        assert whole["extra_info"]["question"] == question.case["question"]
        assert whole["images"][0]["bytes"] == picture(int(question.case["index"]) // 2)
    assert found.all[0].id == question_id({"data_source": "made", "split": "test", "index": 0})


def test_a_limit_takes_the_first_ones(questions):
    assert [q.number for q in questions([row(n) for n in range(7)], limit=2)] == [0, 1]


def test_two_rows_of_one_id_are_refused(questions):
    with pytest.raises(ValueError, match=r"rows 0 and 2 .* same data_source, split"):
        questions([row(0), row(1), row(0)])


def test_a_row_that_cannot_be_scored_is_still_a_question(questions):
    bad = row(1, answers=[" "])
    bad["reward_model"]["ground_truth"] = " "
    found = questions([row(0), bad, row(2)])
    assert [q.fault is None for q in found] == [True, False, True]


def test_the_case_holds_what_scores_are_grouped_by(questions):
    case = questions([row(0)]).all[0].case
    assert {n: case[n] for n in ("modality", "organ", "question_type", "answer_type", "language")} == {
        "modality": "CT", "organ": "HEAD", "question_type": "PLANE", "answer_type": "OPEN", "language": "en",
    }  # fmt: skip
    assert "patient" not in case, "what is not known is not there"


def test_the_input_changes_with_prompt_and_image(questions):
    one, other = row(0), row(0, image=9)
    reworded = copy.deepcopy(one)
    reworded["prompt"][0]["content"] += " Be brief."
    a, b, c = (questions([r]).all[0] for r in (one, other, reworded))
    assert a.images != b.images and a.prompt_hash == b.prompt_hash
    assert a.images == c.images and a.prompt_hash != c.prompt_hash


def test_another_question_s_image_is_another_image(questions):
    found = questions([row(n) for n in range(8)])  # four images, two questions each
    shown = shown_images(found.all, "other_image")
    assert all(set(found.all[n].images).isdisjoint(q.images) for q, n in zip(found, shown, strict=True))
    pictures = [found.all[n].images for n in shown]
    assert all(pictures.count(images) == 2 for images in pictures), "every image is shown equally often"
    assert shown == shown_images(found.all, "other_image")


def test_where_there_is_no_other_image_the_question_says_so(questions):
    found = questions([row(n, image=0) for n in range(3)])
    assert shown_images(found.all, "other_image") == [-1, -1, -1]
    assert shown_images(found.all, "no_image") == [None, None, None]
    assert shown_images(found.all, "image") == [0, 1, 2]


def test_without_an_image_the_placeholder_goes_and_the_words_stay():
    prompt = row(0)["prompt"]
    bare = without_images(prompt)
    assert bare[0]["content"] == prompt[0]["content"].removeprefix("<image>")
    assert chat_messages(bare, []) == bare
    several = [{"role": "user", "content": user_prompt("What differs?", tag="think", images=2)}]
    assert "Image" not in without_images(several)[0]["content"].partition("\n")[0]
    assert without_images(several)[0]["content"].startswith("What differs?")


@pytest.mark.parametrize("count", [0, 2, 3])
def test_images_and_placeholders_must_be_as_many(count):
    prompt = [{"role": "user", "content": "<image>One?"}]
    if count == 0:
        assert chat_messages(prompt, []) == prompt  # verl leaves the text as it is
        return
    with pytest.raises(ValueError, match="fewer placeholders"):
        chat_messages(prompt, [{"bytes": b"x"}] * count)


def test_a_parquet_file_of_another_kind_is_told_by_its_missing_column(tmp_path):
    pd.DataFrame({"a": [1, 2]}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(ValueError, match=r"x\.parquet has no column prompt"):
        Questions([str(tmp_path / "x.parquet")], DATA)
