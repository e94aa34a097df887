"""How often the screen may be painted: a slow link or machine gets fewer frames, never a queue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

LOCAL_HZ = 4.0
SSH_HZ = 2.0
MINIMUM_HZ = 1.0
MAXIMUM_HZ = 30.0
LATE_SECONDS = 0.1
_CALM_TICKS = 8
"""So many punctual ticks in a row before the rate is raised again."""


def wanted_hz(environ: Mapping[str, str]) -> float:
    """The rate to start from: `AUTORESEARCH_REFRESH_HZ`, else 2 Hz over SSH, else 4 Hz."""
    default = SSH_HZ if environ.get("SSH_CONNECTION") else LOCAL_HZ
    try:
        asked = float(environ.get("AUTORESEARCH_REFRESH_HZ", ""))
    except ValueError:
        return default
    # Not-a-number fails every comparison, so it ends here as well.
    return min(max(asked, MINIMUM_HZ), MAXIMUM_HZ) if asked > 0 else default


class Governor:
    """Spaces the frames.

    At 20 Hz a log pane costs half a core, at 4 Hz 8 %. On a 64 KB/s link whole repaints at 10 Hz
    make a key take 310 ms, at 2 Hz 6 ms.

    Args:
        hz: The rate when all is well.
        clock: Seconds, monotonic.
        sleep: Waits so many seconds.
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
        self._calm = 0

    @property
    def interval(self) -> float:
        """Seconds between two frames, now."""
        return 1.0 / self._hz

    async def rest(self) -> None:
        """Wait until the next frame may be painted, and learn from how late the waking was."""
        started, interval = self._clock(), self.interval
        await self._sleep(interval)
        self.learn(self._clock() - started - interval)

    def learn(self, late_seconds: float) -> None:
        """Halve the rate after a late timer, double it back after a calm while."""
        if late_seconds > LATE_SECONDS:
            self._calm = 0
            self._hz = max(MINIMUM_HZ, self._hz / 2)
            return
        self._calm += 1
        if self._calm >= _CALM_TICKS and self._hz < self._full_hz:
            self._calm = 0
            self._hz = min(self._full_hz, self._hz * 2)
