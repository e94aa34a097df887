"""Limits how often the screen is painted, so that frames never queue on a slow link or machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

LOCAL_HZ = 4.0
SSH_HZ = 2.0
MINIMUM_HZ = 1.0
MAXIMUM_HZ = 30.0
LATE_SECONDS = 0.1
_PUNCTUAL_FRAMES = 8
"""The number of punctual frames in a row after which the frame rate is raised again."""


def wanted_hz(environ: Mapping[str, str]) -> float:
    """Return the initial frame rate: `AUTORESEARCH_REFRESH_HZ`, else 2 Hz over SSH, else 4 Hz."""
    default = SSH_HZ if environ.get("SSH_CONNECTION") else LOCAL_HZ
    try:
        asked = float(environ.get("AUTORESEARCH_REFRESH_HZ", ""))
    except ValueError:
        return default
    # "nan" fails every comparison, so it gets the default as well.
    return min(max(asked, MINIMUM_HZ), MAXIMUM_HZ) if asked > 0 else default


class FrameLimiter:
    """Delays each frame of the screen, and lowers the frame rate while frames are late.

    At 20 Hz a log pane costs half a core, at 4 Hz 8 %. On a 64 KB/s link whole repaints at 10 Hz
    make a key take 310 ms, at 2 Hz 6 ms.

    Args:
        hz: The rate while every frame is on time.
        clock: Returns seconds of a monotonic clock.
        sleep: Waits for a number of seconds.
    """

    def __init__(
        self,
        hz: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._full_hz = hz
        self._hz = hz
        self._clock = clock
        self._sleep = sleep
        self._punctual = 0

    @property
    def interval(self) -> float:
        """Seconds between two frames at the present rate."""
        return 1.0 / self._hz

    async def wait(self) -> None:
        """Wait an interval before the next frame, and adapt the rate to how late the wait ended."""
        started, interval = self._clock(), self.interval
        await self._sleep(interval)
        self.adapt(self._clock() - started - interval)

    def adapt(self, late_seconds: float) -> None:
        """Halve the frame rate (down to 1 Hz) after a late frame; double it after 8 punctual ones.

        Args:
            late_seconds: How late the last frame was; up to 0.1 is punctual.
        """
        if late_seconds > LATE_SECONDS:
            self._punctual = 0
            self._hz = max(MINIMUM_HZ, self._hz / 2)
            return
        self._punctual += 1
        if self._punctual >= _PUNCTUAL_FRAMES and self._hz < self._full_hz:
            self._punctual = 0
            self._hz = min(self._full_hz, self._hz * 2)
