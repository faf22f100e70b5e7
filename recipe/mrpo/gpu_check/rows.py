"""Questions about drawn images, written as a user's own data set: no download, and no file of a checkout.

A square lies left or right, above or below, and is bright or dark. Each question has gold reasoning in three sentences:
the tiny models learn to answer in steps from it.
"""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

MAPPING = """\
name: squares
file: rows.csv
images: images
columns: {question: question, answer: answer, image: image}
optional_columns: {split: split, gold_reasoning: gold_reasoning}
licence: drawn by this package
may_leave_machine: true
"""
BRIGHT, DARK, GROUND = 230, 60, 140


def draw(file: Path, *, right: bool, below: bool, bright: bool, side: int) -> None:
    """A grey image with a square in one of its quarters."""
    from PIL import Image, ImageDraw

    image = Image.new("L", (side, side), GROUND)
    x, y = (side * (5 if right else 1) // 8), (side * (5 if below else 1) // 8)
    ImageDraw.Draw(image).rectangle((x, y, x + side // 4, y + side // 4), fill=BRIGHT if bright else DARK)
    image.save(file)


def rows_of(number: int, *, right: bool, below: bool, bright: bool) -> list[dict[str, str]]:
    """The questions about one image."""
    side, height, shade = "right" if right else "left", "lower" if below else "upper", "bright" if bright else "dark"
    seen = f"The image is grey with one {shade} square."
    questions = {
        "On which side is the square?": (side, f"The square is nearer to the {side} edge."),
        "In which half is the square, upper or lower?": (height, f"The square is in the {height} half of the image."),
        "Is the square bright or dark?": (shade, f"The square is {'lighter' if bright else 'darker'} than the ground."),
    }
    return [
        {
            "question": question,
            "answer": answer,
            "image": f"{number}.png",
            "split": "test" if number == 7 else "train",
            "gold_reasoning": f"{seen} {evidence} So the answer is {answer}.",
        }
        for question, (answer, evidence) in questions.items()
    ]


def write_source(folder: Path, *, side: int) -> Path:
    """Images of `side` x `side` pixels, their questions and the mapping file; returns the mapping file."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows = []
    for number, (right, below, bright) in enumerate(itertools.product((False, True), repeat=3)):
        draw(folder / "images" / f"{number}.png", right=right, below=below, bright=bright, side=side)
        rows += rows_of(number, right=right, below=below, bright=bright)
    with (folder / "rows.csv").open("w", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    mapping = folder / "mapping.yaml"
    mapping.write_text(MAPPING)
    return mapping
