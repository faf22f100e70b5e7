"""The client of an OpenAI-compatible endpoint: what it sends is said here, and no environment variable adds to it."""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import openai

from recipe.mrpo.endpoint.address import Endpoint
from recipe.mrpo.endpoint.secret_key import Secret


class _Client(openai.AsyncOpenAI):
    """Without the headers, account and project that OPENAI_CUSTOM_HEADERS, OPENAI_ORG_ID and OPENAI_PROJECT_ID name."""

    @property
    def default_headers(self) -> dict[str, str]:
        return {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": self.user_agent,
            "Authorization": f"Bearer {self.api_key}",
        }


async def _read_as_utf8(response: Any) -> None:
    """JSON is UTF-8 (RFC 8259); by the word of its header a body would go to any codec of Python's, zlib among them."""
    response.encoding = "utf-8"


def make_client(endpoint: Endpoint, *, key: Secret, timeout_s: float, max_retries: int) -> openai.AsyncOpenAI:
    """A client for one event loop, which sends `key` and no other.

    Raises ValueError for a proxy of the environment that cannot be used.
    """
    try:
        transport = openai.DefaultAsyncHttpxClient(
            # A redirect, or a proxy of the environment, could carry a case to a host that was never allowed.
            follow_redirects=False,
            trust_env=not endpoint.private_allowed,
            # A cookie that is no ASCII would be taken, and then no further request could be written.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            event_hooks={"response": [_read_as_utf8]},
        )
    except (ImportError, ValueError) as error:
        # Its message shows the proxy's address.
        raise ValueError(
            f"the judge at {endpoint.host} would be reached by a proxy of the environment (HTTP_PROXY, HTTPS_PROXY, "
            f"ALL_PROXY) of a kind that the client does not know ({type(error).__name__}); set an http proxy, or list "
            "the host in NO_PROXY."
        ) from None
    return _Client(
        base_url=endpoint.url,
        # Given even when there is none: the library would else send OPENAI_API_KEY of the environment along.
        api_key=key.value or "none",
        max_retries=max_retries,
        timeout=timeout_s,
        http_client=transport,
    )
