from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from PIL import Image

from recipe.mrpo.endpoint.image import BadImage, prepare_image
from recipe.mrpo.judge.chat.rubric import PROMPTS, Rubric, build_messages, fill, reply_schema

SIBLING = (
    "Let me look at the lower zones of both lungs first.",
    "There is a hazy opacity in the right lower zone.",
    "The heart has a normal size and the mediastinum is not shifted to either side.",
    "The costophrenic angles are sharp, which makes an effusion unlikely.",
    "So the consolidation is most likely in the right lower lobe.",
)


def png(width, height, kind="PNG", mode="RGB"):
    out = io.BytesIO()
    Image.new(mode, (width, height)).save(out, kind)
    return out.getvalue()


def messages_of(request, **changes):
    rubric = changes.pop("rubric", Rubric.load(PROMPTS))
    return build_messages(request, rubric, **{"images": (), "max_step_chars": 2000, **changes})


def text_of(messages):
    return "".join(
        m["content"]
        if isinstance(m["content"], str)
        else "".join(p.get("text") or p["image_url"]["url"] for p in m["content"])
        for m in messages
    )


def test_siblings_share_at_least_85_percent_of_their_prompt(request_of):
    # Words and marks stand in for tokens; with an image the shared part only grows.
    pair = [re.findall(r"\w+|[^\w\s]", text_of(messages_of(r))) for r in (request_of(), request_of(steps=SIBLING))]
    shared = next(i for i, (a, b) in enumerate(zip(*pair, strict=False)) if a != b)
    assert shared / max(map(len, pair)) >= 0.85, (shared, [len(p) for p in pair])


def test_the_rubric_stands_first_the_steps_last(request_of):
    text = text_of(messages_of(request_of(), images=[(b"IMAGE", "image/png")]))
    marks = [
        "You grade",
        base64.b64encode(b"IMAGE").decode(),
        "Which lung lobe",
        "dense opacity in the right",
        "I need to examine the chest film.",
    ]
    places = [text.rindex(m) for m in marks]
    assert places == sorted(places)


def test_another_question_shares_the_rubric_alone(request_of):
    first, second = messages_of(request_of()), messages_of(request_of(question="What is shown?"))
    assert first[0] == second[0] and first[1] != second[1]


def test_the_steps_are_numbered_from_one_and_shown_in_ascii(request_of):
    content = messages_of(request_of(steps=("Dense\u200b lung.", "肺")))[1]["content"]
    assert content.isascii() and "\\u200b" in content
    payload = json.loads(content.splitlines()[-1])
    assert payload == {"rollout_steps": [{"step": 1, "text": "Dense\u200b lung."}, {"step": 2, "text": "肺"}]}


def test_a_long_step_is_cut_and_says_so(request_of):
    content = messages_of(request_of(steps=("x" * 30,)), max_step_chars=10)[1]["content"]
    assert json.loads(content.splitlines()[-1])["rollout_steps"] == [{"step": 1, "text": "x" * 10, "cut_after": 10}]


def test_what_a_placeholder_is_filled_with_is_not_filled_again():
    assert fill("{{a}} and {{b}}", {"a": "{{b}}", "b": "{{a}}"}) == "{{b}} and {{a}}"


def test_the_rubrics_hash_changes_with_its_text():
    rubric = Rubric.load(PROMPTS)
    assert rubric.hash == Rubric.load(PROMPTS).hash
    for part in ("system", "case", "steps", "overall"):
        assert replace(rubric, **{part: getattr(rubric, part) + "."}).hash != rubric.hash


@pytest.mark.parametrize(
    ("case", "why"),
    [
        ("no placeholder", "nothing would be filled in"),
        ("{{case_json}} {{steps_json}}", "the steps would break prefix caching"),
    ],
)
def test_a_rubric_without_its_placeholder_is_refused(tmp_path, case, why):
    for name, text in {"system": "s", "case": case, "steps": "{{steps_json}}", "overall": "o"}.items():
        (tmp_path / f"{name}.txt").write_text(text)
    with pytest.raises(ValueError, match=r"mrpo\.judge\.openai\.prompts: case\.txt"):
        Rubric.load(Path(tmp_path))


def test_the_rubric_names_no_label_but_the_replys():
    example = re.findall(r"^Reply: (\{.*\})$", (PROMPTS / "system.txt").read_text(), re.MULTILINE)
    verdict = json.loads(example[0])
    assert list(verdict["steps"]) == ["1", "2", "3", "4", "5", "6"]
    jsonschema.validate(verdict, reply_schema(6, overall=False))


GRADE = {"alignment": 1, "contribution": 0}


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ({"1": GRADE}, "a step left out"),
        ({"1": GRADE, "2": GRADE, "3": GRADE}, "a step too many"),
        ({"0": GRADE, "1": GRADE}, "counted from 0"),
        ({"1": GRADE, "2": {"alignment": 1}}, "an answer left out"),
        ({"1": GRADE, "2": {**GRADE, "alignment": 2}}, "no binary answer"),
        ({"1": GRADE, "2": {**GRADE, "why": "fine"}}, "prose"),
        ([GRADE, GRADE], "a list"),
    ],
)
def test_structured_output_leaves_no_room_for_a_reply_that_would_fail(steps, why):
    jsonschema.validate({"steps": {"1": GRADE, "2": GRADE}}, reply_schema(2, overall=False))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"steps": steps}, reply_schema(2, overall=False))


@pytest.mark.parametrize(
    ("data", "size", "mime", "why"),
    [
        (png(40, 20), (40, 20), "image/png", "small enough: the bytes pass unchanged"),
        (png(400, 200), (44, 22), "image/png", "scaled down, ratio kept"),
        (png(400, 200, "JPEG"), (44, 22), "image/jpeg", "a JPEG stays one"),
        (png(20, 20, "BMP"), (20, 20), "image/png", "a format that endpoints do not take"),
        (png(4000, 1), (1000, 1), "image/png", "very flat"),
        (png(400, 200, mode="P"), (44, 22), "image/png", "a palette"),
    ],
)
def test_an_image_is_sent_at_most_as_large_as_asked(data, size, mime, why):
    sent, kind = prepare_image(data, 1000)
    with Image.open(io.BytesIO(sent)) as image:
        assert (image.size, kind) == (size, mime), why
    assert size != (40, 20) or sent == data


@pytest.mark.parametrize("data", [b"", b"no image", png(50, 50)[:60]])
def test_bytes_that_are_no_image_are_named_so(data):
    with pytest.raises(BadImage):
        prepare_image(data, 1000)


def damaged(kind, was, now):
    data = png(64, 48, kind)
    assert was in data
    return data.replace(was, now, 1)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (damaged("DDS", b"\x20\0\0\0\x40\0\0\0", b"\x20" + bytes(7)), "a pixel format that Pillow has not implemented"),
        (damaged("IM", b"(x*y): 64*48", b"(x*y): .4*48"), "a width that is no whole number"),
        (damaged("PNG", b"IDAT", b"IDAX"), "a PNG without data"),
        (png(64, 48, "PPM"), "a format that no data set has: untrusted files should meet few parsers"),
    ],
)
def test_a_damaged_file_fails_its_judgement_and_raises_nothing(asked, request_of, data, why):
    with pytest.raises(BadImage):
        prepare_image(data, 1000)
    assert asked(request_of(images=((data, "image/png"),)), name="openai").failure == "bad_image", why


def gradient(side):
    out = io.BytesIO()
    pixels = np.linspace(0, 65_520, side * side).astype(np.uint16).reshape(side, side)
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("side", [64, 16])
def test_a_picture_of_16_bits_keeps_its_greys_whether_or_not_it_is_scaled(side):
    sent, kind = prepare_image(gradient(side), 1000)
    with Image.open(io.BytesIO(sent)) as image:
        grey = np.asarray(image.convert("L"))
    assert kind == "image/png" and grey.size <= 1000
    assert grey.min() < 10 and grey.max() > 245 and abs(grey.mean() - 127.5) < 5
    assert (np.diff(grey[:, 0].astype(int)) >= 0).all(), "the values were cut off at 255, which is nearly all white"


def test_a_transparent_picture_is_scaled_over_white():
    # As verl lays it; without that, what lies behind the transparent pixels would come forth.
    sent, _ = prepare_image(png(64, 48, mode="RGBA"), 1000)
    with Image.open(io.BytesIO(sent)) as image:
        assert image.getextrema() == ((255, 255),) * 3


def test_other_right_answers_stand_in_the_case_and_only_where_there_are_any(request_of):
    one, more = (text_of(messages_of(request_of(alternatives=a))) for a in ((), ("RLL", 'the "base"')))
    assert 'other_gold_answers": [' not in one.split("The case (JSON data)")[1]
    assert json.loads(next(line for line in more.splitlines() if line.startswith('{"question"')))[
        "other_gold_answers"
    ] == ["RLL", 'the "base"']
