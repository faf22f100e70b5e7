"""Where a judge lives, and which cases may be sent there."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit


def is_loopback(host: str) -> bool:
    """Is `host` this machine by its own spelling? No name but `localhost` is believed, and nothing is looked up."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Wording:
    """How messages call the options of an endpoint, whose they may be, and who reads the key."""

    base_url: str
    api_key_env: str
    """With a place for the value."""
    no_key: str
    """How to say that the endpoint asks for no key."""
    allow: str
    """With a place for the host."""
    environment: str
    others: str
    """What else an address must not hold; a whole clause or nothing."""

    @property
    def key_name(self) -> str:
        return self.api_key_env.format("").rstrip("= ")


OF_A_RUN = Wording(
    base_url="mrpo.judge.openai.base_url",
    api_key_env="mrpo.judge.openai.api_key_env={}",
    no_key="set mrpo.judge.openai.api_key_env=null",
    allow="mrpo.judge.allow_hosts=[{}]",
    environment="the environment of the reward workers",
    others=", and other settings of the endpoint into mrpo.judge.openai.extra_body",
)


@dataclass(frozen=True)
class Endpoint:
    """A checked address; `private_allowed`: may cases go there that must not leave the machine?"""

    url: str
    host: str
    loopback: bool
    private_allowed: bool
    words: Wording = OF_A_RUN

    @classmethod
    def of(cls, base_url: str, allow_hosts: Sequence[str], words: Wording = OF_A_RUN) -> Endpoint:
        """Raises ValueError naming the option for an address that is none, or that holds a password or a query.

        No message shows any of the address: what was not understood may be a password.
        """
        option = words.base_url
        key_option = f"put a key into the environment variable that {words.key_name} names"
        parts = _split(base_url)
        if "@" in (parts.netloc if parts else str(base_url)):
            raise ValueError(f"{option} holds a password or a user name; take it out, and {key_option}.")
        if parts is None:
            raise ValueError(f"{option} is no http or https address such as http://127.0.0.1:8000/v1.")
        if "?" in base_url or "#" in base_url:
            raise ValueError(
                f"{option} must end before its ? or #, for addresses stand in logs; {key_option}{words.others}."
            )
        host = (parts.hostname or "").lower()
        if isinstance(allow_hosts, str):
            raise ValueError("mrpo.judge.allow_hosts is a list of host names, e.g. [judge.example.org].")
        allowed = is_loopback(host) or host in {str(h).lower() for h in allow_hosts}
        return cls(base_url.rstrip("/"), host, is_loopback(host), allowed, words)

    def require(self, *, may_leave_machine: bool) -> None:
        """Raises PermissionError if a case that must not leave the machine would go to another host."""
        if not may_leave_machine and not self.private_allowed:
            raise PermissionError(
                f"a case marked may_leave_machine=false would be sent to {self.host}; use a judge on this machine, or "
                f"allow the host with {self.words.allow.format(self.host)}."
            )


def _split(base_url: object) -> SplitResult | None:
    """The parts of an http or https address with a host and a possible port; None for anything else."""
    # urlsplit leaves out line breaks, and takes a backslash for a letter where others take it for a slash.
    if not isinstance(base_url, str) or any(c in "\\ " or not c.isprintable() for c in base_url):
        return None
    try:
        parts = urlsplit(base_url)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if valid else None


def read_key(api_key_env: str | None, words: Wording = OF_A_RUN) -> str | None:
    """The key from the environment variable of that name; None if none is named.

    Raises ValueError for what is no name, and if the variable is not set (no key of another purpose is ever sent in its
    place) or holds what no header can carry.
    """
    if api_key_env is None:
        return None
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", api_key_env):
        raise ValueError(
            f"{words.key_name} is the name of an environment variable, which what it is set to cannot be; "
            "it is not shown, for it may be the key itself."
        )
    key = os.environ.get(api_key_env, "").strip()
    if not key:
        raise ValueError(
            f"{words.api_key_env.format(api_key_env)} is not set in {words.environment}; export it, or {words.no_key} "
            "for an endpoint that asks for no key."
        )
    if not (key.isascii() and key.isprintable()):
        # Found here, because the client's own message would show it.
        raise ValueError(
            f"{words.api_key_env.format(api_key_env)} names a variable with a line break or a character outside ASCII, "
            "which no key has; export it again."
        )
    return key
