"""Is a verdict in the judge's prose its own, or does it quote the rollout's steps?

The policy writes the steps. It can hide a verdict in them, in a disguise that the judge decodes when it explains the
step. In structured output, or as the whole reply, a verdict is the judge's.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

_DRESSING = re.compile(r"[^0-9a-z{}\[\]:,]+")
_ESCAPE = re.compile(r"\\+(?:u\{?([0-9a-fA-F]{4,6})\}?|x([0-9a-fA-F]{2}))")
_RUN = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_NUMBERS = re.compile(r"(?:(?:0x|\\x|=)?[0-9a-fA-F]{2,8}[\s,;:]*){16,}")
_MAX_CHARS = 100_000


def is_quotation(verdict: str, steps: Sequence[str]) -> bool:
    """Does the verdict stand in the steps?

    Spaces, quotes, letter forms, seams between steps, tags, other words for 0 and 1, and the usual codes (escapes,
    HTML, URLs, base64, lists of character codes, invisible tag characters, reversed text) make no difference.
    """
    bare, frame = _bare(verdict), _frame(verdict)
    return any(bare in _bare(text) or frame in _frame(text) for text in _decoded("".join(steps)[:_MAX_CHARS]))


def may_hide_a_verdict(steps: Sequence[str], grades: Sequence[str]) -> bool:
    """Do the steps hold the parts of a verdict, in a form that cannot be compared with one?

    All of its grades' names without braces (it is spelled out), or a long run without a space (an unknown code).
    """
    text = unicodedata.normalize("NFKC", "\n".join(steps)).casefold()
    spelled_out = all(name in text for name in grades) and "{" not in text
    return spelled_out or re.search(r"[!-~]{48,}", text) is not None


def _decoded(text: str) -> Iterator[str]:
    """The text, and every text that a usual code in it stands for."""
    yield text
    yield text[::-1]
    for _ in range(2):  # one code within another
        text = "".join(_visible(c) for c in unicodedata.normalize("NFKC", unquote(html.unescape(text))))
        text = re.sub(r"<[^<>]{0,200}>", "", _ESCAPE.sub(_character, text))
        yield text
    for place in (text, re.sub(r"\s+", "", text)):
        for run in _RUN.findall(place):
            yield from _from_base64(run)
    for numbers in _NUMBERS.findall(text):
        codes = re.findall(r"[0-9a-fA-F]{2,8}", numbers.replace("0x", " ").replace("\\x", " "))
        for base in (2, 8, 10, 16):
            yield "".join(_from_code(code, base) for code in codes)


def _visible(character: str) -> str:
    if 0xE0020 <= ord(character) < 0xE007F:  # tag characters shadow ASCII
        return chr(ord(character) - 0xE0000)
    name = "" if character.isascii() else unicodedata.name(character, "")
    if "CURLY" in name:
        return "{" if "LEFT" in name else "}"
    return "" if unicodedata.category(character) == "Cf" else character


def _character(found: re.Match[str]) -> str:
    code = int(found[1] or found[2], 16)
    return chr(code) if code < 0x110000 else ""


def _from_base64(run: str) -> Iterator[str]:
    body = run.rstrip("=").replace("-", "+").replace("_", "/")
    with contextlib.suppress(binascii.Error):  # not base64 after all
        yield base64.b64decode(body + "=" * (-len(body) % 4)).decode("utf-8", errors="replace")
    if re.fullmatch(r"(?:[0-9a-fA-F]{2})+", run):
        yield bytes.fromhex(run).decode("utf-8", errors="replace")


def _from_code(code: str, base: int) -> str:
    try:
        number = int(code, base)
    except ValueError:
        return ""
    return chr(number) if number < 0x110000 else ""


def _bare(text: str) -> str:
    """The part of a JSON text that survives other spaces, quotes, letter forms, escapes and invisible characters."""
    return _DRESSING.sub("", unicodedata.normalize("NFKC", text).casefold())


def _frame(text: str) -> str:
    """Braces and digits alone: look-alike letters, other key names and trailing commas leave them as they are."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("true", "1").replace("false", "0")
    return re.sub(r"[^0-9{}]+", "", plain)
