"""Ordinary supervised training of a tiny model on noisy gold reasoning."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

import torch

from recipe.mrpo.tiny.batch import collate, completion_labels, encode
from recipe.mrpo.tiny.rows import Row
from recipe.mrpo.tiny.targets import Noise, lesson
from recipe.mrpo.tiny.tokenizer import END_OF_TURN

WEIGHT_DECAY = 0.01
BETAS = (0.9, 0.98)
GRADIENT_CLIP = 1.0
WARM_SHARE = 0.1  # of the steps, while the learning rate rises


def warm_up(
    model,
    processor,
    rows: Sequence[Row],
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    noise: Noise,
    seed: int,
    progress: Callable[[str], None],
) -> float:
    """Train `model` in place for `steps` AdamW steps (cosine schedule); the last loss, in nats per token.

    Every step takes the next rows of a reshuffled list and draws a new noisy completion for each, so that the model
    learns their distribution instead of one text. `rows` must all have gold reasoning.
    """
    tokenizer = processor.tokenizer
    draw = random.Random(seed)
    prompts = [encode(processor, row) for row in rows]
    order: list[int] = []
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=learning_rate, weight_decay=WEIGHT_DECAY, betas=BETAS, fused=True
    )
    rise = max(1, round(WARM_SHARE * steps))
    schedule = torch.optim.lr_scheduler.SequentialLR(
        optimizer,
        [
            torch.optim.lr_scheduler.LinearLR(optimizer, 1 / rise, 1.0, total_iters=rise),
            torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps - rise), eta_min=0.05 * learning_rate),
        ],
        milestones=[rise],
    )
    model.train()
    loss, begun = float("nan"), time.monotonic()
    for step in range(1, steps + 1):
        while len(order) < batch_size:
            order += draw.sample(range(len(rows)), len(rows))
        chosen, order = order[:batch_size], order[batch_size:]
        texts = [lesson(rows[index], rows, noise, draw) + END_OF_TURN for index in chosen]
        completions = tokenizer(texts, add_special_tokens=False)["input_ids"]
        loss = _step(model, optimizer, [prompts[index] for index in chosen], completions, tokenizer.pad_token_id)
        schedule.step()
        if step == 1 or step == steps or step % max(1, steps // 10) == 0:
            progress(f"warm-up step {step}/{steps}  loss {loss:.3f} nats/token  {time.monotonic() - begun:.0f} s")
    model.eval()
    return loss


def _step(model, optimizer, prompts, completions, pad: int) -> float:
    inputs = collate(prompts, completions, pad)
    labels = completion_labels(completions)
    # No token follows the last one: leave its logits out, and those of the prompt.
    logits = model(**inputs, logits_to_keep=labels.shape[1] + 1, use_cache=False).logits[:, :-1]
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_CLIP)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item()
