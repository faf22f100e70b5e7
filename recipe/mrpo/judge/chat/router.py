"""The judge that verl serves itself: its generative reward model, behind verl's router."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recipe.mrpo.judge.chat.judge import openai_judge
from recipe.mrpo.judge.member_options import RouterAddress, merged
from recipe.mrpo.judge.protocol import Judge
from recipe.mrpo.judge.registry import register_judge


@register_judge("router")
def router_judge(options: Mapping[str, Any]) -> Judge:
    """An OpenAI-compatible judge at `http://<router>/v1`.

    The host counts as this machine: it is a node of the job, and Ray has brought the case to the job's nodes already.
    Raises ValueError outside a training run: only verl knows the address and gives it to the reward manager, and an
    address from another source is not accepted.
    """
    served = options.get("router")
    if not isinstance(served, RouterAddress):
        raise ValueError(
            "mrpo.judge.name=router is verl's reward model, which exists only during a training run; to ask the "
            "same model elsewhere, serve it and set mrpo.judge.name=openai mrpo.judge.openai.base_url=<address>."
        )
    here = {"openai": {"base_url": f"http://{served.address}/v1", "model": served.model, "api_key_env": None}}
    host = served.address.rpartition(":")[0].strip("[]")
    return openai_judge(merged({**options, "allow_hosts": [*options["allow_hosts"], host]}, here))
