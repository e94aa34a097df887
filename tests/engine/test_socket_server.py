"""The engine's socket: it is made again where it was removed, whatever the disk says."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from engine.core.session import Session
from engine.server.socket_server import SocketServer


async def test_a_disk_that_fails_for_a_moment_does_not_end_the_watch_over_the_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = SocketServer(
        tmp_path / "socket",
        session=Session,
        initial_messages=list,
        handle=lambda command, by: "",
        refused=lambda intruder: None,
    )
    await server.start()
    real = os.stat

    def stat(path: Any, *words: Any, **named: Any) -> os.stat_result:
        if path == server.path:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return real(path, *words, **named)

    with monkeypatch.context() as broken:
        broken.setattr(os, "stat", stat)
        await server.keep_listening()
    server.path.unlink()
    await server.keep_listening()
    assert server.path.is_socket()
    await server.stop()
