from __future__ import annotations

import asyncio

import numpy as np
import pytest

from recipe.mrpo.endpoint.address import is_loopback
from recipe.mrpo.endpoint.privacy import may_leave_machine
from recipe.mrpo.judge import get_judge
from recipe.mrpo.judge.private_data import check_endpoint
from tests.fake_judge_server import FakeJudgeServer

MEMBER = {"name": "openai", "openai": {"model": "m", "base_url": "http://judge.example.org/v1"}}


@pytest.mark.parametrize(
    ("host", "loopback", "why"),
    [
        ("localhost", True, "by name"),
        ("LOCALHOST", True, "in any case"),
        ("127.0.0.1", True, "IPv4"),
        ("127.8.9.1", True, "all of 127.0.0.0/8"),
        ("::1", True, "IPv6"),
        ("localhost.example.org", False, "a name that only begins so"),
        ("127.0.0.1.example.org", False, "an address that is a name"),
        ("0.0.0.0", False, "any interface"),
        ("2130706433", False, "127.0.0.1 as one number: not believed"),
        ("10.0.0.1", False, "a private network is another machine"),
        ("", False, "nothing"),
    ],
)
def test_only_this_machine_is_loopback(host, loopback, why):
    assert is_loopback(host) == loopback, why


@pytest.mark.parametrize(
    ("info", "leaves", "why"),
    [
        ({"may_leave_machine": True}, True, "said"),
        ({"may_leave_machine": False}, False, "said"),
        ({"may_leave_machine": np.False_}, False, "as pandas says it"),
        ({}, True, "a file made elsewhere has no such column"),
        (None, True, "nor a row without extra_info"),
    ],
)
def test_a_row_leaves_by_its_flag_and_by_nothing_else(info, leaves, why):
    assert may_leave_machine(info, row="row 3") is leaves, why


@pytest.mark.parametrize("value", ["false", "False", "true", "", 0, 1, 0.0, None, [], np.nan])
def test_a_flag_that_is_no_boolean_is_refused_with_column_and_row(value):
    with pytest.raises(ValueError, match=r"^extra_info\.may_leave_machine of row 3 of a\.parquet is .*boolean.*\.$"):
        may_leave_machine({"may_leave_machine": value}, row="row 3 of a.parquet")


@pytest.mark.parametrize(
    ("url", "allow", "private", "refused", "why"),
    [
        ("http://127.0.0.1:8000/v1", [], True, False, "this machine"),
        ("http://[::1]:8000/v1", [], True, False, "this machine, IPv6"),
        ("https://judge.example.org/v1", [], True, True, "another host"),
        ("https://judge.example.org/v1", ["judge.example.org"], True, False, "allowed by name"),
        ("https://JUDGE.example.org/v1", ["Judge.Example.ORG"], True, False, "names have no case"),
        ("https://judge.example.org.evil.net/v1", ["judge.example.org"], True, True, "a longer name"),
        ("https://sub.judge.example.org/v1", ["judge.example.org"], True, True, "a name below it"),
        ("http://127.0.0.1@judge.evil.net/v1", [], True, ValueError, "a user name that looks like this machine"),
        ("https://judge.example.org/v1", [], False, False, "public data may go anywhere"),
    ],
)
def test_private_cases_stay_here_unless_a_host_is_allowed(options_of, request_of, url, allow, private, refused, why):
    options = options_of(name="openai", openai__base_url=url, allow_hosts=allow)
    if refused is ValueError:
        with pytest.raises(ValueError, match=r"mrpo\.judge\.openai\.base_url"):
            check_endpoint(options, private_data=private)
    elif refused:
        with pytest.raises(PermissionError, match=r"may_leave_machine.*mrpo\.judge\.allow_hosts=\[.*judge"):
            check_endpoint(options, private_data=private)
        with pytest.raises(PermissionError, match=r"mrpo\.judge\.allow_hosts"):
            asyncio.run(get_judge(options).label(request_of(may_leave_machine=False)))
    else:
        check_endpoint(options, private_data=private)


@pytest.fixture
def elsewhere(monkeypatch):
    """A server on this machine that counts as another one, so that bytes which leave are seen."""
    monkeypatch.setattr("recipe.mrpo.endpoint.address.is_loopback", lambda host: False)
    with FakeJudgeServer() as server:
        yield server


@pytest.mark.parametrize("changes", [{}, {"cache__path": "labels.db"}, {"name": "ensemble"}])
def test_no_byte_is_sent_before_the_refusal(options_of, request_of, elsewhere, tmp_path, monkeypatch, changes):
    monkeypatch.chdir(tmp_path)
    node = {
        "name": "openai",
        "openai__base_url": elsewhere.base_url,
        "members": {key: {"name": "openai"} for key in "abc"},
    }
    judge = get_judge(options_of(**{**node, **changes}))
    for _ in range(3):
        with pytest.raises(PermissionError):
            asyncio.run(judge.label(request_of(may_leave_machine=False)))
    assert elsewhere.requests == []
    # The refusals neither count as an outage nor are they remembered for cases that may go.
    assert asyncio.run(judge.label(request_of())).labels == (0, 1, 0, 1)


def test_every_member_of_an_ensemble_is_checked(options_of):
    here = {"name": "openai"}
    options = options_of(name="ensemble", members={"a": here, "b": here, "c": MEMBER})
    with pytest.raises(PermissionError, match=r"judge\.example\.org"):
        check_endpoint(options, private_data=True)
    check_endpoint(options, private_data=False)


def test_an_offline_judge_needs_no_leave(options_of, asked, request_of):
    check_endpoint(options_of(name="overlap", openai__base_url="https://judge.example.org/v1"), private_data=True)
    assert asked(request_of(may_leave_machine=False), name="overlap").labels == (0, 1, 0, 1)


def test_a_missing_key_is_found_at_start_up(options_of):
    with pytest.raises(ValueError, match=r"mrpo\.judge\.openai\.api_key_env=MRPO_NO_SUCH_KEY is not set"):
        check_endpoint(options_of(name="openai", openai__api_key_env="MRPO_NO_SUCH_KEY"), private_data=False)


def test_a_redirect_does_not_carry_a_case_away(asked, request_of):
    with FakeJudgeServer() as other, FakeJudgeServer(script=[f"redirect:{other.base_url}/chat/completions"]) as server:
        judgement = asked(request_of(may_leave_machine=False), name="openai", openai__base_url=server.base_url)
    assert judgement.failure == "http_307" and other.requests == []


def test_a_proxy_of_the_environment_does_not_see_a_private_case(asked, request_of, monkeypatch):
    with FakeJudgeServer() as proxy, FakeJudgeServer() as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.base_url.removesuffix("/v1"))
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        judgement = asked(request_of(may_leave_machine=False), name="openai", openai__base_url=server.base_url)
    assert judgement.labels == (0, 1, 0, 1) and proxy.requests == []
