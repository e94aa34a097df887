"""The position in a recording, moved by steps, by jumps and by playing."""

from __future__ import annotations

from collections.abc import Callable

from engine.core.session import Session
from engine.replay.recording import Recording

SPEEDS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0)
"""The speeds to choose from, in experiments per second."""
_USUAL = SPEEDS.index(2.0)
FOLDED_AT_ONCE = 25_000
"""Events that can be folded within a jump unnoticed, in about 40 ms.

A longer jump waits while the events are folded in the background.
"""


class Player:
    """A position in a recording.

    A place is an index into the moments: 0 is before the first experiment, n after n settled ones;
    what happened since the last of them comes after that. While it plays, the events between two
    places are shown as well, spread evenly over the time of an experiment.

    Args:
        recording: The recording that is replayed.
        clock: The monotonic clock, in seconds.
        settled_only: Show an experiment only once it is settled, since a results table records
            nothing before that.
    """

    def __init__(
        self, recording: Recording, clock: Callable[[], float], *, settled_only: bool = False
    ) -> None:
        self.recording = recording
        self._settled_only = settled_only
        self._clock = clock
        self.step = 0
        """The number of events up to this moment."""
        self.playing = False
        self._speed = _USUAL
        self._began = 0.0
        self._from = 0.0
        """The place at which playing began; its fraction is the part of an experiment."""
        self.joined = False
        """True while the end is shown, also when the recording grows."""
        self.target: int | None = None
        """The step that a jump waits to reach; None if no jump is pending."""
        self.step = self._step_of(1)
        # Begin at the end: the user wants to see the outcome first.
        self.go_to_step(len(recording))

    # ---- position --------------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        """Return the session at this moment."""
        return self.recording.session_at(self.step)

    @property
    def speed(self) -> float:
        """Return the speed in experiments per second."""
        return SPEEDS[self._speed]

    @property
    def places(self) -> int:
        """Return the number of settled experiments in the recording."""
        return len(self.recording.moments)

    @property
    def place(self) -> int:
        """Return the number of experiments settled at this moment."""
        return self.recording.moment_before(self.step)

    @property
    def at_end(self) -> bool:
        """Return whether this moment is the last one recorded."""
        return self.step >= len(self.recording)

    def _step_of(self, place: int) -> int:
        if place <= 0:
            return self.recording.start_step
        if place > self.places:
            return len(self.recording)
        return self.recording.moments[place - 1].step

    # ---- jumps -----------------------------------------------------------------------------------

    def go_to_step(self, step: int) -> None:
        """Jump to a moment as soon as it is folded; playing continues from there."""
        self.joined = False
        step = min(max(step, 0), len(self.recording))
        self.target = step if step - self.recording.folded > FOLDED_AT_ONCE else None
        if self.target is None:
            self.step = step
        self._start_clock()

    def arrive(self) -> bool:
        """Finish the pending jump if its target is folded by now, and return whether it did."""
        if self.target is None or self.target - self.recording.folded > FOLDED_AT_ONCE:
            return False
        self.step, self.target = self.target, None
        self._start_clock()
        return True

    def go_to_place(self, place: int) -> None:
        """Jump to the moment at which a number of experiments was settled, at most to the end."""
        self.go_to_step(self._step_of(place))

    def go_to_number(self, number: int) -> bool:
        """Jump to the moment an experiment was settled, and return whether there is one."""
        for place, moment in enumerate(self.recording.moments, start=1):
            if moment.number == number:
                self.go_to_place(place)
                return True
        return False

    def step_by(self, count: int) -> None:
        """Move by experiments; from between two, -1 goes to the one settled before."""
        place = self.place
        # Events after an experiment that belong to none do not count as between two.
        between = self.step > self._step_of(place) and self.session.current is not None
        self.go_to_place(max(0, place + count + (1 if between and count < 0 else 0)))

    def step_by_keep(self, direction: int) -> bool:
        """Jump to the next or previous keep, and return whether there is one."""
        here = self.step
        moments = self.recording.moments
        if direction > 0:
            found = next((m.step for m in moments if m.kept and m.step > here), None)
        else:
            found = next((m.step for m in reversed(moments) if m.kept and m.step < here), None)
        if found is not None:
            self.go_to_step(found)
        return found is not None

    def home(self) -> None:
        """Jump to before the first experiment."""
        self.go_to_place(0)

    def end(self) -> None:
        """Jump to the end and stay there when the recording grows."""
        self.go_to_step(len(self.recording))
        self.playing = False
        self.joined = True

    # ---- playing ---------------------------------------------------------------------------------

    def toggle(self) -> None:
        """Play or pause; at the end, play from the beginning."""
        if not self.playing and self.at_end:
            self.home()
        self.playing = not self.playing and not self.at_end
        self._start_clock()

    def faster(self, by: int) -> None:
        """Change the speed by a number of levels, within the limits."""
        self._speed = min(max(self._speed + by, 0), len(SPEEDS) - 1)
        self._start_clock()

    def tick(self) -> bool:
        """Advance to the time of the clock, and return whether the moment changed."""
        if not self.playing:
            return False
        now = self._from + (self._clock() - self._began) * self.speed
        place = int(now)
        first, last = self._step_of(place), self._step_of(place + 1)
        part = 0.0 if self._settled_only else now - place
        before, self.step = self.step, first + int(part * (last - first))
        if place > self.places or self.at_end:
            self.step, self.playing = len(self.recording), False
            return True
        return self.step != before

    def grown(self) -> bool:
        """Follow the end of a grown recording if that is shown, and return whether it is."""
        if self.joined:
            self.end()
        return self.joined

    def _start_clock(self) -> None:
        self._began = self._clock()
        place = self.place
        first, last = self._step_of(place), self._step_of(place + 1)
        part = (self.step - first) / (last - first) if last > first and self.step > first else 0.0
        self._from = place + part
