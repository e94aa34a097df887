"""Where in a recording one is, and how that moves: by steps, by jumps, by playing."""

from __future__ import annotations

from collections.abc import Callable

from engine.core.session import Session
from engine.replay.recording import Recording

SPEEDS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0)
"""Experiments a second."""
_USUAL = SPEEDS.index(2.0)
AT_ONCE = 25_000
"""So many events can be folded within a jump that is not felt, some 40 ms; beyond, the jump waits
while they are folded behind the screen."""


class Player:
    """A position in a recording.

    A place is an index into the moments: 0 is before the first experiment, n after n settled ones;
    what happened since the last of them comes after that. While it plays, what is between two
    places is shown as well, spread evenly over the time an experiment gets.

    Args:
        recording: What is replayed.
        clock: Seconds, monotonic.
        whole: Whether an experiment is shown settled or not at all: of a table's nothing more is
            known.
    """

    def __init__(
        self, recording: Recording, clock: Callable[[], float], *, whole: bool = False
    ) -> None:
        self.recording = recording
        self._whole = whole
        self._clock = clock
        self.step = 0
        """So many events have happened."""
        self.playing = False
        self._speed = _USUAL
        self._began = 0.0
        self._from = 0.0
        """The place, with a fraction, where playing began."""
        self.joined = False
        """Whether the present is shown, whatever comes."""
        self.wanted: int | None = None
        """The step of a jump that is under way."""
        self.step = self._step_of(1)
        # Who comes in the morning wants to know first what came of it, then how.
        self.go_to_step(len(recording))

    # ---- where it is -----------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        """The session at this moment."""
        return self.recording.session_at(self.step)

    @property
    def speed(self) -> float:
        """Experiments a second."""
        return SPEEDS[self._speed]

    @property
    def places(self) -> int:
        """How many settled experiments there are."""
        return len(self.recording.moments)

    @property
    def place(self) -> int:
        """How many of them are settled at this moment."""
        return self.recording.moment_before(self.step)

    @property
    def at_end(self) -> bool:
        """Whether nothing more is recorded."""
        return self.step >= len(self.recording)

    def _step_of(self, place: int) -> int:
        if place <= 0:
            return self.recording.opening
        if place > self.places:
            return len(self.recording)
        return self.recording.moments[place - 1].step

    # ---- jumps -----------------------------------------------------------------------------------

    def go_to_step(self, step: int) -> None:
        """To any moment, as soon as it is folded; playing goes on from there."""
        self.joined = False
        step = min(max(step, 0), len(self.recording))
        self.wanted = step if step - self.recording.folded > AT_ONCE else None
        if self.wanted is None:
            self.step = step
        self._start_clock()

    def arrive(self) -> bool:
        """More is folded: end the jump that is under way if it can be; whether that moved."""
        if self.wanted is None or self.wanted - self.recording.folded > AT_ONCE:
            return False
        self.step, self.wanted = self.wanted, None
        self._start_clock()
        return True

    def go_to_place(self, place: int) -> None:
        """To the moment so many experiments were settled; the end if there are fewer."""
        self.go_to_step(self._step_of(place))

    def go_to_number(self, number: int) -> bool:
        """To the moment the experiment of that number was settled; whether there is one."""
        for place, moment in enumerate(self.recording.moments, start=1):
            if moment.number == number:
                self.go_to_place(place)
                return True
        return False

    def step_by(self, count: int) -> None:
        """On or back by experiments. Between two, back is to the one that is settled."""
        place = self.place
        # What comes after an experiment and belongs to none is no place to stop at.
        between = self.step > self._step_of(place) and self.session.current is not None
        self.go_to_place(max(0, place + count + (1 if between and count < 0 else 0)))

    def step_by_keep(self, direction: int) -> bool:
        """To the next keep, or the one before; whether there is one."""
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
        """Before the first experiment."""
        self.go_to_place(0)

    def end(self) -> None:
        """To the present, and to stay there."""
        self.go_to_step(len(self.recording))
        self.playing = False
        self.joined = True

    # ---- playing ---------------------------------------------------------------------------------

    def toggle(self) -> None:
        """Play, or wait; at the end play from the beginning."""
        if not self.playing and self.at_end:
            self.home()
        self.playing = not self.playing and not self.at_end
        self._start_clock()

    def faster(self, by: int) -> None:
        """Another speed; the same one at either end."""
        self._speed = min(max(self._speed + by, 0), len(SPEEDS) - 1)
        self._start_clock()

    def tick(self) -> bool:
        """Let time pass; whether that moved anything."""
        if not self.playing:
            return False
        now = self._from + (self._clock() - self._began) * self.speed
        place = int(now)
        first, last = self._step_of(place), self._step_of(place + 1)
        part = 0.0 if self._whole else now - place
        before, self.step = self.step, first + int(part * (last - first))
        if place > self.places or self.at_end:
            self.step, self.playing = len(self.recording), False
            return True
        return self.step != before

    def grown(self) -> bool:
        """More was recorded; whether that moves the moment that is shown."""
        if self.joined:
            self.end()
        return self.joined

    def _start_clock(self) -> None:
        self._began = self._clock()
        place = self.place
        first, last = self._step_of(place), self._step_of(place + 1)
        part = (self.step - first) / (last - first) if last > first and self.step > first else 0.0
        self._from = place + part
