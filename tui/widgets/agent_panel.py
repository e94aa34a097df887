"""Shows the agent's panel: what it tries and why, the steering, what waits for the user."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from textual.strip import Strip

from engine.core.enums import SessionState
from engine.core.events import Proposal
from engine.core.records import Dropped, Pause
from engine.core.session import Session
from engine.core.text import plural, sanitize
from tui.present.alarm import alarm_text
from tui.present.numbers import clock, cost_summary
from tui.present.text import clean_line
from tui.present.verdict_marks import category_of
from tui.view import View
from tui.widgets.painted import Run, Sheet, strip_of
from tui.widgets.wrapped import wrapped

_REASONING_CHARACTERS = 40_000
_PINS_SHOWN = 3
_STEERING_CHARACTERS = 400
"""The most characters of a pin or note in the panel; the screens of pins and notes show it all."""


class _Steering(NamedTuple):
    """What the user told the agent, and what waits for the user, as the agent's panel shows it."""

    asked: tuple[str, ...] = ()
    """Hypotheses of the proposals that the user is asked to decide on now."""
    parked: int = 0
    program: str = ""
    """`in force from #3` for a changed program.md, until that experiment ends; "" otherwise."""
    pins: tuple[str, ...] = ()
    more_pins: int = 0
    note: str = ""
    """The user's newest note to the agent; "" without notes."""
    more_notes: int = 0
    bans: int = 0


def _steering_in(session: Session) -> _Steering:
    # A pin that has become a proposal is shown as the proposal.
    proposed = {queued.pin for queued in session.queue}
    pins = [pin for pin in session.waiting_pins if pin.number not in proposed]
    notes = session.agent_notes
    return _Steering(
        asked=tuple(queued.proposal.hypothesis for queued in session.asked),
        parked=len(session.parked),
        program=_program_text(session),
        pins=tuple(pin.text[:_STEERING_CHARACTERS] for pin in pins[:_PINS_SHOWN]),
        more_pins=max(0, len(pins) - _PINS_SHOWN),
        note=notes[-1].text[:_STEERING_CHARACTERS] if notes else "",
        more_notes=max(0, len(notes) - 1),
        bans=len(session.bans),
    )


def _program_text(session: Session) -> str:
    if len(session.programs) < 2:
        return ""  # the first version is not a change
    since = session.programs[-1].experiment
    if since <= len(session.experiments) and session.experiment(since).verdict is not None:
        return ""
    return f"in force from #{since}"


class _Content(NamedTuple):
    """Everything that the agent's panel paints, compared to see whether it must repaint."""

    number: int = 0
    proposal: Proposal | None = None
    verdict: str = ""
    reasoning: str = ""
    pause: Pause | None = None
    waiting: str = ""
    thinking_of: int = 0
    """The number of the experiment that the agent is proposing; 0 while it proposes none."""
    queue: tuple[str, ...] = ()
    """Hypotheses of the proposals that run next, in their order."""
    dropped: Dropped | None = None
    """The last proposal dropped since the newest experiment began; None for none."""
    ahead: str | None = None
    """The reasoning so far for the proposal drafted ahead; None while none is drafted."""
    alarm: str = ""
    notes: tuple[str, ...] = ()
    cost: str = ""
    steering: _Steering = _Steering()


def _dropped_since(session: Session) -> Dropped | None:
    if not session.dropped or not session.experiments:
        return None
    last = session.dropped[-1]
    return last if last.at >= session.experiments[-1].drafted_at else None


class AgentPanel(Sheet):
    """A panel with the newest experiment's hypothesis and reasoning, and why the loop waits.

    It also lists the user's pins, notes and bans, the next proposals, and the costs.
    """

    def __init__(
        self, *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._shown = _Content()

    def show(self, view: View) -> None:
        """Show the view's newest experiment, or the proposal being drafted.

        While reasoning arrives, scroll to its end; for another experiment, scroll to the top.
        """
        session = view.session
        newest = session.experiments[-1] if session.experiments else None
        # A replay stops where an experiment has ended, and shows that one, not the next.
        drafting = session.state is SessionState.PROPOSING and view.replay is None
        if drafting:
            newest = None
        left = session.seconds_to_wait(view.now)
        waiting = session.waiting.reason if left and session.waiting is not None else ""
        shown = _Content(
            number=newest.number if newest else 0,
            proposal=newest.proposal if newest else None,
            verdict=newest.verdict_reason if newest else "",
            reasoning=view.reasoning if drafting else (view.reasoning or session.latest_reasoning),
            waiting=f"{waiting} Asked again in {clock(left)}." if waiting else "",
            thinking_of=len(session.experiments) + 1 if drafting else 0,
            queue=tuple(queued.proposal.hypothesis for queued in session.ready),
            dropped=_dropped_since(session),
            ahead=view.ahead if view.drafts_ahead else None,
            pause=session.pause,
            alarm=alarm_text(session),
            cost=cost_summary(session),
            steering=_steering_in(session),
            notes=session.notes if len(session.experiments) <= 1 else (),
        )
        if shown == self._shown:
            return
        another = shown.number != self._shown.number or (
            shown.ahead is None and self._shown.ahead is not None
        )
        self._shown = shown
        self.repaint()
        if not self.is_mounted:
            return
        if shown.thinking_of or shown.ahead is not None:
            # The newest reasoning is at the end.
            self.scroll_end(animate=False, force=True)
        elif another:
            self.scroll_to(0, 0, animate=False, force=True)

    def caption(self) -> str:
        """Return the title in the panel's border: `Agent · #3`, or `Agent` for no experiment."""
        number = self._shown.number or self._shown.thinking_of
        return f"Agent · #{number}" if number else "Agent"

    def paint(self, width: int) -> list[Strip]:
        return [strip_of(line) for line in self._lines(width)]

    def _lines(self, width: int) -> Iterable[list[Run]]:
        shown = self._shown
        if shown.pause is not None:
            yield from self._labelled("paused ▸ ", shown.pause.reason, "--attention", width)
            if shown.pause.todo:
                yield from self._labelled("to do ▸ ", shown.pause.todo, "--attention", width)
            yield []
        if shown.waiting:
            yield from self._labelled("waiting ▸ ", shown.waiting, "--attention", width)
            yield []
        if shown.alarm:
            yield from self._labelled("alarm ▸ ", shown.alarm, "--attention", width)
            yield []
        yield from self._needs(shown.steering, width)
        proposal = shown.proposal
        if shown.thinking_of:
            doing = f"Thinking about #{shown.thinking_of} …"
            if shown.steering.asked and not shown.reasoning:
                doing = f"#{shown.thinking_of} waits for your decision."
            yield [(doing, self.style_of("--dim"))]
        elif proposal is None:
            yield [("No experiment yet.", self.style_of("--dim"))]
        else:
            strong = self.style_of("--strong")
            for line in wrapped(sanitize(proposal.hypothesis) or "no hypothesis given", width):
                yield [(line, strong)]
            if about := " · ".join(filter(None, (category_of(proposal), proposal.agent))):
                yield from self._labelled("", about, "--dim", width)
            if proposal.expected:
                yield from self._labelled("expected ▸ ", proposal.expected, "", width)
            if shown.verdict:
                yield from self._labelled("verdict ▸ ", shown.verdict, "", width)
        for index, hypothesis in enumerate(shown.queue):
            label = f"next ▸ #{shown.number + 1 + index} "
            yield from self._labelled(label, f"{hypothesis} (draft)", "", width)
        yield from self._steering(shown.steering, width)
        if shown.dropped is not None:
            text = f"{shown.dropped.hypothesis}: {shown.dropped.reason}"
            yield from self._labelled("not run ▸ ", text, "--dim", width)
        if shown.ahead is not None:
            number = shown.number + len(shown.queue) + 1
            yield from self._labelled("next ▸ ", f"thinking about #{number} …", "--dim", width)
            yield from self._thoughts(shown.ahead, width)
            return
        reasoning = shown.reasoning.strip() or (proposal.rationale if proposal is not None else "")
        yield from self._thoughts(reasoning, width)
        if shown.cost:
            yield []
            yield from self._labelled("cost ▸ ", shown.cost, "--dim", width)
        if shown.notes:
            yield []
            for note in shown.notes:
                yield from self._labelled("note ▸ ", note, "--dim", width)

    def _needs(self, steering: _Steering, width: int) -> Iterable[list[Run]]:
        for hypothesis in steering.asked:
            yield from self._labelled("needs you ▸ ", hypothesis, "--attention", width)
        if steering.parked:
            waits = plural(steering.parked, "proposal waits", "proposals wait")
            yield from self._labelled("parked ▸ ", f"{waits} for you", "--attention", width)
        if steering.asked or steering.parked:
            yield []

    def _steering(self, steering: _Steering, width: int) -> Iterable[list[Run]]:
        if steering.program:
            yield from self._labelled("program.md changed ▸ ", steering.program, "", width)
        for index, text in enumerate(steering.pins, start=1):
            last = index == len(steering.pins) and steering.more_pins
            more = f"  ({steering.more_pins} more)" if last else ""
            yield from self._labelled("pinned ▸ ", text + more, "", width)
        if steering.note:
            more = f"  ({steering.more_notes} more)" if steering.more_notes else ""
            yield from self._labelled("note ▸ ", steering.note + more, "", width)
        if steering.bans:
            yield from self._labelled("banned ▸ ", plural(steering.bans, "direction"), "", width)

    def _thoughts(self, text: str, width: int) -> Iterable[list[Run]]:
        text = sanitize(text[-_REASONING_CHARACTERS:]).strip("\n")
        if text:
            yield []
            for line in wrapped(text, width):
                yield [(line, None)]

    def _labelled(self, label: str, text: str, style: str, width: int) -> Iterable[list[Run]]:
        lines = wrapped(clean_line(text), max(1, width - len(label)))
        if width <= len(label) + 8:
            lines = wrapped(clean_line(label + text), width)
            yield from (self.runs([(line, style)]) for line in lines)
            return
        for index, line in enumerate(lines):
            mark = label if not index else " " * len(label)
            yield self.runs([(mark, style or "--accent"), (line, style)])
