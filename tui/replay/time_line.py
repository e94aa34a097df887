"""Provides the time line of a replay: the moment shown, its time, and the kept experiments."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual import events
from textual.message import Message
from textual.strip import Strip

from engine.replay.recording import EventTime, Moment
from tui.replay.player import Player
from tui.widgets.painted import Painted, Run, strip_of

_BAR_LEAST = 10
_PAST, _AHEAD, _KEPT, _KEPT_AHEAD, _HERE = "━", "─", "┻", "┴", "●"


class TimeLine(Painted, can_focus=False):
    """Shows the recording as a bar from its first experiment to its last; a click jumps there.

    Args:
        player: The position in the recording.
    """

    DEFAULT_CSS = """
    TimeLine { height: 1; overflow: hidden hidden; scrollbar-gutter: auto; }
    """

    class Picked(Message):
        """Posted when the user clicked on the bar.

        Args:
            place: The number of experiments settled at the clicked place.
        """

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def __init__(self, player: Player, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._player = player
        self._painted: tuple[object, ...] = ()
        self._bar: tuple[int, int] = (0, 0)
        """The bar's first column and its width in cells."""

    def show(self, live: bool) -> None:
        """Paint the moment that the player is at, if it has changed.

        Args:
            live: True while the recorded session is still running.
        """
        player = self._player
        now = (
            *(player.step, player.target, len(player.recording)),
            *(player.playing, player.speed, live),
        )
        if now != self._painted:
            self._painted = now
            self.refresh()

    def line(self, y: int) -> Strip:
        width, player = self.inner.width, self._player
        place, places = player.place, player.places
        sign, style = ("▶", "--keep") if player.playing else ("‖", "--attention")
        number = player.recording.moments[place - 1].number if place else 0
        head = f" #{number} of {places}" if number else f" start of {places}"
        when = _time_text(player.recording.time_at(player.step), short=width < 100)
        live = bool(self._painted and self._painted[-1])
        tail = " end: the present" if live and not player.at_end else " now" if live else ""
        if player.target is not None:
            tail = f" going to #{player.recording.moment_before(player.target):,} …"
        keeps = sum(moment.kept for moment in player.recording.moments[:place])
        speed = f" {player.speed:g}/s"
        left: list[Run] = [
            (f" {sign}", self.style_of(style)),
            (head, self.style_of("--strong")),
            (f" {when} ", self.style_of("--dim")),
        ]
        right = self.runs([(f" {keeps} kept", "--keep"), (speed, ""), (tail, "")])
        room = width - _cells(left) - _cells(right)
        while room < _BAR_LEAST and right:
            right.pop()
            room = width - _cells(left) - _cells(right)
        self._bar = (_cells(left), max(0, room - 1))
        return strip_of([*left, *self._bar_runs(place), *right])

    def _bar_runs(self, place: int) -> list[Run]:
        cells = self._bar[1]
        keep, dim = self.style_of("--keep"), self.style_of("--dim")
        runs: list[Run] = []
        marks = kept_cells(self._player.recording.moments, cells)
        here = cell_of(place, self._player.places, cells)
        for cell in range(cells):
            past = cell < here
            if cell == here:
                runs.append((_HERE, self.style_of("--strong")))
            elif cell in marks:
                runs.append((_KEPT if past else _KEPT_AHEAD, keep))
            else:
                runs.append((_PAST if past else _AHEAD, None if past else dim))
        return runs

    def on_click(self, event: events.Click) -> None:
        """Post `Picked` for the place of the bar that was clicked."""
        start, cells = self._bar
        if cells > 1 and start <= event.x < start + cells:
            share = (event.x - start) / (cells - 1)
            self.post_message(self.Picked(round(share * self._player.places)))


def cell_of(place: int, places: int, cells: int) -> int:
    """Return the index of the cell that stands for a place in a bar.

    Args:
        place: A number of settled experiments.
        places: The number of settled experiments in the recording.
        cells: The width of the bar in cells.
    """
    return round(place / places * (cells - 1)) if places and cells else 0


def kept_cells(moments: Sequence[Moment], cells: int) -> set[int]:
    """Return the indices of the cells of a bar in which an experiment was kept.

    Args:
        moments: The completed experiments of the recording.
        cells: The width of the bar in cells.
    """
    count = len(moments)
    return {
        cell_of(place, count, cells) for place, moment in enumerate(moments, start=1) if moment.kept
    }


def _time_text(when: EventTime, short: bool) -> str:
    if when.at is None:
        return "time not recorded"
    sign = "≈" if when.estimated else ""
    return sign + format(when.at, "%m-%d %H:%M" if short else "%Y-%m-%d %H:%M:%S UTC")


def _cells(runs: list[Run]) -> int:
    return sum(cell_len(text) for text, _ in runs)
