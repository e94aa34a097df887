"""One proposal, from whoever's turn it is: a person's pin first, else the agent's own idea; checked
against vetoes and assessed.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from engine.agents.base import Draft, PromptPreview
from engine.core import events as ev
from engine.core.enums import Actor, AlarmKind, Origin
from engine.core.errors import AgentError, UnusableAnswerError
from engine.core.finding import Finding
from engine.core.patches.knobs import KnobError, find_knobs, is_literal, set_knobs
from engine.core.patches.patch import make_patch
from engine.core.patches.proposal_edit import is_same_edit
from engine.core.records import Pin, Vetoed
from engine.loop.agent_call import Drafted, Drafter, describe
from engine.loop.briefing import Briefer
from engine.loop.context import SessionContext
from engine.loop.review import Reviewer
from engine.store.program_file import program_key

_SETTING = re.compile(r"\s*([A-Z][A-Z0-9_]*)\s*=\s*(.+?)\s*")


class Made(NamedTuple):
    """A proposal with all that is known of it before it is asked about or run."""

    base: str
    proposal: ev.Proposal
    patch: str
    reasoning: str
    findings: tuple[Finding, ...]
    origin: Origin
    pin: int
    basis: str
    """What the agent was told by the person."""
    prompt_key: str = ""
    """All that it was told, by its key."""


class Maker:
    """Makes proposals; keeps nothing between them."""

    def __init__(
        self, context: SessionContext, briefer: Briefer, drafter: Drafter, reviewer: Reviewer
    ) -> None:
        self._context = context
        self._briefer = briefer
        self._drafter = drafter
        self._reviewer = reviewer

    def next_pin(self) -> Pin | None:
        """The person's hypothesis that is to be worked out next."""
        at_work = {q.pin for q in self._context.session.queue}
        return next(
            (p for p in self._context.session.waiting_pins if p.number not in at_work), None
        )

    async def make(self, number: int, *, worktree: str = "agent") -> Made | None:
        """A proposal for experiment `number` at the frontier; None when a person paused or stopped
        meanwhile, or a pin turned out to be impossible.

        Raises:
            AgentError: The agent could not; no experiment is used up.
        """
        base, basis, pin = self._context.session.frontier, self._briefer.basis(), self.next_pin()
        source = self._briefer.source(base)
        drafted = self._literally(pin, source) if pin is not None else None
        if drafted is None:
            if pin is not None and pin not in self._context.session.waiting_pins:
                return None  # it asks for what is so already
            if pin is not None and not self._can_think():
                self._give_up(pin)
                return None
            text = pin.text if pin is not None else ""
            drafted = await self._drafter.ask(number, base, worktree=worktree, pinned=text)
        if drafted is None:
            return None
        if pin is None:
            self._refuse_repeated(drafted)
        findings = await self._reviewer.assess(source, drafted.source)
        if pin is not None and pin not in self._context.session.waiting_pins:
            return None  # it was taken back or reworded meanwhile
        return Made(
            base=base,
            proposal=drafted.proposal,
            patch=drafted.patch,
            reasoning=drafted.reasoning,
            findings=findings,
            origin=Origin.AGENT if pin is None else Origin.PIN,
            pin=0 if pin is None else pin.number,
            basis=basis if pin is None else self.pin_basis(pin.number),
            prompt_key=drafted.prompt_key,
        )

    async def memory(self) -> str:
        """What whoever proposes next would be told if they were asked at this moment.

        Raises:
            AgentError: The agent cannot show it, or would refuse to propose.
        """
        session, pin = self._context.session, self.next_pin()
        if not session.experiments:
            return "The first experiment is the file as it is: nobody is asked about it."
        agent = self._drafter.next_agent(pinned=pin is not None)
        waiting = len(session.ready) + len(session.asked)
        number = len(session.experiments) + waiting + 1
        if pin is not None and settings_of(pin.text):
            return f"Nobody is asked: your pin is taken literally.\n\n{pin.text}\n"
        if not isinstance(agent, PromptPreview):
            raise AgentError(f"The agent {agent.name!r} does not show what it is told.")
        text = pin.text if pin is not None else ""
        briefing = self._briefer.brief(number, session.frontier, pinned=text)
        prompt = await agent.memory(briefing)
        thinker = self._drafter.next_agent(pinned=True)
        if thinker is agent or not isinstance(thinker, PromptPreview):
            return prompt
        later = await thinker.memory(briefing)
        now, then = f"━━ next: {agent.name} ━━", f"━━ at its next turn: {thinker.name} ━━"
        return f"{now}\n\n{prompt}\n{then}\n\n{later}"

    def pin_basis(self, number: int) -> str:
        """A name for what a pin says; empty once it does not wait any more."""
        pin = next((p for p in self._context.session.waiting_pins if p.number == number), None)
        return "" if pin is None else f"pin:{program_key(pin.text)}"

    def veto_of(self, drafted: Drafted) -> Vetoed | None:
        """A person's refusal of this edit, or of the same in other words."""
        key, patch = drafted.proposal.source_key, drafted.patch
        for veto in self._context.session.vetoed:
            if is_same_edit(key, patch, veto.proposal.source_key, veto.patch):
                return veto
        return None

    def looks_ahead(self) -> bool:
        """Whether it is worth making the next proposal while another one trains."""
        pin = self.next_pin()
        if pin is not None and settings_of(pin.text):
            return True
        agent = self._drafter.next_agent(pinned=pin is not None)
        return bool(getattr(agent, "looks_ahead", False))

    def _can_think(self) -> bool:
        return self._drafter.next_agent(pinned=True).name != "search"

    def _give_up(self, pin: Pin) -> None:
        reason = (
            "the knob search cannot work out a sentence: write knobs and values, such as "
            "MATRIX_LR=0.05, or choose an agent that thinks"
        )
        self._refuse(pin, reason)

    def _refuse(self, pin: Pin, reason: str) -> None:
        self._context.note(ev.PinRemoved(pin=pin.number, by=Actor.ENGINE, reason=reason))
        self._context.note(
            ev.AlarmRaised(kind=AlarmKind.PIN, message=f"pin {pin.number} is not done: {reason}")
        )

    def _literally(self, pin: Pin, source: str) -> Drafted | None:
        """The edit, where the pin is nothing but knobs and values."""
        wanted = settings_of(pin.text)
        if not wanted:
            return None
        try:
            knobs = {knob.name: knob.literal for knob in find_knobs(source)}
            if not wanted.keys() <= knobs.keys():
                return None
            edited = set_knobs(source, wanted)
        except KnobError:
            return None
        patch = make_patch(self._context.session.config.file, source, edited)
        if not patch:
            self._refuse(pin, f"{pin.text} is so already")
            return None
        change = ", ".join(f"{name} {knobs[name]} → {new}" for name, new in wanted.items())
        draft = Draft(
            source=edited,
            hypothesis=change,
            rationale="Pinned by the person, taken literally.",
            knobs={name: (knobs[name], new) for name, new in wanted.items()},
        )
        return Drafted(edited, describe(draft, patch, "you"), patch, "")

    def _refuse_repeated(self, drafted: Drafted) -> None:
        if (veto := self.veto_of(drafted)) is not None:
            raise _repeated(drafted, "proposed what was vetoed before", veto.reason)
        queued = self._context.session.waiting_patch(drafted.proposal.patch_id)
        if queued is not None:
            said = queued.proposal.hypothesis
            raise _repeated(drafted, "proposed what waits already", said)


def _repeated(drafted: Drafted, what: str, which: str) -> UnusableAnswerError:
    return UnusableAnswerError(
        f"The agent {drafted.proposal.agent!r} {what} ({which}).", "", "Resume to ask again."
    )


def settings_of(text: str) -> dict[str, str]:
    """The knobs and values a text consists of, as `NAME=value`, separated by commas, semicolons,
    `and` or line ends; empty where it holds anything else.
    """
    wanted = looks_like_settings(text)
    return wanted if all(is_literal(value) for value in wanted.values()) else {}


def looks_like_settings(text: str) -> dict[str, str]:
    """As `settings_of`, but the values may be anything."""
    wanted: dict[str, str] = {}
    for part in re.split(r"[;\n]|\band\b|,(?=\s*[A-Z][A-Z0-9_]*\s*=)", text.strip()):
        match = _SETTING.fullmatch(part)
        if match is None:
            return {}
        wanted[match[1]] = match[2]
    return wanted
