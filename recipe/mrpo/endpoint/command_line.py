"""Faults of an endpoint that a command line names, by the option to change: --base-url, --api-key-env, --allow-host."""

from __future__ import annotations

from recipe.mrpo.endpoint.address import EndpointError
from recipe.mrpo.endpoint.retry import RetryPolicy

IMAGE_MAX_PIXELS = 802816
"""A larger image is scaled down, where nothing says another limit: that of the study."""

_OPTIONS = {
    **dict.fromkeys(("password", "address", "query"), "--base-url"),
    **dict.fromkeys(("key_name", "key_unset", "key_characters"), "--api-key-env"),
    "hosts": "--allow-host",
    "environment": "the environment",
}
_KEY = "; put a key into the environment variable that --api-key-env names"
_REMEDIES = {
    "password": _KEY,
    "query": _KEY,
    "key_unset": " in the environment; export it, or leave --api-key-env out for an endpoint that asks for no key",
}


def retry_policy(retries: int) -> RetryPolicy:
    """The waits of a tool between its retries; only their number is an option."""
    return RetryPolicy(retries, base_s=0.5, max_s=30.0, retry_after_max_s=60.0)


def fault_by_option(error: EndpointError) -> str:
    """The fault in one sentence that names the option to change."""
    value = f" {error.value}" if error.value else ""
    return f"{_OPTIONS[error.kind]}{value} {error.problem}{_REMEDIES.get(error.kind, '')}."
