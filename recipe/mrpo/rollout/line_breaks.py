"""Steps that end without a full stop: at blank lines, list items, lines, HTML tags, arrows, circled numbers."""

from __future__ import annotations

import re

from recipe.mrpo.rollout.word_lists import JOINS_LINES

NOUNS = "step|finding|observation|point|reason|question|item|part|section|fact|clue|sentence|statement|note"
ITEM = re.compile(
    r"[*_]{0,2}(?:"
    r"[-*•–—+▪◦‣●○■□✓✔➢]\s|→\s|#{1,6}\s"
    r"|[(（]?\d{1,3}[.)）]\s|\d{1,3}[、．.)](?=[^\W\d_])(?![a-z])|（\d{1,3}）|[一二三四五六七八九十]{1,3}、"
    r"|\d{1,2}(?:\.\d{1,2}){1,3}[.)]\s|\d(?:\.\d)+\s+(?=[A-Z])"
    r"|[(（]?(?:[ivx]{1,5}|[IVX]{1,5}|[a-zA-Z])[)）]\s|(?:[IVX]{1,5}|[ivx]{2,5}|[a-zA-Z])\.\s"
    rf"|(?:(?i:{NOUNS}))\s+\d{{1,3}}\b|[Qq]\d{{1,3}}[.:)]"
    r"|[①-⑳⓪❶-❿⓫-⓴㈠-㈩⑴-⒛])"
)
"""Beginning of a list item, looked for at the beginning of a line."""

_LINE_OPENS = re.compile(r"[*_\"'“‘(（「『\[]*([^\W\d_])")
_LAST_WORD = re.compile(r"[^\W\d_]+$")
_LINE_GOES_ON = frozenset(",;:-–—(/&+=→，、：；（")
_TAG = re.compile(
    r"\s*<(?P<close>/)?\s*(?:(?P<line>br|hr)|(?P<block>p|li|ul|ol|div|h[1-6]|tr|td|table)|(?P<inline>[a-z]{1,9}))"
    r"(?![^\s/>])[^<>\n]{0,60}>",
    re.IGNORECASE,
)
_SPACE = re.compile(r"\s*")
_TWO_WORDS = re.compile(r"\s+(?!\d)[^\s→⇒]+\s+(?!-?[→⇒>])\S")
_WORDS_BEFORE = re.compile(r"\S\s+\S+\s+$")
_ENCLOSED_REFERENCE = frozenset("图圖表式见見第如和与及、(（,")


def line_break_cuts(
    text: str, start: int, stop: int, at: int, after: int, *, after_mark: bool
) -> tuple[int, int] | None:
    """The cut at white space or tags `text[at:after]` that break the line, or None where the sentence goes on.

    A blank line or a list item always ends a step. A plain line break ends it where the next line begins like a
    sentence (a capital letter, or a letter of a script without capitals) and this line does not end like one that
    goes on (a comma, a colon, a hyphen, "the", "of", …). `after_mark`: an abbreviation stands before the break.
    """
    if after >= stop:
        return None
    end = at
    while end > start and text[end - 1].isspace():
        end -= 1
    if text.count("\n", at, after) > 1 or ITEM.match(text, after, stop):
        return end, after
    if after_mark or end == start:
        return None
    opens = _LINE_OPENS.match(text, after, stop)
    if opens is None or opens.group(1).islower() or text[end - 1] in _LINE_GOES_ON:
        return None
    last = _LAST_WORD.search(text, max(start, end - 12), end)
    if last is not None and last.group().lower() in JOINS_LINES:
        return None
    return end, after


def after_space(text: str, at: int, stop: int) -> int:
    """Where the white space that begins at `at` ends; `at` if there is none."""
    space = _SPACE.match(text, at, stop)
    return space.end() if space else at


def tags_at(text: str, at: int, stop: int, end: int) -> tuple[int, int, int, bool]:
    """(line breaks, end, after, any) of the HTML tags in a row that begin at `at`.

    Closing tags and `<br>` belong to the text before: `end` is behind the last of them (otherwise `end` as given), and
    `after` where the next step starts. `<p>`, `<li>` count as two breaks: they always end a step.
    """
    breaks, after, tagged = 0, at, False
    while (tag := _TAG.match(text, after, stop)) is not None:
        tagged = True
        opening = not tag["close"] and not tag["line"]
        breaks += 2 if tag["block"] else bool(tag["line"])
        if opening:
            after = after_space(text, after, stop)
            break
        end = after = tag.end()
    return breaks, end, after_space(text, after, stop), tagged


def arrow_starts_step(text: str, start: int, at: int, stop: int) -> bool:
    """An arrow between two statements of two words or more each ("mass in the lung → malignancy likely")."""
    if text[at] == ">":
        at -= 1
        if at <= start or text[at] not in "-=":
            return False
        right = at + 2
    else:
        right = at + 1
    return bool(_TWO_WORDS.match(text, right, stop)) and bool(_WORDS_BEFORE.search(text, max(start, at - 80), at))


def enclosed_starts_step(text: str, start: int, at: int) -> bool:
    """① and its like are marks of a list, unless a figure of that number is meant (图①)."""
    return at > start and text[at - 1] not in _ENCLOSED_REFERENCE
