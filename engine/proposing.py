"""From the frontier to a candidate commit: the agent is briefed, its edit checked, recorded,
committed.
"""

from __future__ import annotations

import asyncio
import dataclasses
import traceback
from collections.abc import AsyncGenerator, AsyncIterator

import msgspec

from engine.agents.base import (
    Attempt,
    Briefing,
    Draft,
    Failure,
    Spending,
    Thought,
    Usage,
)
from engine.core import events as ev
from engine.core.edits import apply_patch, count_lines, make_patch, patch_id
from engine.core.errors import AgentError, AutoresearchError, UnusableAnswerError
from engine.core.knobs import Knob, KnobError, find_knobs, set_knobs
from engine.core.live import Thinking
from engine.core.search_replace import source_key
from engine.core.session import Experiment
from engine.core.words import Outcome, Verdict
from engine.store.artifacts import keep_proposal
from engine.surroundings import Surroundings

MEMORY_KNOB = "DEVICE_BATCH_SIZE"
"""Halving it halves the activations and, with gradient accumulation, changes nothing else."""
_MOST_REPAIRS = 2


class Proposer:
    """Drafts and commits one experiment at a time."""

    def __init__(self, around: Surroundings) -> None:
        self._a = around
        self._drafting: asyncio.Task[Draft] | None = None
        self._sources: dict[str, str] = {}
        self._locked_texts: dict[str, str] | None = None
        self.shorten = 0
        """How often the provider found the prompt too long."""
        self.thinking = ""
        """The reasoning for the newest proposal, as far as it has come."""

    def cancel(self) -> None:
        """Give up the draft that is being made, if any; nothing is used up."""
        if self._drafting is not None:
            self._drafting.cancel()

    def source(self, commit: str) -> str:
        """The editable file at a commit."""
        if commit not in self._sources:
            text = self._a.workspace.read(commit, self._a.session.config.file)
            self._sources = {commit: text}
        return self._sources[commit]

    async def propose(self) -> None:
        """Draft the next experiment and record it; the first is the file as it is.

        Raises:
            AgentError: The agent could not; no experiment is used up.
        """
        session = self._a.session
        number, base = len(session.experiments) + 1, session.frontier
        source = self.source(base)
        if number == 1:
            draft: Draft | None = Draft(source=source, hypothesis="baseline", category="baseline")
        else:
            draft = await self._ask(number, base, source)
        if draft is None:
            return
        patch = make_patch(session.config.file, source, draft.source)
        if number > 1 and not patch:
            raise self._unusable("proposed no change")
        self._a.note(
            ev.ProposalDrafted(
                experiment=number,
                base=base,
                proposal=self._describe(draft, patch),
                patch=patch,
                reasoning=self.thinking,
            )
        )

    async def _ask(
        self, number: int, base: str, source: str, failure: Failure | None = None
    ) -> Draft | None:
        """The agent's draft; None when a person paused or stopped meanwhile."""
        self._drafting = asyncio.ensure_future(self._draft(number, base, source, failure))
        try:
            return await self._drafting
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                self._drafting.cancel()
                raise
            return None
        finally:
            self._drafting = None

    async def _draft(self, number: int, base: str, source: str, failure: Failure | None) -> Draft:
        self.thinking = ""
        self._a.publish(Thinking(text="", start=True))
        draft: Draft | None = None
        thoughts: AsyncIterator[Thought | Usage | Draft] | None = None
        briefing = self._brief(number, base, source, failure)
        try:
            thoughts = self._a.agent.propose(briefing)
            async for item in thoughts:
                match item:
                    case Thought():
                        self.thinking += item.text
                        self._a.publish(Thinking(text=item.text))
                    case Usage():
                        self._a.note(ev.CostIncurred(experiment=number, **dataclasses.asdict(item)))
                    case Draft():
                        draft = item
        except AutoresearchError:
            raise
        except Exception as error:
            # Agents come from other packages too; what they raise must not end the engine.
            traceback.print_exc()
            raise self._unusable(f"failed ({type(error).__name__}: {error})") from error
        finally:
            # Left at once also when a person pauses in the middle of a sentence.
            if isinstance(thoughts, AsyncGenerator):
                await thoughts.aclose()
        if draft is None:
            raise self._unusable("ended without a proposal")
        try:
            compile(draft.source, self._a.session.config.file, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            raise self._unusable(f"made an edit that is not valid Python ({error})") from error
        return draft

    def _unusable(self, what: str) -> AgentError:
        return UnusableAnswerError(
            f"The agent {self._a.agent.name!r} {what}.", "", "Resume to ask again."
        )

    def _describe(self, draft: Draft, patch: str) -> ev.Proposal:
        added, removed = count_lines(patch)
        return ev.Proposal(
            patch_id=patch_id(patch),
            hypothesis=" ".join(draft.hypothesis.split()),
            rationale=draft.rationale,
            expected=draft.expected,
            category=draft.category,
            agent=self._a.agent.name if patch else "",
            added=added,
            removed=removed,
            source_key=_key(draft.source),
            knobs=draft.knobs,
        )

    def _brief(self, number: int, base: str, source: str, failure: Failure | None) -> Briefing:
        session = self._a.session
        spending = session.spending
        program = self._a.workspace.path / "program.md"
        return Briefing(
            number=number,
            source=source,
            base=base,
            program=program.read_text("utf-8", "replace") if program.is_file() else "",
            config=session.config,
            platform=session.platform,
            history=tuple(_attempt(e) for e in session.experiments if e.verdict is not None),
            context=self._context(),
            failure=failure,
            shorten=self.shorten,
            spent=Spending(
                tokens=spending.tokens, dollars=spending.dollars, unpriced=spending.unpriced
            ),
        )

    def _context(self) -> dict[str, str]:
        """The locked files as they are at the session's base, read once."""
        if self._locked_texts is None:
            session, workspace = self._a.session, self._a.workspace
            names = [n for n in session.config.locked if n.endswith((".py", ".md", ".toml"))]
            texts = {n: workspace.try_read(session.base_commit, n) for n in names}
            self._locked_texts = {n: text for n, text in texts.items() if text is not None}
        return self._locked_texts

    async def repair(self, experiment: Experiment) -> bool:
        """After a code crash: have the agent mend its own edit, as a changed experiment.

        Returns:
            False where the agent does not repair, or has had its turn.
        """
        run = experiment.run
        if not self._a.agent.repairs or experiment.is_baseline or run is None:
            return False
        crashes = [r for r in experiment.runs if r.outcome is Outcome.CODE_CRASH]
        changed = len(crashes) < 2 or _last_line(crashes[-1].detail) != _last_line(
            crashes[-2].detail
        )
        if len(crashes) > _MOST_REPAIRS or not changed:
            return False
        session = self._a.session
        base = self.source(experiment.base)
        broken = apply_patch(base, session.latest_patch)
        failure = Failure(
            hypothesis=experiment.proposal.hypothesis, source=broken, detail=run.detail
        )
        draft = await self._ask(experiment.number, experiment.base, base, failure)
        if draft is None:
            return False  # a person paused or stopped meanwhile
        if draft.source in (base, broken):
            return False
        self._revise(
            experiment,
            base,
            draft.source,
            reason=f"repaired after {_last_line(run.detail)}",
            proposal=experiment.proposal,
        )
        return True

    def _revise(
        self, experiment: Experiment, base: str, source: str, *, reason: str, proposal: ev.Proposal
    ) -> None:
        """Put another edit into an open experiment; what ran stays held under its run's number."""
        self._a.workspace.hold(f"{experiment.ref}-run-{len(experiment.runs)}", experiment.commit)
        patch = make_patch(self._a.session.config.file, base, source)
        added, removed = count_lines(patch)
        revised = msgspec.structs.replace(
            proposal,
            patch_id=patch_id(patch),
            added=added,
            removed=removed,
            source_key=_key(source),
        )
        self._a.note(
            ev.ProposalRevised(
                experiment=experiment.number, reason=reason, proposal=revised, patch=patch
            )
        )

    def commit(self, experiment: Experiment) -> None:
        """Make the experiment's commit from its recorded patch, and hold it by a private ref."""
        session, number = self._a.session, experiment.number
        ref = f"refs/autoresearch/{session.config.tag}/{number}"
        keep_proposal(
            self._a.layout,
            number,
            experiment.proposal,
            session.latest_patch,
            session.latest_reasoning,
        )
        if experiment.is_baseline:
            commit = experiment.base
            self._a.workspace.hold(ref, commit)
        else:
            content = apply_patch(self.source(experiment.base), session.latest_patch)
            message = (
                f"{experiment.proposal.hypothesis}\n\n"
                f"Experiment: {number}\nSession: {session.config.tag}\n"
                f"Patch-Id: {experiment.proposal.patch_id}\n"
            )
            commit = self._a.workspace.commit_candidate(
                experiment.base, session.config.file, content, message, ref
            )
        self._a.note(ev.CandidateCommitted(experiment=number, commit=commit, ref=ref))

    def save_memory(self, experiment: Experiment) -> bool:
        """After an out-of-memory end: the same idea with half the device batch, as a changed
        experiment.

        Returns:
            False where there is nothing to halve, or it was halved before.
        """
        session = self._a.session
        if experiment.is_baseline or experiment.revised_after:
            return False
        base = self.source(experiment.base)
        candidate = apply_patch(base, session.latest_patch)
        knob = _memory_knob(candidate)
        if knob is None:
            return False
        half = str(int(knob.value) // 2)  # type: ignore[arg-type]
        smaller = set_knobs(candidate, {MEMORY_KNOB: half})
        if smaller == base:
            return False
        was, old = _memory_knob(base), experiment.proposal
        before = was.literal if was is not None else knob.literal
        knobs = {**old.knobs, MEMORY_KNOB: (before, half)}
        if before == half:  # the edit had doubled it
            del knobs[MEMORY_KNOB]
        change = f"{MEMORY_KNOB} {knob.literal} → {half}"
        hypothesis = f"{old.hypothesis} [with {change}, as it ran out of memory]"
        self._revise(
            experiment,
            base,
            smaller,
            reason="out of memory",
            proposal=msgspec.structs.replace(old, hypothesis=hypothesis, knobs=knobs),
        )
        return True


def _key(source: str) -> str:
    try:
        return source_key(source)
    except (SyntaxError, ValueError):
        return ""


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1][:200] if lines else ""


def _memory_knob(source: str) -> Knob | None:
    try:
        knobs = find_knobs(source)
    except KnobError:
        return None
    for knob in knobs:
        if knob.name == MEMORY_KNOB and isinstance(knob.value, int) and knob.value >= 2:
            return knob
    return None


def _attempt(experiment: Experiment) -> Attempt:
    assert experiment.verdict is not None
    measured, run = experiment.measurement, experiment.run
    return Attempt(
        number=experiment.number,
        base=experiment.base,
        commit=experiment.commit,
        hypothesis=experiment.proposal.hypothesis,
        category=experiment.proposal.category,
        verdict=experiment.verdict,
        outcome=experiment.outcome,
        metric=None if experiment.verdict is Verdict.CRASH or measured is None else measured.metric,
        gain=experiment.gain,
        patch_id=experiment.proposal.patch_id,
        source_key=experiment.proposal.source_key,
        rationale=experiment.proposal.rationale,
        reason=experiment.verdict_reason,
        detail=run.detail if run is not None else "",
        seconds=run.seconds if run is not None else 0.0,
        memory_gb=measured.memory_gb if measured is not None else None,
        curve=tuple((p.share, p.loss) for p in run.curve) if run is not None else (),
        knobs=experiment.proposal.knobs,
    )
