"""Alignment with a real byte-level BPE, on ids that the tokenizer would choose and on ids that it never would."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe.mrpo.rollout.steps import parse, split_steps
from recipe.mrpo.rollout.tokens import TokenTable, TokenText, align
from tests.unit.rollout.step_numbers import step_of_token

PARTS = [
    "It is CT.", "The lung", "Dr. Roe", "Fig. 2 ", "3.5 cm", "e.g. ", "1. ", "- ", "the heart is big", "So.", "yes",
    "No.", " ", " ", " ", "\n", "\n\n", ".\n\n", ". ", "。", "肺部有阴影", "38 °C", "≥", "🫁", "é", "e\u0301",
    "\u3000", "**", "?!",
]  # fmt: skip
TAGS = ["<think>", "</think>", "</think>\n\n<answer>CT</answer>", "<thinking>", "</thinking>", "<answer>", "</answer>"]
free_texts = st.lists(st.sampled_from(PARTS + TAGS), max_size=25).map("".join)
insides = st.lists(st.sampled_from(PARTS), min_size=1, max_size=25).map("".join)
texts = st.one_of(free_texts, insides.map("<think>{}</think><answer>CT</answer>".format))


def bytes_of_tokens(tokenizer) -> dict[int, bytes]:
    """Bytes of each id, none for special tokens: the convention of byte-level BPE, written down a second time."""
    keep = {*range(33, 127), *range(161, 173), *range(174, 256)}
    moved = iter(range(256, 512))
    byte_of = {chr(b) if b in keep else chr(next(moved)): b for b in range(256)}
    special = set(tokenizer.all_special_ids)
    out = {}
    for name, token_id in tokenizer.get_vocab().items():
        if token_id in tokenizer.added_tokens_decoder:
            added = tokenizer.added_tokens_decoder[token_id]
            out[token_id] = b"" if added.special or token_id in special else name.encode()
        else:
            out[token_id] = bytes(byte_of[c] for c in name)
    return out


@pytest.fixture(scope="module")
def vocabulary(bpe):
    return bytes_of_tokens(bpe)


@pytest.fixture(scope="module")
def by_first_byte(vocabulary):
    groups: dict[int, list[tuple[int, bytes]]] = {}
    for token_id, piece in sorted(vocabulary.items()):
        if piece:
            groups.setdefault(piece[0], []).append((token_id, piece))
    return groups


@pytest.fixture(scope="module")
def table(bpe):
    return TokenTable.from_tokenizer(bpe)


def sample_ids(text: str, by_first_byte, special: list[int], rng) -> list[int]:
    """Ids whose bytes are `text`, cut at random: characters fall apart, special tokens stand anywhere."""
    raw, at, ids = text.encode(), 0, []
    while at < len(raw):
        fitting = [(i, p) for i, p in by_first_byte[raw[at]] if raw.startswith(p, at)]
        token_id, piece = rng.choice(fitting)
        ids.append(token_id)
        at += len(piece)
        if rng.random() < 0.1:
            ids.append(rng.choice(special))
    return ids


randoms = st.randoms(use_true_random=False)


def test_the_test_tokenizer_splits_characters_over_tokens(bpe, vocabulary):
    """Else the tests below would not test what they say."""
    ids = bpe.encode("🫁 and ≥", add_special_tokens=False)
    assert any(not _is_utf8(vocabulary[i]) for i in ids)
    assert any(vocabulary[i].startswith(b" t") and len(vocabulary[i]) > 3 for i in vocabulary)  # " the"-like tokens


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(text=texts, rng=randoms, canonical=st.booleans())
def test_text_is_what_the_tokenizer_decodes(text, rng, canonical, bpe, table, by_first_byte):
    special = bpe.convert_tokens_to_ids(["<|im_end|>", "<|image_pad|>"])
    ids = bpe.encode(text, add_special_tokens=False) if canonical else sample_ids(text, by_first_byte, special, rng)
    decoded = bpe.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert TokenText.from_ids(ids, table).text == decoded == text


@given(text=texts, rng=randoms)
def test_offsets_are_the_characters_whose_bytes_a_token_holds(text, rng, bpe, table, vocabulary, by_first_byte):
    ids = sample_ids(text, by_first_byte, [bpe.eos_token_id], rng)
    tokens = TokenText.from_ids(ids, table)
    char_of_byte = [n for n, char in enumerate(text) for _ in char.encode()]
    at = 0
    for start, end, token_id in zip(tokens.starts.tolist(), tokens.ends.tolist(), ids, strict=True):
        held = char_of_byte[at : at + len(vocabulary[token_id])]
        at += len(vocabulary[token_id])
        if held:
            assert (start, end) == (held[0], held[-1] + 1)
        else:  # a special token: nothing, or the character that it stands in the middle of
            assert end - start == (0 < at < len(char_of_byte) and char_of_byte[at - 1] == char_of_byte[at])


@given(ids=st.lists(st.integers(-2, 720), max_size=60))
def test_any_ids_give_text_and_offsets(ids, table):
    """Random ids are mostly broken UTF-8; the text must still be one that can be written to a file."""
    tokens = TokenText.from_ids(ids, table)
    tokens.text.encode()
    assert tokens.starts.shape == tokens.ends.shape == (len(ids),)
    assert np.all(tokens.starts <= tokens.ends)
    assert np.all(np.diff(tokens.starts) >= 0) and np.all(np.diff(tokens.ends) >= 0)
    covered = {i for a, b in zip(tokens.starts.tolist(), tokens.ends.tolist(), strict=True) for i in range(a, b)}
    assert covered == set(range(len(tokens.text)))


def assert_in_order(spans, length: int) -> None:
    """Empty spans (t, t) too: a consumer may walk over the spans and fill in what lies between."""
    edges = [0, *(t for span in spans for t in span), length]
    assert edges == sorted(edges)


@given(text=texts, data=st.data())
def test_tokens_of_any_size_are_aligned_like_looking_at_every_pair(text, data):
    """A vocabulary may hold tokens over several sentences; here the text is cut anywhere, characters included."""
    raw = text.encode()
    cuts = sorted({0, len(raw), *data.draw(st.lists(st.integers(0, len(raw)), max_size=8))})
    pieces = [raw[a:b] for a, b in pairwise(cuts)]
    tokens = TokenText.from_ids(range(len(pieces)), TokenTable(pieces))
    steps = split_steps(parse(tokens.text), splitter="rules", unclosed_think="keep")
    spans = align(steps, tokens)
    assert_in_order(spans, len(pieces))
    got = step_of_token(spans, len(pieces)).tolist()
    for k, expected in zip(got, expected_steps(steps, tokens), strict=True):
        assert expected is None or k == expected


@given(ids=st.lists(st.integers(-2, 720), max_size=60), unclosed_think=st.sampled_from(["drop", "keep"]))
def test_spans_are_in_order_and_disjoint_for_any_ids(ids, unclosed_think, bpe, table):
    opening, closing = bpe.convert_tokens_to_ids(["<think>", "</think>"])
    tokens = TokenText.from_ids([opening, *ids, closing], table)
    steps = split_steps(parse(tokens.text), splitter="rules", unclosed_think=unclosed_think)
    spans = align(steps, tokens)
    assert len(spans) == len(steps)
    assert_in_order(spans, len(ids) + 2)


def expected_steps(steps, tokens) -> list[int | None]:
    """Step number of each token by looking at every pair; None where any will do (a token without characters)."""
    out: list[int | None] = []
    for a, b in zip(tokens.starts.tolist(), tokens.ends.tolist(), strict=True):
        overlaps = [max(0, min(b, s.end) - max(a, s.start)) for s in steps]
        if a == b:
            out.append(None)
        elif any(overlaps):
            out.append(1 + overlaps.index(max(overlaps)))
        else:
            out.append(0)
    owned = {k for k in out if k}
    for t, (a, b) in enumerate(zip(tokens.starts.tolist(), tokens.ends.tolist(), strict=True)):
        if out[t] == 0 and tokens.text[a:b].isspace():
            following = [
                k for k, s in enumerate(steps, start=1) if s.start >= b and not tokens.text[b : s.start].strip()
            ]
            if following:  # nothing but space between it and the step it leads; the tag would be in between otherwise
                out[t] = following[0] if following[0] in owned else None
    return out


@given(text=texts, rng=randoms, canonical=st.booleans())
def test_alignment_agrees_with_looking_at_every_pair(text, rng, canonical, bpe, table, by_first_byte):
    ids = (
        bpe.encode(text, add_special_tokens=False)
        if canonical
        else sample_ids(text, by_first_byte, bpe.convert_tokens_to_ids(["<|im_end|>", "<|image_pad|>"]), rng)
    )
    tokens = TokenText.from_ids(ids, table)
    steps = split_steps(parse(tokens.text), splitter="rules", unclosed_think="keep")
    got = step_of_token(align(steps, tokens), len(ids)).tolist()
    for token, (k, expected) in enumerate(zip(got, expected_steps(steps, tokens), strict=True)):
        assert expected is None or k == expected, (token, tokens.text, steps)


@given(text=texts, rng=randoms)
def test_a_step_with_a_token_of_its_own_gets_a_span(text, rng, bpe, table, by_first_byte):
    tokens = TokenText.from_ids(sample_ids(text, by_first_byte, [bpe.eos_token_id], rng), table)
    steps = split_steps(parse(tokens.text), splitter="rules", unclosed_think="keep")
    inner = list(zip(tokens.starts.tolist(), tokens.ends.tolist(), strict=True))
    for step, (t0, t1) in zip(steps, align(steps, tokens), strict=True):
        own = [t for t, (a, b) in enumerate(inner) if step.start <= a < b <= step.end]
        assert all(t0 <= t < t1 for t in own)


def test_tags_that_are_added_tokens_stand_outside(bpe, table):
    ids = bpe.encode("<think>The lung is clear.</think><answer>yes</answer>", add_special_tokens=False)
    tokens = TokenText.from_ids([*ids, bpe.eos_token_id], table)
    steps = split_steps(parse(tokens.text), splitter="rules", unclosed_think="drop")
    numbers = step_of_token(align(steps, tokens), len(ids) + 1).tolist()
    closing = ids.index(bpe.convert_tokens_to_ids("</think>"))
    assert numbers == [0] + [1] * (closing - 1) + [0] * (len(ids) + 1 - closing)


def test_sentencepiece_vocabularies_decode_to_the_same_text():
    """Gemma's kind: the space is U+2581 in the token, unknown characters are byte tokens."""
    from tokenizers import Tokenizer, decoders, models, normalizers
    from transformers import PreTrainedTokenizerFast

    names = ["<unk>", "<eos>", *(f"<0x{b:02X}>" for b in range(256)), "▁", "▁The", "▁lung", "lung", "肺", ".", "\n"]
    core = Tokenizer(
        models.BPE(vocab={n: i for i, n in enumerate(names)}, merges=[], byte_fallback=True, unk_token="<unk>")
    )
    core.normalizer = normalizers.Replace(" ", "▁")
    core.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    core.add_special_tokens(["<eos>"])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<eos>")
    pieces = ["▁The", "▁lung", "<0xE5>", "<0xBF>", "<0x83>", "肺", ".", "\n", "▁", "<0x41>", "<eos>"]
    ids = tokenizer.convert_tokens_to_ids(pieces)
    tokens = TokenText.from_ids(ids, TokenTable.from_tokenizer(tokenizer))
    assert tokens.text == tokenizer.decode(ids, skip_special_tokens=True) == " The lung心肺.\n A"
    assert tokens.starts.tolist() == [0, 4, 9, 9, 9, 10, 11, 12, 13, 14, 15]


def test_a_tokenizer_without_byte_offsets_is_refused():
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    )
    with pytest.raises(ValueError, match="byte-level"):
        TokenTable.from_tokenizer(words)
