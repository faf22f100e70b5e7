"""The prompt, in one place: the question and the form of the answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from data_preprocess.source.records import CHOICE, LONG, SHORT
from recipe.mrpo.backbones import BACKBONES, get_backbone
from reward_fns.choices import lettered

IMAGE = "<image>"
"""verl's placeholder; each one takes the next image of the row."""
PLACEHOLDERS = (IMAGE, "<video>", "<audio>")
DEFAULT_BACKBONE = "qwen2_5_vl"

_TAGS = "|".join(sorted({"answer", "think", "thinking", *(backbone.think_tag for backbone in BACKBONES.values())}))
_RESPONSE_TAG = re.compile(rf"<\s*/?\s*(?:{_TAGS})\b[^<>]*>", re.IGNORECASE)
_CONTROL_TOKEN = re.compile(r"<\|[^<>|\s]+\|>|</?img>|<IMG_CONTEXT>")
"""Special tokens of the backbones' chat templates, which a tokenizer would read as such inside a question."""

_INSTRUCTION = (
    "Think first, inside <{tag}> </{tag}>: write short sentences, one observation or one conclusion each, "
    "that lead from {seen} to the answer. "
    "Then give only the final answer, as short as possible, inside <answer> </answer>."
)


_LONG = _INSTRUCTION.replace(
    "Then give only the final answer, as short as possible, inside",
    "Then write the answer in full sentences, one finding or one statement each, inside",
)
_CHOICE = _INSTRUCTION.replace("the final answer, as short as possible,", "the letter of the right choice")


def response_tag(text: str, own_tag: str = "") -> str | None:
    """The first tag of the response format in a text that is to stand inside one, or a control token; None: none.

    `own_tag`: the think tag of a backbone that is not in the table.
    """
    found = _RESPONSE_TAG.search(text) or _CONTROL_TOKEN.search(text)
    if found is None and own_tag:
        found = re.search(rf"<\s*/?\s*{re.escape(own_tag)}\b[^<>]*>", text, re.IGNORECASE)
    return found and found[0]


def control_token(text: str) -> str | None:
    """The first control token of a chat template in a text; None: there is none."""
    found = _CONTROL_TOKEN.search(text)
    return found and found[0]


def think_tag(backbone: str) -> str:
    """Tag around the reasoning: `thinking` for Qwen3-VL (`<think>` is a token of its tokenizer), otherwise `think`.

    Raises ValueError for an unknown backbone, naming the known ones.
    """
    return get_backbone(backbone).think_tag


def user_prompt(question: str, *, tag: str, images: int, task: str = SHORT, choices: Sequence[str] = ()) -> str:
    """The user turn: the images (several are numbered, so that the question can name one), question, instruction.

    `choices` follow the question, each with its letter.

    Raises ValueError if the question holds one of verl's placeholders, which would be taken for an image.
    """
    question = "\n".join([question, *filter(None, [lettered(choices)])])
    instruction = {SHORT: _INSTRUCTION, LONG: _LONG, CHOICE: _CHOICE}[task]
    for placeholder in PLACEHOLDERS:
        if placeholder in question:
            raise ValueError(f"the question contains {placeholder}, which verl would take for a placeholder")
    shown = IMAGE if images == 1 else "".join(f"Image {number}: {IMAGE}\n" for number in range(1, images + 1))
    seen = "the image" if images == 1 else "the images"
    return f"{shown}{question}\n{instruction.format(tag=tag, seen=seen)}"


def assistant_turn(reasoning: str, answer: str, *, tag: str) -> str:
    """The turn that SFT imitates: gold reasoning as think block, then the short answer."""
    return f"<{tag}>{reasoning}</{tag}><answer>{answer}</answer>"


def backbone_names() -> list[str]:
    return list(BACKBONES)
