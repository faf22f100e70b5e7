"""Can the judge be reached, and may it see this data?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from recipe.mrpo.doctor.check import Check
from recipe.mrpo.endpoint.client import ChatClient, Response
from recipe.mrpo.judge.chat.address import judge_endpoint, judge_key, run_options_named
from recipe.mrpo.judge.continuations.cost import calls_of
from recipe.mrpo.judge.member_options import AT_ENDPOINT, judges_asked
from recipe.mrpo.judge.registry import BUILT_IN, get_judge, judge_factory
from recipe.mrpo.judge.when_to_judge import CONTINUATIONS

MAX_NAME, MAX_DETAIL = 100, 300
"""Characters that are shown of what an endpoint says."""


def served_models(judge: Mapping[str, Any], timeout_s: float) -> list[str]:
    """Names that the endpoint of `judge` lists. Raises NotListed; nothing of the data is sent.

    It is asked as the run asks it: with the same proxies, certificates and bounds, and without following a redirect.
    """

    async def ask() -> Response:
        with run_options_named():
            client = ChatClient(
                judge_endpoint(judge), key=judge_key(judge), timeout_s=timeout_s, query=judge["openai"]["query"]
            )
        try:
            return await client.models()
        finally:
            await client.close()

    response = asyncio.run(ask())
    if response.failure is not None:
        raise NotListed(response.failure, response.detail)
    try:
        listed = json.loads(response.body)
    except (ValueError, RecursionError):
        listed = None
    if not isinstance(listed, dict) or not isinstance(listed.get("data"), list):
        raise NotListed("bad_response", "the reply is not a list of models")
    return [str(entry.get("id")) for entry in listed["data"] if isinstance(entry, dict)]


class NotListed(Exception):
    """The endpoint gave no list of models; `kind` is the failure."""

    def __init__(self, kind: str, detail: str) -> None:
        self.kind = kind
        super().__init__(detail)


def check_judge(options: Mapping[str, Any], *, private_data: bool, timeout_s: float) -> Check:
    """`options`: the node `mrpo.judge`; `private_data`: is there a row that must not leave this machine?"""
    try:
        judges = judges_asked(options)
        said = [_one(judge, private_data, timeout_s) for judge in judges]
    except (ValueError, PermissionError) as error:
        return Check("judge", False, str(error), "set the option that the message names.")
    failed = [check for check in said if check.ok is False]
    if failed:
        return failed[0]
    return Check("judge", True, "; ".join(dict.fromkeys(check.says for check in said)))


def _one(judge: Mapping[str, Any], private_data: bool, timeout_s: float) -> Check:
    if judge["name"] not in BUILT_IN:
        get_judge(judge).require(may_leave_machine=not private_data)
        return Check("judge", True, f"{judge['name']}: your own judge; it can be made, and was not asked")
    judge_factory(judge)
    if judge["name"] == CONTINUATIONS:
        get_judge(judge)  # its options must fit together, and the answer reward must be there
    if judge["name"] not in AT_ENDPOINT:
        says = {"overlap": "offline rules, nothing to reach", "router": "verl's reward model, started with the run"}
        return Check("judge", True, says[judge["name"]])
    openai, key, endpoint = judge["openai"], judge_key(judge), judge_endpoint(judge)
    endpoint.require(may_leave_machine=not private_data)
    try:
        models = [key.hide(name)[:MAX_NAME] for name in served_models(judge, timeout_s)]
    except NotListed as error:
        if error.kind.startswith("http_"):
            do = "401 and 403: check mrpo.judge.openai.api_key_env; 404: base_url usually ends in /v1."
            return Check("judge", False, f"{endpoint.url} answers {error.kind.removeprefix('http_')}", do)
        do = "start the judge (vllm serve MODEL --port 8000), or correct mrpo.judge.openai.base_url."
        return Check("judge", False, f"{endpoint.url} cannot be reached: {key.hide(str(error))[:MAX_DETAIL]}", do)
    if openai["model"] not in models:
        says = f"{endpoint.url} serves {', '.join(models[:5]) or 'nothing'}, not {openai['model']}"
        return Check("judge", False, says, f"set mrpo.judge.openai.model={models[0] if models else '<model>'}.")
    where = "on this machine" if endpoint.loopback else f"on {endpoint.host}"
    says = f"{openai['model']} {where} answers"
    if judge["name"] == CONTINUATIONS:
        n = judge["continuations"]["n"]
        says += f"; it continues each rollout {calls_of(4, n=n)} times for 4 steps, {calls_of(10, n=n)} for 10"
    return Check("judge", True, says)
