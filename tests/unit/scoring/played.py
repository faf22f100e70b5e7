"""Rollouts that play the rewards, and the honest one beside them (docs/judge.md, Reward hacking)."""

from __future__ import annotations

SENTENCES = (
    "The chest radiograph shows an opacity. The opacity lies in the right lower lobe. There is no effusion. "
    "This is consistent with pneumonia."
)
GOLD = "right lower lobe"
HONEST = "four sentences of the gold reasoning, right answer in a sentence"
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
