"""Who may come in: the token, the names this server goes by, and where a page may be from.

Pure: words in, verdicts out. Three attacks are meant. Somebody else on the same machine has no
token. A page from elsewhere in the person's own browser has another Origin. A name that is made to
point here (DNS rebinding) is none of the names served.
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
    """A token that nobody guesses."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def is_loopback(host: str) -> bool:
    """Whether an address or a name can be reached from this machine alone."""
    address = _address(host)
    return host.lower() in _LOCAL_NAMES if address is None else address.is_loopback


class RequestGuard:
    """Decides about one request.

    Args:
        token: What has to be shown.
        host: The address or name that is listened on.
    """

    def __init__(self, token: str, host: str) -> None:
        self._token = token
        self._open = not is_loopback(host)
        own = {host.lower(), socket.gethostname().lower(), socket.getfqdn().lower()}
        self._names = _LOCAL_NAMES | own if self._open else _LOCAL_NAMES
        # A browser keeps one set of cookies for all ports of a host, and `ssh -L` brings several
        # servers to one host.
        self.cookie = f"autoresearch-{hashlib.sha256(token.encode()).hexdigest()[:12]}"
        """The name of the cookie."""

    def knows_token(self, shown: str | None) -> bool:
        """Whether this is the token; takes as long for a near miss as for any other."""
        given = (shown or "").encode("utf-8", "surrogateescape")
        return hmac.compare_digest(given, self._token.encode())

    def knows_host(self, header: str | None) -> bool:
        """Whether a Host header names this server, on whatever port `ssh -L` put it.

        A loopback server goes by `localhost` and loopback addresses. Another one also by the name
        it was given, the machine's own, and any address: nobody can point an address elsewhere.
        """
        name = host_name(header)
        if name is None:
            return False
        address = _address(name)
        if address is not None:
            return self._open or address.is_loopback
        return name in self._names

    def knows_origin(self, origin: str | None, host: str | None) -> bool:
        """Whether a page of this server asks: its Origin is the very Host it asks."""
        if not origin or not host:
            return False
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def host_name(header: str | None) -> str | None:
    """The name in a Host header, in lower case and without its port; None where there is none."""
    if not header or any(c in header for c in "@/\\?# \t,;"):
        return None
    try:
        parts = urlsplit(f"//{header}")
        _ = parts.port  # raises where it is none
    except ValueError:
        return None
    return (parts.hostname or "").rstrip(".") or None


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
