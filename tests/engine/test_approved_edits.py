"""An approval is for one edit at one place, also where a new best version moved its lines."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.agents.search import SearchAgent
from engine.core import events as ev
from engine.core.candidate import Candidate
from engine.core.config import ResearchConfig
from engine.core.enums import Actor
from engine.core.layout import Layout
from engine.core.patches.patch import make_patch
from engine.core.patches.place import patch_id
from engine.loop.agent_call import AgentCalls
from engine.loop.briefing import BriefingBuilder
from engine.loop.context import SessionContext
from engine.loop.program_versions import ProgramVersions
from engine.loop.proposal_queue import ProposalQueue
from engine.loop.proposer import Proposer
from engine.loop.review import Reviewer
from engine.loop.source_cache import SourceCache
from engine.loop.stall import Stall
from engine.loop.waits import Waits
from engine.store.journal import Journal
from engine.store.workspace import Workspace
from tests.world import git

BEFORE = """\
def sgd():
    momentum = 0.9
    rate = 1
    lr = 0.1
    return lr


def adam():
    lr = 0.2
    return lr


DEPTH = 4
LAYERS = 2
HEADS = 8
WIDTH = 64
"""
AFTER = BEFORE.replace("0.1", "0.3")
OLD_ID = "0b1ab3c33d74"
"""A patch_id of version 0.1: twelve digits, without the place."""


class Approved:
    """A session with an approved proposal, made for another version than the best one now."""

    def __init__(self, repository: Path, frontier: str, name: str) -> None:
        made_for = self._commit(repository, BEFORE)
        base = self._commit(repository, frontier)
        self.frontier = frontier
        layout = Layout(repository, "t")
        journal = Journal(layout.journal)
        context = SessionContext(
            journal=journal,
            workspace=Workspace(repository),
            layout=layout,
            agent=SearchAgent(),
            environ={},
            publish=lambda message: None,
            waits=Waits(journal),
        )
        self.context = context
        context.record(
            ev.SessionStarted(
                config=ResearchConfig(tag="t"),
                branch="autoresearch/t",
                base_commit=base,
                version="0",
                workspace=str(repository),
                results_file="results.tsv",
            )
        )
        context.record(
            ev.ProposalQueued(
                queued=1,
                after=0,
                base=made_for,
                proposal=ev.Proposal(patch_id=name, hypothesis="a higher rate for SGD"),
                patch=make_patch("train.py", BEFORE, AFTER),
            )
        )
        program, sources = ProgramVersions(context), SourceCache(context)
        reviewer = Reviewer(context, program, sources)
        briefings = BriefingBuilder(context, program, sources)
        stall = Stall(journal, context.publish)
        calls = AgentCalls(context, program, briefings, stall)
        proposer = Proposer(context, program, sources, briefings, calls, reviewer)
        self._queue = ProposalQueue(
            context, program, sources, calls, proposer, reviewer, lambda error: None, stall
        )
        reviewer.ask(1, name, "every edit is asked about")
        reviewer.approve(Actor.SCREEN, name)

    @staticmethod
    def _commit(repository: Path, text: str) -> str:
        (repository / "train.py").write_text(text)
        git(repository, "add", "train.py")
        git(repository, "commit", "-q", "--allow-empty", "-m", "a version")
        return git(repository, "rev-parse", "HEAD")

    def next(self) -> Candidate | None:
        return asyncio.run(self._queue.next_candidate())


@pytest.mark.parametrize("name", [patch_id(BEFORE, AFTER), OLD_ID])
def test_it_runs_on_the_version_that_it_was_approved_for(repository: Path, name: str) -> None:
    approved = Approved(repository, BEFORE, name)
    candidate = approved.next()
    assert candidate is not None
    assert candidate.proposal.patch_id == name


def test_it_runs_where_only_lines_far_from_it_changed(repository: Path) -> None:
    frontier = "import math\n\n\n" + BEFORE.replace("HEADS = 8", "HEADS = 4")
    approved = Approved(repository, frontier, patch_id(BEFORE, AFTER))
    candidate = approved.next()
    assert candidate is not None
    assert candidate.proposal.patch_id == patch_id(BEFORE, AFTER)
    assert candidate.patch == make_patch("train.py", frontier, frontier.replace("0.1", "0.3"))


@pytest.mark.parametrize(
    ("frontier", "name"),
    [
        (BEFORE.replace("rate = 1", "rate = 2"), patch_id(BEFORE, AFTER)),
        # A new id names more than the old one: it cannot be told whether it is the same place.
        (BEFORE.replace("HEADS = 8", "HEADS = 4"), OLD_ID),
    ],
)
def test_it_is_asked_about_again_where_its_id_changed(
    repository: Path, frontier: str, name: str
) -> None:
    approved = Approved(repository, frontier, name)
    assert approved.next() is None
    (asked,) = approved.context.session.asked
    assert asked.why.startswith("you approved it, but the best version changed since")
    assert asked.proposal.patch_id == patch_id(frontier, frontier.replace("0.1", "0.3"))
    assert asked.patch == make_patch("train.py", frontier, frontier.replace("0.1", "0.3"))


@pytest.mark.parametrize(
    "frontier",
    [
        BEFORE.replace("0.1", "?").replace("0.2", "0.1").replace("?", "0.2"),
        BEFORE.replace("def sgd", "def lion"),
        BEFORE.replace("    return lr\n\n\nDEPTH", "    lr = 0.1\n    return lr\n\n\nDEPTH"),
    ],
    ids=["the rates swapped", "another function", "an equal line in another function"],
)
def test_it_is_dropped_where_its_place_is_not_certain(repository: Path, frontier: str) -> None:
    approved = Approved(repository, frontier, patch_id(BEFORE, AFTER))
    assert approved.next() is None
    session = approved.context.session
    assert not session.queue
    assert "not certain" in session.dropped[-1].reason
    assert "your approval was for another" in session.dropped[-1].reason
