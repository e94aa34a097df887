"""Waits that the journal dates last as long as they should, however the machine's clock is set."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from engine.agents.search import SearchAgent
from engine.core import events as ev
from engine.core.config import ResearchConfig
from engine.core.enums import QueueState
from engine.core.errors import RateLimitedError
from engine.core.layout import Layout
from engine.loop.briefing import BriefingBuilder
from engine.loop.context import SessionContext
from engine.loop.program_versions import ProgramVersions
from engine.loop.retry import AgentFailures
from engine.loop.review import Reviewer
from engine.loop.source_cache import SourceCache
from engine.loop.waits import Waits, boot_seconds
from engine.store.journal import Journal
from engine.store.workspace import Workspace

LIMIT = 600.0
HOUR = 3600.0


class Machine:
    """A machine's two clocks, and an engine's session on it."""

    def __init__(self, repository: Path) -> None:
        self.now = datetime(2026, 11, 29, 3, tzinfo=UTC)
        self.monotonic = 1000.0
        self._repository = repository
        self._layout = Layout(repository, "t")
        self.start_engine()
        workspace = Workspace(repository)
        base = workspace.head
        self.context.record(
            ev.SessionStarted(
                config=ResearchConfig(tag="t", review_timeout_seconds=LIMIT),
                branch="autoresearch/t",
                base_commit=base,
                version="0",
                workspace=str(repository),
                results_file="results.tsv",
            )
        )
        self.context.record(
            ev.ProposalQueued(
                queued=1,
                after=0,
                base=base,
                proposal=ev.Proposal(patch_id="p", hypothesis="h"),
                patch="",
            )
        )

    def start_engine(self) -> None:
        """Open the journal, as a new engine does."""
        journal = Journal(self._layout.journal, lambda: self.now)
        self.context = SessionContext(
            journal=journal,
            workspace=Workspace(self._repository),
            layout=self._layout,
            agent=SearchAgent(),
            environ={},
            publish=lambda message: None,
            waits=Waits(journal, lambda: self.now, lambda: self.monotonic),
        )
        program, sources = ProgramVersions(self.context), SourceCache(self.context)
        self.reviewer = Reviewer(self.context, program, sources)
        self.failures = AgentFailures(self.context, BriefingBuilder(self.context, program, sources))

    def restart_engine(self) -> None:
        self.context.journal.close()
        self.start_engine()

    def set_clock(self, seconds: float) -> None:
        """Set the machine's clock forward, or back by a negative number of seconds."""
        self.now += timedelta(seconds=seconds)

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.monotonic += seconds

    def state(self) -> QueueState:
        """Return the state of the question once overdue ones are parked."""
        self.reviewer.park_overdue()
        return self.context.session.queue[0].state


@pytest.fixture
def machine(repository: Path) -> Machine:
    return Machine(repository)


@pytest.mark.parametrize("set_by", [-HOUR, HOUR])
def test_a_question_is_parked_after_its_time_though_the_clock_was_set(
    machine: Machine, set_by: float
) -> None:
    machine.reviewer.ask(1, "p", "why")
    machine.set_clock(set_by)
    assert machine.reviewer.seconds_to_parking() == pytest.approx(LIMIT)
    machine.pass_time(LIMIT - 1)
    assert machine.state() is QueueState.ASKED
    machine.pass_time(1)
    assert machine.reviewer.seconds_to_parking() == 0
    assert machine.state() is QueueState.PARKED


def test_after_a_restart_a_clock_set_back_delays_parking_by_no_more_than_the_time_limit(
    machine: Machine,
) -> None:
    machine.reviewer.ask(1, "p", "why")
    machine.pass_time(LIMIT / 2)
    machine.restart_engine()
    assert machine.reviewer.seconds_to_parking() == pytest.approx(LIMIT / 2)
    machine.set_clock(-HOUR)
    machine.restart_engine()
    assert machine.reviewer.seconds_to_parking() == pytest.approx(LIMIT)
    machine.pass_time(LIMIT)
    assert machine.state() is QueueState.PARKED


@pytest.mark.parametrize("set_by", [-HOUR, HOUR])
@pytest.mark.parametrize("restarted", [False, True])
def test_the_agent_is_asked_again_after_its_wait_though_the_clock_was_set_back(
    machine: Machine, set_by: float, restarted: bool
) -> None:
    machine.failures.handle(RateLimitedError("Slow down.", 60.0))
    machine.set_clock(set_by)
    if restarted:
        machine.restart_engine()
    # A new engine knows the dates alone: by those, a clock set forward has ended the wait.
    left = 0.0 if restarted and set_by > 0 else 60.0
    assert machine.context.waits.for_agent() == pytest.approx(left)
    machine.pass_time(60)
    assert machine.context.waits.for_agent() == 0


@pytest.mark.parametrize("set_by", [-9 * HOUR, 9 * HOUR])
def test_a_session_ends_after_its_time_though_the_clock_was_set(
    machine: Machine, set_by: float
) -> None:
    waits, config = machine.context.waits, machine.context.session.config
    assert waits.for_end() is None and not waits.is_time_over()
    until = (machine.now + timedelta(hours=8)).isoformat()
    config = msgspec.structs.replace(config, until=until, for_seconds=9 * HOUR)
    machine.context.record(ev.ConfigChanged(config=config))
    machine.set_clock(set_by)
    left = waits.for_end()
    assert left is not None
    assert left[0] == pytest.approx(8 * HOUR) and left[1].text == "until 11:00"
    machine.pass_time(8 * HOUR - 1)
    assert not waits.is_time_over()
    machine.pass_time(1)
    assert waits.is_time_over()


def test_the_end_stays_the_same_moment_for_the_next_engine(machine: Machine) -> None:
    config = machine.context.session.config
    config = msgspec.structs.replace(config, for_seconds=8 * HOUR)
    machine.context.record(ev.ConfigChanged(config=config))
    machine.pass_time(5 * HOUR)
    machine.restart_engine()
    left = machine.context.waits.for_end()
    assert left is not None and left[0] == pytest.approx(3 * HOUR)
    # By the dates alone, a clock that was set back gives no more time than was asked for.
    machine.set_clock(-99 * HOUR)
    machine.restart_engine()
    left = machine.context.waits.for_end()
    assert left is not None and left[0] == pytest.approx(8 * HOUR)


def test_the_clock_of_the_waits_goes_on_while_the_machine_sleeps() -> None:
    before = boot_seconds()
    assert before >= time.monotonic() - 1 and boot_seconds() >= before


def test_a_wait_for_the_agent_is_over_with_its_proposal(machine: Machine) -> None:
    assert machine.context.waits.for_agent() == 0
    machine.failures.handle(RateLimitedError("Slow down.", 60.0))
    assert machine.context.waits.for_agent() == pytest.approx(60)
    queued = machine.context.session.queue[0]
    assert machine.context.waits.for_answer(queued) is None
    machine.context.record(
        ev.ProposalQueued(queued=2, after=0, base=queued.base, proposal=queued.proposal, patch="")
    )
    assert machine.context.waits.for_agent() == 0
