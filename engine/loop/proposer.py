"""Drafts the next proposal, from a pin or the agent; rejects one that was vetoed or is queued."""

from __future__ import annotations

from msgspec.structs import replace

from engine.agents.base import Draft, PromptPreview
from engine.core import events as ev
from engine.core.candidate import Candidate
from engine.core.enums import Actor, AlarmKind, Origin
from engine.core.errors import AgentError, UnusableAnswerError
from engine.core.patches.knob_settings import literal_settings
from engine.core.patches.knobs import KnobError, find_knobs, set_knobs
from engine.core.patches.patch import apply_patch, make_patch
from engine.core.patches.proposal_edit import is_same_edit
from engine.core.records import Pin, Vetoed
from engine.loop.agent_call import AgentCalls, proposal_of
from engine.loop.briefing import BriefingBuilder
from engine.loop.context import SessionContext
from engine.loop.program_versions import ProgramVersions
from engine.loop.review import Reviewer
from engine.loop.source_cache import SourceCache
from engine.store.program_file import program_key


class Proposer:
    """Drafts one proposal at a time, from the next pin or by asking the agent.

    Args:
        context: The session's journal, workspace, files and agent.
        program: Gives the steering basis, the name for the user's instructions in force, which is
            kept with each proposal.
        sources: Reads the editable file as of a commit.
        briefings: Builds the briefing that an agent makes its proposal from.
        calls: Asks the agent, which may cost money.
        reviewer: Runs the risk check on edits.
    """

    def __init__(
        self,
        context: SessionContext,
        program: ProgramVersions,
        sources: SourceCache,
        briefings: BriefingBuilder,
        calls: AgentCalls,
        reviewer: Reviewer,
    ) -> None:
        self._context = context
        self._program = program
        self._sources = sources
        self._briefings = briefings
        self._calls = calls
        self._reviewer = reviewer

    def next_pin(self) -> Pin | None:
        """Return the first waiting pin without a queued proposal; None where there is none."""
        session = self._context.session
        queued = {q.pin for q in session.queue}
        return next((p for p in session.waiting_pins if p.number not in queued), None)

    async def propose(self, number: int, *, worktree: str = "agent") -> Candidate | None:
        """Draft a proposal at the frontier, from the next pin or the agent, and run the risk check.

        Args:
            number: The number of the experiment that the proposal is for.
            worktree: The name of the scratch worktree, for agents that edit files themselves.

        Returns:
            The candidate; None where the user paused, stopped or changed the pin meanwhile, or the
            pin turned out to be impossible.

        Raises:
            AgentError: The agent failed; no experiment is used up.
        """
        base, pin = self._context.session.frontier, self.next_pin()
        basis = self._program.steering_basis if pin is None else self.pin_basis(pin.number)
        source = await self._sources.at(base)
        if pin is None:
            candidate = await self._calls.ask(number, base, worktree=worktree)
            if candidate is not None:
                self._reject_repeat(candidate)
        else:
            candidate = await self._work_out(pin, number, base, worktree)
        if candidate is None:
            return None
        edited = apply_patch(source, candidate.patch)
        findings = await self._reviewer.assess(source, edited)
        if pin is not None and pin not in self._context.session.waiting_pins:
            return None  # removed or changed meanwhile
        return replace(
            candidate,
            findings=findings,
            origin=Origin.AGENT if pin is None else Origin.PIN,
            pin=0 if pin is None else pin.number,
            basis=basis,
        )

    async def _work_out(self, pin: Pin, number: int, base: str, worktree: str) -> Candidate | None:
        """Return the edit that a pin asks for, made literally or by the agent.

        None where the pin was removed, by the user or because it cannot be carried out, or where
        the user paused or stopped meanwhile.
        """
        literal = await self._literal_edit(pin, base)
        if literal is not None or pin not in self._context.session.waiting_pins:
            return literal
        if self._calls.next_agent(thinks=True).name == "search":
            self._refuse(
                pin,
                "the knob search cannot work out a sentence: write knobs and values, such as "
                "MATRIX_LR=0.05, or choose an agent that thinks",
            )
            return None
        return await self._calls.ask(number, base, worktree=worktree, pinned=pin.text)

    async def preview_prompt(self) -> str:
        """Return the prompt that the agent would be sent next, as text for the user; sends nothing.

        A sentence instead where no agent would be asked; two prompts where two agents take turns.

        Raises:
            AgentError: The agent cannot show its prompt, or would refuse to propose.
        """
        session, pin = self._context.session, self.next_pin()
        if not session.experiments:
            return "The first experiment is the file as it is: no agent is asked."
        agent = self._calls.next_agent(thinks=pin is not None)
        number = len(session.experiments) + len(session.ready) + len(session.asked) + 1
        if pin is not None and literal_settings(pin.text, self._context.session.config.files):
            return f"No agent is asked: your pin is taken literally.\n\n{pin.text}\n"
        if not isinstance(agent, PromptPreview):
            raise AgentError(f"The agent {agent.name!r} does not show its prompt.")
        pinned = pin.text if pin is not None else ""
        briefing = await self._briefings.build(number, session.frontier, pinned=pinned)
        prompt = await agent.preview(briefing)
        thinker = self._calls.next_agent(thinks=True)
        if thinker is agent or not isinstance(thinker, PromptPreview):
            return prompt
        later = await thinker.preview(briefing)
        now, then = f"━━ next: {agent.name} ━━", f"━━ at its next turn: {thinker.name} ━━"
        return f"{now}\n\n{prompt}\n{then}\n\n{later}"

    def pin_basis(self, number: int) -> str:
        """Return a name for the text of the waiting pin `number`; "" where no such pin waits.

        It is kept with a proposal made from the pin; the proposal is stale once the name changes.
        """
        waiting = self._context.session.waiting_pins
        pin = next((p for p in waiting if p.number == number), None)
        return "" if pin is None else f"pin:{program_key(pin.text)}"

    def matching_veto(self, candidate: Candidate) -> Vetoed | None:
        """Return the user's veto of this edit or of an equivalent one; None where there is none."""
        key, patch = candidate.proposal.source_key, candidate.patch
        for veto in self._context.session.vetoed:
            if is_same_edit(key, patch, veto.proposal.source_key, veto.patch):
                return veto
        return None

    def looks_ahead(self) -> bool:
        """Return whether the next proposal can be drafted usefully while a run still trains."""
        pin = self.next_pin()
        if pin is not None and literal_settings(pin.text, self._context.session.config.files):
            return True
        agent = self._calls.next_agent(thinks=pin is not None)
        return bool(getattr(agent, "looks_ahead", False))

    def _refuse(self, pin: Pin, reason: str) -> None:
        self._context.record(ev.PinRemoved(pin=pin.number, by=Actor.ENGINE, reason=reason))
        self._context.alarm(AlarmKind.PIN, f"pin {pin.number} is not done: {reason}")

    async def _literal_edit(self, pin: Pin, base: str) -> Candidate | None:
        """Return the edit of a pin of knobs and values, such as `LR=0.05`, made without an agent.

        None where the pin is a sentence or a name is not a knob of the file. None too where the
        values are in the file already: the pin is then removed.
        """
        wanted = literal_settings(pin.text, self._context.session.config.files)
        if not wanted:
            return None
        source, file = await self._sources.at(base), self._context.session.config.file
        if pin not in self._context.session.waiting_pins:
            return None  # removed or changed meanwhile
        try:
            knobs = {knob.name: knob.literal for knob in find_knobs(source, file)}
            if not wanted.keys() <= knobs.keys():
                return None
            edited = set_knobs(source, wanted, file)
        except KnobError:
            return None
        patch = make_patch(file, source, edited)
        if not patch:
            self._refuse(pin, f"{pin.text} is so already")
            return None
        draft = Draft(
            source=edited,
            hypothesis=", ".join(f"{name} {knobs[name]} → {new}" for name, new in wanted.items()),
            rationale="Pinned by the user, taken literally.",
            knobs={name: (knobs[name], new) for name, new in wanted.items()},
        )
        proposal = proposal_of(draft, source, "you", file)
        return Candidate(base=base, proposal=proposal, patch=patch)

    def _reject_repeat(self, candidate: Candidate) -> None:
        if (veto := self.matching_veto(candidate)) is not None:
            raise _repeated(candidate, "proposed what was vetoed before", veto.reason)
        queued = self._context.session.waiting_patch(candidate.proposal.patch_id)
        if queued is not None:
            hypothesis = queued.proposal.hypothesis
            raise _repeated(candidate, "proposed what waits already", hypothesis)


def _repeated(candidate: Candidate, what: str, which: str) -> UnusableAnswerError:
    return UnusableAnswerError(
        f"The agent {candidate.proposal.agent!r} {what} ({which}).", "", "Resume to ask again."
    )
