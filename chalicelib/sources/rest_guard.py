"""Where a provider's requests may go: https, to the open internet, and nowhere else on the way.

A name is resolved once, and the connection goes to the very address that was judged (`outside`), so that the name can't
answer otherwise the second time.
"""

import ipaddress
import ssl
import time
from collections.abc import Iterable
from functools import cache
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpcore
import httpx

from chalicelib.errors import SourceRefused
from chalicelib.sources.public_address import addresses_of, is_outside


def checked_url(url: str) -> str:
    """The URL, if it may be asked. http is let through on loopback alone, where a machine's own setting lets that in.

    Raises SourceRefused.
    """
    try:
        parts = urlsplit(url)
        is_address = bool(parts.hostname) and not parts.username and not parts.password and parts.port != 0
    except ValueError:  # a port that is none, brackets that are not closed
        is_address = False
    if not is_address or not parts.hostname:
        raise SourceRefused(f"{_shown(url)} is not an address that can be asked. Correct it in the group's configuration.")
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname) and is_outside("127.0.0.1")):
        return url
    raise SourceRefused(
        f"{_shown(url)} does not start with https://, so what is sent there could be read on the way. "
        "Ask the provider for its https address."
    )


class LeadsElsewhere(Exception):
    """A redirect that is not followed; the message says where to."""


def redirected(url: str, location: str) -> str:
    """Where a redirect leads, if that is the same host. Raises LeadsElsewhere."""
    try:
        target = _secure(urljoin(url, location), url)
        origin = _origin(target)
    except ValueError as trouble:  # a port that is none, brackets that are not closed
        raise LeadsElsewhere(f"{_shown(url)} redirects to an address that is none. Tell the provider.") from trouble
    if origin != _origin(url):
        raise LeadsElsewhere(
            f"{_shown(url)} leads on to another host, {_shown(target)}, and is not followed there. "
            "If that is the provider's new address, set it in the group's configuration."
        )
    return checked_url(target)


class _Ending(httpcore.NetworkStream):
    """A connection that ends at a moment (of `time.monotonic`): a timeout of its own begins anew with every byte."""

    def __init__(self, stream: httpcore.NetworkStream, at: float) -> None:
        self._stream, self._at = stream, at

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._left(timeout, httpcore.ConnectTimeout)
        return _Ending(self._stream.start_tls(ssl_context, server_hostname, left), self._at)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _left(self, timeout: float | None, ended: type[Exception]) -> float:
        left = self._at - time.monotonic()
        if left <= 0:
            raise ended("the connection's time is up")
        return left if timeout is None else min(timeout, left)


class _Backend(httpcore.SyncBackend):
    def __init__(self, ends_after_s: float | None) -> None:
        self._ends_after_s = ends_after_s

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception | None = None
        for address in addresses_of(host, port):
            try:
                stream = super().connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as trouble:
                failure = trouble
                continue
            return stream if self._ends_after_s is None else _Ending(stream, time.monotonic() + self._ends_after_s)
        raise failure or httpcore.ConnectError(f"{host} has no address")


@cache
def _tls() -> ssl.SSLContext:
    """One for every connection of the process: to read all the certificates takes longer than many an answer."""
    return httpx.create_ssl_context(trust_env=False)


class GuardedTransport(httpx.HTTPTransport):
    """httpx's own, but a connection goes to an address that `outside` has let through, and ends after `ends_after_s`."""

    def __init__(self, connections: int, ends_after_s: float | None = None) -> None:
        super().__init__(verify=_tls())
        self._pool = httpcore.ConnectionPool(
            ssl_context=_tls(),
            max_connections=connections,
            max_keepalive_connections=connections,
            network_backend=_Backend(ends_after_s),
        )


def _secure(target: str, url: str) -> str:
    """A redirect to http of a host that was asked by https, as a proxy writes it behind which no https is known, is to https."""
    parts, own = urlsplit(target), urlsplit(url)
    if (parts.scheme, own.scheme, parts.hostname, parts.port or 80) != ("http", "https", own.hostname, 80):
        return target
    return parts._replace(scheme="https", netloc=own.netloc).geturl()


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shown(url: str) -> str:
    """Without what may be a secret in it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "This"
    return f"{parts.scheme}://{parts.hostname}{parts.path}"[:200]
