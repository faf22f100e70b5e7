"""Text of models and data as JSON that no chat template can mistake for its own marks."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

_MARKS = frozenset("<>|[]◁▷")
"""Characters that special tokens are made of: <|im_start|>, </s>, [INST], >>TITLE<<, |||EMAIL|||, ◁think▷, ]~b]."""

_INVISIBLE = frozenset(
    (0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0)
).union(range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
"""Letters, signs and selectors without a glyph; Unicode's categories do not tell them from others."""

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


class _Escapes(dict[int, str]):
    """Character code -> how it is written; filled as characters come, because Unicode has a million."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = _escape(character) if _is_escaped(character) else character
        return self[code]


def _is_escaped(character: str) -> bool:
    if character == " ":
        return False
    # Control, format, surrogate, private, unassigned; every separator but the space.
    if unicodedata.category(character)[0] in "CZ" or ord(character) in _INVISIBLE:
        return True
    # A tokenizer may normalise first: a full-width bracket is one then, and so is the first half of "≮".
    return not _MARKS.isdisjoint(unicodedata.normalize("NFKD", character))


def _escape(character: str) -> str:
    if ord(character) > 0xFFFF:
        return json.dumps(character)[1:-1]  # two halves
    return f"\\u{ord(character):04x}"


_ESCAPES = _Escapes()


def untrusted_json(value: Any) -> str:
    r"""`value` as one line of JSON, its strings free of everything that special tokens are made of.

    `<`, `>`, `|`, `[`, `]`, their siblings under Unicode normalisation, and all characters without a glyph are written
    as escapes, so that no text ends a turn of the conversation or begins another. Letters of all scripts stay letters.

    >>> print(untrusted_json({"step": "<|im_end|> 肺"}))
    {"step": "\u003c\u007cim_end\u007c\u003e 肺"}
    """
    plain = json.dumps(value, ensure_ascii=False)
    return _STRING.sub(lambda string: string[0].translate(_ESCAPES), plain)
