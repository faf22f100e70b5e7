"""Calls whose endpoint does not report its tokens."""

from __future__ import annotations

import asyncio
import io

import pytest
from PIL import Image

from recipe.mrpo.judge import get_judge
from tests.fake_judge_server import FakeJudgeServer


@pytest.mark.parametrize("image", [None, "image"])
def test_tokens_that_an_endpoint_does_not_report_are_estimated_and_counted(options_of, request_of, caplog, image):
    data = io.BytesIO()
    Image.new("L", (64, 64)).save(data, "PNG")
    request = request_of(images=((data.getvalue(), "image/png"),) if image else ())
    with FakeJudgeServer(script=["ok", "no_usage", "no_usage"]) as server:
        judge = get_judge(options_of(name="openai", openai__base_url=server.base_url))

        async def run():
            return [await judge.label(request) for _ in range(3)]

        told, *guessed = asyncio.run(run())
    assert told.usage.estimated_calls == 0 and [j.usage.estimated_calls for j in guessed] == [1, 1]
    for judgement in guessed:
        text_tokens = judgement.usage.prompt_tokens - (1024 if image else 0)
        characters = sum(len(part) for part in texts_of(server.requests[0]["messages"]))
        assert text_tokens == pytest.approx(characters / 3, abs=1)
        assert told.usage.completion_tokens <= judgement.usage.completion_tokens <= 2048, (
            "the whole body, bounded by max_tokens"
        )
    assert caplog.text.count("reports no credible token counts") == 1


def texts_of(messages):
    for message in messages:
        content = message["content"]
        yield from [content] if isinstance(content, str) else [p["text"] for p in content if p["type"] == "text"]


@pytest.mark.parametrize(
    ("limit", "calls"), [({"max_tokens": 10}, 1), ({"max_tokens": 2_500}, 2), ({"limits__tokens_per_minute": 60}, 1)]
)
def test_limits_hold_where_the_endpoint_reports_no_tokens(options_of, request_of, limit, calls):
    """About 1,900 tokens a call."""
    with FakeJudgeServer(faults={"no_usage": 1.0}) as server:
        node = {"openai__base_url": server.base_url, "limits__tokens_per_call": 60, **limit}

        async def one_by_one():
            judge = get_judge(options_of(name="openai", **node))
            for _ in range(20):
                await judge.label(request_of())

        async def run():
            asking = asyncio.create_task(one_by_one())
            while len(server.requests) < calls:
                await asyncio.sleep(0.02)
            await asyncio.wait([asking], timeout=1)  # more of them would be seen by then
            asking.cancel()

        asyncio.run(run())
    assert len(server.requests) == calls
