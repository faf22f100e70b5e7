"""The judge that continues rollouts, over a real socket: what it sends, what it makes of the replies, what it costs."""

from __future__ import annotations

import pytest

from recipe.mrpo.judge import get_judge
from recipe.mrpo.judge.protocol import GivenRollout
from tests.fake_judge_server import FakeJudgeServer
from tests.unit.judge.continuations.conftest import PROMPT, RIGHT, WRONG, continuing, prefix_of, prefixes

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63606060000000040001f6173855"
    "0000000049454e44ae426082"
)


def test_labels_follow_the_shares_of_right_continuations(judged, case_of):
    with FakeJudgeServer(says=continuing([2, 3, 0, 0])) as server:
        judgement = judged(server, case_of())
    assert judgement.labels == (1, 0, 1)
    assert judgement.continuations == ((2, 4), (3, 4), (0, 4), (0, 4))
    assert (judgement.usage.calls, judgement.usage.continuations, judgement.usage.unknown_continuations) == (16, 16, 0)
    assert len(server.requests) == 16, "n (K + 1)"
    assert judgement.usage.completion_tokens > 0 and not judgement.usage.estimated_calls


def test_a_request_is_the_prompt_of_the_policy_and_the_rollout_up_to_there(judged, case_of):
    prompt = (("system", ("Be short.",)), ("user", (None, "Which lobe?")))
    case = case_of(images=((PIXEL, "image/png"),), rollout=GivenRollout(prompt, prefixes()))
    with FakeJudgeServer(says=continuing([4, 4, 4, 4])) as server:
        judgement = judged(server, case, openai__extra_body={"top_p": 0.9}, continuations__max_tokens=64)
    assert judgement.labels == (1, 1, 1)
    assert sorted(map(prefix_of, server.requests)) == sorted(p for p in prefixes() for _ in range(4))
    for body in server.requests:
        system, user, last = body.pop("messages")
        assert system == {"role": "system", "content": "Be short."}
        image, text = user["content"]
        assert image["image_url"]["url"].startswith("data:image/png;base64,"), (
            "the image stands where the policy saw it"
        )
        assert text == {"type": "text", "text": "Which lobe?"}
        assert body == {
            "model": "fake", "temperature": 1.0, "max_tokens": 64, "top_p": 0.9, "continue_final_message": True,
            "add_generation_prompt": False,
        }  # fmt: skip
        assert last["role"] == "assistant"


def test_where_the_prompt_opens_the_think_block_the_first_prefix_is_an_answer_as_usual(judged, case_of):
    bare = tuple(prefix.removeprefix("<think>") for prefix in prefixes())
    with FakeJudgeServer(says=lambda body: RIGHT) as server:
        assert judged(server, case_of(rollout=GivenRollout(PROMPT, bare))).labels == (1, 1, 1)
    fresh = [body for body in server.requests if body["messages"][-1]["role"] == "user"]
    assert len(fresh) == 4 and all("continue_final_message" not in body for body in fresh)
    with FakeJudgeServer(says=lambda body: RIGHT) as server:
        judged(server, case_of(rollout=GivenRollout(PROMPT, bare)), continuations__opening="<think>\n")
    assert {prefix_of(body).partition("\n")[0] for body in server.requests} == {"<think>"}


@pytest.mark.parametrize(
    ("way", "body", "message"),
    [
        ("final_message", {"continue_final_message": True, "add_generation_prompt": False}, {}),
        ("prefix", {}, {"prefix": True}),
        ("unasked", {}, {}),
    ],
)
def test_every_kind_of_server_is_told_in_its_own_words(judged, case_of, way, body, message):
    with FakeJudgeServer(says=lambda body: RIGHT) as server:
        judged(server, case_of(), continuations__continue_by=way)
    for sent in server.requests:
        assert {k: v for k, v in sent["messages"][-1].items() if k not in ("role", "content")} == message
        assert {k: v for k, v in sent.items() if k.startswith(("continue", "add_"))} == body


@pytest.mark.parametrize(
    ("says", "known", "why"),
    [
        (lambda body: prefix_of(body) + RIGHT, 4, "a server that repeats what it goes on from"),
        (lambda body: "", 4, "nothing more is a wrong rollout"),
        (lambda body: f" Hence.{WRONG}", 4, "more steps may follow"),
        (lambda body: f"<think>Anew.{RIGHT}", 0, "a server that begins anew says nothing about the steps"),
    ],
)
def test_what_a_reply_says_of_its_prefix(judged, case_of, says, known, why):
    with FakeJudgeServer(says=says) as server:
        judgement = judged(server, case_of())
    if known:
        assert judgement.failure is None and {count[1] for count in judgement.continuations} == {known}, why
    else:
        assert judgement.failure == "not_continued" and "continue_by" in judgement.detail, why


FAILURES = [
    ("http_400", "http_400", "a refusal of a request"),
    ("refusal", "refused", "the model declines"),
    ("cut", "truncated", "max_tokens was reached before the answer"),
    ("no_choices", "bad_response", "not a completion"),
    ("close", "connection", "the connection is lost"),
]


@pytest.mark.parametrize(("fault", "kind", "why"), FAILURES, ids=[row[2] for row in FAILURES])
def test_too_few_known_continuations_are_a_counted_failure_and_never_a_label(judged, case_of, fault, kind, why):
    with FakeJudgeServer(says=lambda body: RIGHT, faults={fault: 1.0}) as server:
        judgement = judged(server, case_of(), openai__max_retries=0)
    assert judgement.labels is None and judgement.failure == kind, why
    # A request that is cancelled on its way counts as a call, whether it has arrived or not: none is uncounted.
    assert len(server.requests) <= judgement.usage.calls <= 16 and judgement.usage.unknown_continuations == 16
    assert "min_known=2" in judgement.detail


def test_a_few_failed_continuations_are_unknown_and_counted_and_the_shares_are_of_the_others(judged, case_of):
    """3 of 16 fail: at most 2 of the 4 of one prefix would still leave 2 known, and so does any spread of 2."""
    with FakeJudgeServer(says=lambda body: RIGHT, script=["http_400", "cut"]) as server:
        judgement = judged(server, case_of())
    assert judgement.labels == (1, 1, 1)
    assert judgement.usage.unknown_continuations == 2 and sum(known for _, known in judgement.continuations) == 14
    assert all(right == known for right, known in judgement.continuations)


def test_a_temporary_fault_is_tried_again_and_each_continuation_has_its_own_retries(judged, case_of):
    with FakeJudgeServer(says=lambda body: RIGHT, script=["http_500"] * 5) as server:
        judgement = judged(server, case_of(), openai__max_retries=5)
    assert judgement.labels == (1, 1, 1) and judgement.usage.retries == 5 and judgement.usage.calls == 21


def test_a_judgement_that_cannot_be_known_any_more_is_given_up(judged, case_of):
    with FakeJudgeServer(says=lambda body: RIGHT, faults={"http_400": 1.0}) as server:
        judgement = judged(server, case_of(), openai__concurrency=1)
    assert len(server.requests) < 16 and judgement.failure == "http_400"


@pytest.mark.parametrize(("cut_off", "labels"), [("unknown", None), ("wrong", (1, 1, 1))])
def test_a_continuation_that_is_cut_off_is_unknown_or_wrong_by_option(judged, case_of, cut_off, labels):
    with FakeJudgeServer(says=lambda body: "", faults={"cut": 1.0}) as server:
        judgement = judged(server, case_of(), continuations__cut_off=cut_off)
    assert judgement.labels == labels
    if labels:
        assert {right for right, _ in judgement.continuations} == {0}


def test_an_answer_that_is_there_before_the_cut_counts(judged, case_of):
    with FakeJudgeServer(says=lambda body: RIGHT, faults={"draft:length": 1.0}) as server:
        assert judged(server, case_of()).continuations == ((4, 4),) * 4


def test_other_right_answers_count_and_tau_is_that_of_the_run(judged, case_of):
    with FakeJudgeServer(says=lambda body: WRONG) as server:
        judgement = judged(server, case_of(alternatives=("left upper lobe",)))
    assert judgement.continuations == ((4, 4),) * 4
    with FakeJudgeServer(says=lambda body: RIGHT) as server:  # nothing is above a tau of 1
        assert judged(server, case_of(), continuations__tau=1.0).continuations == ((0, 4),) * 4


REFUSED = [
    ({"rollout": None}, "no_prompt", "a request made of labels alone"),
    ({"rollout": GivenRollout((), prefixes())}, "no_prompt", "no prompt"),
    ({"rollout": GivenRollout(PROMPT, prefixes()[:2])}, "no_prompt", "the text is not that of the steps"),
    (
        {"rollout": GivenRollout(PROMPT, (*prefixes()[:3], "<think>x<|im_end|>"))},
        "control_token",
        "its own end of turn",
    ),
    ({"rollout": GivenRollout(PROMPT, (*prefixes()[:3], "x</s>[INST]"))}, "control_token", "other templates' marks"),
    ({"unread_image": "gone"}, "bad_image", "an image that the policy saw and nobody can read"),
    ({"images": ((PIXEL, "image/png"),)}, "bad_image", "an image without a place in the prompt"),
    ({"rollout": GivenRollout((("user", (None, "x")),), prefixes())}, "bad_image", "a place without an image"),
    ({"rollout": GivenRollout((("user", ("x" * 70_000,)),), prefixes())}, "too_long", "longer than is sent"),
]


@pytest.mark.parametrize(("changes", "kind", "why"), REFUSED, ids=[row[2] for row in REFUSED])
def test_a_rollout_that_cannot_be_continued_fails_without_a_call(judged, case_of, changes, kind, why):
    with FakeJudgeServer(says=lambda body: RIGHT) as server:
        assert judged(server, case_of(**changes)).failure == kind, why
    assert not server.requests


def test_more_steps_or_images_than_are_judged_fail_without_a_call(judged, case_of):
    with FakeJudgeServer(says=lambda body: RIGHT) as server:
        assert judged(server, case_of(), openai__max_steps=2).failure == "too_many_steps"
        many = case_of(images=((PIXEL, "image/png"),) * 9)
        assert judged(server, many).failure == "too_many_images"
        assert judged(server, case_of(steps=(), rollout=None)).labels == ()
    assert not server.requests


def test_a_private_case_is_not_sent_to_another_host(asked, case_of):
    with pytest.raises(PermissionError, match="may_leave_machine=false"):
        asked(case_of(may_leave_machine=False), name="continuations", openai__base_url="http://judge.example.org/v1")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"continuations__n": 2}, "min_known=4 must be at most mrpo.judge.continuations.n=2"),
        ({"openai__extra_body": {"seed": 1}}, "mrpo.judge.openai.extra_body.seed cannot be set"),
        ({"openai__extra_body": {"n": 4}}, "mrpo.judge.openai.extra_body.n cannot be set"),
        ({"openai__model": None}, "mrpo.judge.openai.model is not set"),
        ({"continuations__answer": {"weight": 1, "mod": "x"}}, "mrpo.rewards.answer.mod is not an option"),
    ],
)
def test_options_that_cannot_work_together_are_refused(options_of, changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        get_judge(options_of(name="continuations", **changes))
