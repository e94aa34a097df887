"""Waits while the machine refuses what a step needs: space on the disk, files, processes, git.

A step that fails has not acted yet, because its event comes first. It is tried again until it
succeeds. Without a journal to record a pause in, the wait is a message to the clients.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Callable

from engine.core.enums import AlarmKind
from engine.core.errors import (
    AutoresearchError,
    GitBusyError,
    GitMissingError,
    JournalError,
)
from engine.core.events import AlarmRaised, AnyEvent
from engine.core.machine_errors import DISK_ERRORS, LIMIT_ERRORS, machine_error_in
from engine.core.secrets import redact
from engine.core.text import duration
from engine.protocol.messages import AnyMessage, Stalled
from engine.store.journal import Journal

_log = logging.getLogger(__name__)

_LIMIT_SECONDS = 60.0
"""Seconds for which a step is tried again while the machine is busy; for a disk, without end."""
_LONGEST_WAIT_SECONDS = 30.0


def machine_error(error: BaseException | None) -> int | None:
    """Return the number (`errno`) of the machine's error behind an error; None if it has none.

    Programs such as git only print the error; it is recognised by its text.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in (*DISK_ERRORS, *LIMIT_ERRORS):
            return error.errno
        if isinstance(error, AutoresearchError) and (number := machine_error_in(error.why)):
            return number
        error = error.__cause__
    return None


class Stall:
    """The state of a loop that waits for the machine, and the wait itself.

    Args:
        journal: The session's journal.
        publish: Sends a live message to all subscribed clients.
    """

    def __init__(self, journal: Journal, publish: Callable[[AnyMessage], None]) -> None:
        self._journal = journal
        self._publish = publish
        self._tries = 0
        self._since = 0.0
        self._kind = AlarmKind.DISK
        self._journal_failed = False
        self._appended = asyncio.Event()
        self.message = Stalled()
        """What the loop waits for, as clients are sent it; its reason is empty if for nothing."""
        journal.listen(self._on_event)

    def _on_event(self, event: AnyEvent) -> None:
        self._appended.set()
        if self._journal_failed:
            # Another event cannot be recorded within this one.
            self._journal_failed = False
            asyncio.get_running_loop().call_soon(self.end)

    def is_due(self, error: BaseException) -> bool:
        """Return whether to wait after an error and try again, rather than to pause the loop."""
        seconds = _seconds_to_try(error)
        return seconds > 0 and (not self._tries or time.monotonic() - self._since < seconds)

    def begin(self, reason: str, kind: AlarmKind = AlarmKind.DISK) -> None:
        """Tell the clients what the loop waits for, until `end` is called."""
        if not self._tries:
            self._since = time.monotonic()
        reason = redact(reason, self._journal.secrets)
        self._tries += 1
        self._kind = kind
        if reason != self.message.reason:
            _log.error("the engine waits: %s", reason)
            self.message = Stalled(reason=reason)
            self._publish(self.message)

    async def wait(self, error: AutoresearchError | OSError) -> None:
        """Tell the clients what the loop waits for, and wait before the next try.

        The wait grows from half a second to 30 s, and ends early if an event can be recorded.
        """
        kind = AlarmKind.ENGINE if machine_error(error) is None else AlarmKind.DISK
        self.begin(_reason(error), kind)
        self._journal_failed = isinstance(error, JournalError)
        self._appended.clear()
        with contextlib.suppress(TimeoutError):
            seconds = min(0.5 * 2 ** min(self._tries - 1, 10), _LONGEST_WAIT_SECONDS)
            await asyncio.wait_for(self._appended.wait(), seconds)

    def end(self) -> None:
        """End the wait, if there was one, after a step succeeded, and record how long it was."""
        if not self._tries:
            return
        waited, reason = duration(time.monotonic() - self._since), self.message.reason
        self._tries, self._journal_failed = 0, False
        self.message = Stalled()
        self._publish(self.message)
        try:
            message = f"The engine waited for {waited}: {reason}"
            self._journal.append(AlarmRaised(kind=self._kind, message=message))
        except JournalError as error:
            _log.error("the end of a wait of %s was not recorded: %s", waited, error)

    async def record(self, event: AnyEvent) -> None:
        """Record an event that cannot be had again, such as a cost; wait until that is possible.

        Raises:
            JournalError: The journal cannot be written for a reason that will not pass.
        """
        while True:
            try:
                self._journal.append(event)
            except JournalError as error:
                if not self.is_due(error):
                    raise
                try:
                    await self.wait(error)
                except asyncio.CancelledError:
                    with contextlib.suppress(JournalError):
                        self._journal.append(event)
                    raise
            else:
                return


def _seconds_to_try(error: BaseException) -> float:
    """Return for how many seconds a step that failed is tried again; 0: it is not."""
    number, cause = machine_error(error), error.__cause__
    if number in DISK_ERRORS or isinstance(error, GitMissingError):
        return math.inf
    if number in LIMIT_ERRORS or isinstance(error, GitBusyError):
        return _LIMIT_SECONDS
    return _seconds_to_try(cause) if cause is not None else 0.0


def _reason(error: AutoresearchError | OSError) -> str:
    if isinstance(error, AutoresearchError):
        return f"{error.what} {error.why}".strip()
    where = f" ({error.filename})" if error.filename else ""
    return f"A file cannot be written: {error.strerror or error}{where}."
