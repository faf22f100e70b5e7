"""A chat prompt as texts and places of images, so that another service can be shown what the policy was shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Turn = tuple[str, tuple[str | None, ...]]
"""Role and content of a message: its texts in order, None where an image stands."""
IMAGE = "<image>"
"""verl's placeholder in a row's prompt; each one takes the next image of the row."""


def turns_of(messages: Any, *, placeholders: bool = False) -> tuple[Turn, ...]:
    """The turns of a chat prompt; () for anything that is not one. Never raises.

    `placeholders`: `<image>` in a text stands for an image, as in the column `prompt` of a row with images.
    """
    found: list[Turn] = []
    for message in messages if isinstance(messages, Iterable) and not isinstance(messages, (str, Mapping)) else ():
        role, content = (message.get("role"), message.get("content")) if isinstance(message, Mapping) else (None, None)
        if not isinstance(role, str):
            return ()
        if isinstance(content, str):
            parts: list[str | None] = [content]
            if placeholders:
                pieces = content.split(IMAGE)
                parts = [part for piece in pieces[:-1] for part in (piece, None)] + [pieces[-1]]
        elif isinstance(content, Iterable) and not isinstance(content, (bytes, Mapping)):
            parts = [_part(part) for part in content]
        else:
            return ()
        found.append((role, tuple(part for part in parts if part != "")))
    return tuple(found)


def _part(part: Any) -> str | None:
    if isinstance(part, str):
        return part
    text = part.get("text") if isinstance(part, Mapping) else ""
    kind = part.get("type", "text") if isinstance(part, Mapping) else "text"
    return text if kind == "text" and isinstance(text, str) else None


def chat_messages(turns: Sequence[Turn], urls: Sequence[str]) -> list[dict[str, Any]]:
    """The turns as messages of a chat completions request, `urls` in the places of the images.

    Raises ValueError if there are more or fewer places than images.
    """
    places = sum(part is None for _, parts in turns for part in parts)
    if places != len(urls):
        raise ValueError(f"the prompt has places for {places} images, and there are {len(urls)}")
    waiting = iter(urls)
    messages: list[dict[str, Any]] = []
    for role, parts in turns:
        if all(part is not None for part in parts):
            messages.append({"role": role, "content": "".join(part or "" for part in parts)})
            continue
        content = [
            {"type": "image_url", "image_url": {"url": next(waiting)}}
            if part is None
            else {"type": "text", "text": part}
            for part in parts
        ]
        messages.append({"role": role, "content": content})
    return messages
