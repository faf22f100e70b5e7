"""Which images a question is asked with: its own, none, or those of another question.

A model that answers as well without the image, or with a wrong one, does not look (docs/evaluation.md).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from recipe.mrpo.evaluate.phases.questions import Question

CONDITIONS = ("image", "no_image", "other_image")
NO_OTHER_IMAGE = "no_other_image"
"""Failure of a question for which the data hold no other image."""


def shown_images(questions: Sequence[Question], condition: str) -> list[int | None]:
    """For each question the number of the question whose images are shown; None: none are shown.

    `other_image`: of all sets of images of the same data source and the same number of images, in the order of their
    hashes, the next one that shares no image with the question's own; so every image is shown about equally often, and
    the choice is the same in every run. -1 where there is none.
    """
    if condition == "image":
        return [question.number for question in questions]
    if condition == "no_image":
        return [None] * len(questions)
    first: dict[tuple[str, int], dict[tuple[str, ...], int]] = defaultdict(dict)
    for question in questions:
        if question.image_problem is None and question.images:
            first[_kind(question)].setdefault(question.images, question.number)
    rings = {kind: sorted(sets, key=_order) for kind, sets in first.items()}
    places = {kind: {images: at for at, images in enumerate(ring)} for kind, ring in rings.items()}
    out: list[int | None] = []
    for question in questions:
        ring = rings.get(_kind(question), [])
        if question.images not in places.get(_kind(question), {}):
            out.append(-1)
            continue
        at = places[_kind(question)][question.images]
        turn = (ring[(at + step) % len(ring)] for step in range(1, len(ring)))
        other = next((images for images in turn if not set(images) & set(question.images)), None)
        out.append(-1 if other is None else first[_kind(question)][other])
    return out


def _kind(question: Question) -> tuple[str, int]:
    return question.case["data_source"], len(question.images)


def _order(images: tuple[str, ...]) -> str:
    return hashlib.sha256("".join(images).encode()).hexdigest()
