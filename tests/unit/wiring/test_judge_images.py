"""The images of a row on their way to a judge: verl's own prompt in, requests at a real endpoint out."""

from __future__ import annotations

import base64
import hashlib
import io
from contextlib import contextmanager

import pytest
from PIL import Image

from recipe.mrpo.scoring.labels import judge_is_shown_images
from tests.fake_judge_server import FakeJudgeServer
from tests.unit.wiring.rollouts import GOOD, run, spied


def png(red: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 6), (red, 0, 0)).save(out, "PNG")
    return out.getvalue()


PICTURES = [png(red) for red in (10, 100, 200)]


def prompt(*images):
    parts = [{"type": "image", **image} for image in images]
    return [{"role": "user", "content": [*parts, {"type": "text", "text": "What is seen?"}]}]


SEVERAL = prompt(*({"image": Image.open(io.BytesIO(data)), "bytes": data} for data in PICTURES))
UNREADABLE = prompt({"bytes": PICTURES[0]}, {"image": "/no/such/file.png"})


@contextmanager
def served(manager_of, **changed):
    with FakeJudgeServer() as server:
        node = {"name": "openai", "openai": {"base_url": server.base_url, "model": "m", **changed}}
        yield manager_of(judge=node), server


def sent(server) -> list[bytes]:
    content = server.requests[0]["messages"][1]["content"]
    return [base64.b64decode(part["image_url"]["url"].partition(",")[2]) for part in content if "image_url" in part]


def test_every_image_of_the_prompt_reaches_the_endpoint_in_order(manager_of, row_of):
    with served(manager_of) as (manager, server):
        _, record = run(manager, row_of(GOOD, messages=SEVERAL))
    assert record.judge_status == "ok" and sent(server) == PICTURES
    texts = [part["text"] for part in server.requests[0]["messages"][1]["content"] if "text" in part]
    assert texts[:-1] == ["Image 1:", "Image 2:", "Image 3:"], "the question may name one by its number"


def test_one_image_needs_no_number(manager_of, row_of):
    with served(manager_of) as (manager, server):
        run(manager, row_of(GOOD, messages=prompt({"bytes": PICTURES[0]})))
    kinds = [part["type"] for part in server.requests[0]["messages"][1]["content"]]
    assert kinds == ["image_url", "text"]


def test_a_prompt_with_an_unreadable_image_is_not_judged_without_it(manager_of, row_of):
    with served(manager_of) as (manager, server):
        _, record = run(manager, row_of(GOOD, messages=UNREADABLE))
    assert (record.judge_status, server.requests) == ("failed:bad_image", [])


def test_more_images_than_allowed_are_refused_and_said(manager_of, row_of, caplog):
    with served(manager_of, max_images=2) as (manager, server):
        _, record = run(manager, row_of(GOOD, messages=SEVERAL))
    assert (record.judge_status, server.requests) == ("failed:too_many_images", [])
    assert "3 images, mrpo.judge.openai.max_images=2" in caplog.text


def test_a_judge_that_is_sent_no_image_needs_none(manager_of, row_of):
    with served(manager_of, send_image=False, max_images=1) as (manager, server):
        for messages in (SEVERAL, UNREADABLE):
            assert run(manager, row_of(GOOD, messages=messages))[1].judge_status == "ok"
    assert isinstance(server.requests[0]["messages"][1]["content"], str)


def test_the_offline_judge_costs_no_reading_of_images(manager, row_of):
    seen = spied(manager)
    _, record = run(manager, row_of(GOOD, messages=UNREADABLE))
    assert record.judge_status == "ok" and seen[0].images == () and seen[0].unread_image is None


@pytest.mark.parametrize(
    ("changed", "shown"),
    [({"judge.name": "overlap"}, False), ({"judge.name": "openai"}, True), ({"judge.name": "mine"}, True),
     ({"judge.name": "openai", "judge.openai.send_image": False}, False),
     ({"judge.name": "ensemble", "judge.members": {n: {"name": "overlap"} for n in "abc"}}, False),
     ({"judge.name": "ensemble", "judge.members": {"a": {"name": "openai"}, "b": {"name": "overlap"},
                                                    "c": {"name": "overlap"}}}, True)],
)  # fmt: skip
def test_images_are_read_where_a_judge_looks_at_them(options, changed, shown):
    assert judge_is_shown_images(options(**changed).judge) is shown


def test_rows_that_differ_in_a_later_image_share_no_cached_labels(manager_of, row_of):
    keys = set()
    with served(manager_of) as (manager, _):
        seen = spied(manager)
        for order in (PICTURES, [PICTURES[0], PICTURES[2]], [PICTURES[0]]):
            run(manager, row_of(GOOD, messages=prompt(*({"bytes": data} for data in order))))
        inner = manager.judge
        while not hasattr(inner, "cache_key"):
            inner = inner.judge
        keys = {hashlib.sha256(inner.cache_key(request)).hexdigest() for request in seen}
    assert len(keys) == 3
