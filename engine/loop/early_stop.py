"""Finds that a run's loss is too far behind to recover, records it, and may have the run stopped.

The evidence is the loss curves of the session's finished runs; see `engine.core.curves.early_stop`.
"""

from __future__ import annotations

from engine.core import events as ev
from engine.core.analysis.finished_curves import finished_curves, is_first_try, reference_run
from engine.core.curves.curve import Curve, CurveBuilder, Track
from engine.core.curves.early_stop import Evidence, Hindsight, checks_reached
from engine.core.enums import EarlyStop, Outcome
from engine.core.errors import JournalError
from engine.core.records import Experiment, Run
from engine.core.session import Session
from engine.loop.context import SessionContext
from engine.loop.stall import machine_error
from engine.store.curve_file import read_curve


class EarlyStopping:
    """Judges the current run's loss curve at each check of the rule.

    Args:
        context: The session's journal, workspace, files and agent.
    """

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._tracks: dict[str, Track | None] = {}
        """The curves of finished runs, by the run's directory; None for one without shares."""
        self._evidence: tuple[int, Evidence] = 0, Evidence(())
        """The number of finished experiments, and the evidence of their curves."""
        self._checked = "", 0
        """The directory of the run judged last, and the number of checks it had reached."""

    def is_due(
        self, experiment: Experiment, run: Run, curve: CurveBuilder, elapsed_seconds: float
    ) -> bool:
        """Judge a run where it has reached a new check; return whether it is to be stopped.

        A baseline, a repeat and a run that the user asked for are never judged.

        Args:
            experiment: The run's experiment.
            run: The run.
            curve: Its loss curve so far.
            elapsed_seconds: The seconds since its start.
        """
        session = self._context.session
        mode = session.config.early_stop
        now = session.experiment(experiment.number).runs[-1]
        if mode is EarlyStop.OFF or not is_first_try(experiment, run) or not curve.points:
            return False
        if now.behind is not None:
            return now.behind.stops
        share = curve.points[-1].share
        reached = checks_reached(share)
        if share is None or share >= 1 or not reached or (run.directory, reached) == self._checked:
            return False
        self._checked = run.directory, reached
        found = self._judge(session, experiment, run, curve, elapsed_seconds)
        if found is None:
            return False
        try:
            self._context.record(found)
        except JournalError as error:
            if machine_error(error) is None:
                raise
            self._checked = "", 0  # recorded at the next poll
            return False
        return found.stops

    def _judge(
        self,
        session: Session,
        experiment: Experiment,
        run: Run,
        curve: CurveBuilder,
        elapsed_seconds: float,
    ) -> ev.RunFellBehind | None:
        best = reference_run(session, experiment, run)
        if best is None:
            return None
        track, reference = Curve(curve.points).by_share(), self._track(*best)
        if track is None or reference is None:
            return None
        evidence = self._evidence_of(session)
        behind = evidence.judge(track, reference)
        if behind is None:
            return None
        hindsight: Hindsight = evidence.hindsight()
        return ev.RunFellBehind(
            experiment=experiment.number,
            run=run.number,
            against=best[0].number,
            share=behind.share,
            gap=behind.gap,
            limit=behind.limit,
            curves=behind.curves,
            hindsight_stopped=len(hindsight.stopped),
            hindsight_keeps=len(hindsight.keeps_lost),
            stops=session.config.early_stop is EarlyStop.KILL,
            saved_seconds=max(0.0, best[1].seconds - elapsed_seconds),
        )

    def _evidence_of(self, session: Session) -> Evidence:
        if self._evidence[0] != session.counts.total:
            found = finished_curves(session, self._track)
            self._evidence = session.counts.total, Evidence(found)
        return self._evidence[1]

    def _track(self, experiment: Experiment, run: Run) -> Track | None:
        if run.directory not in self._tracks:
            curve = read_curve(self._context.workspace.path / run.directory)
            self._tracks[run.directory] = curve.by_share()
        return self._tracks[run.directory]


def stop_reason(run: Run) -> str:
    """Return why a run was stopped early, as the reason of its verdict."""
    behind = run.behind
    if behind is None:
        return Outcome.STOPPED_EARLY.value
    return (
        f"stopped early at {behind.share:.0%}: its loss was {behind.gap:.4g} above that of "
        f"#{behind.against}, and no run recovered from more than {behind.limit:.4g}"
    )
