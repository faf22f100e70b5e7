"""Stable names of questions and rollouts: the same question has the same id in every run, file and data set folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

LENGTH = 16
"""Hexadecimal digits of an id: 64 bits, so that a million ids meet with a chance of 3 in 100 million."""


def digest(*parts: str | int) -> str:
    """First 16 hexadecimal digits of SHA-256 over the parts as a JSON list, so that ("a", "bc") is not ("ab", "c")."""
    text = json.dumps(list(parts), ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def question_key(case: Mapping[str, Any]) -> str:
    """The name of a question within its split: the row's index in the source, else its image and its text.

    The index counts the source's rows before any filter, so it stays when a run uses a part of the set.
    """
    index = case.get("index")
    if index is not None and str(index) != "":
        return str(index)
    return json.dumps([str(case.get("image_id") or ""), str(case.get("question") or "")], ensure_ascii=True)


def question_id(case: Mapping[str, Any]) -> str:
    """Id of the question of a case: hash of data_source, split and `question_key`."""
    return digest(str(case.get("data_source") or ""), str(case.get("split") or ""), question_key(case))


def sample_id(case: Mapping[str, Any], sample: int) -> str:
    """Id of one answer to a question: hash of data_source, split, `question_key` and the number of the sample."""
    return digest(str(case.get("data_source") or ""), str(case.get("split") or ""), question_key(case), sample)


def output_hash(output: str | None) -> str:
    """Hash of the model's text: a judgement that names another one belongs to a generation that was replaced.

    Halves of surrogate pairs, which JSON may hold, are hashed as they stand.
    """
    return hashlib.sha256((output or "").encode("utf-8", "surrogatepass")).hexdigest()[:LENGTH]
