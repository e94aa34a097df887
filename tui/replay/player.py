"""Keeps the position in a recording, and moves it by steps, by jumps and by playing."""

from __future__ import annotations

from collections.abc import Callable

from engine.core.session import Session
from engine.replay.recording import Recording

SPEEDS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0)
"""The speeds of a replay to choose from, in experiments per second."""
_USUAL = SPEEDS.index(2.0)
FOLDED_AT_ONCE = 25_000
"""The most events that a jump folds (applies to the session) at once, in about 40 ms.

A longer jump waits while the events are folded in the background.
"""


class Player:
    """The position in a recording, which can play it.

    An experiment is settled once it is complete: its verdict given, its row written. A place is a
    number of settled experiments: 0 is before the first one, n after n; what happened since the
    last of them comes after that. While it plays, the events between two places are shown as well,
    spread evenly over the time of an experiment.

    Args:
        recording: The recording that is replayed.
        clock: A function that returns seconds of a monotonic clock.
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
        """The number of events up to the moment that is shown."""
        self.playing = False
        self._speed = _USUAL
        self._began = 0.0
        self._from = 0.0
        """The place at which playing began; its fraction is the share of an experiment's events."""
        self.joined = False
        """True while the replay stays at the end of the recording, also when that grows."""
        self.target: int | None = None
        """The number of events up to the target of a pending jump; None if no jump is pending."""
        self.step = self._step_of(1)
        # Begin at the end: the user wants to see the outcome first.
        self.go_to_step(len(recording))

    # ---- position --------------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        """Return the session as it was at the moment that is shown."""
        return self.recording.session_at(self.step)

    @property
    def speed(self) -> float:
        """Return the speed of playing in experiments per second."""
        return SPEEDS[self._speed]

    @property
    def places(self) -> int:
        """Return the number of settled experiments in the recording."""
        return len(self.recording.moments)

    @property
    def place(self) -> int:
        """Return the number of experiments settled at the moment that is shown."""
        return self.recording.moment_before(self.step)

    @property
    def at_end(self) -> bool:
        """Return whether the moment that is shown is the last one recorded."""
        return self.step >= len(self.recording)

    def _step_of(self, place: int) -> int:
        if place <= 0:
            return self.recording.start_step
        if place > self.places:
            return len(self.recording)
        return self.recording.moments[place - 1].step

    # ---- jumps -----------------------------------------------------------------------------------

    def go_to_step(self, step: int) -> None:
        """Jump to the moment after `step` events; playing continues from there.

        A jump across many unfolded events stays pending until `arrive` finishes it.
        """
        self.joined = False
        step = min(max(step, 0), len(self.recording))
        self.target = step if step - self.recording.folded > FOLDED_AT_ONCE else None
        if self.target is None:
            self.step = step
        self._start_clock()

    def arrive(self) -> bool:
        """Finish the pending jump if its target is folded by now, and return whether it did.

        Events are folded, which means applied to a session, by the app in the background.
        """
        if self.target is None or self.target - self.recording.folded > FOLDED_AT_ONCE:
            return False
        self.step, self.target = self.target, None
        self._start_clock()
        return True

    def go_to_place(self, place: int) -> None:
        """Jump to the moment at which `place` experiments were settled, at most to the end."""
        self.go_to_step(self._step_of(place))

    def go_to_number(self, number: int) -> bool:
        """Jump to the moment at which an experiment was settled.

        Returns:
            False, without a jump, if no experiment with this number was settled.
        """
        for place, moment in enumerate(self.recording.moments, start=1):
            if moment.number == number:
                self.go_to_place(place)
                return True
        return False

    def step_by(self, count: int) -> None:
        """Move by `count` settled experiments, backwards if it is negative.

        In the middle of an experiment, -1 goes to the end of the one before it.
        """
        place = self.place
        # Events after an experiment that belong to none do not count as between two.
        between = self.step > self._step_of(place) and self.session.current is not None
        self.go_to_place(max(0, place + count + (1 if between and count < 0 else 0)))

    def step_by_keep(self, direction: int) -> bool:
        """Jump to the next kept experiment, or to the previous one if `direction` is negative.

        Returns:
            False, without a jump, if there is none.
        """
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
        """Jump to the moment before the first experiment."""
        self.go_to_place(0)

    def end(self) -> None:
        """Jump to the end, stop playing, and stay at the end when the recording grows."""
        self.go_to_step(len(self.recording))
        self.playing = False
        self.joined = True

    # ---- playing ---------------------------------------------------------------------------------

    def toggle(self) -> None:
        """Start or pause playing; at the end of the recording, play from the beginning."""
        if not self.playing and self.at_end:
            self.home()
        self.playing = not self.playing and not self.at_end
        self._start_clock()

    def faster(self, by: int) -> None:
        """Change the speed of playing by `by` levels of `SPEEDS`, slower if it is negative."""
        self._speed = min(max(self._speed + by, 0), len(SPEEDS) - 1)
        self._start_clock()

    def tick(self) -> bool:
        """Advance to the moment that the clock has reached, if playing.

        Returns:
            True if the moment changed or playing ended.
        """
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
        """Move to the new end of a recording that has grown, if `joined`; return `joined`."""
        if self.joined:
            self.end()
        return self.joined

    def _start_clock(self) -> None:
        self._began = self._clock()
        place = self.place
        first, last = self._step_of(place), self._step_of(place + 1)
        part = (self.step - first) / (last - first) if last > first and self.step > first else 0.0
        self._from = place + part
