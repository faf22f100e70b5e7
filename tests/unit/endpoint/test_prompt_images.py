"""The judge is shown what the policy is shown: every form of image that verl takes, in order, upright."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image

from recipe.mrpo.endpoint.image import BadImage, prepare_image
from recipe.mrpo.endpoint.prompt_images import Images, images_of_prompt, images_of_row, read_image

COLOURS = {"red": (200, 0, 0), "green": (0, 200, 0), "blue": (0, 0, 200)}


def encoded(colour: str, kind: str = "PNG", **more) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (9, 6), COLOURS[colour]).save(out, kind, **more)
    return out.getvalue()


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def colour_of(data: bytes) -> str:
    middle = pixels(data)[3, 4].tolist()
    return next(name for name, rgb in COLOURS.items() if np.abs(np.subtract(rgb, middle)).max() < 30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    here = tmp_path_factory.mktemp("images")
    for colour in COLOURS:
        (here / f"{colour}.png").write_bytes(encoded(colour))
    return here


FORMS = {
    "bytes in a struct": lambda folder, c: {"bytes": encoded(c), "path": None},
    "a decoded image": lambda folder, c: Image.open(io.BytesIO(encoded(c))),
    "a path": lambda folder, c: str(folder / f"{c}.png"),
    "a path in a struct": lambda folder, c: {"image": str(folder / f"{c}.png")},
    "a file address": lambda folder, c: {"image": f"file://{folder / f'{c}.png'}"},
    "a data address": lambda folder, c: f"data:image/png;base64,{base64.b64encode(encoded(c)).decode()}",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_image_of_a_row_is_read_in_order_whatever_its_form(folder, form):
    row = [FORMS[form](folder, colour) for colour in COLOURS]
    assert [colour_of(data) for data, _ in images_of_row(row)] == list(COLOURS)
    assert all(mime == "image/png" for _, mime in images_of_row(row))


def through_verl(images, questions=("<image>What is seen?",)):
    """The prompt as verl's own dataset makes it of a row."""
    from verl.utils.dataset.rl_dataset import RLHFDataset

    dataset = RLHFDataset.__new__(RLHFDataset)
    dataset.image_key, dataset.video_key, dataset.audio_key = "images", "videos", "audios"
    dataset.processor = object()
    messages = [{"role": "user", "content": question} for question in questions]
    return dataset._build_messages({"prompt": messages, "images": images}, key="prompt")


@pytest.mark.parametrize("form", [form for form in FORMS if form != "a file address"])
def test_the_prompt_that_verl_makes_of_a_row_shows_the_same_images(verl, folder, form):
    row = [FORMS[form](folder, colour) for colour in COLOURS]
    messages = through_verl(row, ("<image>Compare it<image>with", "this <image>."))
    assert [colour_of(data) for data, _ in images_of_prompt(messages)] == list(COLOURS)


def test_the_hubs_image_feature_arrives_as_the_policy_gets_it(verl):
    turned = io.BytesIO()
    picture = Image.new("RGB", (9, 6), COLOURS["red"])
    picture.paste(COLOURS["blue"], (0, 0, 9, 3))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    picture.save(turned, "PNG", exif=exif)
    feature = datasets.Features({"images": [datasets.Image()]})
    table = datasets.Dataset.from_dict({"images": [[{"bytes": turned.getvalue(), "path": None}]]}, features=feature)
    ((data, mime),) = images_of_prompt(through_verl(table[0]["images"]))
    sent, _ = prepare_image(data, 10_000)
    assert mime == "image/png" and pixels(sent)[0, 0].tolist() == list(COLOURS["red"])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_reaches_the_judge_upright_and_without_a_tag(kind, orientation):
    picture = Image.new("RGB", (90, 60), COLOURS["red"])
    picture.paste(COLOURS["blue"], (0, 0, 30, 20))  # upper left when upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the turn that such a tag takes back (PIL's Transpose)
    stored = picture if orientation == 1 else picture.transpose(Image.Transpose(undo[orientation]))
    out = io.BytesIO()
    stored.save(out, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    for value in (out.getvalue(), Image.open(io.BytesIO(out.getvalue()))):
        sent, _ = prepare_image(read_image(value)[0], 10_000)
        shown = Image.open(io.BytesIO(sent))
        assert shown.size == (90, 60) and shown.getexif().get(0x0112, 1) in (0, 1)
        assert np.abs(np.subtract(pixels(sent)[5, 5], COLOURS["blue"])).max() < 40
        assert np.abs(np.subtract(pixels(sent)[55, 80], COLOURS["red"])).max() < 40


PROMPTS_WITHOUT = [None, [], [{"role": "user", "content": "text"}], [{"role": "user"}],
                   [{"role": "user", "content": [{"type": "text", "text": "x"}, "y"]}], ["text"]]  # fmt: skip


@pytest.mark.parametrize("messages", PROMPTS_WITHOUT)
def test_a_prompt_without_an_image_has_none(messages):
    assert Images.of_prompt(messages) == Images()


def part(**of):
    return [{"role": "user", "content": [of, {"type": "text", "text": "What?"}]}]


UNREADABLE = [
    (part(type="image", image="/no/such/image.png"), "there is no image at"),
    (part(type="image", image="https://example.org/x.png"), "address on the web"),
    (part(type="image_url", image_url={"url": "http://example.org/x.png"}), "address on the web"),
    (part(type="image", image="data:image/png;base64,@@"), "without valid base64"),
    (part(type="image", image=7), "type int"),
    (part(type="image"), "without bytes and without a path"),
    (part(type="image", bytes=None, path=None), "without bytes and without a path"),
    (part(type="video", video="x.mp4"), "video"),
    (part(type="image", image="\x00"), "there is no image at"),
]


@pytest.mark.parametrize(("messages", "problem"), UNREADABLE)
def test_an_image_that_cannot_be_read_is_a_stated_problem_and_not_a_case_without_images(messages, problem):
    with pytest.raises(BadImage, match=problem):
        images_of_prompt(messages)
    images = Images.of_prompt(messages)
    assert images.read == () and problem in images.problem


@pytest.mark.parametrize(
    ("head", "mime"),
    [(b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff\xe0", "image/jpeg"), (b"GIF89a", "image/gif"),
     (b"RIFF\x00\x00\x00\x00WEBP", "image/webp")],
)  # fmt: skip
def test_the_kind_of_an_image_is_read_from_its_bytes(head, mime):
    assert read_image(head + b"\x00" * 20)[1] == mime
