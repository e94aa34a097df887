"""Builds briefings: everything an agent may use for one proposal, from session and workspace."""

from __future__ import annotations

from pathlib import Path

from engine.agents.base import AgentSpending, Attempt, Briefing, Failure, Pending, Veto
from engine.core.analysis.failure_streak import failure_advice, failure_streak
from engine.core.analysis.plateau import current_dry_spell, plateau_advice
from engine.core.enums import DecisionKind, Origin, QueueState, Verdict
from engine.core.imported_attempt import PastAttempt
from engine.core.records import Experiment, Queued, Vetoed
from engine.core.session import Session
from engine.core.task_files import README, SHOWN_DEPENDENCIES
from engine.core.text import one_line
from engine.loop.context import SessionContext
from engine.loop.earlier_sessions import earlier_sessions
from engine.loop.program_versions import ProgramVersions
from engine.loop.source_cache import SourceCache

_MAX_IMPORTED_ROWS = 60
"""The most rows of an imported results table in a briefing; the newest are used."""


class BriefingBuilder:
    """Builds briefings for agents; reads what does not change within a session only once.

    Args:
        context: The session's journal, workspace, files and agent.
        program: Holds the version of program.md in force.
        sources: Reads the editable file as of a commit.
    """

    def __init__(
        self, context: SessionContext, program: ProgramVersions, sources: SourceCache
    ) -> None:
        self._context = context
        self._program = program
        self._sources = sources
        self._locked_texts: dict[str, str] | None = None
        self._earlier_text: str | None = None
        self.shortened = 0
        """How many times a provider found the prompt too long; each time the prompt is halved."""

    async def build(
        self,
        number: int,
        base: str,
        *,
        failure: Failure | None = None,
        pinned: str = "",
        worktree: Path | None = None,
    ) -> Briefing:
        """Build the briefing that an agent gets for one proposal.

        Args:
            number: The number of the experiment that the proposal is for.
            base: The hash of the commit that the edit starts from.
            failure: A crashed edit to repair; None: propose a new edit.
            pinned: The user's hypothesis that the agent is to work out; empty: the agent's own.
            worktree: A scratch worktree, for agents that edit files themselves.
        """
        source = await self._sources.at(base)
        context = await self._locked_file_texts()
        session = self._context.session
        spent = session.spending
        pending = () if failure is not None else self._pending()
        failing = "" if pinned else failure_advice(session)
        return Briefing(
            number=number,
            source=source,
            base=session.canonical_commit(base),
            program=self._program.text,
            config=session.config,
            platform=session.platform,
            history=tuple(
                _attempt(e, session)
                for e in session.experiments
                if e.verdict is not None and e.origin is not Origin.CONFIRM
            ),
            context=context,
            failure=failure,
            earlier=self._earlier(),
            pending=pending,
            candidate=current_dry_spell(session) + len(pending),
            direction=failing or ("" if pinned else plateau_advice(session)),
            repeated_error=failure_streak(session).error if failing else "",
            pinned=pinned,
            banned=tuple(ban.text for ban in session.bans),
            notes=tuple(note.text for note in session.agent_notes),
            vetoes=tuple(_veto(v) for v in session.vetoed),
            worktree=worktree,
            shorten=self.shortened,
            spent=AgentSpending(
                tokens=spent.tokens, dollars=spent.dollars, unpriced=spent.unpriced
            ),
        )

    def _pending(self) -> tuple[Pending, ...]:
        session = self._context.session
        current = session.current
        first = len(session.experiments) + 1
        ahead = [_pending(first + i, queued, session) for i, queued in enumerate(session.queue)]
        if current is not None and not current.is_baseline:
            ahead.insert(0, _pending(current.number, current, session))
        return tuple(ahead)

    def _earlier(self) -> str:
        """Return a summary of the workspace's other sessions and of this one's imported table.

        "" where there is nothing to report.
        """
        if self._earlier_text is None:
            session = self._context.session
            parts = [imported_rows_text(session.past)] if session.past else []
            parts.append(earlier_sessions(self._context.workspace.path, session.config.tag))
            self._earlier_text = "\n".join(filter(None, parts))
        return self._earlier_text

    async def _locked_file_texts(self) -> dict[str, str]:
        """Return the locked code, the dependencies and the README as of the session's base commit.

        They are .py, .md, .toml and other short text files, by name.
        """
        if self._locked_texts is None:
            session, workspace = self._context.session, self._context.workspace
            locked = (n for n in session.config.locked if n.endswith((".py", ".md", ".toml")))
            names = dict.fromkeys((*locked, *SHOWN_DEPENDENCIES, README))
            texts = dict[str, str]()
            for name in names:
                text = await self._context.in_git_thread(
                    workspace.try_read, session.base_commit, name
                )
                if text is not None and name not in session.config.files:
                    texts[name] = text
            self._locked_texts = texts
        return self._locked_texts


def imported_rows_text(attempts: tuple[PastAttempt, ...]) -> str:
    """Return the last 60 imported rows of a session as text for the agent, one line per row."""
    lines = ["From the table of this session before it had a journal (the baseline is new):"]
    for past in attempts[-_MAX_IMPORTED_ROWS:]:
        verdict = past.verdict.value if past.verdict is not None else "no verdict"
        value = "" if past.metric is None else f", {past.metric:.9g}"
        description = one_line(past.description, 200)
        lines.append(f"- {description} → {verdict}{value}")
    return "\n".join(lines) + "\n"


def _veto(vetoed: Vetoed) -> Veto:
    proposal = vetoed.proposal
    return Veto(
        hypothesis=proposal.hypothesis,
        reason=vetoed.reason,
        patch=vetoed.patch,
        patch_id=proposal.patch_id,
        source_key=proposal.source_key,
        knobs=proposal.knobs,
    )


def _pending(number: int, record: Experiment | Queued, session: Session) -> Pending:
    return Pending(
        number=number,
        base=session.canonical_commit(record.base),
        hypothesis=record.proposal.hypothesis,
        category=record.proposal.category,
        patch_id=record.proposal.patch_id,
        source_key=record.proposal.source_key,
        knobs=record.proposal.knobs,
        in_question=isinstance(record, Queued) and record.state is not QueueState.READY,
    )


def _reason(experiment: Experiment, session: Session) -> str:
    if experiment.measurement is not None and experiment.epoch != session.epoch:
        return f"measured with other data (evaluation epoch {experiment.epoch}): " + (
            experiment.verdict_reason
        )
    overruled = [d for d in experiment.decisions if d.kind is DecisionKind.OVERRULED]
    if experiment.overruled is None or not overruled:
        return experiment.verdict_reason
    return f"overruled by the user: {overruled[-1].reason}"


def _value(experiment: Experiment, session: Session) -> float | None:
    """Return an experiment's value; None for a crash, and for one of another evaluation epoch."""
    if experiment.verdict is Verdict.CRASH or experiment.epoch != session.epoch:
        return None
    return experiment.epoch_value


def _attempt(experiment: Experiment, session: Session) -> Attempt:
    assert experiment.verdict is not None
    measured, run = experiment.measurement, experiment.run
    return Attempt(
        number=experiment.number,
        base=session.canonical_commit(experiment.base),
        commit=session.canonical_commit(experiment.commit),
        hypothesis=experiment.proposal.hypothesis,
        category=experiment.proposal.category,
        verdict=experiment.effective_verdict or experiment.verdict,
        outcome=experiment.outcome,
        metric=_value(experiment, session),
        gain=None if experiment.doubted or experiment.breaches else experiment.gain,
        patch_id=experiment.proposal.patch_id,
        source_key=experiment.proposal.source_key,
        rationale=experiment.proposal.rationale,
        reason=_reason(experiment, session),
        detail=run.detail if run is not None else "",
        seconds=run.seconds if run is not None else 0.0,
        memory_gb=measured.memory_gb if measured is not None else None,
        curve=tuple((p.share, p.loss) for p in run.curve) if run is not None else (),
        knobs=experiment.proposal.knobs,
    )
