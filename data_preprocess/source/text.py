"""Text of questions and answers: reading it from records, telling yes/no apart, comparing it for joins."""

from __future__ import annotations

import math
import re
from typing import Any

from data_preprocess.source.fillers import is_filler

_SPACE_BEFORE_MARK = re.compile(r"\s+(?=[?.,!;:])")


def clean(value: Any) -> str | None:
    """Text of a record's field: white space collapsed and trimmed; None for a missing one.

    Numbers become text (VQA-RAD has integer answers). None, NaN, infinite numbers and the texts that `fillers` lists
    are missing. Raises TypeError for anything that is neither text nor a number.
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise TypeError(f"text or a number is expected, not {type(value).__name__}")
    try:
        text = " ".join(str(value).split())
    except ValueError as error:  # Python writes no integer of more than 4,300 digits
        raise TypeError("the number has too many digits") from error
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise TypeError("the text holds half a character (a lone surrogate), which no file can store")
    return None if is_filler(text) else text


def is_yes_no(answer: str) -> bool:
    """Is this a yes/no answer? The study's rule: exactly yes or no, in any letter case."""
    return answer.strip().lower() in ("yes", "no")


def join_text(text: str) -> str:
    """Question or answer as joins compare it: lower case, white space collapsed, none before `? . , ! ; :`.

    This is the normalisation with which the study joins MedThink's rationales to the original training sets.
    """
    return _SPACE_BEFORE_MARK.sub("", " ".join(text.split()).lower())


BETWEEN_NAMES = " + "
"""Between the names of several images that a row shows."""


def join_key(image: str, question: str, answer: str) -> tuple[str, str, str]:
    """Key (image name, question, answer) under which gold reasoning belongs to a row."""
    return image_key(image), join_text(question), join_text(answer)


def row_key(image: str, question: str, answer: str) -> tuple[str, str, str]:
    """Key that tells rows of one data set apart: the image's whole name, question and answer as joins compare them."""
    return image, join_text(question), join_text(answer)


def image_key(image: str) -> str:
    """File name of an image, of several images (`records.shown`) their file names.

    SLAKE's `xmlabN/source.jpg` keeps its folder, because every image is called source.jpg.
    """
    return BETWEEN_NAMES.join(map(_file_name, image.split(BETWEEN_NAMES)))


def _file_name(image: str) -> str:
    parts = image.replace("\\", "/").split("/")
    keep = 2 if len(parts) > 1 and parts[-2].startswith("xmlab") else 1
    return "/".join(parts[-keep:])
