"""The client of an OpenAI-compatible endpoint: each request is bounded in time and bytes, and never raises.

The environment adds nothing to a request: no header, no account, no key. httpx is used directly, because the
endpoint's bodies are untrusted: the usual client library reads them to the end, unpacked, however long they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from recipe.mrpo.endpoint.address import Endpoint
from recipe.mrpo.endpoint.body import BadBody, read_body
from recipe.mrpo.endpoint.certificates import check_proxies, is_certificate_fault, trusted_certificates
from recipe.mrpo.endpoint.completion import Completion, error_detail, read_completion
from recipe.mrpo.endpoint.refusals import CAUSES, cause_of
from recipe.mrpo.endpoint.request import request_body
from recipe.mrpo.endpoint.retry import retry_after_s
from recipe.mrpo.endpoint.secret_key import Secret
from recipe.mrpo.endpoint.tokens import counted, estimate

USER_AGENT = "mrpo"


@dataclass(frozen=True)
class Response:
    """A response: `failure` is None for a whole body with a status below 300, otherwise its kind, with a detail.

    Kinds: timeout, connection, tls (the certificate is not accepted), bad_response (a body too long or unreadable),
    http_<status>, and those of `refusals`.
    """

    body: bytes = b""
    failure: str | None = None
    detail: str = ""
    wait_s: float | None = None


class ChatClient:
    """One endpoint for one event loop. `key` is the only key that is sent; `query` stands behind every address.

    Raises EndpointError for certificates or proxies of the environment that cannot be used.
    """

    def __init__(
        self, endpoint: Endpoint, *, key: Secret, timeout_s: float, query: Mapping[str, str] | None = None
    ) -> None:
        self.endpoint, self.timeout_s = endpoint, timeout_s
        check_proxies(endpoint)
        self._http = httpx.AsyncClient(
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "Content-Type": "application/json",
                "User-Agent": USER_AGENT,
                # An endpoint without a key still reads the header of some gateways.
                "Authorization": f"Bearer {key.value or 'none'}",
            },
            params=dict(query or {}),
            timeout=timeout_s,
            verify=trusted_certificates(endpoint),
            # A redirect, or a proxy of the environment, could carry a case to a host that was never allowed.
            follow_redirects=False,
            trust_env=not endpoint.private_allowed,
            # A cookie with a character outside ASCII would keep every further request from being written.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=100),
        )

    async def complete(self, request: Mapping[str, Any], *, image_max_pixels: int) -> Completion:
        """The reply to a chat completions `request` (model, messages and settings) and the tokens it has used.

        Counts that the endpoint does not report, or that cannot be true, are estimated; a call without a completion
        (a timeout, a lost connection, an HTTP error) counts as none. Failures: those of `Response` and
        `read_completion`.
        """
        with_images = any(not isinstance(m["content"], str) for m in request["messages"])
        content = await asyncio.to_thread(request_body, request) if with_images else request_body(request)
        response = await self._exchange("POST", "/chat/completions", content)
        if response.failure is not None and not response.body:
            return Completion(failure=response.failure, detail=response.detail, wait_s=response.wait_s)
        if response.failure is None:
            read = read_completion(response.body)
            if read.failure is not None and (read.failure.startswith("http_") or read.failure in CAUSES):
                return replace(read, wait_s=response.wait_s)
        else:
            read = Completion(failure=response.failure, detail=response.detail)
        limit = request.get("max_tokens") or request.get("max_completion_tokens")
        limit = limit if type(limit) is int else None
        guess = estimate(request["messages"], len(response.body), image_max_pixels=image_max_pixels, max_tokens=limit)
        tokens, estimated = counted(read.usage, guess, max_tokens=limit, blank=not read.content.strip())
        return replace(read, tokens=tokens, estimated=estimated)

    async def models(self) -> Response:
        """The models that the endpoint lists (`GET /models`), unread."""
        return await self._exchange("GET", "/models")

    async def close(self) -> None:
        await self._http.aclose()

    async def _exchange(self, method: str, path: str, content: bytes | None = None) -> Response:
        try:
            # The client's own timeouts start anew with every byte that arrives.
            return await asyncio.wait_for(self._read(method, path, content), self.timeout_s)
        except (TimeoutError, httpx.TimeoutException):
            return Response(failure="timeout", detail=f"no whole reply in {self.timeout_s:g} s")
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            if is_certificate_fault(error):
                return Response(
                    failure="tls",
                    detail=f"{error}; SSL_CERT_FILE names the certificates of authorities that are trusted",
                )
            return Response(failure="connection", detail=f"{type(error).__name__}: {error}")

    async def _read(self, method: str, path: str, content: bytes | None) -> Response:
        async with self._http.stream(method, self.endpoint.url + path, content=content) as response:
            wait = retry_after_s(response.headers.get("retry-after"), now=datetime.now(UTC))
            failure = None if response.is_success else f"http_{response.status_code}"
            try:
                body = await read_body(response.aiter_raw(), response.headers.get("content-encoding", ""))
            except BadBody as error:
                if failure is not None:
                    return Response(failure=failure, detail=str(error), wait_s=wait)
                return Response(error.read or b"?", "bad_response", str(error), wait)
        if failure is not None:
            cause = cause_of(response.status_code, body.decode("utf-8", errors="replace"))
            return Response(failure=cause or failure, detail=error_detail(body), wait_s=wait)
        return Response(body, wait_s=wait)
