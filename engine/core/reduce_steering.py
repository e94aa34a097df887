"""Applies the user's steering events to a session: reviews, pins, bans, notes, overrules."""

from __future__ import annotations

from msgspec.structs import replace

from engine.core import events as ev
from engine.core.enums import Actor, DecisionKind, QueueState, ReviewAnswer, Verdict
from engine.core.handlers import on
from engine.core.records import DecisionRecord, Instruction, Pin, ProgramVersion, Queued, Vetoed
from engine.core.reduce_loop import VETOED_KEPT
from engine.core.session import Session


def _decided(
    queued: Queued, event: ev.Event, kind: DecisionKind, by: Actor, reason: str = ""
) -> Queued:
    decided = DecisionRecord(
        at=event.at, kind=kind, by=by, reason=reason, patch_id=queued.proposal.patch_id
    )
    return replace(queued, decisions=(*queued.decisions, decided))


def _queued(s: Session, number: int) -> Queued | None:
    return next((q for q in s.queue if q.number == number), None)


def _put(s: Session, event: ev.Event, changed: Queued) -> Session:
    return s.with_(
        event, queue=tuple(changed if q.number == changed.number else q for q in s.queue)
    )


@on(ev.ReviewRequested)
def _review_requested(s: Session, e: ev.ReviewRequested) -> Session:
    queued = _queued(s, e.queued)
    if queued is None:
        return s.with_(e)
    asked = _decided(queued, e, DecisionKind.ASKED, Actor.POLICY, e.why)
    return _put(s, e, replace(asked, state=QueueState.ASKED, why=e.why, until=e.until, approved=""))


@on(ev.ReviewDecided)
def _review_decided(s: Session, e: ev.ReviewDecided) -> Session:
    queued = _queued(s, e.queued)
    if queued is None:
        return s.with_(e)
    if e.decision is ReviewAnswer.APPROVE:
        approved = _decided(queued, e, DecisionKind.APPROVED, e.by, e.reason)
        return _put(
            s, e, replace(approved, state=QueueState.READY, approved=e.patch_id, until=None)
        )
    vetoed = Vetoed(at=e.at, by=e.by, reason=e.reason, proposal=queued.proposal, patch=queued.patch)
    pins = tuple(
        replace(p, removed=f"its edit was vetoed: {e.reason}") if p.number == queued.pin else p
        for p in s.pins
    )
    return s.with_(
        e,
        queue=tuple(q for q in s.queue if q.number != e.queued),
        vetoed=(*s.vetoed, vetoed)[-VETOED_KEPT:],
        pins=pins if queued.pin else s.pins,
        last_steering_seq=e.seq,
    )


@on(ev.ProposalParked)
def _proposal_parked(s: Session, e: ev.ProposalParked) -> Session:
    queued = _queued(s, e.queued)
    if queued is None:
        return s.with_(e)
    parked = _decided(queued, e, DecisionKind.PARKED, Actor.TIMEOUT, e.reason)
    return _put(s, e, replace(parked, state=QueueState.PARKED, until=None))


@on(ev.ProposalEdited)
def _proposal_edited(s: Session, e: ev.ProposalEdited) -> Session:
    queued = _queued(s, e.queued)
    if queued is None:
        return s.with_(e)
    edited = replace(
        queued,
        # Another patch: an approval of the one before does not count for it.
        state=QueueState.ASKED,
        until=None,
        base=e.base,
        proposal=e.proposal,
        patch=e.patch,
        findings=e.findings,
        approved="",
    )
    return _put(s, e, _decided(edited, e, DecisionKind.EDITED, e.by))


@on(ev.AutonomySet)
def _autonomy_set(s: Session, e: ev.AutonomySet) -> Session:
    return s.with_(e, autonomy_set=e.autonomy)


@on(ev.HypothesisPinned)
def _hypothesis_pinned(s: Session, e: ev.HypothesisPinned) -> Session:
    pin = Pin(number=e.pin, text=e.text, by=e.by, at=e.at)
    return s.with_(e, pins=(*s.pins, pin), last_steering_seq=e.seq)


@on(ev.PinEdited)
def _pin_edited(s: Session, e: ev.PinEdited) -> Session:
    pins = tuple(replace(p, text=e.text) if p.number == e.pin else p for p in s.pins)
    return s.with_(e, pins=pins, last_steering_seq=e.seq)


@on(ev.PinMoved)
def _pin_moved(s: Session, e: ev.PinMoved) -> Session:
    waiting = [p for p in s.pins if p.waits and p.number != e.pin]
    moved = next(p for p in s.pins if p.number == e.pin)
    waiting.insert(e.place, moved)
    done = [p for p in s.pins if not p.waits]
    return s.with_(e, pins=(*done, *waiting), last_steering_seq=e.seq)


@on(ev.PinRemoved)
def _pin_removed(s: Session, e: ev.PinRemoved) -> Session:
    why = e.reason or f"removed from the {e.by}"
    pins = tuple(replace(p, removed=why) if p.number == e.pin else p for p in s.pins)
    return s.with_(e, pins=pins, last_steering_seq=e.seq)


@on(ev.DirectionBanned)
def _direction_banned(s: Session, e: ev.DirectionBanned) -> Session:
    ban = Instruction(number=e.ban, text=e.text, by=e.by, at=e.at)
    return s.with_(e, bans=(*s.bans, ban), banned_ever=e.ban, last_steering_seq=e.seq)


@on(ev.BanLifted)
def _ban_lifted(s: Session, e: ev.BanLifted) -> Session:
    return s.with_(e, bans=tuple(b for b in s.bans if b.number != e.ban), last_steering_seq=e.seq)


@on(ev.NoteAdded)
def _note_added(s: Session, e: ev.NoteAdded) -> Session:
    note = Instruction(number=e.note, text=e.text, by=e.by, at=e.at)
    return s.with_(
        e, agent_notes=(*s.agent_notes, note), noted_ever=e.note, last_steering_seq=e.seq
    )


@on(ev.NoteRemoved)
def _note_removed(s: Session, e: ev.NoteRemoved) -> Session:
    notes = tuple(n for n in s.agent_notes if n.number != e.note)
    return s.with_(e, agent_notes=notes, last_steering_seq=e.seq)


@on(ev.ProgramEdited)
def _program_edited(s: Session, e: ev.ProgramEdited) -> Session:
    from engine.core.patches.patch import count_lines  # most journals never need it

    added, removed = count_lines(e.diff)
    version = ProgramVersion(
        key=e.key,
        digest=e.digest,
        at=e.at,
        experiment=e.experiment,
        added=added,
        removed=removed,
    )
    return s.with_(e, programs=(*s.programs, version), program_question=None)


@on(ev.ProgramQuestioned)
def _program_questioned(s: Session, e: ev.ProgramQuestioned) -> Session:
    return s.with_(e, program_question=e)


@on(ev.ProgramQuestionClosed)
def _program_question_closed(s: Session, e: ev.ProgramQuestionClosed) -> Session:
    refused = e.digest if e.by.is_user else s.refused_program
    return s.with_(e, program_question=None, refused_program=refused)


@on(ev.ProgramCommitted)
def _program_committed(s: Session, e: ev.ProgramCommitted) -> Session:
    programs = tuple(
        replace(p, commit=e.commit) if p.key == e.key and not p.commit else p for p in s.programs
    )
    aliases = s.aliases
    if e.commit != s.frontier:
        aliases = {**aliases, e.commit: s.canonical_commit(s.frontier)}
    return s.with_(e, programs=programs, frontier=e.commit, aliases=aliases)


@on(ev.Overruled)
def _overruled(s: Session, e: ev.Overruled) -> Session:
    old = s.experiment(e.experiment)
    decided = DecisionRecord(
        at=e.at,
        kind=DecisionKind.OVERRULED,
        verdict=e.verdict,
        by=e.by,
        reason=e.reason,
        patch_id=old.proposal.patch_id,
    )
    changed = s.change(e, e.experiment, overruled=e.verdict, decisions=(*old.decisions, decided))
    held = tuple(number for number in s.held_numbers if number != e.experiment)
    changed, counts = replace(changed, held_numbers=held), s.counts
    for verdict, step in ((old.effective_verdict, -1), (e.verdict, 1)):
        if verdict is not None:
            name = verdict.value
            counts = replace(counts, **{name: getattr(counts, name) + step})
    if old.held and e.verdict is Verdict.DISCARD:
        return replace(changed, counts=counts)  # the branch has never had it
    return replace(changed, counts=counts, pending_overrules=(*s.pending_overrules, e.experiment))


@on(ev.OverruleSettled)
def _overrule_settled(s: Session, e: ev.OverruleSettled) -> Session:
    return s.with_(e, pending_overrules=tuple(n for n in s.pending_overrules if n != e.experiment))


@on(ev.FrontierReverted)
def _frontier_reverted(s: Session, e: ev.FrontierReverted) -> Session:
    base = s.canonical_commit(s.experiment(e.experiment).base)
    aliases = {**s.aliases, e.commit: base}
    pending = list(s.pending_overrules)
    if e.experiment in pending:
        pending.remove(e.experiment)  # a later one of the same experiment is still to be settled
    return s.with_(
        e,
        frontier=e.commit,
        incumbent=e.incumbent,
        aliases=aliases,
        pending_overrules=tuple(pending),
    )
