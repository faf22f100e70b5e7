"""Options of the judges that an ensemble is made of, and the address of verl's reward model for a router judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RouterAddress:
    """Where verl serves its reward model (`host:port`), and under which name; only `with_router_address` makes one.

    Text of an option never becomes one: cases that must not leave the machine go to this address.
    """

    address: str
    model: str


AT_ENDPOINT = ("openai", "continuations")
"""Judges that ask the endpoint of `mrpo.judge.openai`."""
SHOWN_IMAGES = (*AT_ENDPOINT, "router")
"""Judges that are shown the images of a case, unless mrpo.judge.openai.send_image is false."""

JOB_WIDE = ("max_tokens", "max_cost", "price_per_million", "max_failure_rate", "ask_for", "stand_in")
"""Options that are read for the whole job; a member's own would be ignored."""


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` on top of `base`, group by group."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result


def member_options(options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The full options of each member of an ensemble: those of `mrpo.judge` with the member's own over them.

    Raises ValueError for an even number (no majority), fewer than three, an ensemble within an ensemble, or a member
    with its own value of an option that is one for all.
    """
    given = options["members"] or {}
    if len(given) < 3 or len(given) % 2 == 0:
        raise ValueError(f"mrpo.judge.members must name an odd number of judges, three at least, not {len(given)}.")
    base = {**options, "members": {}}
    full = {name: merged(base, own or {}) for name, own in given.items()}
    for name, member in full.items():
        if member["name"] == "ensemble":
            raise ValueError(f"mrpo.judge.members.{name}.name must be a judge other than ensemble.")
        for option in JOB_WIDE:
            if member[option] != base[option]:
                raise ValueError(f"mrpo.judge.members.{name}.{option} is one for all members; set mrpo.judge.{option}.")
    return full


def judges_asked(options: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Options of every judge that is asked: the members of an ensemble, otherwise the judge itself."""
    return list(member_options(options).values()) if options["name"] == "ensemble" else [options]


def with_router_address(options: Mapping[str, Any], *, address: str | None, model: str | None) -> dict[str, Any]:
    """`options` with verl's reward model as the endpoint of every judge named router.

    `address` is the `host:port` that verl hands to a reward manager, `model` is reward.reward_model.model_path, the
    name under which verl serves it. Raises ValueError if a router judge has no address: no reward model is enabled.
    """
    result = dict(options)
    if options["name"] == "ensemble":
        own = {n: with_router_address(m, address=address, model=model) for n, m in member_options(options).items()}
        return {**result, "members": own}
    if options["name"] == "router":
        if not address or not model:
            raise ValueError(
                "mrpo.judge.name=router asks verl's reward model, and this run has none; set "
                "reward.reward_model.enable=true and reward.reward_model.model_path=<model>."
            )
        result["router"] = RouterAddress(address, model)
    return result
