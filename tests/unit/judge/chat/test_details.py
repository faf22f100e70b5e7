"""What people are told about a judgement that failed: what to change, as printable text, and nothing private."""

from __future__ import annotations

import json
import threading

import pytest

from recipe.mrpo.judge.chat.judge import ChatJudge
from tests.fake_judge_server import FakeJudgeServer

ESCAPES = "\x1b]52;c;AAAA\x07\x1b[2J\nERROR forged\u202e\u200b"


def body(content, **message):
    return "body:" + json.dumps({"choices": [{"message": {"content": content, **message}, "finish_reason": "stop"}]})


SAID = {
    "prose": body(f"I think {ESCAPES} PATIENT"),
    "a refusal": body(None, refusal=f"No. {ESCAPES} PATIENT"),
    "an error": "body:" + json.dumps({"error": {"code": 402, "message": f"{ESCAPES} PATIENT"}}),
    "not JSON": f"body:{ESCAPES} PATIENT",
    "a label": body(json.dumps({"steps": [{"step": 1, "alignment": f"{ESCAPES} PATIENT", "contribution": 1}]})),
}


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
@pytest.mark.parametrize("private", [False, True])
def test_a_detail_is_one_printable_line_and_quotes_no_private_case(asked, request_of, caplog, said, private):
    with FakeJudgeServer(script=[said] * 2) as server:
        request = request_of(steps=("It is dense.",), may_leave_machine=not private)
        judgement = asked(request, name="openai", openai__base_url=server.base_url)
    assert judgement.failure and judgement.detail.isprintable() and len(judgement.detail) <= 300
    assert ("PATIENT" in judgement.detail) == (not private)
    assert ("private" in judgement.detail) == private and "PATIENT" not in caplog.text


@pytest.mark.parametrize(
    ("script", "options", "failure", "says"),
    [
        (["cut"] * 2, {}, "truncated", "mrpo.judge.openai.max_tokens=2048 was reached"),
        (["cut"] * 2, {"openai__max_tokens": None}, "truncated", "the endpoint's own limit of tokens was reached"),
        (["draft:abort"] * 2, {}, "truncated", "finish_reason=abort"),
        (["thoughts_only"] * 2, {}, "empty", "28 characters came as reasoning_content. Serve the model without"),
        (["empty"] * 2, {}, "empty", "the reply is blank"),
        (["context_400"], {}, "context_length", "lower mrpo.judge.openai.max_prompt_chars, max_tokens or"),
        (["says_400:m is not a multimodal model"], {}, "no_images", "set mrpo.judge.openai.send_image=false; m is not"),
        (["says_400:At most 1 image(s) may be provided"], {}, "too_many_images", "--limit-mm-per-prompt"),
        (["ok"], {"openai__max_prompt_chars": 100}, "too_long", "characters, mrpo.judge.openai.max_prompt_chars=100"),
    ],
)
def test_a_detail_says_what_to_change(asked, request_of, script, options, failure, says):
    with FakeJudgeServer(script=script) as server:
        judgement = asked(request_of(), name="openai", openai__base_url=server.base_url, **options)
    assert judgement.failure == failure and says in judgement.detail
    assert failure != "too_long" or (judgement.usage.calls == 0 and server.requests == [])


@pytest.mark.parametrize("private", [False, True])
def test_the_remedy_is_told_of_private_rows_too_and_the_endpoint_s_words_are_not(asked, request_of, private):
    with FakeJudgeServer(script=["says_400:maximum context length is 10, PATIENT"]) as server:
        request = request_of(may_leave_machine=not private)
        judgement = asked(request, name="openai", openai__base_url=server.base_url)
    assert judgement.failure == "context_length" and "serve it with a longer one" in judgement.detail
    assert ("PATIENT" in judgement.detail) == (not private)


def test_letters_of_other_scripts_do_not_make_a_rollout_too_long(asked, request_of):
    steps = ("\u80ba\u90e8\u6709\u9634\u5f71\u3002" * 100,) * 10  # 6,000 characters, 36,000 as escapes
    with FakeJudgeServer() as server:
        options = {"openai__base_url": server.base_url, "openai__max_prompt_chars": 8_000}
        assert asked(request_of(steps=steps), name="openai", **options).failure is None


@pytest.mark.parametrize(
    ("temperature", "reask", "sent"),
    [(0.0, 0.7, [0.0, 0.7]), (None, 0.7, [None, None]), (0.0, None, [0.0, None])],
)
def test_an_endpoint_that_takes_no_temperature_is_sent_none(asked, request_of, temperature, reask, sent):
    with FakeJudgeServer(script=["prose", "ok"]) as server:
        options = {"openai__temperature": temperature, "openai__reask_temperature": reask}
        judgement = asked(request_of(), name="openai", openai__base_url=server.base_url, **options)
    assert judgement.labels and [request.get("temperature") for request in server.requests] == sent


def test_the_settings_of_a_gpt_5_kind_as_the_docs_give_them(asked, request_of):
    options = {"openai__temperature": None, "openai__max_tokens": None,
               "openai__extra_body": {"max_completion_tokens": 4096}}  # fmt: skip
    with FakeJudgeServer(script=["prose", "ok"]) as server:
        assert asked(request_of(), name="openai", openai__base_url=server.base_url, **options).labels
    for request in server.requests:
        assert request["max_completion_tokens"] == 4096 and not {"temperature", "max_tokens"} & set(request)


def test_prompts_and_keys_of_the_cache_are_made_outside_the_event_loop(asked, request_of, tmp_path, monkeypatch):
    made_in, made = [], ChatJudge.messages

    def messages(self, request):
        made_in.append(threading.current_thread())
        return made(self, request)

    monkeypatch.setattr(ChatJudge, "messages", messages)
    with FakeJudgeServer() as server:
        options = {"openai__base_url": server.base_url, "cache__path": str(tmp_path / "labels.db")}
        assert asked(request_of(), name="openai", **options).labels
    assert len(made_in) == 2 and threading.main_thread() not in made_in
