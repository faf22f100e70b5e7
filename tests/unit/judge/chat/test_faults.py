"""Every fault of an endpoint, over real sockets: what the judgement holds and what is counted."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from pathlib import Path

import pytest

from recipe.mrpo.judge import get_judge
from tests.fake_judge_server import FakeJudgeServer, parse_faults

LABELS = (0, 1, 0, 1)


def timeout_of(script):
    """Short where nothing but the timeout is waited for, long where a good reply must not be late on a busy machine."""
    return 1.0 if {"hang", "drip"} & set(script) else 10.0


def serve_and_ask(asked, request, script, **options):
    with FakeJudgeServer(script=script) as server:
        start = time.perf_counter()
        judgement = asked(
            request,
            name="openai",
            openai__base_url=server.base_url,
            **{"openai__timeout_s": timeout_of(script), "openai__max_retries": 2, **options},
        )
        return judgement, server, time.perf_counter() - start


# script of the server                  labels   failure           calls retries  why
MATRIX = [
    (["ok"],                            LABELS,  None,              1, 0, "a good reply"),
    (["delay"],                         LABELS,  None,              1, 0, "late, but in time"),
    (["fenced"],                        LABELS,  None,              1, 0, "a fence is read"),
    (["boxed"],                         LABELS,  None,              1, 0, "so is a box"),
    (["chatty"],                        LABELS,  None,              1, 0, "a verdict that ends the reply"),
    (["afterword"] * 9,                 None,    "unparsable",      2, 0, "a verdict before prose may be a quotation"),
    (["thinking"],                      LABELS,  None,              1, 0, "drafts in the thinking are not the verdict"),
    (["thinking_tag"],                  LABELS,  None,              1, 0, "nor in another tag"),
    (["thinking_mistral"],              LABELS,  None,              1, 0, "nor in Mistral's marks"),
    (["thinking_kimi"],                 LABELS,  None,              1, 0, "nor in Kimi's"),
    (["thinking_medgemma"],             LABELS,  None,              1, 0, "nor in MedGemma's"),
    (["thinking_seed"],                 LABELS,  None,              1, 0, "nor in Seed's"),
    (["thinking_gpt_oss"],              LABELS,  None,              1, 0, "nor in the channels of gpt-oss"),
    (["thinking_gemma"],                LABELS,  None,              1, 0, "nor in Gemma's"),
    (["thinking_for_ever"] * 9,         None,    "unparsable",      2, 0, "thoughts without an end hold no verdict"),
    (["reasoning_only"],                LABELS,  None,              1, 0, "a reasoning parser moved the verdict"),
    (["thoughts_only"] * 9,             None,    "empty",           2, 0, "reasoning without content"),
    (["parts"],                         LABELS,  None,              1, 0, "content as a list of parts"),
    (["parts_with_thoughts"],           LABELS,  None,              1, 0, "without the parts that are thoughts"),
    (["bom"],                           LABELS,  None,              1, 0, "a byte order mark before the body"),
    (["bom_in_content"],                LABELS,  None,              1, 0, "or before the verdict"),
    (["gzip"],                          LABELS,  None,              1, 0, "compressed, although not requested"),
    (["reversed"],                      LABELS,  None,              1, 0, "labels go by number"),
    (["http_500", "ok"],                LABELS,  None,              2, 1, "a 500 is called again"),
    (["http_500", "http_503", "ok"],    LABELS,  None,              3, 2, "up to max_retries"),
    (["http_500"] * 9,                  None,    "http_500",        3, 2, "after the last retry the judgement fails"),
    (["html"] * 9,                      None,    "http_502",        3, 2, "a proxy's page"),
    (["http_408", "http_409", "ok"],    LABELS,  None,              3, 2, "408 and 409 are temporary"),
    (["http_429"] * 9,                  None,    "http_429",        3, 2, "a rate limit without Retry-After"),
    (["http_429_retry_after_hour"],     None,    "http_429",        1, 0, "the Retry-After is too long to wait for"),
    (["http_401"],                      None,    "http_401",        1, 0, "a wrong key stays wrong"),
    (["http_402"],                      None,    "http_402",        1, 0, "no retry on other 4xx"),
    (["http_403"] * 9,                  None,    "http_403",        2, 0, "tried once without structured output"),
    (["context_400"] * 9,               None,    "context_length",  1, 0, "longer than the judge's context"),
    (["context_500"] * 9,               None,    "context_length",  1, 0, "whatever the status is"),
    (["context_in_200"] * 9,            None,    "context_length",  1, 0, "and in a body with status 200"),
    (["no_schema_403"] * 9,             LABELS,  None,              2, 0, "structured output is refused"),
    (["no_schema_405"] * 9,             LABELS,  None,              2, 0, "with another status"),
    (["no_schema_500"] * 9,             LABELS,  None,              3, 2, "the last retry goes without"),
    (["error_in_200:429", "ok"],        LABELS,  None,              2, 1, "an error in a body with status 200"),
    (["error_in_200:429"] * 9,          None,    "http_429",        3, 2, "the error in the body counts"),
    (["error_in_200:rate_limit_exceeded", "ok"], LABELS, None,      2, 1, "an error given by its name"),
    (["error_in_200:401"] * 9,          None,    "http_401",        1, 0, "a retry cannot cure this error"),
    (["error_in_choice:502", "ok"],     LABELS,  None,              2, 1, "an error in the choice"),
    (["hang", "ok"],                    LABELS,  None,              2, 1, "a hanging call is cancelled"),
    (["hang"] * 9,                      None,    "timeout",         3, 2, "after the last retry it is a failure"),
    (["drip"] * 9,                      None,    "timeout",         3, 2, "single bytes do not keep a call alive"),
    (["close", "ok"],                   LABELS,  None,              2, 1, "a closed connection"),
    (["close"] * 9,                     None,    "connection",      3, 2, "closed again and again"),
    (["half_body"] * 9,                 None,    "connection",      3, 2, "closed in the middle of the body"),
    (["prose", "ok"],                   LABELS,  None,              2, 0, "no verdict: asked once more"),
    (["prose"] * 9,                     None,    "unparsable",      2, 0, "asked only once more"),
    (["empty"] * 9,                     None,    "empty",           2, 0, "an empty reply"),
    (["cut"] * 9,                       None,    "truncated",       2, 0, "max_tokens reached"),
    (["draft:length"] * 9,              None,    "truncated",       2, 0, "a draft in a reply that was cut off"),
    (["draft:max_tokens"] * 9,          None,    "truncated",       2, 0, "another finish reason"),
    (["draft:MAX_TOKENS"] * 9,          None,    "truncated",       2, 0, "the same in capitals"),
    (["draft:abort"] * 9,               None,    "truncated",       2, 0, "the server aborted the reply"),
    (["missing"] * 9,                   None,    "missing_step",    2, 0, "a step left out never shifts the others"),
    (["doubled"] * 9,                   None,    "duplicate_step",  2, 0, "a step twice"),
    (["extra"] * 9,                     None,    "extra_step",      2, 0, "a step too many"),
    (["zero_based"] * 9,                None,    "extra_step",      2, 0, "counted from 0"),
    (["maybe"] * 9,                     None,    "bad_label",       2, 0, "neither yes nor no"),
    (["fraction"] * 9,                  None,    "bad_label",       2, 0, "half a label"),
    (["two_verdicts"] * 9,              None,    "ambiguous",       2, 0, "it is unclear which verdict counts"),
    (["refusal"] * 9,                   None,    "refused",         2, 0, "the model declines"),
    (["content_filter"] * 9,            None,    "refused",         2, 0, "a filter declines"),
    (["html_200"] * 9,                  None,    "bad_response",    2, 0, "a login page with status 200"),
    (["not_json"] * 9,                  None,    "bad_response",    2, 0, "a body that is cut, with the right length"),
    (["bad_gzip"] * 9,                  None,    "bad_response",    2, 0, "a body that cannot be unpacked"),
    (["bomb"] * 9,                      None,    "bad_response",    2, 0, "256 MB in a body of 250 kB"),
    (["bomb_twice"] * 9,                None,    "bad_response",    2, 0, "compressed twice"),
    (["long_body"] * 9,                 None,    "bad_response",    2, 0, "a body of 5 MB"),
    (["bad_charset"] * 9,               None,    "bad_response",    2, 0, "an encoding that does not exist"),
    (["no_choices"] * 9,                None,    "bad_response",    2, 0, "no choices"),
    (["missing", "http_500", "ok"],     LABELS,  None,              3, 1, "both kinds of fault in one judgement"),
    (["prose", "hang", "close", "hang"], None,   "timeout",         4, 2, "retries are shared by both asks"),
]  # fmt: skip


DOCS = Path(__file__).parents[4] / "docs" / "judge.md"


def fault_table() -> str:
    """MATRIX as the table of docs/judge.md."""
    lines = ["| the endpoint | the rollout gets | calls | retries | why |", "| --- | --- | --- | --- | --- |"]
    for script, labels, failure, calls, retries, why in MATRIX:
        always = len(script) == 9 or (len(script) == 1 and failure)
        does = f"{script[0]}, always" if always else ", then ".join(script)
        gets = "its labels" if labels else f"no labels: `{failure}`"
        lines.append(f"| {does} | {gets} | {calls} | {retries} | {why} |")
    return "\n".join(lines)


def test_the_docs_have_the_table_that_is_tested():
    assert fault_table() in DOCS.read_text()


@pytest.mark.parametrize(
    ("script", "labels", "failure", "calls", "retries", "why"), MATRIX, ids=[m[-1] for m in MATRIX]
)
def test_every_fault_ends_in_labels_or_a_counted_failure(
    asked, request_of, script, labels, failure, calls, retries, why
):
    judgement, server, seconds = serve_and_ask(asked, request_of(), script)
    assert (judgement.labels, judgement.failure) == (labels, failure), (why, judgement)
    assert (judgement.usage.calls, judgement.usage.retries) == (calls, retries), (why, judgement)
    assert len(server.requests) == calls
    assert seconds < calls * (timeout_of(script) + 0.1) + 3, "nothing hangs beyond its timeout"
    assert judgement.failure is None or judgement.detail


def test_tokens_are_recorded_for_replies_that_are_no_verdict(asked, request_of):
    good, _, _ = serve_and_ask(asked, request_of(), ["ok"])
    bad, _, _ = serve_and_ask(asked, request_of(), ["prose"] * 2)
    assert (bad.usage.prompt_tokens, bad.usage.completion_tokens) == (
        2 * good.usage.prompt_tokens,
        2 * good.usage.completion_tokens,
    )
    assert good.usage.prompt_tokens > 0 and good.usage.latency_s > 0


def test_a_retry_after_is_waited_for(asked, request_of):
    judgement, server, _ = serve_and_ask(asked, request_of(), ["http_429_retry_after", "ok"])
    assert judgement.labels == LABELS and server.times[1] - server.times[0] >= 1.0


def test_an_endpoint_that_is_down_is_a_lost_connection(asked, request_of, closed_port):
    url = f"http://127.0.0.1:{closed_port}/v1"
    judgement = asked(request_of(), name="openai", openai__base_url=url, openai__max_retries=1)
    assert (judgement.failure, judgement.usage.calls, judgement.usage.retries) == ("connection", 2, 1)


def test_the_second_ask_uses_its_own_temperature(asked, request_of):
    _, server, _ = serve_and_ask(asked, request_of(), ["prose", "ok"], openai__reask_temperature=0.9)
    assert [r["temperature"] for r in server.requests] == [0.0, 0.9]
    assert server.requests[0]["messages"] == server.requests[1]["messages"]


@pytest.mark.parametrize(
    ("setting", "script", "schemas", "fallbacks", "failure", "why"),
    [
        (
            "auto", ["no_schema", "ok"] * 3 + ["ok", "ok"], [True, False] * 3 + [False, False], [1] * 5, None,
            "three refusals in a row end the tries, and every call without a schema counts",
        ),
        (
            "auto", ["no_schema", "ok", "ok"] * 3, [True, False, True] * 3, [1, 0] * 3, None,
            "a gateway's passing error ends nothing",
        ),
        ("auto", ["ok", "ok"], [True, True], [0, 0], None, "accepted"),
        ("auto", ["http_400", "http_400"], [True, False], [1], "http_400", "the refusal had another reason"),
        ("json_schema", ["no_schema"], [True], [0], "http_400", "the user insists"),
        ("none", ["no_schema", "ok"], [False, False], [0, 0], None, "never sent"),
    ],
)  # fmt: skip
def test_structured_output_falls_back_only_by_its_option(
    options_of, request_of, caplog, setting, script, schemas, fallbacks, failure, why
):
    with FakeJudgeServer(script=script) as server:

        async def run():
            judge = get_judge(
                options_of(name="openai", openai__base_url=server.base_url, openai__response_format=setting)
            )
            judgements = [await judge.label(request_of()) for _ in fallbacks]
            await judge.close()
            return judgements

        with caplog.at_level(logging.WARNING):
            judgements = asyncio.run(run())
    assert [j.usage.fallbacks for j in judgements] == fallbacks and {j.failure for j in judgements} == {failure}, why
    assert failure or all(j.labels == LABELS for j in judgements), why
    assert ["response_format" in r for r in server.requests] == schemas, why
    assert ("has refused structured output 3 times" in caplog.text) == (fallbacks == [1] * 5), why


def test_too_many_steps_are_not_sent(asked, request_of):
    judgement, server, _ = serve_and_ask(asked, request_of(steps=("A dense lung.",) * 10_000), ["ok"])
    assert (judgement.failure, judgement.usage.calls, server.requests) == ("too_many_steps", 0, [])


def test_an_image_that_cannot_be_read_is_not_sent(asked, request_of):
    judgement, server, _ = serve_and_ask(asked, request_of(images=((b"no image", "image/png"),)), ["ok"])
    assert (judgement.failure, server.requests) == ("bad_image", [])
    judgement, server, _ = serve_and_ask(
        asked, request_of(images=((b"no image", "image/png"),)), ["ok"], openai__send_image=False
    )
    assert judgement.labels == LABELS and isinstance(server.requests[0]["messages"][1]["content"], str)


def test_the_key_comes_from_its_variable_and_shows_up_nowhere(asked, request_of, monkeypatch, caplog):
    monkeypatch.setenv("JUDGE_KEY", "sk-very-secret")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-something-else")
    with caplog.at_level(logging.DEBUG):
        judgement, server, _ = serve_and_ask(asked, request_of(), ["echo_key"], openai__api_key_env="JUDGE_KEY")
    assert server.headers[0]["authorization"] == "Bearer sk-very-secret"
    assert judgement.failure == "http_401" and "bad key" in judgement.detail
    assert "secret" not in repr(judgement) + caplog.text


def test_no_key_of_another_purpose_is_sent(asked, request_of, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-something-else")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-someone")
    _, server, _ = serve_and_ask(asked, request_of(), ["ok"])
    assert "something-else" not in str(server.headers) and "org-of-someone" not in str(server.headers)


def test_at_most_concurrency_calls_run_at_once(options_of, request_of):
    with FakeJudgeServer(latency_s=0.05) as server:

        async def run():
            options = options_of(
                name="openai", openai__base_url=server.base_url, openai__concurrency=3, openai__timeout_s=5
            )
            judge = get_judge(options)
            judgements = await asyncio.gather(*(judge.label(request_of()) for _ in range(12)))
            await judge.close()
            return judgements

        assert all(j.labels == LABELS for j in asyncio.run(run()))
        assert server.peak == 3


@pytest.mark.long
def test_faults_for_a_third_of_all_calls_each_leave_labels_or_failures(options_of, request_of):
    faults = parse_faults("http_500:0.25,hang:0.25,prose:0.25")
    with FakeJudgeServer(faults=faults, seed=3) as server:

        async def run():
            judge = get_judge(
                options_of(
                    name="openai", openai__base_url=server.base_url, openai__timeout_s=1.0, openai__max_retries=1
                )
            )
            judgements = await asyncio.gather(*(judge.label(request_of()) for _ in range(60)))
            await judge.close()
            return judgements

        start = time.perf_counter()
        judgements = asyncio.run(run())
        seconds = time.perf_counter() - start
        assert seconds < server.served["hang"] * 1.0, "the timeouts one after the other would take longer"
    kinds = Counter(j.failure for j in judgements)
    assert kinds[None] >= 10 and set(kinds) == {None, "http_500", "timeout", "unparsable"}
    assert all(j.labels == LABELS for j in judgements if j.failure is None)
    # On a busy machine a call may time out before the server has read it.
    unread = sum(j.usage.calls for j in judgements) - len(server.requests)
    assert 0 <= unread <= sum(j.usage.retries for j in judgements) + kinds["timeout"]


@pytest.mark.parametrize("charset", ["idna", "punycode", "rot13", "zlib", "undefined", "utf-16"])
def test_a_body_is_read_as_utf8_whatever_its_header_says(asked, request_of, charset):
    # Python has codecs of these names, which raise errors of their own on bytes that are no such text.
    judgement, _, _ = serve_and_ask(asked, request_of(), [f"charset:{charset}"] * 2)
    assert (judgement.failure, judgement.usage.calls) == ("bad_response", 2)
    assert "no choices[0].message: '{" in judgement.detail


def test_no_cookie_of_the_endpoint_is_kept(asked, request_of):
    # One that is no ASCII would keep every further request from being written.
    judgement, server, _ = serve_and_ask(asked, request_of(), ["cookie", "ok"])
    assert judgement.labels == LABELS and not any("cookie" in headers for headers in server.headers)
