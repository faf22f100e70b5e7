"""Is a step a statement on the case? Lists of words, headings, open alternatives and talk to the grader are not."""

from __future__ import annotations

import re

from recipe.mrpo.judge.overlap.clinical_words import is_function_word, words_of

MIN_WORDS = 3
MAX_RUN = 6
"""Words of content in a row that a sentence may have: "bilateral patchy peripheral ground glass opacities"."""
MAX_SHARE = 0.8
"""Share of words of content in a sentence of more than MAX_RUN words; a list of terms has a larger one."""

_EXCLUSIVE = (
    "left right", "upper lower", "superior inferior", "anterior posterior", "medial lateral", "proximal distal",
    "ascending descending", "present absent", "normal abnormal", "benign malignant", "yes no", "positive negative",
    "axial sagittal coronal", "ct mri xray ultrasound", "true false", "open closed", "acute chronic",
)  # fmt: skip
_GROUP_OF = {word: number for number, words in enumerate(_EXCLUSIVE) for word in words.split()}
_SLASH = re.compile(r"(?<=[a-z])\s*/\s*(?=[a-z])", re.IGNORECASE)
_NEAR = 3
"""Words before and behind an "or" that it may join."""

_TO_THE_GRADER = re.compile(
    r"""</?\w+[^<>]{0,40}> | \{\s*["']?\w+["']?\s*: | \[\s*(?:system|inst|user|assistant)
    | \b(?:grad(?:e|er|es|ed|ing)|judge(?:s|d|ment)?|label(?:s|led)?|reward|score[sd]?|rubric|verdict)\b
      .{0,60}\b(?:step|steps|this|rollout|valid|invalid|1|one|high|full)\b
    | \b(?:step|steps|rollout)\b.{0,60}\b(?:valid|graded|labelled|labeled|scored|rewarded)\b
    | \b(?:ignore|disregard|forget)\b.{0,30}\b(?:instruction|instructions|case|above|rubric|rules?|prompt)\b""",
    re.IGNORECASE | re.VERBOSE,
)


def is_statement(text: str) -> bool:
    """Does the text say something, rather than name or list something?

    Three words at least, one of them a word that joins others (a verb, a preposition, an article, "no"), and not too
    many words of content in a row or in all. In a script without spaces every character counts as a word. Its
    joining words are unknown, so only the number of characters counts.
    """
    words = words_of(text)
    numbered = any(word.isdecimal() for word in words)
    if len(words) < MIN_WORDS - numbered:
        return False
    if any(not word.isascii() for word in words):
        return True
    run = longest = content = 0
    for word in words:
        run = 0 if is_function_word(word) else run + 1
        longest = max(longest, run)
        content += run > 0
    if content == len(words):
        return numbered and content < MIN_WORDS  # "12 ribs"
    return longest <= MAX_RUN and (len(words) <= MAX_RUN or content <= MAX_SHARE * len(words))


def leaves_open(text: str) -> bool:
    """Does the text name two things that exclude each other, joined by "or" ("left or right", "present/absent")?"""
    words = words_of(_SLASH.sub(" or ", text))
    return any(
        first != second and _GROUP_OF.get(first, first) == _GROUP_OF.get(second, second)
        for i, word in enumerate(words)
        if word in ("or", "versus", "vs")
        for first in words[max(0, i - _NEAR) : i]
        for second in words[i + 1 : i + 1 + _NEAR]
    )


def speaks_to_the_grader(text: str) -> bool:
    """Does the text talk about grades, or hold tags or JSON?"""
    return _TO_THE_GRADER.search(text) is not None
