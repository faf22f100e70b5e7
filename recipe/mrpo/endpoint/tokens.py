"""How many tokens a call has used: as the endpoint reports it, or estimated, so that budgets hold all the same."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

CHARS_PER_TOKEN = 3
"""English has about four; the prompts are JSON with terms of medicine, and a ceiling is better reached early."""

PIXELS_PER_TOKEN = 28 * 28
"""Pixels per token of Qwen2.5-VL's vision tower, after its 2 x 2 merge."""

MAX_FACTOR, MAX_EXTRA = 10, 10_000
"""A report of more than MAX_FACTOR times the estimate plus MAX_EXTRA is rejected: one reply could use up a budget."""

MAX_THOUGHTS = 200_000
"""Largest credible report of completion tokens if no `max_tokens` bounds a model with hidden reasoning."""


class Tokens(NamedTuple):
    """Tokens of a prompt and of its completion."""

    prompt: int = 0
    completion: int = 0

    @property
    def both(self) -> int:
        return self.prompt + self.completion


NO_TOKENS = Tokens()


def estimate(
    messages: Sequence[Mapping[str, Any]], body_chars: int, *, image_max_pixels: int, max_tokens: int | None
) -> Tokens:
    """Tokens of a request and of the body that answered it, rather too many than too few.

    prompt = characters / 3 + image_max_pixels / 784 for each image,   completion = characters / 3 <= max_tokens
    """
    written = math.ceil(body_chars / CHARS_PER_TOKEN)
    return Tokens(_of_messages(messages, image_max_pixels), min(written, max_tokens or written))


def counted(usage: object, estimated: Tokens, *, max_tokens: int | None, blank: bool) -> tuple[Tokens, bool]:
    """The tokens that `usage` of a reply reports, with the estimate for each count that cannot be believed.

    The second value says whether any count was estimated. A count is a whole number; no prompt is empty, no
    reply but a `blank` one either, and no count is far beyond what request, reply and `max_tokens` can hold.
    """
    reported = usage if isinstance(usage, Mapping) else {}
    most_prompt = MAX_FACTOR * estimated.prompt + MAX_EXTRA
    most_written = MAX_FACTOR * max(estimated.completion, max_tokens or MAX_THOUGHTS) + MAX_EXTRA
    prompt = _count(reported.get("prompt_tokens"), 1, most_prompt)
    completion = _count(reported.get("completion_tokens"), 0 if blank else 1, most_written)
    total = Tokens(
        estimated.prompt if prompt is None else prompt, estimated.completion if completion is None else completion
    )
    return total, prompt is None or completion is None


def _count(value: object, low: int, high: int) -> int | None:
    return value if type(value) is int and low <= value <= high else None


def _of_messages(messages: Sequence[Mapping[str, Any]], image_max_pixels: int) -> int:
    characters, images = 0, 0
    for message in messages:
        content = message["content"]
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            if part["type"] == "text":
                characters += len(part["text"])
            else:
                images += 1
    return math.ceil(characters / CHARS_PER_TOKEN) + images * math.ceil(image_max_pixels / PIXELS_PER_TOKEN)
