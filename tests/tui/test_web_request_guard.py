"""Checks of a request: tokens, hosts and origins."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.web.request_guard import RequestGuard, host_name, is_loopback, make_token
from tui.web.serving import ssh_line

TOKEN = "abc-DEF_123"


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("LocalHost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.5", False),
        ("gpu-box", False),
        ("localhost.evil.org", False),
        ("", False),
    ],
)
def test_loopback_addresses(host: str, local: bool) -> None:
    assert is_loopback(host) is local


@pytest.mark.parametrize(
    ("shown", "right"),
    [
        (TOKEN, True),
        (TOKEN + " ", False),
        (TOKEN[:-1], False),
        (TOKEN.lower(), False),
        ("", False),
        (None, False),
        ("ä\udcff", False),
    ],
)
def test_the_token(shown: str | None, right: bool) -> None:
    assert RequestGuard(TOKEN, "127.0.0.1").has_token(shown) is right


def test_tokens_and_cookie_names_are_long_and_unique() -> None:
    tokens = {make_token() for _ in range(50)}
    assert len(tokens) == 50
    assert all(len(token) >= 43 for token in tokens)
    assert len({RequestGuard(token, "127.0.0.1").cookie for token in tokens}) == 50
    assert not any(token in RequestGuard(token, "::1").cookie for token in tokens)


@pytest.mark.parametrize(
    ("header", "local", "open_"),
    [
        ("127.0.0.1:8000", True, True),
        ("127.0.0.1", True, True),
        ("localhost:9123", True, True),  # through ssh -L, on another port
        ("LOCALHOST:8000", True, True),
        ("localhost.:8000", True, True),
        ("[::1]:8000", True, True),
        (f"{socket.gethostname()}:8000", False, True),
        ("10.0.0.5:8000", False, True),  # an address cannot be made to point elsewhere
        ("gpu-box:8000", False, True),  # the name that was given
        ("evil.org:8000", False, False),
        ("evil.org", False, False),
        ("127.0.0.1.evil.org:8000", False, False),
        ("localhost@evil.org", False, False),
        ("evil.org/localhost", False, False),
        ("localhost:port", False, False),
        ("localhost:99999", False, False),
        ("[::1", False, False),
        ("localhost, evil.org", False, False),
        ("", False, False),
        (None, False, False),
    ],
)
def test_accepted_hosts(header: str | None, local: bool, open_: bool) -> None:
    assert RequestGuard(TOKEN, "127.0.0.1").accepts_host(header) is local
    assert RequestGuard(TOKEN, "gpu-box").accepts_host(header) is open_


@pytest.mark.parametrize(
    ("origin", "host", "ours"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1:8000", True),
        ("http://localhost:9123", "localhost:9123", True),
        ("https://Localhost:9123", "localhost:9123", True),
        ("http://localhost:9123", "localhost:8000", False),  # another server behind another port
        ("http://localhost:8000", "127.0.0.1:8000", False),
        ("http://evil.org", "localhost:8000", False),
        ("http://localhost:8000.evil.org", "localhost:8000", False),
        ("http://evil.org@localhost:8000", "localhost:8000", False),
        ("null", "localhost:8000", False),
        ("file://localhost:8000", "localhost:8000", False),
        ("http://[::1", "[::1]", False),
        ("", "localhost:8000", False),
        (None, "localhost:8000", False),
        ("http://localhost:8000", None, False),
    ],
)
def test_accepted_origins(origin: str | None, host: str | None, ours: bool) -> None:
    assert RequestGuard(TOKEN, "127.0.0.1").accepts_origin(origin, host) is ours


@given(st.text())
def test_any_header_is_handled(header: str) -> None:
    guard = RequestGuard(TOKEN, "0.0.0.0")
    host_name(header)
    assert guard.accepts_host(header) in (True, False)
    assert guard.accepts_origin(header, header) is False or "//" in header


def test_the_ssh_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    here = socket.gethostname()
    line = f"8000:127.0.0.1:8000 ada@{here}"
    assert ssh_line("127.0.0.1", 8000, {}) == f"ssh -N -L {line}"
    usual = {"SSH_CONNECTION": "10.0.0.9 51234 10.0.0.5 22"}
    assert ssh_line("127.0.0.1", 8000, usual) == f"ssh -N -L {line}"
    other = {"SSH_CONNECTION": "10.0.0.9 51234 10.0.0.5 2222"}
    assert ssh_line("127.0.0.1", 8000, other) == f"ssh -N -p 2222 -L {line}"
    broken = {"SSH_CONNECTION": "10.0.0.9 51234 10.0.0.5 -oProxyCommand=x"}
    assert ssh_line("127.0.0.1", 8000, broken) == f"ssh -N -L {line}"
