"""The tokens of a call whose endpoint does not report them: estimated, so that limits and budget hold all the same."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from recipe.mrpo.judge.protect.budget import Tokens

CHARS_PER_TOKEN = 3
"""English has about four; the prompts are JSON with terms of medicine, and a ceiling is better reached early."""

PIXELS_PER_TOKEN = 28 * 28
"""Of Qwen2.5-VL's vision tower, after its 2 x 2 merge."""


def estimate(
    messages: Sequence[Mapping[str, Any]], body: str, *, image_max_pixels: int, max_tokens: int | None
) -> Tokens:
    """Tokens of a request and of the body that answered it, rather too many than too few.

    prompt = characters / 3 + image_max_pixels / 784 for each image,   completion = characters / 3 <= max_tokens
    """
    written = math.ceil(len(body) / CHARS_PER_TOKEN)
    return Tokens(_of_messages(messages, image_max_pixels), min(written, max_tokens or written))


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
