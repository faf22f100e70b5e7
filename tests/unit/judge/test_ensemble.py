from __future__ import annotations

import asyncio

import pytest

from recipe.mrpo.judge import get_judge
from recipe.mrpo.judge.ensemble import majority
from recipe.mrpo.judge.member_options import RouterAddress, with_router_address
from tests.fake_judge_server import FakeJudgeServer


@pytest.mark.parametrize(
    ("votes", "judges", "labels", "agreement", "why"),
    [
        ([(1, 0), (1, 0), (1, 0)], 3, (1, 0), 1.0, "of one mind"),
        ([(1, 0), (1, 1), (0, 0)], 3, (1, 0), 2 / 3, "two of three"),
        ([(1, 0), (1, 0)], 3, (1, 0), 1.0, "one failed, two agree: still a majority of three"),
        ([(1, 0), (1, 1)], 3, None, 0.0, "one failed, two disagree: unknown, not a guess"),
        ([(1, 0)], 3, None, 0.0, "one of three is no majority"),
        ([], 3, None, 0.0, "none answered"),
        ([(1,), (1,), (0,)], 5, None, 0.0, "two of five are no majority"),
        ([(), (), ()], 3, (), 1.0, "no steps"),
    ],
)
def test_a_label_needs_more_than_half_of_all_judges(votes, judges, labels, agreement, why):
    found = majority(votes, num_judges=judges)
    assert found[0] == labels and found[1] == pytest.approx(agreement), why


def test_an_ensemble_asks_all_members_and_sums_their_costs(options_of, request_of):
    with (
        FakeJudgeServer(rule="all_valid") as yes,
        FakeJudgeServer(rule="all_invalid") as no,
        FakeJudgeServer() as rules,
    ):
        members = {
            name: {"name": "openai", "openai": {"base_url": server.base_url, "model": name}}
            for name, server in {"yes": yes, "no": no, "rules": rules}.items()
        }
        judgement = asyncio.run(get_judge(options_of(name="ensemble", members=members)).label(request_of()))
        assert [s.requests[0]["model"] for s in (yes, no, rules)] == ["yes", "no", "rules"]
    assert (judgement.labels, judgement.usage.calls) == ((0, 1, 0, 1), 3)
    assert judgement.agreement == pytest.approx(2 / 3) and judgement.usage.prompt_tokens > 0


def test_members_that_fail_are_named_when_no_majority_is_left(options_of, request_of):
    with FakeJudgeServer(faults={"http_401": 1.0}) as down:
        broken = {"name": "openai", "openai": {"base_url": down.base_url}}
        options = options_of(name="ensemble", members={"a": broken, "b": broken, "c": {"name": "overlap"}})
        judgement = asyncio.run(get_judge(options).label(request_of()))
    assert (judgement.labels, judgement.failure, judgement.agreement) == (None, "no_majority", None)
    assert "a: http_401; b: http_401" in judgement.detail


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({}, "nobody"),
        ({"a": {"name": "overlap"}}, "one is no ensemble"),
        ({key: {"name": "overlap"} for key in "abcd"}, "an even number can tie"),
        ({key: {} for key in "abc"}, "a member without a name of its own would be an ensemble again"),
    ],
)
def test_an_ensemble_that_cannot_vote_is_refused(options_of, members, why):
    with pytest.raises(ValueError, match=r"mrpo\.judge\.members"):
        get_judge(options_of(name="ensemble", members=members))


def test_each_member_has_a_place_of_its_own_in_the_cache(options_of, request_of, tmp_path):
    with FakeJudgeServer() as server:
        members = {m: {"name": "openai", "openai": {"base_url": server.base_url, "model": m}} for m in "abc"}
        options = options_of(name="ensemble", members=members, cache__path=str(tmp_path / "labels.db"))
        first = asyncio.run(get_judge(options).label(request_of()))
        again = asyncio.run(get_judge(options).label(request_of()))
    assert len(server.requests) == 3
    assert (first.usage.cached, again.usage.cached, again.usage.calls) == (
        False,
        True,
        0,
    ) and first.labels == again.labels


def vote_thrice(options, request):
    """Judgements of three runs over one cache, each with judges of its own."""
    return [asyncio.run(get_judge(options).label(request)) for _ in range(3)]


@pytest.mark.parametrize("namespace", [None, "ours"])
def test_members_of_one_model_name_at_several_servers_keep_their_own_labels(
    options_of, request_of, tmp_path, namespace
):
    with (
        FakeJudgeServer(rule="all_valid") as a,
        FakeJudgeServer(rule="all_invalid") as b,
        FakeJudgeServer(rule="all_invalid") as c,
    ):
        openai = {n: {"base_url": s.base_url, "model": "judge"} for n, s in {"a": a, "b": b, "c": c}.items()}
        members = {name: {"name": "openai", "openai": own} for name, own in openai.items()}
        cache = {"cache__path": str(tmp_path / "labels.db"), "cache__namespace": namespace}
        runs = vote_thrice(options_of(name="ensemble", members=members, **cache), request_of())
        assert [len(server.requests) for server in (a, b, c)] == [1, 1, 1]
    assert [run.labels for run in runs] == [(0,) * 4] * 3
    assert [run.agreement for run in runs] == [pytest.approx(2 / 3)] * 3
    assert [run.usage.cached for run in runs] == [False, True, True]


def test_three_samples_of_one_model_stay_three_in_the_cache(options_of, request_of, tmp_path):
    # Self-consistency: the members differ in nothing but their names, and in what the model happens to say.
    with FakeJudgeServer(script=["all_yes", "all_no", "all_no"]) as server:
        members = {name: {"name": "openai", "openai": {"base_url": server.base_url}} for name in "abc"}
        cache = {"cache__path": str(tmp_path / "labels.db")}
        runs = vote_thrice(options_of(name="ensemble", members=members, **cache), request_of())
        assert len(server.requests) == 3
    assert [run.labels for run in runs] == [(0,) * 4] * 3
    assert [run.agreement for run in runs] == [pytest.approx(2 / 3)] * 3


def test_the_router_finds_its_labels_again_at_another_port(options_of, request_of, tmp_path):
    for cached in (False, True):
        with FakeJudgeServer() as server:
            address = server.base_url.removeprefix("http://").removesuffix("/v1")
            options = options_of(name="router", cache__path=str(tmp_path / "labels.db"))
            judge = get_judge(with_router_address(options, address=address, model="models/judge"))
            assert asyncio.run(judge.label(request_of())).usage.cached is cached


def test_the_router_judge_asks_verls_reward_model(options_of, request_of):
    with FakeJudgeServer() as server:
        address = server.base_url.removeprefix("http://").removesuffix("/v1")
        options = with_router_address(options_of(name="router"), address=address, model="models/judge")
        judgement = asyncio.run(get_judge(options).label(request_of(may_leave_machine=False)))
    assert judgement.labels == (0, 1, 0, 1) and server.requests[0]["model"] == "models/judge"


def test_a_router_judge_without_a_reward_model_is_refused(options_of):
    with pytest.raises(ValueError, match=r"reward\.reward_model\.enable=true"):
        with_router_address(options_of(name="router"), address=None, model=None)


@pytest.mark.parametrize("node", [None, {"address": "judge.example.org:80", "model": "m"}, "judge.example.org:80"])
def test_only_the_reward_manager_says_where_the_router_is(options_of, node):
    own = {"name": "router"} | ({} if node is None else {"router": node})
    with pytest.raises(ValueError, match=r"mrpo\.judge\.name=router is verl's reward model.*openai\.base_url"):
        get_judge(options_of(**own))
    members = {"a": own, "b": {"name": "overlap"}, "c": {"name": "overlap"}}
    with pytest.raises(ValueError, match=r"mrpo\.judge\.name=router is verl's reward model"):
        get_judge(options_of(name="ensemble", members=members))
    # Within a run verl's address takes the place of any other.
    found = with_router_address(options_of(name="ensemble", members=members), address="10.0.0.1:80", model="m")
    assert found["members"]["a"]["router"] == RouterAddress("10.0.0.1:80", "m")


def test_the_router_reaches_the_members_of_an_ensemble_that_ask_for_it(options_of):
    members = {"own": {"name": "router"}, "b": {"name": "overlap"}, "c": {"name": "openai"}}
    options = with_router_address(options_of(name="ensemble", members=members), address="10.0.0.1:80", model="m")
    assert options["members"]["own"]["router"] == RouterAddress("10.0.0.1:80", "m")
    assert "router" not in options["members"]["b"]
    get_judge(options)
    assert with_router_address(options_of(name="overlap"), address=None, model=None) == options_of(name="overlap")
