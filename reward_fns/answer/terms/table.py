"""The names of things, from the tables beside this file, read at first use."""

from __future__ import annotations

import lzma
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from reward_fns.answer.words.spelling import american

HERE = Path(__file__).parent
DISEASE = "finding"
NO_KIND = "other"
MAX_WORDS = 7
"""Longest name that is looked up, in words."""
_WORD = re.compile(r"[^\W_]+")
_PLURALS = tuple(pair.split(":") for pair in "ies:y ae:a li:lus ci:cus gi:gus chi:chus bi:bus ses:sis".split())
_IDLE = frozenset("the of in and to".split())

Names = tuple[str, ...]


class Table:
    """Entries by name. A name is looked up as the set of its words, so order, plurals and "of" make no difference."""

    def __init__(self, entries: Iterable[tuple[str, Names]]) -> None:
        self._entries: list[Names] = []
        self._kinds: list[str] = []
        self._found: dict[str, list[int]] = {}
        for number, (kind, names) in enumerate(entries):
            self._entries.append(names)
            self._kinds.append(kind)
            for name in names:
                places = self._found.setdefault(key_of(_WORD.findall(name)), [])
                if number not in places:
                    places.append(number)

    def names(self, words: Iterable[str]) -> list[str]:
        """All names of what these words name, themselves included; empty if no entry has them."""
        return [name for number in self._found.get(key_of(words), ()) for name in self._entries[number]]

    def kinds(self, words: Iterable[str]) -> frozenset[str]:
        """The kinds of the thing that these words name; empty: unknown, or of no kind."""
        return frozenset(self._kinds[number] for number in self._found.get(key_of(words), ())) - {NO_KIND}


def key_of(words: Iterable[str]) -> str:
    return " ".join(sorted({_singular(word) for word in words if word not in _IDLE}))


@lru_cache(maxsize=65536)
def _singular(word: str) -> str:
    for plural, singular in _PLURALS:
        if len(word) > 4 and word.endswith(plural):
            return word[: -len(plural)] + singular
    return word[:-1] if len(word) > 3 and word.endswith("s") and word[-2] not in "sui" else word


def _entries(text: str) -> Iterator[tuple[str, Names]]:
    kind = ""
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("["):
            kind = line[1:-1]
        elif line and not line.startswith("#"):
            for entry in line.split(";"):
                names = tuple(filter(None, (american(name.strip().casefold()) for name in entry.split("="))))
                if names:
                    yield kind, names


def _diseases() -> Iterator[tuple[str, Names]]:
    for line in lzma.decompress((HERE / "mesh_diseases.txt.xz").read_bytes()).decode().splitlines():
        yield DISEASE, tuple(dict.fromkeys(american(line).split("=")))


@lru_cache(maxsize=1)
def load_terms() -> Table:
    """English terms."""
    own = _entries((HERE / "radiology.txt").read_text(encoding="utf-8"))
    return Table([*own, *_diseases()])


@lru_cache(maxsize=1)
def chinese_entries() -> tuple[tuple[str, Names], ...]:
    """Kind and names of each Chinese entry."""
    return tuple(_entries((HERE / "chinese.txt").read_text(encoding="utf-8")))
