"""The process of a coding-agent CLI: its pipes, the end of its stderr, and its certain end.

It gets a session of its own, so that no key pressed at a terminal reaches it. What it starts is
found again by its group, by its ancestry and by a mark in its environment, because some of it
leaves the first two.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from engine.core.errors import CliMissingError
from engine.core.text import sanitize
from engine.processes import kill_all, kill_marked, marked_processes

LONGEST_LINE_BYTES = 50 * 2**20
"""Of one message; CLIs send whole files and images in one line."""
_MARK = "AUTORESEARCH_CLI_IN"
_STDERR_BYTES = 16_384
_TERM_SECONDS = 0.35
_KILL_SECONDS = 0.3
_STEP_SECONDS = 0.01


class CliProcess:
    """A running CLI. Made by `start`; whoever has it must `stop` it."""

    def __init__(self, process: asyncio.subprocess.Process, directory: Path) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._process = process
        self._directory = directory
        self.stdin = process.stdin
        self.stdout = process.stdout
        self._stderr = bytearray()
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(
        cls, words: Sequence[str], directory: Path, environment: Mapping[str, str]
    ) -> CliProcess:
        """Start a command.

        Args:
            words: The command and its arguments.
            directory: Where it runs. What an earlier command left running there is killed first.
            environment: All of it.

        Raises:
            CliMissingError: It cannot be started.
        """
        await asyncio.to_thread(kill_marked, _MARK, str(directory))
        starting = asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                *words,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=LONGEST_LINE_BYTES,
                cwd=directory,
                env={**environment, _MARK: str(directory)},
                start_new_session=True,
            )
        )
        try:
            return cls(await asyncio.shield(starting), directory)
        except OSError as error:
            raise CliMissingError(
                f"The command {words[0]!r} cannot be started.",
                f"{error.strerror}.",
                "Check `cli` in the config, or the installation of that command.",
            ) from None
        except asyncio.CancelledError:
            # Half started is started: it must not be left behind.
            with contextlib.suppress(OSError):
                await cls(await starting, directory).stop()
            raise

    @property
    def exit_status(self) -> int | None:
        """None: it runs."""
        return self._process.returncode

    def last_words(self) -> str:
        """The end of what it wrote to stderr, as plain text."""
        return sanitize(self._stderr.decode("utf-8", "replace")).strip()

    async def exited(self, seconds: float) -> bool:
        """Whether it ends within so many seconds."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        # Not `wait()`: it may wait for whoever else holds a pipe.
        while self.exit_status is None and loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_STEP_SECONDS)
        return self.exit_status is not None

    async def stop(self) -> None:
        """End it and all it started, within a second."""
        family = await asyncio.to_thread(self._family)
        with contextlib.suppress(OSError, RuntimeError):
            self.stdin.close()
        _signal_group(self._process.pid, signal.SIGTERM)
        # A moment to write down a renewed log-in.
        await self.exited(_TERM_SECONDS)
        family |= await asyncio.to_thread(self._family)
        _signal_group(self._process.pid, signal.SIGKILL)
        await asyncio.to_thread(kill_all, family)
        await self.exited(_KILL_SECONDS)
        self._listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._listening
        # Someone of another user may still hold the pipes: ours are closed all the same.
        transport = getattr(self._process, "_transport", None)
        if transport is not None:
            transport.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_KILL_SECONDS):
                await self._process.wait()

    async def _listen(self) -> None:
        stderr = self._process.stderr
        assert stderr is not None
        while piece := await stderr.read(4096):
            self._stderr += piece
            del self._stderr[:-_STDERR_BYTES]

    def _family(self) -> set[psutil.Process]:
        family = marked_processes(_MARK, str(self._directory))
        with contextlib.suppress(psutil.Error):
            family |= set(psutil.Process(self._process.pid).children(recursive=True))
        return family


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
