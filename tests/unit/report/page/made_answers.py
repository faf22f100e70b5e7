"""Evaluations with everything that figures of answers are made of: closed questions, several answers to a question,
probabilities, other conditions, a judge that was asked again."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path

from tests.unit.evaluate.made import case, evaluation, generation, judgement

CHOICES = ("yes", "no")
FINDINGS = ("liver", "left lung", "free air", "CT", "cardiomegaly")
STEPS = ("The image is a frontal chest radiograph.", "The heart is enlarged.", "This fits free air in the abdomen.")
SKILL = {"image": 0.6, "no_image": 0.35, "other_image": 0.3}


def answered(
    folder: Path, *, seed: int = 0, condition: str = "image", questions: int = 40, samples: int = 4,
    choices: Sequence[str] = CHOICES, model: str = "a", source: str = "vqa-rad",
) -> Path:  # fmt: skip
    """An evaluation whose questions depend on nothing but their number; every second one is closed.

    `choices`: the answers to closed questions; the last one is what a model guesses without the image. `model`: named
    by its manifest.
    """
    draw, pairs = random.Random(f"{seed} {condition}"), []
    for index in range(questions):
        closed = index % 2 == 0
        words = choices if closed else FINDINGS
        gold = words[index // 2 % len(words)]
        about = case(
            index, source=source, image=f"{index // 3}.jpg", gold=[gold], answer_type="CLOSED" if closed else "OPEN"
        )
        for sample in range(samples):
            right = draw.random() < SKILL[condition]
            others = [word for word in words if word != gold] or [gold]
            answer = gold if right else others[-1] if condition != "image" else draw.choice(others)
            labels = [int(draw.random() < 0.7) for _ in STEPS]
            again: list = [[label ^ int(draw.random() < 0.15) for label in labels] for _ in range(2)]
            if draw.random() < 0.2:
                again[-1] = None
            sure = min(0.99, max(0.02, draw.gauss(0.75 if right else 0.5, 0.2)))
            made = generation(
                index, sample, about=about, condition=condition,
                output=f"<think>{' '.join(STEPS)}</think><answer>{answer}</answer>",
                answer_logprobs=None if draw.random() < 0.1 else [math.log(sure) / 2, math.log(sure) / 3],
            )  # fmt: skip
            repeats = again if draw.random() < 0.4 else None
            judged = judgement(made, labels=labels, right=right, answer=answer, repeats=repeats)
            judged["mrpo"]["steps"] = list(STEPS)
            pairs.append((made, judged))
    sections = {"data": {"sha256": "d"}, "model": {"kind": "made", "sha256": model}, "judging": {"judge": "made"},
                "generation": {"condition": condition}}  # fmt: skip
    return evaluation(folder, pairs, manifest={"format": 1, "sections": sections, "settings": {}, "seen": {}})
