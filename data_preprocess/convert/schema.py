"""The one row schema of all datasets: verl's columns, checked row by row.

Checked by plain code, not by pandera: almost every rule is about nested cells (messages, image bytes, `extra_info`) or
ties two columns together (placeholders and images, ground truth and answers), where pandera would call our own
function per cell anyway, on a data frame that holds every image in memory. Arrow's schema enforces the types.

A row:

    data_source   "vqa-rad"
    prompt        [{"role": "user", "content": "<image>What plane is this?\\nThink first, …"}]
    images        [{"bytes": b"\\xff\\xd8…"}]                       the original bytes; one <image> each, in order
    ability       "medical_vqa"
    reward_model  {"style": "rule", "ground_truth": "Axial"}
    extra_info    {"split": "test", "index": 14, "question": "What plane is this?", "answer": "Axial",
                   "answers": ["Axial"], "image_id": "synpic35191.jpg", "answer_type": "OPEN", "organ": "HEAD",
                   "gold_reasoning": "The image shows the skull cut across …", "may_leave_machine": true, …}
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from data_preprocess.convert.prompts import (
    IMAGE,
    PLACEHOLDERS,
    assistant_turn,
    control_token,
    response_tag,
    user_prompt,
)
from data_preprocess.source.fillers import is_filler
from data_preprocess.source.mapping import SPLITS
from data_preprocess.source.records import Record
from reward_fns.choices import MOST

ABILITY = "medical_vqa"
ANSWER_TYPES = ("OPEN", "CLOSED")

_MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
_IMAGES = pa.list_(pa.struct([("bytes", pa.binary())]))
EXTRA_INFO = pa.struct(
    [
        ("split", pa.string()),  # train | validation | test
        ("index", pa.int64()),  # position in the source's split, before any filter
        ("question", pa.string()),
        ("answer", pa.string()),  # equals reward_model.ground_truth
        ("answers", pa.list_(pa.string())),  # every reference answer, `answer` first
        ("answer_raw", pa.string()),  # the source's answer field, where `answers` was made from it
        ("answer_type", pa.string()),  # OPEN | CLOSED as the source says; by the answer (yes/no) where it does not
        ("question_type", pa.string()),  # the source's own category
        ("image_id", pa.string()),  # name of the image in the source; of several, their names joined by " + "
        ("image_sha256", pa.string()),  # of the bytes in `images`; of several, of their hashes one after the other
        ("image_quirks", pa.list_(pa.string())),  # images.py: exif_rotation, 16_bit, alpha, cmyk, palette, …
        ("record_id", pa.string()),  # the source's own id
        ("modality", pa.string()),
        ("organ", pa.string()),
        ("language", pa.string()),
        ("context", pa.string()),
        ("gold_reasoning", pa.string()),  # null: none
        ("gold_source", pa.string()),  # its author
        ("may_leave_machine", pa.bool_()),  # false: no judge outside this machine may see the row
        ("image_names", pa.list_(pa.string())),  # name of each image
        ("image_hashes", pa.list_(pa.string())),  # sha256 of each image's bytes
        ("choices", pa.list_(pa.string())),  # multiple choice: their texts in the order of the letters; null: none
    ]
)
OF_IMAGES = ("image_hashes", "image_names")
LATER = frozenset({*OF_IMAGES, "choices"})
"""Fields that files of version 0.1 do not have."""
RL_SCHEMA = pa.schema(
    [
        ("data_source", pa.string()),
        ("prompt", _MESSAGES),
        ("images", _IMAGES),
        ("ability", pa.string()),
        ("reward_model", pa.struct([("style", pa.string()), ("ground_truth", pa.string())])),
        ("extra_info", EXTRA_INFO),
    ]
)
SFT_SCHEMA = pa.schema(
    [("data_source", pa.string()), ("messages", _MESSAGES), ("images", _IMAGES), ("extra_info", EXTRA_INFO)]
)


def make_row(
    record: Record,
    images: Sequence[bytes],
    *,
    hashes: Sequence[str],
    quirks: Sequence[str],
    data_source: str,
    tag: str,
    may_leave_machine: bool,
    sft: bool,
) -> dict[str, Any]:
    """One row of RL_SCHEMA, or of SFT_SCHEMA with the gold reasoning as the assistant's think block.

    `hashes`: sha256 of each image. `quirks`: those of all images together.

    Raises BadRow naming the record's file and row if the row breaks a rule of the schema.
    """
    try:
        content = user_prompt(record.question, tag=tag, images=len(images), task=record.task, choices=record.choices)
    except ValueError as error:
        raise record.bad(str(error)) from error
    user = {"role": "user", "content": content}
    row: dict[str, Any] = {
        "data_source": data_source,
        "images": [{"bytes": image} for image in images],
        "extra_info": {
            "split": record.split,
            "index": record.index,
            "question": record.question,
            "answer": record.answer,
            "answers": list(record.answers),
            "answer_raw": record.answer_raw,
            "answer_type": record.answer_type or ("OPEN" if record.is_open else "CLOSED"),
            "question_type": record.question_type,
            "image_id": record.image_id,
            "image_sha256": hash_of_row(hashes),
            "image_quirks": list(quirks),
            "record_id": record.record_id,
            "modality": record.modality,
            "organ": record.organ,
            "language": record.language,
            "context": record.context,
            "gold_reasoning": record.gold_reasoning,
            "gold_source": record.gold_source,
            "may_leave_machine": may_leave_machine,
            "image_names": [name for _, name in record.images],
            "image_hashes": list(hashes),
            "choices": list(record.choices) or None,
        },
    }
    if sft:
        if not record.gold_reasoning:
            raise record.bad("SFT needs gold reasoning and this row has none")
        turn = assistant_turn(record.gold_reasoning, record.answer, tag=tag)
        row["messages"] = [user, {"role": "assistant", "content": turn}]
    else:
        row |= {"prompt": [user], "ability": ABILITY, "reward_model": {"style": "rule", "ground_truth": record.answer}}
    fault = find_fault(row, tag)
    if fault is not None:
        raise record.bad(fault)
    return row


def hash_of_row(hashes: Sequence[str]) -> str:
    """What tells the images of a row from those of another: the hash of its image, or the hash of their hashes."""
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def find_fault(row: dict[str, Any], tag: str = "") -> str | None:
    """First rule of the schema that a row of either kind breaks, as a sentence; None for a good row.

    `tag`: the think tag of the prompt, where it is known; no text may hold it.
    """
    schema = SFT_SCHEMA if "messages" in row else RL_SCHEMA
    if set(row) != set(schema.names):
        missing, unknown = set(schema.names) - set(row), set(row) - set(schema.names)
        return f"columns missing: {sorted(missing)}, unknown: {sorted(unknown)}"
    info = row["extra_info"]
    absent = {field.name for field in EXTRA_INFO} - set(info) - LATER
    if absent:
        return f"extra_info lacks {sorted(absent)}"
    for name in ("question", "answer", "image_id", "image_sha256"):
        if not isinstance(info[name], str) or is_filler(info[name]):
            return f"extra_info.{name} is empty{_shown(info[name])}"
    if info["split"] not in SPLITS:
        return f"extra_info.split={info['split']!r} is not one of {', '.join(SPLITS)}"
    if info["answer_type"] not in ANSWER_TYPES:
        return f"extra_info.answer_type={info['answer_type']!r} is not one of {', '.join(ANSWER_TYPES)}"
    if not info["answers"] or info["answers"][0] != info["answer"] or any(map(is_filler, info["answers"])):
        return "extra_info.answers must begin with the answer and hold no empty text"
    if info["gold_reasoning"] is not None and not info["gold_reasoning"].strip():
        return "extra_info.gold_reasoning is empty; a row without gold reasoning has null"
    choices = info.get("choices")
    if choices is not None and (fault := _choices_fault(choices, info["answer"])):
        return fault
    for name, text in (("question", info["question"]), *(("choice", each) for each in choices or ())):
        token = control_token(text)
        if token is not None:
            article = "the" if name == "question" else "a"
            return f"{article} {name} holds {token}, which a chat template would take for its own"
    for name, texts in (("answer", info["answers"]), ("gold reasoning", [info["gold_reasoning"] or ""])):
        tag = next((found for text in texts if (found := response_tag(text, tag))), None)
        if tag is not None:
            return f"the {name} holds {tag}, a tag of the response: a turn with it cannot be parsed"
    if not row["data_source"]:
        return "data_source is empty"
    if not row["images"] or any(not image["bytes"] for image in row["images"]):
        return "there is no image, or its bytes are missing"
    turns = row.get("messages") or row["prompt"]
    text = "".join(turn["content"] for turn in turns)
    if text.count(IMAGE) != len(row["images"]):
        return f"{text.count(IMAGE)} {IMAGE} placeholders for {len(row['images'])} images"
    if any(placeholder in text for placeholder in PLACEHOLDERS[1:]):
        return f"a message contains one of {', '.join(PLACEHOLDERS[1:])}"
    for name in OF_IMAGES:
        if info.get(name) is not None and len(info[name]) != len(row["images"]):
            return f"extra_info.{name} has {len(info[name])} entries for {len(row['images'])} images"
    if "prompt" in row and row["reward_model"] != {"style": "rule", "ground_truth": info["answer"]}:
        return "reward_model must be {style: rule, ground_truth: the answer}"
    return None


def _choices_fault(choices: Sequence[Any], answer: str) -> str | None:
    if not 2 <= len(choices) <= MOST or any(not isinstance(each, str) or is_filler(each) for each in choices):
        return f"extra_info.choices must hold 2 to {MOST} texts"
    if len(set(choices)) < len(choices):
        return "extra_info.choices holds a text twice"
    if answer not in choices:
        return "extra_info.answer must be one of extra_info.choices"
    return None


def _shown(value: Any) -> str:
    return f": {value!r} stands for a missing value" if isinstance(value, str) and value.strip() else ""
