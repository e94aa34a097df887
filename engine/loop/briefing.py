"""What an agent is told: the folded session and the workspace, as a `Briefing`."""

from __future__ import annotations

from pathlib import Path

from engine.agents.base import AgentSpending, Attempt, Briefing, Failure, Pending, Veto
from engine.core.analysis.plateau import advice, spell_of
from engine.core.enums import DecisionKind, Origin, Verdict
from engine.core.imported_attempt import PastAttempt
from engine.core.records import Experiment, Queued, Vetoed
from engine.core.session import Session
from engine.core.text import one_line
from engine.loop.context import SessionContext
from engine.loop.earlier_sessions import earlier_sessions
from engine.loop.program_versions import Charter

_PAST_TOLD = 60


class Briefer:
    """Builds briefings; keeps what does not change within a session."""

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._sources: dict[str, str] = {}
        self._locked_texts: dict[str, str] | None = None
        self._before: str | None = None
        self.charter = Charter(context)
        self.shorten = 0
        """How often the provider found the prompt too long."""

    def source(self, commit: str) -> str:
        """The editable file at a commit."""
        if commit not in self._sources:
            text = self._context.workspace.read(commit, self._context.session.config.file)
            # The frontier, and what a proposal made ahead was made for.
            kept = list(self._sources.items())[-1:]
            self._sources = dict([*kept, (commit, text)])
        return self._sources[commit]

    def program(self) -> str:
        """The charter in force."""
        return self.charter.text

    def basis(self) -> str:
        """A name for all that the person tells the agent: another one makes a draft stale."""
        return f"{self.charter.key}:{self._context.session.last_steering_seq}"

    def brief(
        self,
        number: int,
        base: str,
        *,
        failure: Failure | None = None,
        pinned: str = "",
        worktree: Path | None = None,
    ) -> Briefing:
        """The briefing for an experiment that starts from `base`, or for the repair of one."""
        session = self._context.session
        spent = session.spending
        pending = () if failure is not None else self._pending()
        return Briefing(
            number=number,
            source=self.source(base),
            base=session.canonical_commit(base),
            program=self.program(),
            config=session.config,
            platform=session.platform,
            history=tuple(
                _attempt(e, session)
                for e in session.experiments
                if e.verdict is not None and e.origin is not Origin.CONFIRM
            ),
            context=self._locked_file_texts(),
            failure=failure,
            earlier=self._earlier(),
            pending=pending,
            candidate=spell_of(session) + len(pending),
            direction="" if pinned else advice(session),
            pinned=pinned,
            banned=tuple(ban.text for ban in session.bans),
            notes=tuple(note.text for note in session.agent_notes),
            vetoes=tuple(_veto(v) for v in session.vetoed),
            worktree=worktree,
            shorten=self.shorten,
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
        """What the workspace's other sessions found, and what this one's table told, read once."""
        if self._before is None:
            session = self._context.session
            parts = [past_text(session.past)] if session.past else []
            parts.append(earlier_sessions(self._context.workspace.path, session.config.tag))
            self._before = "\n".join(filter(None, parts))
        return self._before

    def _locked_file_texts(self) -> dict[str, str]:
        """The locked files as they are at the session's base, read once."""
        if self._locked_texts is None:
            session, workspace = self._context.session, self._context.workspace
            names = [n for n in session.config.locked if n.endswith((".py", ".md", ".toml"))]
            texts = {n: workspace.try_read(session.base_commit, n) for n in names}
            self._locked_texts = {n: text for n, text in texts.items() if text is not None}
        return self._locked_texts


def past_text(attempts: tuple[PastAttempt, ...]) -> str:
    """The last rows of a session without a journal, a line each."""
    lines = ["From the table of this session before it had a journal (the baseline is new):"]
    for past in attempts[-_PAST_TOLD:]:
        told = past.verdict.value if past.verdict is not None else "no verdict"
        value = "" if past.metric is None else f", {past.metric:.6g}"
        words = one_line(past.description, 200)
        lines.append(f"- {words} → {told}{value}")
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


def _pending(number: int, made: Experiment | Queued, session: Session) -> Pending:
    return Pending(
        number=number,
        base=session.canonical_commit(made.base),
        hypothesis=made.proposal.hypothesis,
        category=made.proposal.category,
        patch_id=made.proposal.patch_id,
        source_key=made.proposal.source_key,
        knobs=made.proposal.knobs,
    )


def _reason(experiment: Experiment) -> str:
    words = [d for d in experiment.decisions if d.kind is DecisionKind.OVERRULED]
    if experiment.overruled is None or not words:
        return experiment.verdict_reason
    return f"by the person's word: {words[-1].reason}"


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
        metric=None if experiment.verdict is Verdict.CRASH or measured is None else measured.metric,
        gain=experiment.gain,
        patch_id=experiment.proposal.patch_id,
        source_key=experiment.proposal.source_key,
        rationale=experiment.proposal.rationale,
        reason=_reason(experiment),
        detail=run.detail if run is not None else "",
        seconds=run.seconds if run is not None else 0.0,
        memory_gb=measured.memory_gb if measured is not None else None,
        curve=tuple((p.share, p.loss) for p in run.curve) if run is not None else (),
        knobs=experiment.proposal.knobs,
    )
