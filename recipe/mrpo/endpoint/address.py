"""Where a model service lives, its key, and which cases may be sent there."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

# A host is a name, an IPv4 address or an IPv6 address in brackets, with nothing but a port behind it.
_NETLOC = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\[\]:/?#@%]+)(?::[0-9]{1,5})?")


class EndpointError(ValueError):
    """An address, a key or an environment that cannot be used; the caller names its own option and the remedy.

    `kind`: password, address, query or hosts (of the address), key_name, key_unset or key_characters (of the key), or
    environment. `problem` is a predicate for that option; `value` the name of the key's variable. No message shows the
    address or the key.
    """

    def __init__(self, kind: str, problem: str, *, value: str | None = None) -> None:
        self.kind, self.problem, self.value = kind, problem, value
        super().__init__(f"the endpoint's {kind.partition('_')[0]}: it {problem}.")


def is_loopback(host: str) -> bool:
    """Does the spelling of `host` say that it is this machine? The only name is `localhost`; nothing is looked up."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Endpoint:
    """A checked address; `private_allowed`: may cases go there that must not leave the machine?"""

    url: str
    host: str
    loopback: bool
    private_allowed: bool

    @classmethod
    def of(cls, base_url: str, allow_hosts: Sequence[str]) -> Endpoint:
        """Raises EndpointError for a text that is not an address, or that holds a password or a query."""
        parts = _split(base_url)
        if "@" in (parts.netloc if parts else str(base_url)):
            raise EndpointError("password", "holds a password or a user name; take it out")
        if parts is None:
            raise EndpointError("address", "is not an http or https address such as http://127.0.0.1:8000/v1")
        if "?" in base_url or "#" in base_url:
            raise EndpointError("query", "must end before its ? or #, because addresses stand in logs")
        host = (parts.hostname or "").lower()
        if isinstance(allow_hosts, str):
            raise EndpointError("hosts", "is a list of host names, e.g. [judge.example.org]")
        allowed = is_loopback(host) or host in {str(h).lower() for h in allow_hosts}
        return cls(base_url.rstrip("/"), host, is_loopback(host), allowed)

    def require(self, *, may_leave_machine: bool, allow: str = "mrpo.judge.allow_hosts=[{host}]") -> None:
        """Raises PermissionError if a case that must not leave the machine would go to another host.

        `allow`: how the caller's option is set that would permit it, with a place for the host.
        """
        if not may_leave_machine and not self.private_allowed:
            raise PermissionError(
                f"a case marked may_leave_machine=false would be sent to {self.host}; use a judge on this machine, or "
                f"allow the host with {allow.format(host=self.host)}."
            )


def _split(base_url: object) -> SplitResult | None:
    """The parts of an http or https address with a host and a possible port; None for anything else."""
    # urlsplit drops line breaks, reads a backslash as a letter where others read a slash, and of [::1]x sees only ::1.
    if not isinstance(base_url, str) or any(c in "\\ " or not c.isprintable() for c in base_url):
        return None
    try:
        parts = urlsplit(base_url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        if valid and "@" not in parts.netloc:
            valid = _NETLOC.fullmatch(parts.netloc) is not None
        if valid and parts.netloc.startswith("["):
            ipaddress.IPv6Address(parts.hostname)
    except ValueError:
        return None
    return parts if valid else None


def read_key(api_key_env: str | None) -> str | None:
    """The key from the environment variable of that name; None if none is named.

    Raises EndpointError for a text that cannot be a variable's name, and if the variable is not set (no key of another
    purpose is ever sent in its place) or holds characters that no header can carry.
    """
    if api_key_env is None:
        return None
    if not isinstance(api_key_env, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", api_key_env):
        raise EndpointError(
            "key_name",
            "is the name of an environment variable, and its value cannot be one; it is not shown, because it may be "
            "the key itself",
        )
    key = os.environ.get(api_key_env, "").strip()
    if not key:
        raise EndpointError("key_unset", "is not set", value=api_key_env)
    if not (key.isascii() and key.isprintable()):
        # Found here, because the client's own message would show it.
        raise EndpointError(
            "key_characters",
            "names a variable with a line break or a character outside ASCII, which no key has; export it again",
            value=api_key_env,
        )
    return key
