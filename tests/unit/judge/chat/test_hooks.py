"""A chat judge with another verdict: the subclass in the docstring of judge/chat/judge.py works as it stands there."""

from __future__ import annotations

import asyncio
import textwrap

import pytest

from recipe.mrpo.judge import get_judge
from recipe.mrpo.judge.chat import judge as module
from tests.fake_judge_server import FakeJudgeServer


@pytest.fixture
def yes_no(tmp_path):
    lines = module.__doc__.splitlines()
    code = "\n".join(line for line in lines if line.startswith("    ") or not line)
    (tmp_path / "my_judges.py").write_text(textwrap.dedent(code))
    return f"{tmp_path}/my_judges.py:YesNoJudge"


def said(word):
    usage = '{"prompt_tokens": 9, "completion_tokens": 1}'
    return f'body:{{"choices": [{{"message": {{"content": "{word}"}}}}], "usage": {usage}}}'


@pytest.mark.parametrize(
    ("script", "labels", "failure", "calls"),
    [
        (["Yes."], (1, 1, 1, 1), None, 1),
        (["no"], (0, 0, 0, 0), None, 1),
        (["perhaps", "no"], (0, 0, 0, 0), None, 2),
        (["perhaps", "perhaps"], None, "unparsable", 2),
    ],
)
def test_another_verdict_has_retries_cache_and_costs_like_ours(
    options_of, request_of, tmp_path, yes_no, script, labels, failure, calls
):
    with FakeJudgeServer(script=["http_500", *map(said, script)]) as server:
        options = options_of(name=yes_no, openai__base_url=server.base_url, cache__path=str(tmp_path / "labels.db"))

        async def run():
            judge = get_judge(options)
            judgements = [await judge.label(request_of()) for _ in range(2 if labels else 1)]
            await judge.close()
            return judgements

        first, *again = asyncio.run(run())
    assert (first.labels, first.failure) == (labels, failure)
    assert (first.usage.calls, first.usage.retries) == (calls + 1, 1)
    assert (first.usage.prompt_tokens, first.usage.completion_tokens) == (9 * calls, calls), "counted, verdict or not"
    assert all(j.labels == labels and j.usage.cached for j in again)
    assert all("response_format" not in request for request in server.requests)


def test_private_cases_go_to_it_only_where_they_may(options_of, request_of, yes_no):
    judge = get_judge(options_of(name=yes_no, openai__base_url="https://judge.example.org/v1"))
    with pytest.raises(PermissionError):
        asyncio.run(judge.label(request_of(may_leave_machine=False)))
    get_judge(options_of(name=yes_no)).require(may_leave_machine=False)
