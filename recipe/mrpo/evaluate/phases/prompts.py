"""The prompt of a row as chat messages: what verl 0.9.1 makes of it (`RLHFDataset._build_messages`), without verl.

The engine vLLM uses verl's own data set class. An endpoint and a judge need no torch, so they get the messages from
here; a test holds the two equal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from recipe.mrpo.startup.prompt_and_images import PLACEHOLDER

_SHOWN = re.compile(rf"Image \d+: {re.escape(PLACEHOLDER)}\n|{re.escape(PLACEHOLDER)}")
"""A placeholder, with the number before it that this package's prompts give to each of several images."""
_SEGMENTS = re.compile(f"({re.escape(PLACEHOLDER)})")


def without_images(prompt: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The prompt of a row with its placeholders of images taken out."""
    out = []
    for message in prompt:
        content = message["content"]
        if isinstance(content, str):
            content = _SHOWN.sub("", content)
        else:
            content = [part for part in content if part.get("type") != "image"]
        out.append({**message, "content": content})
    return out


def chat_messages(prompt: Sequence[Mapping[str, Any]], images: Sequence[Any]) -> list[dict[str, Any]]:
    """The prompt with each placeholder replaced by the next image, as a list of parts; without images unchanged.

    Raises ValueError if there are more or fewer images than placeholders.
    """
    left = list(images)
    messages = []
    for message in prompt:
        content = message["content"]
        if not images or not isinstance(content, str):
            messages.append(dict(message))
            continue
        parts: list[dict[str, Any]] = []
        for segment in filter(None, _SEGMENTS.split(content)):
            if segment != PLACEHOLDER:
                parts.append({"type": "text", "text": segment})
                continue
            if not left:
                raise ValueError("the prompt has more placeholders than images")
            image = left.pop(0)
            parts.append({"type": "image", **(image if isinstance(image, Mapping) else {"image": image})})
        messages.append({**message, "content": parts})
    if left:
        raise ValueError("the prompt has fewer placeholders than images")
    return messages
