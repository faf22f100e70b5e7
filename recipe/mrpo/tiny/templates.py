"""Chat templates of the tiny models (Jinja), in the format of the models that they stand for."""

from __future__ import annotations

SYSTEM = "You are a helpful assistant."
CHAT_WORDS = f"system\n{SYSTEM}\nuser\nassistant\n"  # plain text that the templates write beside control tokens


def chat_template(*, system: str | None, image: str, video: str) -> str:
    """ChatML with `image` and `video` in the place of such content entries.

    system: the system message of a conversation that brings none (Qwen2-VL and Qwen2.5-VL have one), or None.
    """
    default = ""
    if system is not None:
        default = (
            "{% if loop.first and message.role != 'system' %}<|im_start|>system\n" + system + "<|im_end|>\n{% endif %}"
        )
    return (
        "{% for message in messages %}" + default + "<|im_start|>{{ message.role }}\n"
        "{% if message.content is string %}{{ message.content }}{% else %}{% for entry in message.content %}"
        "{% if entry.type == 'image' or 'image' in entry or 'image_url' in entry %}"
        + image
        + "{% elif entry.type == 'video' or 'video' in entry %}"
        + video
        + "{% elif 'text' in entry %}{{ entry.text }}{% endif %}"
        "{% endfor %}{% endif %}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
