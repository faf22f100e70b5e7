"""Address, key and limits of the judge at `mrpo.judge.openai`; errors name the options of the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from recipe.mrpo.endpoint.address import Endpoint, EndpointError, read_key
from recipe.mrpo.endpoint.secret_key import Secret
from recipe.mrpo.judge.protect.budget import Budget
from recipe.mrpo.judge.protect.job_limits import JobLimits
from recipe.mrpo.judge.protect.rate import EndpointLimits

_NODE = "mrpo.judge.openai"
_OPTIONS = {
    **dict.fromkeys(("password", "address", "query"), f"{_NODE}.base_url"),
    **dict.fromkeys(("key_name", "key_unset", "key_characters"), f"{_NODE}.api_key_env"),
    "hosts": "mrpo.judge.allow_hosts",
    "environment": "the environment of the reward workers",
}
_KEY = f"; put a key into the environment variable that {_NODE}.api_key_env names"
_REMEDIES = {
    "password": _KEY,
    "query": f"{_KEY}, and other parameters of the address into {_NODE}.query",
    "key_unset": " in the environment of the reward workers; export it, or set "
    f"{_NODE}.api_key_env=null for an endpoint that asks for no key",
}


@contextmanager
def run_options_named() -> Iterator[None]:
    """An EndpointError raised within becomes a ValueError that names the run's option and what to do."""
    try:
        yield
    except EndpointError as error:
        value = f"={error.value}" if error.value else ""
        remedy = _REMEDIES.get(error.kind, "")
        raise ValueError(f"{_OPTIONS[error.kind]}{value} {error.problem}{remedy}.") from None


def judge_endpoint(options: Mapping[str, Any]) -> Endpoint:
    """The address in `options` (the node `mrpo.judge`). Raises ValueError naming the option."""
    with run_options_named():
        return Endpoint.of(options["openai"]["base_url"], options["allow_hosts"])


def judge_key(options: Mapping[str, Any]) -> Secret:
    """The key that `mrpo.judge.openai.api_key_env` names. Raises ValueError naming the option."""
    with run_options_named():
        return Secret(read_key(options["openai"]["api_key_env"]))


def where_it_lives(options: Mapping[str, Any]) -> dict[str, Any]:
    """Endpoint, key and limits in the node `mrpo.judge`, as arguments of `ChatJudge`. Raises ValueError."""
    endpoint = judge_endpoint(options)
    # The router of verl's reward model has a new port in every run; its model is named by its path.
    own_address = options["cache"]["namespace"] is None and options["name"] != "router"
    return {
        "endpoint": endpoint,
        "key": judge_key(options),
        "limits": EndpointLimits(**options["limits"]),
        "job": options.get("job") or JobLimits(Budget.of(options)),  # an ensemble's members share one
        "cache_address": endpoint.url if own_address else None,
    }
