"""A byte-level BPE tokenizer of Qwen's kind, trained on the spot."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

END_OF_TEXT = "<|endoftext|>"
END_OF_TURN = "<|im_end|>"
CHAT_TOKENS = (END_OF_TEXT, "<|im_start|>", END_OF_TURN)


def train_tokenizer(
    texts: Iterable[str],
    *,
    max_size: int,
    special: Sequence[str],
    named: Mapping[str, str],
    owned: Sequence[str],
    max_length: int,
):
    """A `Qwen2Tokenizer` with at most `max_size` ids, contiguous from 0; it writes any text, since every byte is one.

    special: control tokens beside those of the chat; named: control tokens that become attributes of the tokenizer,
    e.g. {"video_token": "<video>"}; owned: single tokens that are ordinary text (Qwen3 has <think>). A turn ends with
    <|im_end|>. The same texts in the same order give the same tokenizer.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import Qwen2Tokenizer
    from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

    added = [*CHAT_TOKENS, *special, *named.values()]
    trained = Tokenizer(models.BPE())
    trained.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated")
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    trained.pre_tokenizer = pre_tokenizers.Sequence([split, to_bytes])
    trainer = trainers.BpeTrainer(
        vocab_size=max_size - len(added) - len(owned),
        initial_alphabet=sorted(to_bytes.alphabet()),
        show_progress=False,
    )
    trained.train_from_iterator(texts, trainer)
    model = json.loads(trained.to_str())["model"]

    tokenizer = Qwen2Tokenizer(
        vocab=model["vocab"],
        merges=[tuple(pair) for pair in model["merges"]],
        unk_token=END_OF_TEXT,
        eos_token=END_OF_TURN,
        pad_token=END_OF_TEXT,
        extra_special_tokens=dict(named) or None,
        model_max_length=max_length,
    )
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in added])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in owned])
    return tokenizer
