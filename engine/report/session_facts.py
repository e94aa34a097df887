"""Computes the facts of a session's report from the session."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from engine.core.analysis.claim import claim_of
from engine.core.analysis.forecast import forecast
from engine.core.analysis.noise import noise_of, why_unknown
from engine.core.analysis.stop_conditions import conditions_text
from engine.core.config import CONFIRM, GREEDY, MIN_DELTA
from engine.core.enums import DecisionKind, Origin, Outcome, Verdict
from engine.core.events import Platform
from engine.core.keep_rule.from_session import spread_of
from engine.core.records import DecisionRecord, Experiment
from engine.core.session import Session
from engine.core.table.session_table import past_table, table_of
from engine.core.table.stats import summarise
from engine.core.text import duration, one_line
from engine.report.facts import kept_points, points_of, shared_facts, with_next_steps
from engine.report.figures import listed, many
from engine.report.hours import IdleSpan, hours_of
from engine.report.keeps import session_keeps
from engine.report.model import Adopted, Cost, ReportFacts, UserAction

_GIB = 2**30
_CHARACTERS = 300


def facts_of_session(session: Session, idle: Sequence[IdleSpan] = ()) -> ReportFacts:
    """Return the facts of a session's report.

    Args:
        session: The session, running or ended.
        idle: The time spans in which it was paused or had no engine.
    """
    table = table_of(session)
    finished = [e for e in session.experiments if e.verdict is not None]
    noise = noise_of(session)
    again = {e.number: e.of for e in finished if e.origin is Origin.CONFIRM}
    stats = summarise(table)
    points = points_of(
        table,
        stats,
        outcomes={e.number: outcome_of(e) for e in finished},
        seconds={e.number: e.run.seconds for e in finished if e.run is not None},
        again=again,
        gains={e.number: e.gain for e in finished if e.gain is not None},
    )
    facts = shared_facts(
        table,
        name=session.config.tag,
        of_session=True,
        points=points,
        keeps=session_keeps(session, kept_points(points, stats)),
        noise=noise,
        noise_why=why_unknown(spread_of(session)),
        incumbent=session.incumbent,
    )
    claim = claim_of(session)
    return with_next_steps(
        msgspec.structs.replace(
            facts,
            claim=claim,
            gain=claim.gain if claim is not None else facts.gain,
            details=_details(session),
            started_at=session.started_at,
            ended_at=session.at if session.seq else None,
            running=session.ended is None,
            hours=hours_of(session, idle),
            cost=_cost(session),
            user_actions=_user_actions(session),
            guard=_guard(session),
            adopted=_adopted(session),
        )
    )


def _adopted(session: Session) -> Adopted | None:
    """Return the rows that the session adopted from a results file; None without any."""
    table = past_table(session)
    if not table.rows:
        return None
    stats, last = summarise(table), len(table.rows)
    points = tuple(
        msgspec.structs.replace(point, number=place - last, row=point.number)
        for place, point in enumerate(points_of(table, stats, outcomes={}), start=1)
    )
    by_row = {point.row: point for point in points}
    return Adopted(
        points=points,
        counts=stats.counts,
        baseline=by_row.get(stats.baseline.number) if stats.baseline is not None else None,
        best=by_row.get(stats.best.number) if stats.best is not None else None,
    )


def outcome_of(e: Experiment) -> str:
    """Return why an experiment was not kept, as one of a few fixed texts; empty for a keep."""
    run = e.run
    if e.effective_verdict is Verdict.KEEP:
        return ""
    if e.overruled is not None:
        return "discarded by the user"
    if run is not None and run.kill_requested:
        return "vetoed while it ran" if run.veto else "stopped by the user"
    if e.verdict is Verdict.CRASH:
        if run is None or run.outcome is None or run.outcome is Outcome.FINISHED:
            return "no value was reported"
        return run.outcome.value
    if e.held:
        return "surprising, and held for the user"
    if e.doubts:
        return "its report was doubted"
    if e.breaches:
        return "it broke a guardrail"
    if e.gain is not None and e.gain > 0:
        return "better, but by less than required"
    return "no better"


def _details(session: Session) -> tuple[tuple[str, str], ...]:
    config, platform = session.config, session.platform
    proposer = {
        "llm": f"language model {config.model}",
        "acp": f"coding agent {config.cli}",
        "search": f"statistical search ({config.policy})",
        "mix": f"statistical search, every {config.mix_every}. idea from {config.mix_with} "
        f"({config.model if config.mix_with == 'llm' else config.cli})",
    }.get(config.agent, config.agent)
    rule = {
        CONFIRM: "an improvement is kept once repeated runs show that it is not noise "
        f"(at most {config.false_keeps:.1%} of edits without effect are kept)",
        GREEDY: "any improvement is kept",
        MIN_DELTA: f"an improvement of at least {config.min_delta:g} is kept",
    }.get(config.rule, config.rule)
    details = [
        ("branch", session.branch),
        ("from commit", session.base_commit[:10]),
        ("edited file", config.file_names),
        ("run", config.command),
        ("training time", duration(config.budget_seconds) if config.budget_seconds else ""),
        ("proposals", proposer),
        ("rule", rule),
        ("to end", conditions_text(config)),
        ("ended", session.ended or ""),
        *(_machine(platform) if platform is not None else ()),
        ("version", f"autoresearch-tui {session.version}" if session.version else ""),
    ]
    return tuple((name, one_line(value, _CHARACTERS)) for name, value in details if value.strip())


def _machine(platform: Platform) -> list[tuple[str, str]]:
    names = [f"{gpu.name}, {gpu.memory_text}" for gpu in platform.gpus]
    gpus = [f"{names.count(n)} × {n}" if names.count(n) > 1 else n for n in dict.fromkeys(names)]
    ram = f", {platform.ram_bytes / _GIB:.0f} GiB" if platform.ram_bytes else ""
    return [
        ("GPU", "; ".join([*gpus, platform.gpu_note] if platform.gpu_note else gpus) or "none"),
        ("CPU", f"{platform.cpu}, {many(platform.cores, 'core')}{ram}"),
        ("system", f"{platform.system}, Python {platform.python}"),
    ]


def _cost(session: Session) -> Cost | None:
    spent = session.spending
    if not spent.calls:
        return None
    ahead = forecast(session)
    return Cost(
        calls=spent.calls,
        tokens=spent.tokens,
        dollars=spent.dollars if spent.calls > spent.unpriced else None,
        unpriced=spent.unpriced,
        dollars_per_experiment=ahead.dollars_per_experiment,
        tokens_per_experiment=ahead.tokens_per_experiment,
        dollars_per_keep=ahead.dollars_per_keep,
    )


def _guard(session: Session) -> tuple[str, ...]:
    locked = listed(map(one_line, session.config.locked), 6) if session.config.locked else ""
    sandbox = one_line(session.platform.sandbox) if session.platform is not None else ""
    doubted = sum(1 for e in session.experiments if e.doubts)
    guard = []
    if locked:
        guard.append(f"Locked files, hashed before and after each run: {locked}.")
    if doubted:
        guard.append(
            f"{many(doubted, 'report')} contradicted the engine's observations; none was kept."
        )
    else:
        guard.append("Every value was checked against the engine's own clock and log.")
    if session.config.guards:
        broken = many(sum(1 for e in session.experiments if e.breaches), "experiment")
        rules = listed(map(one_line, session.config.guards), 6)
        guard.append(f"Guardrails: {rules}; {broken} broke one.")
    if sandbox in ("", "none"):
        guard.append("No sandbox was in force: runs had all rights of the user's account.")
    else:
        guard.append(f"Runs were confined by: {sandbox}.")
    guard.append(f"Autonomy: {session.autonomy.value}.")
    return tuple(guard)


def _user_actions(session: Session) -> tuple[UserAction, ...]:
    actions: list[UserAction] = []

    def add(at: datetime, text: str, reason: str = "") -> None:
        why = f" (why: {one_line(reason, _CHARACTERS)})" if reason else ""
        actions.append(UserAction(at, f"{text}{why}"))

    decided: list[tuple[DecisionRecord, str]] = [
        (d, f"#{e.number}") for e in session.experiments for d in e.decisions
    ]
    decided += [(d, "a queued proposal") for q in session.queue for d in q.decisions]
    for decision, subject in decided:
        if decision.by.is_user:
            add(decision.at, f"{one_line(decision.text)}: {subject}", decision.reason)
    ran = {d.patch_id for d, _ in decided if d.kind is DecisionKind.VETOED}
    for veto in session.vetoed:
        if veto.proposal.patch_id not in ran:
            add(veto.at, f"vetoed: {one_line(veto.proposal.hypothesis, _CHARACTERS)}", veto.reason)
    for pin in session.pins:
        experiment = f" → #{pin.experiment}" if pin.experiment else ""
        add(pin.at, f"pinned: {one_line(pin.text, _CHARACTERS)}{experiment}")
    for verb, instructions in (("banned", session.bans), ("noted", session.agent_notes)):
        for instruction in instructions:
            add(instruction.at, f"{verb}: {one_line(instruction.text, _CHARACTERS)}")
    for program in session.programs[1:]:
        add(program.at, f"changed program.md, in force from #{program.experiment} on")
    return tuple(sorted(actions, key=lambda action: action.at))
