"""Builds the parts of one session's loop and connects them."""

from __future__ import annotations

from dataclasses import dataclass

from engine.loop.agent_call import AgentCalls
from engine.loop.briefing import BriefingBuilder
from engine.loop.commands import CommandHandler
from engine.loop.context import SessionContext
from engine.loop.edit_probe import EditProbe
from engine.loop.evaluation_inputs import EvaluationInputs
from engine.loop.experiment import ExperimentSteps
from engine.loop.overrule import EarlierExperiments
from engine.loop.program_versions import ProgramVersions
from engine.loop.proposal_queue import ProposalQueue
from engine.loop.proposer import Proposer
from engine.loop.ratchet import Ratchet
from engine.loop.repeats import Repeats
from engine.loop.retry import AgentFailures
from engine.loop.review import Reviewer
from engine.loop.run_place import RunPlace
from engine.loop.runner import Runner
from engine.loop.source_cache import SourceCache
from engine.loop.stall import Stall
from engine.loop.verdicts import Judge
from engine.plugins import load_keep_rule


@dataclass(frozen=True)
class SessionLoop:
    """The parts of one session's loop that the engine process calls."""

    ratchet: Ratchet
    commands: CommandHandler
    calls: AgentCalls
    runner: Runner
    stall: Stall


def build_loop(context: SessionContext) -> SessionLoop:
    """Build the parts of a session's loop; nothing is started yet."""
    program, sources = ProgramVersions(context), SourceCache(context)
    stall = Stall(context.journal, context.publish)
    briefings = BriefingBuilder(context, program, sources)
    failures = AgentFailures(context, briefings)
    calls = AgentCalls(context, program, briefings, stall)
    reviewer = Reviewer(context, program, sources)
    proposer = Proposer(context, program, sources, briefings, calls, reviewer)
    queue = ProposalQueue(
        context, program, sources, calls, proposer, reviewer, failures.handle, stall
    )
    steps = ExperimentSteps(context, program, sources, calls, proposer, queue, reviewer, stall)
    place = RunPlace(context)
    runner = Runner(context, place, program, stall, EvaluationInputs(context, place))
    probe = EditProbe(context, place)
    rule = load_keep_rule(context.session.config.rule)
    judge, repeats = Judge(context, steps, runner, rule), Repeats(context, rule, runner)
    earlier = EarlierExperiments(context, sources, reviewer, queue)
    ratchet = Ratchet(
        *(context, calls, failures, reviewer, queue, steps, probe),
        *(runner, judge, repeats, earlier, stall),
    )
    return SessionLoop(
        ratchet,
        CommandHandler(context, sources, calls, program, proposer, reviewer, runner, earlier),
        calls,
        runner,
        stall,
    )
