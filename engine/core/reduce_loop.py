"""Applies the loop's events to a session: experiments, runs, verdicts, pauses, alarms."""

from __future__ import annotations

from statistics import fmean

from msgspec.structs import replace

from engine.core import events as ev
from engine.core.candidate import copied_fields
from engine.core.edit_use import EditUse
from engine.core.enums import DecisionKind, Outcome, QueueState, RunPurpose, StopMode
from engine.core.handlers import on
from engine.core.records import (
    DecisionRecord,
    Dropped,
    Experiment,
    Pause,
    Queued,
    Run,
    Spending,
    Vetoed,
    Waiting,
)
from engine.core.session import Session

VETOED_KEPT = 100
_ALARMS_SHOWN = 50
_DROPPED_SHOWN = 20
_STOP_CONDITIONS = ("until", "for_seconds", "patience")
_NOTHING_SPENT = Spending()


@on(ev.SessionStarted)
def _session_started(s: Session, e: ev.SessionStarted) -> Session:
    return s.with_(
        e,
        version=e.version,
        workspace=e.workspace,
        branch=e.branch,
        base_commit=e.base_commit,
        frontier=e.base_commit,
        config=e.config,
        results_file=e.results_file,
        notes=e.notes,
        started_at=e.at,
        limits_since=e.at,
    )


@on(ev.HistoryImported)
def _history_imported(s: Session, e: ev.HistoryImported) -> Session:
    return s.with_(e, past=e.attempts, notes=(*s.notes, *e.notes))


@on(ev.EngineStarted)
def _engine_started(s: Session, e: ev.EngineStarted) -> Session:
    if s.ended is not None:
        s = replace(s, limits_since=e.at, limits_after=s.finished)
    # A stop is for one engine: starting another one means that the session is to continue.
    return s.with_(e, engine_pid=e.pid, engine_starts=s.engine_starts + 1, ended=None, stop=None)


@on(ev.EngineStopped)
def _engine_stopped(s: Session, e: ev.EngineStopped) -> Session:
    return s.with_(e, engine_pid=None)


@on(ev.PlatformDetected)
def _platform_detected(s: Session, e: ev.PlatformDetected) -> Session:
    return s.with_(e, platform=e.platform)


@on(ev.ConfigChanged)
def _config_changed(s: Session, e: ev.ConfigChanged) -> Session:
    # An autonomy that the config changes counts for more than one set earlier on the screen.
    said_anew = e.config.autonomy is not s.config.autonomy
    if any(getattr(e.config, name) != getattr(s.config, name) for name in _STOP_CONDITIONS):
        s = replace(s, limits_since=e.at, limits_after=s.finished)
    return s.with_(e, config=e.config, autonomy_set=None if said_anew else s.autonomy_set)


@on(ev.ProposalDrafted)
def _proposal_drafted(s: Session, e: ev.ProposalDrafted) -> Session:
    taken = [q for q in s.queue if q.number == e.queued]
    experiment = Experiment(
        number=e.experiment,
        drafted_at=e.at,
        against=s.incumbent,
        decisions=taken[0].decisions if taken else (),
        spending=s.drafting,
        **copied_fields(e, Experiment),
    )
    return s.with_(
        e,
        experiments=s.experiments.append(experiment),
        latest_patch=e.patch,
        latest_reasoning=e.reasoning,
        waiting=None,
        queue=tuple(q for q in s.queue if q.number != e.queued) if e.queued else s.queue,
        pins=tuple(replace(p, experiment=e.experiment) if p.number == e.pin else p for p in s.pins)
        if e.pin
        else s.pins,
        drafting=_NOTHING_SPENT,
    )


@on(ev.ProposalQueued)
def _proposal_queued(s: Session, e: ev.ProposalQueued) -> Session:
    queued = Queued(
        after=e.after,
        at=e.at,
        why=e.why,
        state=QueueState.ASKED if e.why else QueueState.READY,
        **copied_fields(e, Queued),
    )
    return s.with_(e, queue=(*s.queue, queued), queued_ever=e.queued, waiting=None)


@on(ev.ProposalDropped)
def _proposal_dropped(s: Session, e: ev.ProposalDropped) -> Session:
    dropped = [
        Dropped(at=e.at, hypothesis=q.proposal.hypothesis, reason=e.reason)
        for q in s.queue
        if q.number == e.queued
    ]
    return s.with_(
        e,
        queue=tuple(q for q in s.queue if q.number != e.queued),
        dropped=(*s.dropped, *dropped)[-_DROPPED_SHOWN:],
    )


@on(ev.ProposalRevised)
def _proposal_revised(s: Session, e: ev.ProposalRevised) -> Session:
    runs = s.experiment(e.experiment).runs
    changed = s.change(
        e,
        e.experiment,
        proposal=e.proposal,
        findings=e.findings,
        commit="",
        revised_after=runs[-1].number if runs else 0,
        prompt_key=e.prompt_key or s.experiment(e.experiment).prompt_key,
    )
    thoughts = "\n\n".join(filter(None, (s.latest_reasoning, e.reasoning)))
    return replace(changed, latest_patch=e.patch, latest_reasoning=thoughts)


@on(ev.CostIncurred)
def _cost_incurred(s: Session, e: ev.CostIncurred) -> Session:
    spending = s.spending.plus(e)
    if not e.experiment:
        return s.with_(e, spending=spending)
    if e.experiment > len(s.experiments):
        return s.with_(e, spending=spending, drafting=s.drafting.plus(e))
    of_one = s.experiment(e.experiment).spending.plus(e)
    return replace(s.change(e, e.experiment, spending=of_one), spending=spending)


@on(ev.AgentWaited)
def _agent_waited(s: Session, e: ev.AgentWaited) -> Session:
    ends_after = e.seq if e.for_answer else 0
    waiting = Waiting(
        reason=e.reason, since=e.at, until=e.until, tries=e.tries, ends_after=ends_after
    )
    return s.with_(e, waiting=waiting)


@on(ev.CandidateCommitted)
def _candidate_committed(s: Session, e: ev.CandidateCommitted) -> Session:
    return s.change(e, e.experiment, commit=e.commit, ref=e.ref)


@on(ev.LockedFilesHashed)
def _locked_files_hashed(s: Session, e: ev.LockedFilesHashed) -> Session:
    return s.with_(e, locked=e.files)


@on(ev.InputsRecorded)
def _inputs_recorded(s: Session, e: ev.InputsRecorded) -> Session:
    earlier = tuple(known for known in s.epochs if known.epoch < e.epoch)
    # The first record of an epoch says how it began.
    same = next((known for known in s.epochs if known.epoch == e.epoch), None)
    now = e if same is None else replace(e, changes=same.changes, at=same.at)
    return s.with_(e, epochs=(*earlier, now))


@on(ev.EditProbeStarted)
def _edit_probe_started(s: Session, e: ev.EditProbeStarted) -> Session:
    return s.with_(e, is_probing=True)


@on(ev.EditProbed)
def _edit_probed(s: Session, e: ev.EditProbed) -> Session:
    runs = len(s.experiment(e.experiment).runs)
    return s.with_(e, is_probing=False, edit_use=EditUse(e.used, e.reason, runs))


@on(ev.RunStarted)
def _run_started(s: Session, e: ev.RunStarted) -> Session:
    run = Run(
        number=e.run,
        slot=e.slot,
        directory=e.directory,
        deadline_seconds=e.deadline_seconds,
        started_at=e.at,
        report_digest=e.report_digest,
        purpose=e.purpose,
        after=len(s.experiments),
        epoch=s.epoch,
    )
    changed = s.change(e, e.experiment, runs=(*s.experiment(e.experiment).runs, run))
    repeating = e.experiment if s.experiment(e.experiment).verdict is not None else None
    return replace(changed, repeating=repeating)


@on(ev.RunAdopted)
def _run_adopted(s: Session, e: ev.RunAdopted) -> Session:
    run = next(r for r in s.experiment(e.experiment).runs if r.number == e.run)
    return s.change_run(e, e.experiment, e.run, adopted=run.adopted + 1)


@on(ev.RunProgressed)
def _run_progressed(s: Session, e: ev.RunProgressed) -> Session:
    run = next(r for r in s.experiment(e.experiment).runs if r.number == e.run)
    curve = (*run.curve, ev.ProgressPoint(e.share, e.loss))
    return s.change_run(e, e.experiment, e.run, curve=curve)


@on(ev.RunFellBehind)
def _run_fell_behind(s: Session, e: ev.RunFellBehind) -> Session:
    return s.change_run(e, e.experiment, e.run, behind=e)


@on(ev.DevicesSampled)
def _devices_sampled(s: Session, e: ev.DevicesSampled) -> Session:
    return s.with_(e, machine=e)


@on(ev.RunEnded)
def _run_ended(s: Session, e: ev.RunEnded) -> Session:
    changed = s.change_run(
        e,
        e.experiment,
        e.run,
        ended_at=e.at,
        outcome=e.outcome,
        detail=e.detail,
        todo=e.todo,
        exit_code=e.exit_code,
        signal=e.signal,
        seconds=e.seconds,
        peak_rss_bytes=e.peak_rss_bytes,
    )
    # A run that finished is still to be measured.
    return changed if e.outcome is Outcome.FINISHED else replace(changed, repeating=None)


@on(ev.Measured)
def _measured(s: Session, e: ev.Measured) -> Session:
    metric = e.measurement.metric
    changed = s.change_run(e, e.experiment, e.run, metric=metric, doubted=bool(e.doubts))
    run = next((r for r in changed.experiment(e.experiment).runs if r.number == e.run), None)
    if run is not None and run.purpose is not RunPurpose.CLOSING and not run.doubted:
        changed = changed.change(e, e.experiment, epoch=run.epoch)
    experiment = changed.experiment(e.experiment)
    if experiment.verdict is not None:
        return replace(changed, repeating=None)
    values = experiment.values(RunPurpose.TRIAL)
    measurement = replace(e.measurement, metric=fmean(values)) if values else e.measurement
    # A repeat of a surprising result does not make it less so.
    surprises = (experiment.surprises if len(values) > 1 else ()) or e.surprises
    return changed.change(
        e,
        e.experiment,
        measurement=measurement,
        doubts=e.doubts,
        surprises=surprises,
        breaches=e.breaches,
    )


@on(ev.VerdictGiven)
def _verdict_given(s: Session, e: ev.VerdictGiven) -> Session:
    changed = s.change(
        e,
        e.experiment,
        verdict=e.verdict,
        verdict_reason=e.reason,
        gain=e.gain,
        indecisive=e.indecisive,
        results_bytes=e.results_bytes,
        ended_at=e.at,
    )
    name = e.verdict.value
    counts = replace(s.counts, **{name: getattr(s.counts, name) + 1})
    held = (e.experiment,) if changed.experiment(e.experiment).held else ()
    return replace(changed, counts=counts, held_numbers=(*s.held_numbers, *held))


@on(ev.RowWritten)
def _row_written(s: Session, e: ev.RowWritten) -> Session:
    if not e.status:
        return s.change(e, e.experiment, row_written=True)
    changed = s.change(e, e.experiment, row_written=True, row_status=e.status, ended_at=e.at)
    return replace(changed, counts=replace(s.counts, other=s.counts.other + 1))


@on(ev.FrontierAdvanced)
def _frontier_advanced(s: Session, e: ev.FrontierAdvanced) -> Session:
    changed = s.change(e, e.experiment, advanced=True, against=s.incumbent)
    same = s.experiment(e.experiment).commit
    aliases = s.aliases if e.commit == same else {**s.aliases, e.commit: s.canonical_commit(same)}
    return replace(changed, frontier=e.commit, incumbent=e.experiment, aliases=aliases)


@on(ev.Paused)
def _paused(s: Session, e: ev.Paused) -> Session:
    return s.with_(e, pause=Pause(at=e.at, by=e.by, reason=e.reason, todo=e.todo))


@on(ev.Resumed)
def _resumed(s: Session, e: ev.Resumed) -> Session:
    return s.with_(e, pause=None, resumed_after=s.finished)


@on(ev.StopRequested)
def _stop_requested(s: Session, e: ev.StopRequested) -> Session:
    one, run = s.in_training, s.running
    if e.mode is StopMode.NOW and one is not None and run is not None:
        s = s.change_run(e, one.number, run.number, stopped=True)
    return s.with_(e, stop=e.mode, stop_reason=e.reason)


@on(ev.StopCancelled)
def _stop_cancelled(s: Session, e: ev.StopCancelled) -> Session:
    return s.with_(e, stop=None)


@on(ev.KillRequested)
def _kill_requested(s: Session, e: ev.KillRequested) -> Session:
    changed = s.change_run(e, e.experiment, e.run, kill_requested=True, veto=e.reason)
    experiment = changed.experiment(e.experiment)
    decided = DecisionRecord(
        at=e.at,
        kind=DecisionKind.VETOED if e.reason else DecisionKind.KILLED,
        by=e.by,
        reason=e.reason,
        patch_id=experiment.proposal.patch_id,
    )
    changed = changed.change(e, e.experiment, decisions=(*experiment.decisions, decided))
    if not e.reason:
        return changed
    vetoed = Vetoed(
        at=e.at, by=e.by, reason=e.reason, proposal=experiment.proposal, patch=s.latest_patch
    )
    return replace(changed, vetoed=(*s.vetoed, vetoed)[-VETOED_KEPT:], last_steering_seq=e.seq)


@on(ev.StepFailed)
def _step_failed(s: Session, e: ev.StepFailed) -> Session:
    errors = (*s.experiment(e.experiment).step_errors, e.error)
    return s.change(e, e.experiment, step_errors=errors)


@on(ev.ExperimentSkipped)
def _experiment_skipped(s: Session, e: ev.ExperimentSkipped) -> Session:
    experiment = s.experiment(e.experiment)
    decided = DecisionRecord(
        at=e.at,
        kind=DecisionKind.SKIPPED,
        by=e.by,
        reason=e.reason,
        patch_id=experiment.proposal.patch_id,
    )
    run = experiment.run
    if run is not None and run.outcome is None:
        s = s.change_run(e, e.experiment, run.number, kill_requested=True)
    decisions = (*experiment.decisions, decided)
    return s.change(e, e.experiment, skipped=e.reason, decisions=decisions)


@on(ev.AlarmRaised)
def _alarm_raised(s: Session, e: ev.AlarmRaised) -> Session:
    return s.with_(e, alarms=(*s.alarms, e)[-_ALARMS_SHOWN:])


@on(ev.SessionEnded)
def _session_ended(s: Session, e: ev.SessionEnded) -> Session:
    return s.with_(e, ended=e.reason, stop=None)
