"""Calls an agent for one edit: streams its reasoning, records its cost, types its failures."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import AsyncGenerator, AsyncIterator

from engine.agents.base import (
    Agent,
    AgentItem,
    Briefing,
    Draft,
    Failure,
    Notice,
    PromptSent,
    Thought,
    Usage,
    agent_for,
)
from engine.core import events as ev
from engine.core.candidate import Candidate
from engine.core.enums import AlarmKind
from engine.core.errors import AgentError, AutoresearchError, UnusableAnswerError
from engine.core.patches.knobs import knob_changes
from engine.core.patches.language import edit_problem
from engine.core.patches.patch import make_patch
from engine.core.patches.proposal_edit import with_edit
from engine.core.secrets import RedactedStream, redact
from engine.core.text import one_line
from engine.loop.briefing import BriefingBuilder
from engine.loop.context import SessionContext
from engine.loop.program_versions import ProgramVersions
from engine.loop.stall import Stall
from engine.protocol.messages import ReasoningChunk
from engine.store.prompts import keep_prompt
from engine.store.worktree import check_out

_log = logging.getLogger(__name__)


class AgentCalls:
    """Calls the session's agent for edits, which may cost money; several calls can run at once.

    Args:
        context: The session's journal, workspace, files and agent.
        program: Gives the steering basis, the name for the user's instructions in force, which is
            kept with each call.
        briefings: Builds the briefing that the agent makes its proposal from.
    """

    def __init__(
        self,
        context: SessionContext,
        program: ProgramVersions,
        briefings: BriefingBuilder,
        stall: Stall,
    ) -> None:
        self._context = context
        self._program = program
        self._briefings = briefings
        self._stall = stall
        self._tasks: dict[asyncio.Task[Candidate], str] = {}
        """The calls in progress, each with the steering basis it started from; "" for repairs."""
        self.reasoning: dict[int, str] = {}
        """The reasoning received so far from the calls in progress, by experiment number."""

    @property
    def busy(self) -> bool:
        """True while an agent call is in progress."""
        return bool(self._tasks)

    def next_agent(self, *, thinks: bool = False) -> Agent:
        """Return the agent whose turn is next, where several take turns.

        Each experiment begun, and each queued proposal drafted since, counts as one turn.

        Args:
            thinks: True: take no turns, but return the agent that can work out a hypothesis in
                words or repair an edit.
        """
        session = self._context.session
        done = len(session.experiments)
        waiting = sum(q.after >= done and not q.pin and not q.of for q in session.queue)
        return agent_for(self._context.agent, done + 1 + waiting, pinned=thinks)

    def cancel_stale(self, basis: str) -> None:
        """Cancel the calls in progress that started from another steering basis than `basis`.

        Repairs of a crashed edit go on.
        """
        for task, begun in self._tasks.items():
            if begun and begun != basis:
                task.cancel()

    def cancel(self) -> None:
        """Cancel all calls in progress; no experiment is used up."""
        for task in self._tasks:
            task.cancel()

    async def ask(
        self,
        number: int,
        base: str,
        failure: Failure | None = None,
        *,
        worktree: str = "agent",
        pinned: str = "",
    ) -> Candidate | None:
        """Ask the agent for an edit of the editable file as of commit `base`.

        Args:
            number: The number of the experiment that the edit is for.
            base: The hash of the commit that the edit starts from.
            failure: A crashed edit of the same agent to repair; None: a new edit.
            worktree: The name of the scratch worktree, for agents that edit files themselves.
            pinned: The user's hypothesis that the agent is to work out; empty: the agent's own.

        Returns:
            The candidate, not assessed yet; None where the user paused or stopped meanwhile.

        Raises:
            AgentError: The agent failed; no experiment is used up.
        """
        task = asyncio.ensure_future(self._ask(number, base, failure, worktree, pinned))
        self._tasks[task] = "" if failure is not None else self._program.steering_basis
        try:
            return await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                task.cancel()
                raise
            return None
        finally:
            del self._tasks[task]
            self.reasoning.pop(number, None)
            self._context.publish(ReasoningChunk(text="", over=True, experiment=number))

    async def _ask(
        self, number: int, base: str, failure: Failure | None, worktree: str, pinned: str
    ) -> Candidate:
        # A crashed edit is repaired by the agent that made it; the knob search repairs nothing.
        agent = self.next_agent(thinks=bool(pinned) or failure is not None)
        self.reasoning[number] = ""
        self._context.publish(ReasoningChunk(text="", start=True, experiment=number))
        place = None
        if getattr(agent, "needs_worktree", False):
            scratch = self._context.layout.scratch(worktree)
            place = await self._context.in_git_thread(
                check_out, self._context.workspace, scratch, base
            )
            await asyncio.to_thread(self._program.write_to, place)
        briefing = await self._briefings.build(
            number, base, failure=failure, pinned=pinned, worktree=place
        )
        draft, prompt = await self._receive(agent, briefing)
        reasoning = self.reasoning.get(number, "")
        file = briefing.config.file
        if problem := edit_problem(briefing.source, draft.source, file):
            raise _unusable(agent, f"made an edit that is not valid ({problem})")
        patch = make_patch(file, briefing.source, draft.source)
        if not patch:
            raise _unusable(agent, "proposed no change")
        if not draft.knobs:
            # The knob search learns from edits of language models only through these.
            knobs = knob_changes(briefing.source, draft.source, file)
            draft = dataclasses.replace(draft, knobs=knobs)
        layout = self._context.layout
        key = await asyncio.to_thread(keep_prompt, layout, prompt) if prompt else ""
        return Candidate(
            base=base,
            proposal=proposal_of(draft, briefing.source, agent.name, file),
            patch=patch,
            reasoning=reasoning,
            prompt_key=key,
        )

    async def _receive(self, agent: Agent, briefing: Briefing) -> tuple[Draft, str]:
        """Return the agent's draft of an edit and the prompt it was sent; "" where it sent none.

        Publishes the reasoning, without secrets, and records the cost of the call as they arrive.
        """
        number, prompt, secrets = briefing.number, "", self._context.journal.secrets
        draft: Draft | None = None
        stream: AsyncIterator[AgentItem] | None = None
        try:
            stream = agent.propose(briefing)
            redacted = RedactedStream(secrets)
            async for item in stream:
                match item:
                    case Thought():
                        self._add_reasoning(number, redacted.feed(item.text))
                    case PromptSent():
                        prompt = redact(item.text, secrets)
                    case Usage():
                        cost = ev.CostIncurred(experiment=number, **dataclasses.asdict(item))
                        await self._stall.record(cost)
                    case Notice():
                        self._context.alarm(AlarmKind.SERVER, item.text, experiment=number)
                    case Draft():
                        draft = item
            self._add_reasoning(number, redacted.finish())
        except AutoresearchError:
            raise
        except Exception as error:
            # Agents come from other packages too; their exceptions must not end the engine.
            _log.exception("the agent %s failed", agent.name)
            raise _unusable(agent, f"failed ({type(error).__name__}: {error})") from error
        finally:
            # Closed at once, also when a pause cancels the call in the middle of an answer.
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()
        if draft is None:
            raise _unusable(agent, "ended without a proposal")
        return draft, prompt

    def _add_reasoning(self, number: int, text: str) -> None:
        if text:
            self.reasoning[number] = self.reasoning.get(number, "") + text
            self._context.publish(ReasoningChunk(text=text, experiment=number))


def proposal_of(draft: Draft, before: str, agent: str, file: str) -> ev.Proposal:
    """Return the proposal, as recorded in the journal, for an agent's draft of an edit.

    Args:
        draft: The text of the editable files and the reasons for the edit.
        before: The text before the edit.
        agent: The name of the agent.
        file: The name of the editable file, or of the first one.
    """
    proposal = ev.Proposal(
        patch_id="",
        hypothesis=one_line(draft.hypothesis),
        rationale=draft.rationale,
        expected=draft.expected,
        category=draft.category,
        agent=agent,
        knobs=draft.knobs,
    )
    return with_edit(proposal, before, draft.source, file)


def _unusable(agent: Agent, what: str) -> AgentError:
    return UnusableAnswerError(f"The agent {agent.name!r} {what}.", "", "Resume to ask again.")
