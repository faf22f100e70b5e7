"""Questions that bring their choices ("A: CT B: MRI"): an answer may name one by its letter."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from reward_fns.answer.words.normalise import ALL_RULES, tokens

_LABEL = re.compile(r"(?:(?<=\s)|^)\(?([A-H])\s?[:.)]\s*(?=\S)")
_LETTER = r"(?:[B-H]\b|A\b(?!\s+[a-z]))"  # "A" before a word is an article
_PICKS = (
    re.compile(r"^[\W_]*([A-Ha-h])[\W_]*$"),
    re.compile(r"^[\W_]*([A-H])(?=\s?[).:\]*]|\s+[-–—])"),
    re.compile(rf"(?i:\banswer\b(?:\s+is)?)[\s:*\"'(]*(?i:(?:option|choice)\s+)?[\s*\"'(]*({_LETTER})"),
    re.compile(r"(?i:\b(?:option|choice))\s+[*\"'(]*([A-H])\b"),
    re.compile(r"\(([A-H])\)\W*$"),
)


@dataclass(frozen=True, slots=True)
class Choices:
    question: str
    """The question without them."""
    texts: dict[str, str]
    """By letter."""

    def letter_of(self, gold: str) -> str:
        """The letter of the choice that a gold answer is, as "B", "B: MRI" or "MRI"; empty: it is none of them."""
        if match := re.fullmatch(r"\W*([A-Ha-h])\W*", gold):
            return match[1].upper() if match[1].upper() in self.texts else ""
        words = tokens(_LABEL.sub("", gold, count=1), ALL_RULES)
        return next((letter for letter, text in self.texts.items() if tokens(text, ALL_RULES) == words), "")

    def picked(self, prediction: str) -> frozenset[str]:
        """The letters that an answer picks; empty: it speaks of none by its letter."""
        found = {match.upper() for pattern in _PICKS for match in pattern.findall(prediction)}
        labels = {letter for letter in _LABEL.findall(prediction) if letter in self.texts}
        return frozenset(found | labels if len(labels) > 1 else found) & frozenset(self.texts)


@lru_cache(maxsize=4096)
def read_choices(question: str) -> Choices | None:
    """The choices of a question, which are lettered from A on; None if it has fewer than two."""
    labels = list(_LABEL.finditer(question))
    start = next((i for i, label in enumerate(labels) if label[1] == "A"), len(labels))
    run = [label for i, label in enumerate(labels[start:]) if label[1] == "ABCDEFGH"[min(i, 7)]]
    if len(run) < 2:
        return None
    ends = [label.start() for label in run[1:]] + [len(question)]
    texts = {label[1]: question[label.end() : end].strip(" \t\n,;|") for label, end in zip(run, ends, strict=True)}
    return Choices(question[: run[0].start()].strip(), texts)
