"""The judge that verl serves itself: its generative reward model, behind verl's router."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recipe.mrpo.judge.members import merged
from recipe.mrpo.judge.openai_compatible import openai_judge
from recipe.mrpo.judge.protocol import Judge, Judgement, JudgeRequest
from recipe.mrpo.judge.registry import register_judge


class UnconnectedJudge:
    """Stands in until the reward manager knows the router's address (`members.at_router`)."""

    name = "router"

    async def label(self, request: JudgeRequest) -> Judgement:
        raise RuntimeError("mrpo.judge.name=router was never given the address of verl's reward model router.")

    async def close(self) -> None:
        return None


@register_judge("router")
def router_judge(options: Mapping[str, Any]) -> Judge:
    """An OpenAI-compatible judge at `http://<router>/v1`.

    The host counts as this machine: it is a node of the job, and Ray has brought the case to the job's nodes already.
    """
    address, model = options["router"]["address"], options["router"]["model"]
    if address is None:
        return UnconnectedJudge()
    here = {"openai": {"base_url": f"http://{address}/v1", "model": model, "api_key_env": None}}
    host = address.rpartition(":")[0].strip("[]")
    return openai_judge(merged({**options, "allow_hosts": [*options["allow_hosts"], host]}, here))
