"""Which certificates and proxies of the environment a client uses; a mistake there is one sentence at the start."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import certifi
import httpx

from recipe.mrpo.endpoint.address import Endpoint, EndpointError

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
_PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")


def trusted_certificates(endpoint: Endpoint) -> ssl.SSLContext:
    """Authorities that may sign the endpoint's certificate: SSL_CERT_FILE and SSL_CERT_DIR, otherwise certifi's list.

    They hold for hosts that private rows may go to as well: a clinic has its own authority. Raises EndpointError
    naming the variable if nothing can be read there.
    """
    if not endpoint.url.startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used, and reading the list takes 15 ms
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if folder and not any(Path(part).is_dir() for part in folder.split(os.pathsep)):
        raise EndpointError("environment", "has SSL_CERT_DIR set to a folder that does not exist; unset or correct it")
    try:
        return ssl.create_default_context(cafile=file or (None if folder else certifi.where()), capath=folder or None)
    except (OSError, ssl.SSLError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise EndpointError(
            "environment",
            f"has {'SSL_CERT_FILE' if file else 'SSL_CERT_DIR'} set to a file without readable certificates "
            f"({reason}); unset or correct it",
        ) from error


def check_environment(endpoint: Endpoint) -> None:
    """Raises EndpointError naming the variable if a client for this endpoint could not be made; nothing is sent."""
    check_proxies(endpoint)
    trusted_certificates(endpoint)


def check_proxies(endpoint: Endpoint) -> None:
    """Raises EndpointError naming the variable of a proxy that the client could not use; the proxy is not shown."""
    if endpoint.private_allowed:
        return  # such a host is reached without a proxy
    for name in _PROXIES:
        value = os.environ.get(name, "").strip()
        if not value:
            continue
        try:
            url = httpx.URL(value if "://" in value else f"http://{value}")
            usable = url.scheme in _PROXY_SCHEMES and bool(url.host) and 0 < (url.port or 80) < 65_536
            if url.scheme.startswith("socks"):
                import socksio  # noqa: F401
        except (httpx.InvalidURL, ImportError, ValueError):
            usable = False
        if not usable:
            raise EndpointError(
                "environment",
                f"has {name} set to a proxy that the client cannot use; set an http proxy such as "
                f"http://proxy.example.org:3128, or list {endpoint.host} in NO_PROXY and unset {name}",
            )


def is_certificate_fault(error: BaseException) -> bool:
    """Did a connection fail for its certificate or protocol? Another try would fail in the same way."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        if isinstance(current, ssl.SSLError):
            # A connection that ends within the handshake is an ordinary lost connection.
            return not isinstance(current, (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError))
        current = current.__cause__ or current.__context__
    return False
