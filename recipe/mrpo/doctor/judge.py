"""Can the judge be reached, and may it see this data?"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from recipe.mrpo.doctor.check import Check
from recipe.mrpo.endpoint.address import Endpoint, read_key
from recipe.mrpo.judge.member_options import judges_asked
from recipe.mrpo.judge.registry import BUILT_IN, get_judge, judge_factory


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: urllib would carry the key along to whatever host it names."""

    def redirect_request(self, *_: object) -> None:
        return None


def served_models(url: str, key: str | None, timeout_s: float) -> list[str]:
    """Names that an OpenAI-compatible endpoint lists. Raises OSError or ValueError; nothing of the data is sent."""
    request = urllib.request.Request(f"{url}/models", headers={"Authorization": f"Bearer {key}"} if key else {})
    with urllib.request.build_opener(_Stay).open(request, timeout=timeout_s) as reply:
        listed = json.loads(reply.read(10**6))
    if not isinstance(listed, dict) or not isinstance(listed.get("data"), list):
        raise ValueError("the reply is no list of models")
    return [str(entry.get("id")) for entry in listed["data"] if isinstance(entry, dict)]


def check_judge(options: Mapping[str, Any], *, private_data: bool, timeout_s: float) -> Check:
    """`options`: the node `mrpo.judge`; `private_data`: is there a row that must not leave this machine?"""
    try:
        judges = judges_asked(options)
        said = [_one(judge, private_data, timeout_s) for judge in judges]
    except (ValueError, PermissionError) as error:
        return Check("judge", False, str(error), "set the option that is named.")
    failed = [check for check in said if check.ok is False]
    if failed:
        return failed[0]
    return Check("judge", True, "; ".join(dict.fromkeys(check.says for check in said)))


def _one(judge: Mapping[str, Any], private_data: bool, timeout_s: float) -> Check:
    if judge["name"] not in BUILT_IN:
        get_judge(judge).require(may_leave_machine=not private_data)
        return Check("judge", True, f"{judge['name']}: your own judge; it can be made, and was not asked")
    judge_factory(judge)
    if judge["name"] != "openai":
        says = {"overlap": "offline rules, nothing to reach", "router": "verl's reward model, started with the run"}
        return Check("judge", True, says[judge["name"]])
    openai = judge["openai"]
    key = read_key(openai["api_key_env"])
    endpoint = Endpoint.of(openai["base_url"], judge["allow_hosts"])
    endpoint.require(may_leave_machine=not private_data)
    try:
        models = served_models(endpoint.url, key, timeout_s)
    except urllib.error.HTTPError as error:
        do = "401 and 403: check mrpo.judge.openai.api_key_env; 404: base_url usually ends in /v1."
        return Check("judge", False, f"{endpoint.url} answers {error.code}", do)
    except (OSError, ValueError) as error:
        do = "start the judge (vllm serve MODEL --port 8000), or correct mrpo.judge.openai.base_url."
        return Check("judge", False, f"{endpoint.url} cannot be reached: {getattr(error, 'reason', error)}", do)
    if openai["model"] not in models:
        says = f"{endpoint.url} serves {', '.join(models[:5]) or 'nothing'}, not {openai['model']}"
        return Check("judge", False, says, f"set mrpo.judge.openai.model={models[0] if models else '<model>'}.")
    where = "on this machine" if endpoint.loopback else f"on {endpoint.host}"
    return Check("judge", True, f"{openai['model']} {where} answers")
