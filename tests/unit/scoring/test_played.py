"""Reward hacking: docs/judge.md shows the reward of such rollouts under the offline judge."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from recipe.mrpo.scoring.offline import compute_score

PAGE = (Path(__file__).parents[3] / "docs" / "judge.md").read_text()
SECTION = PAGE[PAGE.index("## Reward hacking") : PAGE.index("## Your own judge or rubric")]
ROWS = dict(re.findall(r"^\| ([^|]+?) \| (\d\.\d\d \| \d\.\d\d) \|", SECTION, re.MULTILINE))

SENTENCES = (
    "The chest radiograph shows an opacity. The opacity lies in the right lower lobe. There is no effusion. "
    "This is consistent with pneumonia."
)
EXTRA = {"gold_reasoning": SENTENCES, "question": "Where is the abnormality?"}
FORM = "<think>{}</think><answer>{}</answer>"
BLOCKS = "<think>{}</think><answer>left</answer><answer>lung</answer><answer>{}</answer>"
SALAD = "Opacity radiograph lobe chest. Right lobe opacity lower. Effusion no consistent. Pneumonia consistent chest."
OPEN = (
    "The opacity lies in the left or right lower lobe. The left or right chest shows an opacity. There is an effusion "
    "or no effusion left or right. This is consistent with pneumonia left or right."
)
ANY_IMAGE = "This is a medical image. The image shows anatomy. There is an abnormality. It is consistent with disease."
FALSE = (
    "The radiograph of the chest is an opacity that lies on the lobe. The right lower lobe is the heart of the opacity."
    " The lower lobe of pneumonia is consistent with the radiograph. A chest with a right opacity shows the lobe."
)
ONE = "The opacity lies in the right lower lobe. "
PLAYED = {
    "four sentences of the gold reasoning, right answer in a sentence": FORM.format(
        SENTENCES, "The abnormality is in the right lower lobe."
    ),
    "the same, wrong answer": FORM.format(SENTENCES, "heart"),
    "one word per step, wrong answer": FORM.format("Opacity. Lobe. Effusion. Pneumonia.", "heart"),
    '"left or right" in every step, both in the answer': FORM.format(OPEN, "right lower lobe or left lower lobe"),
    "one true sentence four times, wrong answer": FORM.format(
        "The opacity lies in the right lower lobe. " * 4, "heart"
    ),
    "sentences that fit any image, wrong answer": FORM.format(ANY_IMAGE, "heart"),
    "terms of the case in any order, wrong answer": FORM.format(SALAD, "heart"),
    "a fluent false sentence of the right words, wrong answer": FORM.format(FALSE, "heart"),
    "three answers in three blocks, the last one right": BLOCKS.format(SENTENCES, "right lower lobe"),
    "three answers in three blocks, all wrong": BLOCKS.format(SENTENCES, "heart"),
    "a right answer padded with blanks and lines": FORM.format(SENTENCES, "   right lower lobe  \n\n "),
}


def score(text, **options):
    return compute_score("vqa", text, "right lower lobe", EXTRA, **options)


@pytest.mark.parametrize("name", PLAYED)
def test_the_page_says_what_a_played_rollout_earns(name):
    got = score(PLAYED[name])
    assert ROWS[name] == f"{got['reward/process']:.2f} | {got['score']:.2f}"


def test_every_row_of_the_page_is_tried():
    assert set(ROWS) == set(PLAYED)


@pytest.mark.parametrize("name", [name for name in PLAYED if name.startswith("three answers")])
def test_several_answer_blocks_cost_what_the_format_reward_weighs(name):
    plain, weighed = (score(PLAYED[name], mrpo={"rewards": {"format": {"weight": w}}}) for w in (0.0, 1.0))
    one_block = score(PLAYED[name].replace("<answer>left</answer><answer>lung</answer>", ""),
                      mrpo={"rewards": {"format": {"weight": 1.0}}})  # fmt: skip
    assert weighed["score"] == plain["score"] == one_block["score"] - 1.0


def test_no_wrong_rollout_earns_as_much_as_an_honest_right_one():
    honest = score(PLAYED["four sentences of the gold reasoning, right answer in a sentence"])["score"]
    assert all(score(text)["score"] < honest for text in PLAYED.values() if score(text)["acc"] == 0)
