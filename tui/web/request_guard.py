"""Checks an HTTP request's token, Host and Origin against three attacks.

Another user of the same machine has no token. A page of another site in the user's own browser has
another Origin. A name that an attacker points to this machine (DNS rebinding) is not one of the
server's names.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import socket
from urllib.parse import urlsplit

_TOKEN_BYTES = 32
_LOCAL_NAMES = frozenset({"localhost"})


def make_token() -> str:
    """Return a new random token for a server, 32 bytes in URL-safe base64."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def is_loopback(host: str) -> bool:
    """Return whether an address or host name can be reached from this machine only."""
    address = _address(host)
    return host.lower() in _LOCAL_NAMES if address is None else address.is_loopback


class RequestGuard:
    """Checks the token, Host and Origin of requests to one server.

    Args:
        token: The token that a request must present.
        host: The address or name that the server listens on.
    """

    def __init__(self, token: str, host: str) -> None:
        self._token = token
        self._is_remote = not is_loopback(host)
        own = {host.lower(), socket.gethostname().lower(), socket.getfqdn().lower()}
        self._names = _LOCAL_NAMES | own if self._is_remote else _LOCAL_NAMES
        # A browser shares cookies between all ports of a host, and `ssh -L` brings several servers
        # to one host.
        self.cookie = f"autoresearch-{hashlib.sha256(token.encode()).hexdigest()[:12]}"
        """The name of the cookie that holds the token, different for each token."""

    def has_token(self, token: str | None) -> bool:
        """Return whether a request's token is the right one, comparing in constant time.

        Args:
            token: The token in the request; None if it has none.
        """
        given = (token or "").encode("utf-8", "surrogateescape")
        return hmac.compare_digest(given, self._token.encode())

    def accepts_host(self, header: str | None) -> bool:
        """Return whether a Host header names this server, on any port (`ssh -L` may change it).

        A loopback server accepts `localhost` and loopback addresses. Any other server also accepts
        the name it was given, the machine's own name and every address, because an attacker cannot
        point an address elsewhere.

        Args:
            header: The Host header; None if the request has none.
        """
        name = host_name(header)
        if name is None:
            return False
        address = _address(name)
        if address is not None:
            return self._is_remote or address.is_loopback
        return name in self._names

    def accepts_origin(self, origin: str | None, host: str | None) -> bool:
        """Return whether a request comes from a page of this server: its Origin names its Host.

        Args:
            origin: The Origin header; None if the request has none.
            host: The Host header; None if the request has none.
        """
        if not origin or not host:
            return False
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def host_name(header: str | None) -> str | None:
    """Return the name in a Host header in lower case, without the port; None if it is invalid."""
    if not header or any(c in header for c in "@/\\?# \t,;"):
        return None
    try:
        parts = urlsplit(f"//{header}")
        _ = parts.port  # raises for an invalid port
    except ValueError:
        return None
    return (parts.hostname or "").rstrip(".") or None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
