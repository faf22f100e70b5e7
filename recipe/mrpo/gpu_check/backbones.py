"""Tiny models of all families: the PPO loss with shaped advantages and its gradient, in bf16 against float32.

bf16 as verl trains: bf16 weights in the pass, float32 logits in the loss. float32 is computed on the CPU.
"""

from __future__ import annotations

import copy
import random
from importlib.util import find_spec

import torch

from recipe.mrpo.gpu_check import made
from recipe.mrpo.gpu_check.batch import make_batch
from recipe.mrpo.gpu_check.estimators import MRPO, estimator_calls
from recipe.mrpo.gpu_check.result import CheckFailed, Outcome
from recipe.mrpo.gpu_check.setting import Setting

ROLLOUTS, TOKENS = 8, 48
CLIP = 0.2
LARGEST_LOSS_DIFFERENCE = 0.05
LEAST_COSINE = 0.95


def attentions(setting: Setting) -> tuple[str, ...]:
    """Implementations of attention to try on the device."""
    return ("sdpa", "flash_attention_2") if setting.on_gpu and find_spec("flash_attn") else ("sdpa",)


def policy_loss(
    log_probs: torch.Tensor, old: torch.Tensor, advantages: torch.Tensor, mask: torch.Tensor
) -> torch.Tensor:
    """The clipped PPO loss of the study: mean over the tokens of a rollout, then over rollouts.

    max(-A r, -A clip(r, 1 - 0.2, 1 + 0.2)), r = exp(log_probs - old)        all (B, T)
    """
    ratio = torch.exp(log_probs - old)
    each = torch.maximum(-advantages * ratio, -advantages * ratio.clamp(1 - CLIP, 1 + CLIP))
    return ((each * mask).sum(dim=1) / mask.sum(dim=1)).mean()


def pass_through(model, inputs: dict, ids: torch.Tensor, old: torch.Tensor | None, advantages, mask):
    """(loss, gradient, log-probabilities): the gradient as one float32 vector on the CPU."""
    device = next(model.parameters()).device
    dtype = next(model.parameters()).dtype
    given = {
        name: value.to(device, dtype) if value.is_floating_point() else value.to(device)
        for name, value in inputs.items()
    }
    model.zero_grad(set_to_none=True)
    logits = model(**given, use_cache=False, logits_to_keep=ids.shape[1] + 1).logits[:, :-1].float()
    picked = torch.log_softmax(logits, dim=-1).gather(-1, ids.to(device)[..., None])[..., 0]
    before = picked.detach() if old is None else old.to(device)
    loss = policy_loss(picked, before, advantages.to(device), mask.to(device))
    loss.backward()
    gradient = torch.cat([p.grad.float().cpu().flatten() for p in model.parameters() if p.grad is not None])
    return float(loss.detach()), gradient, picked.detach().float().cpu()


def compare(setting: Setting, backbone: str) -> dict[str, float]:
    """Differences of bf16 on the device from float32 on the CPU. Raises CheckFailed where one is large."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from recipe.mrpo.tiny.batch import collate, encode
    from recipe.mrpo.tiny.rows import read_rows

    folder = made.tiny(setting, backbone, taught=False)
    processor = AutoProcessor.from_pretrained(folder)
    row = read_rows(made.rows(setting, backbone).train)[0]
    records, rewards, mask, index = make_batch(ROLLOUTS, TOKENS, ROLLOUTS, 6, seed=1)
    advantages = estimator_calls((records, rewards, mask, index), "cpu")[MRPO]()[0]
    draw = random.Random(2)
    vocabulary = len(processor.tokenizer.get_vocab()) // 2  # no control token, which a model may look at
    completions = [[draw.randrange(vocabulary) for _ in range(TOKENS)] for _ in range(ROLLOUTS)]
    inputs = collate([encode(processor, row)] * ROLLOUTS, completions, processor.tokenizer.pad_token_id)
    ids = torch.tensor(completions)

    plain = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    _, _, start = pass_through(copy.deepcopy(plain), inputs, ids, None, advantages, mask)
    old = start + 0.3 * torch.randn(start.shape, generator=torch.Generator().manual_seed(3))  # some are clipped
    loss, gradient, _ = pass_through(plain, inputs, ids, old, advantages, mask)
    figures = {}
    for attention in attentions(setting):
        model = AutoModelForImageTextToText.from_pretrained(
            folder, dtype=torch.bfloat16, attn_implementation=attention
        ).to(setting.device)
        found, other, log_probs = pass_through(model, inputs, ids, old, advantages, mask)
        off = abs(found - loss) / max(abs(loss), 0.1)
        cosine = float(torch.nn.functional.cosine_similarity(other, gradient, dim=0))
        name = f"{backbone} {attention}"
        figures |= {f"{name} loss off": off, f"{name} gradient cosine": cosine}
        figures[f"{name} log-probability off"] = float((log_probs - start).abs().mean())
        if not (off < LARGEST_LOSS_DIFFERENCE and cosine > LEAST_COSINE):
            raise CheckFailed(
                f"{name}: the loss in bf16 is off by {off:.3f}, its gradient has a cosine of {cosine:.3f}",
                "compare versions with docs/gpu.md; with flash_attention_2, try attn_implementation=sdpa.",
            )
    return figures


def check(setting: Setting) -> Outcome:
    from recipe.mrpo.tiny.backbones import BACKBONES

    figures: dict[str, float] = {}
    for name in BACKBONES:
        figures |= compare(setting, name)
    worst = max(value for name, value in figures.items() if name.endswith("loss off"))
    least = min(value for name, value in figures.items() if name.endswith("cosine"))
    says = f"{', '.join(BACKBONES)}: loss off by {worst:.1e} at most, cosine of gradients {least:.4f} at least"
    return Outcome(says, figures)
