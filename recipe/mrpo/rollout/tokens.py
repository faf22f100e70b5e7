"""Which sampled tokens belong to which step.

Everything starts from the sampled ids: their bytes are concatenated, so that text and token offsets agree by
construction. Re-tokenising the text would not do: a policy may sample ids that the tokenizer would never choose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recipe.mrpo.common.response_format import TAG
from recipe.mrpo.rollout.parsing import Span
from recipe.mrpo.rollout.steps import Step

_ESCAPED = re.compile("[\udc80-\udcff]")
_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")


class TokenTable:
    """The bytes that each token id stands for; special tokens stand for none, except the tags of the response format.

    A tokenizer may own `<think>` or `<answer>` as special tokens (usual after fine-tuning); they are text all the same.

    Built once per tokenizer (about 0.3 s for 150,000 ids). Byte-level BPE (Qwen, InternVL, Llama 3) and SentencePiece
    style vocabularies with byte fallback (Gemma, Llama 2) are known; another decoder raises ValueError.
    """

    def __init__(self, pieces: Sequence[bytes]):
        self._pieces = list(pieces)
        self._size = len(self._pieces)

    @classmethod
    def from_tokenizer(cls, tokenizer) -> TokenTable:
        """Read the table off a fast Hugging Face tokenizer."""
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise ValueError(
                f"{type(tokenizer).__name__} is not a fast tokenizer; set use_fast=True, token bytes come from it."
            )
        decoder = json.dumps(json.loads(backend.to_str()).get("decoder") or {}, ensure_ascii=False)
        if '"ByteLevel"' in decoder:
            to_bytes = _byte_level
        elif "▁" in decoder or '"Metaspace"' in decoder:
            to_bytes = _sentencepiece
        else:
            raise ValueError(
                f"the decoder of {type(tokenizer).__name__} is neither byte-level nor SentencePiece: {decoder[:80]}"
            )
        added = tokenizer.added_tokens_decoder
        size = max(max(tokenizer.get_vocab().values(), default=-1), max(added, default=-1)) + 1
        names = tokenizer.convert_ids_to_tokens(list(range(size)))
        pieces = [b"" if name is None else to_bytes(name) for name in names]
        for token_id, token in added.items():
            is_text = not token.special or TAG.fullmatch(token.content.strip())
            pieces[token_id] = token.content.encode() if is_text else b""
        return cls(pieces)

    def pieces(self, ids: Sequence[int]) -> list[bytes]:
        """Bytes of each id; an id outside the vocabulary (a padded embedding row) stands for none."""
        table, size = self._pieces, self._size
        return [table[i] if 0 <= i < size else b"" for i in ids]


def _gpt2_bytes() -> dict[str, int]:
    """Byte-level BPE writes printable bytes as themselves and the others as U+0100 onwards (GPT-2's convention)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in set(printable)]
    return {chr(b): b for b in printable} | {chr(0x100 + n): b for n, b in enumerate(rest)}


_GPT2_BYTES = _gpt2_bytes()


def _byte_level(name: str) -> bytes:
    try:
        return bytes([_GPT2_BYTES[c] for c in name])
    except KeyError:  # an entry that was added as plain text
        return name.encode()


def _sentencepiece(name: str) -> bytes:
    byte = _BYTE_TOKEN.fullmatch(name)
    return bytes([int(byte.group(1), 16)]) if byte else name.replace("▁", " ").encode()


@dataclass(frozen=True, slots=True)
class TokenText:
    """The text of sampled ids and the characters each of them touches: token t stands for `text[starts[t]:ends[t]]`.

    Two tokens that make up one character both touch it. Bytes that are no UTF-8 become one U+FFFD each.
    """

    text: str
    starts: np.ndarray
    ends: np.ndarray

    @classmethod
    def from_ids(cls, ids: Sequence[int], table: TokenTable) -> TokenText:
        """Decode ids of shape (T,) to text with character offsets of shape (T,). Never raises for any ids."""
        pieces = table.pieces(ids)
        raw = b"".join(pieces)
        ends = np.cumsum(np.fromiter(map(len, pieces), dtype=np.int64, count=len(pieces)))
        starts = np.concatenate([np.zeros(1, dtype=np.int64), ends[:-1]]) if len(pieces) else ends
        text = raw.decode("utf-8", "surrogateescape")
        if len(text) == len(raw):
            if not text.isascii():  # every character is one escaped byte
                text = _ESCAPED.sub("\ufffd", text)
            return cls(text, starts, ends)
        if _ESCAPED.search(text):
            widths = [1 if "\udc80" <= c <= "\udcff" else len(c.encode()) for c in text]
            char_of_byte = np.repeat(np.arange(len(text)), widths)
            text = _ESCAPED.sub("\ufffd", text)
        else:
            # A character begins at every byte that is not a continuation byte.
            char_of_byte = np.cumsum((np.frombuffer(raw, dtype=np.uint8) & 0xC0) != 0x80) - 1
        first = np.append(char_of_byte, len(text))[starts]
        last = np.append(0, char_of_byte + 1)[ends]
        return cls(text, first, np.maximum(first, last))


def align(steps: Sequence[Step], tokens: TokenText) -> list[Span]:
    """Token span [t0, t1) of each step; (t, t) for a step that no token belongs to.

    A token belongs to the step that its characters overlap most (the earlier one if equal); white-space tokens
    directly before a step, inside the block, belong to the step they lead. Spans are in order and disjoint.

    Which token belongs where is a decision of this project (docs/architecture.md). Cost: O(K log T).
    """
    if not steps:
        return []
    starts, ends = tokens.starts, tokens.ends
    bounds = np.array([(s.start, s.end, s.lead) for s in steps], dtype=np.int64)
    begin = np.searchsorted(ends, bounds[:, 0], side="right").tolist()  # first token that ends inside or after the step
    stop = np.searchsorted(starts, bounds[:, 1], side="left").tolist()  # first token that starts after it
    lead = np.searchsorted(starts, bounds[:, 2], side="left").tolist()  # first token that starts in the space before it
    spans: list[Span] = []
    owner, taken = -1, 0  # the step that holds the last assigned token, and the first token that is still free
    for k, step in enumerate(steps):
        t0, t1 = begin[k], max(begin[k], stop[k])
        if t0 < taken:  # the last assigned token reaches into this step
            a, b = int(starts[taken - 1]), int(ends[taken - 1])
            mine = min(b, step.end) - max(a, step.start)
            theirs = min(b, steps[owner].end) - max(a, steps[owner].start)
            if mine > theirs:
                spans[owner] = (min(spans[owner][0], taken - 1), taken - 1)
                spans[owner + 1 :] = [(taken - 1, taken - 1)] * (k - owner - 1)  # empty ones move with the boundary
                t0 = taken - 1
            else:
                t0 = taken
            t1 = max(t0, t1)
        if t0 < t1:
            if t0 >= taken:
                t0 = max(taken, min(t0, lead[k]))
            owner, taken = k, t1
        spans.append((t0, t1))
    return spans
