"""Starts a coding-agent CLI, reads its pipes and stderr, and makes sure that it ends.

The process gets its own session, so that signals of a terminal do not reach it. Its descendants are
found by group, by ancestry and by a mark in their environment, because some leave the first two.
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
from engine.processes import kill_all, kill_marked, marked_processes, own_leaders

LONGEST_LINE_BYTES = 50 * 2**20
"""Bytes of the longest line read from a CLI; some send whole files and images in one line."""
CLI_VARIABLE = "AUTORESEARCH_CLI_IN"
"""Environment variable with a CLI's directory, by which its processes are found."""
_STDERR_BYTES = 16_384
_TERM_SECONDS = 0.35
_KILL_SECONDS = 0.3
_STEP_SECONDS = 0.01


class CliProcess:
    """A running coding-agent CLI with its pipes, made by `start`; end it with `stop`."""

    def __init__(self, process: asyncio.subprocess.Process, directory: Path) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._process = process
        own_leaders.add(process.pid)
        self._directory = directory
        self.stdin = process.stdin
        self.stdout = process.stdout
        self._stderr = bytearray()
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(
        cls, argv: Sequence[str], directory: Path, environment: Mapping[str, str]
    ) -> CliProcess:
        """Start a CLI with pipes for stdin, stdout and stderr.

        Args:
            argv: The command and its arguments.
            directory: The working directory. Processes left there by an earlier CLI are killed
                first.
            environment: The complete environment.

        Raises:
            CliMissingError: The command cannot be started.
        """
        await asyncio.to_thread(kill_marked, CLI_VARIABLE, str(directory))
        starting = asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=LONGEST_LINE_BYTES,
                cwd=directory,
                env={**environment, CLI_VARIABLE: str(directory)},
                start_new_session=True,
            )
        )
        try:
            return cls(await asyncio.shield(starting), directory)
        except OSError as error:
            raise CliMissingError(
                f"The command {argv[0]!r} cannot be started.",
                f"{error.strerror}.",
                "Check `cli` in the config, or the installation of that command.",
            ) from None
        except asyncio.CancelledError:
            # The process may have started already; it must not be left behind.
            with contextlib.suppress(OSError):
                await cls(await starting, directory).stop()
            raise

    @property
    def exit_status(self) -> int | None:
        """The process's exit status, negative for a signal; None while it runs."""
        return self._process.returncode

    def stderr_end(self) -> str:
        """Return the last 16 KiB of the process's stderr so far, sanitized."""
        return sanitize(self._stderr.decode("utf-8", "replace")).strip()

    async def exited(self, seconds: float) -> bool:
        """Wait up to `seconds` for the process to end, and return whether it has ended."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        # Not `wait()`: it also waits for other processes that hold a pipe.
        while self.exit_status is None and loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_STEP_SECONDS)
        return self.exit_status is not None

    async def stop(self) -> None:
        """End the process and all its descendants, within a second."""
        family = await asyncio.to_thread(self._family)
        with contextlib.suppress(OSError, RuntimeError):
            self.stdin.close()
        _signal_group(self._process.pid, signal.SIGTERM)
        # Time to store a renewed log-in.
        await self.exited(_TERM_SECONDS)
        family |= await asyncio.to_thread(self._family)
        _signal_group(self._process.pid, signal.SIGKILL)
        await asyncio.to_thread(kill_all, family)
        await self.exited(_KILL_SECONDS)
        own_leaders.discard(self._process.pid)
        self._listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._listening
        # A process of another user may still hold the pipes; this end is closed anyway.
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
        family = marked_processes(CLI_VARIABLE, str(self._directory))
        with contextlib.suppress(psutil.Error):
            family |= set(psutil.Process(self._process.pid).children(recursive=True))
        return family


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
