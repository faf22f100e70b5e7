"""BERTScore on the device against the CPU: all texts in one pass against passes of eight."""

from __future__ import annotations

import random
import time
from pathlib import Path

from recipe.mrpo.gpu_check.result import CheckFailed, Outcome
from recipe.mrpo.gpu_check.setting import Setting

PAIRS = 64
LAYER = 2
LARGEST_DIFFERENCE = 1e-3
WORDS = "the left right lung heart shows is not enlarged opacity effusion pleural nodule in lobe of a normal".split()


def texts(seed: int) -> tuple[list[str], list[str]]:
    """Made-up answers and references, of 1 to 24 words."""
    draw = random.Random(seed)
    both = [[" ".join(draw.choices(WORDS, k=draw.randint(1, 24))) for _ in range(PAIRS)] for _ in range(2)]
    return both[0], both[1]


def make_encoder(folder: Path) -> Path:
    """A small BERT with random weights and the words above as its vocabulary."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    tokenizer = BertTokenizerFast(vocab_file=str(folder / "vocab.txt"), model_max_length=128)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words), hidden_size=256, num_hidden_layers=LAYER, num_attention_heads=4, intermediate_size=512,
        max_position_embeddings=128,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def check(setting: Setting) -> Outcome:
    """Raises CheckFailed where an F1 on the device is another one than on the CPU."""
    from reward_fns.bertscore import Encoder

    path = setting.encoder or str(make_encoder(setting.folder("encoder")))
    layer = 9 if setting.encoder else LAYER
    predictions, references = texts(0)

    def scores(device: str, batch_size: int) -> tuple[list[float], float]:
        encoder = Encoder(path, layer=layer, device=device, batch_size=batch_size, cache_size=0)
        encoder.f1(predictions[:2], references[:2])  # the first pass loads kernels
        begin = time.perf_counter()
        return encoder.f1(predictions, references), time.perf_counter() - begin

    expected, _ = scores("cpu", 8)
    found, seconds = scores(setting.device, PAIRS)
    largest = max(abs(a - b) for a, b in zip(found, expected, strict=True))
    if not largest < LARGEST_DIFFERENCE:
        do = "set mrpo.rewards.answer.encoder_device=cpu."
        raise CheckFailed(f"F1 differs by {largest:.1e} from the CPU's", do)
    rate = PAIRS / seconds
    figures = {"largest difference": largest, "pairs a second": round(rate)}
    return Outcome(f"{PAIRS} pairs, off by {largest:.0e}, {rate:.0f} pairs a second", figures)
