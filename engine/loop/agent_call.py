"""Asking an agent for one edit: its thoughts shown as they come, its costs recorded, its faults
made errors of ours.
"""

from __future__ import annotations

import asyncio
import dataclasses
import traceback
from collections.abc import AsyncGenerator, AsyncIterator
from typing import NamedTuple

from engine.agents.base import Agent, Briefing, Draft, Failure, PromptSent, Thought, Usage, speaker
from engine.core import events as ev
from engine.core.errors import AgentError, AutoresearchError, UnusableAnswerError
from engine.core.patches.knobs import knob_changes
from engine.core.patches.patch import make_patch
from engine.core.patches.proposal_edit import with_edit
from engine.core.text import one_line
from engine.loop.briefing import Briefer
from engine.loop.context import SessionContext
from engine.protocol.messages import ReasoningChunk
from engine.store.prompts import keep_prompt


class Drafted(NamedTuple):
    """What an agent came to."""

    source: str
    """The editable file as it should become."""
    proposal: ev.Proposal
    patch: str
    """Against the briefing's base; never empty."""
    reasoning: str
    prompt_key: str = ""
    """The key of what it was told."""


class Drafter:
    """Asks the session's agent; several requests may be under way at once."""

    def __init__(self, context: SessionContext, briefer: Briefer) -> None:
        self._context = context
        self._briefer = briefer
        self._tasks: dict[asyncio.Task[Drafted], str] = {}
        """What is being drafted, and what the person had told by then; "" for repairs."""
        self.thinking: dict[int, str] = {}
        """By experiment, the reasoning of what is being drafted, as far as it has come."""

    def next_agent(self, *, pinned: bool = False) -> Agent:
        """Whose turn it is, or who works out a person's hypothesis.

        Turns are counted as experiments are, but what waits for a person has had its turn too.
        """
        session = self._context.session
        done = len(session.experiments)
        waiting = sum(q.after >= done and not q.pin and not q.of for q in session.queue)
        return speaker(self._context.agent, done + 1 + waiting, pinned=pinned)

    @property
    def busy(self) -> bool:
        """Whether an agent is being asked."""
        return bool(self._tasks)

    def cancel_stale(self, basis: str) -> None:
        """Give up what was begun before the person said something new."""
        for task, begun in self._tasks.items():
            if begun and begun != basis:
                task.cancel()

    def cancel(self) -> None:
        """Give up every draft that is being made; nothing is used up."""
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
    ) -> Drafted | None:
        """The agent's edit of the file at `base`; None when a person paused or stopped meanwhile.

        Args:
            number: Of the experiment it is for.
            base: The commit it starts from.
            failure: Set when it is to mend an edit of its own.
            worktree: The name of the scratch worktree, for agents that edit files themselves.
            pinned: The person's hypothesis, where it is to work that out.

        Raises:
            AgentError: The agent could not; no experiment is used up.
        """
        task = asyncio.ensure_future(self._draft(number, base, failure, worktree, pinned))
        self._tasks[task] = "" if failure is not None else self._briefer.basis()
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
            self.thinking.pop(number, None)
            self._context.publish(ReasoningChunk(text="", over=True, experiment=number))

    async def _draft(
        self, number: int, base: str, failure: Failure | None, worktree: str, pinned: str
    ) -> Drafted:
        # Who made an edit that crashed mends it; the search, which mends nothing, is not asked.
        thinks = bool(pinned) or failure is not None
        agent = self.next_agent(pinned=thinks)
        self.thinking[number] = ""
        self._context.publish(ReasoningChunk(text="", start=True, experiment=number))
        place = None
        if getattr(agent, "needs_worktree", False):
            place = await asyncio.to_thread(
                self._context.workspace.place_fresh, self._context.layout.scratch(worktree), base
            )
        briefing = self._briefer.brief(number, base, failure=failure, pinned=pinned, worktree=place)
        draft, said = await self._listen(agent, briefing)
        reasoning = self.thinking.get(number, "")
        patch = make_patch(briefing.config.file, briefing.source, draft.source)
        if not patch:
            raise _unusable(agent, "proposed no change")
        try:
            compile(draft.source, briefing.config.file, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise _unusable(agent, f"made an edit that is not valid Python ({error})") from error
        if not draft.knobs:
            # A search reads no sentences: what a model turned is told to it as knobs.
            draft = dataclasses.replace(draft, knobs=knob_changes(briefing.source, draft.source))
        prompt_key = (
            await asyncio.to_thread(keep_prompt, self._context.layout, said) if said else ""
        )
        return Drafted(
            draft.source, describe(draft, patch, agent.name), patch, reasoning, prompt_key
        )

    async def _listen(self, agent: Agent, briefing: Briefing) -> tuple[Draft, str]:
        """The draft, and what the agent was told for it."""
        number, prompt_key = briefing.number, ""
        draft: Draft | None = None
        thoughts: AsyncIterator[Thought | PromptSent | Usage | Draft] | None = None
        try:
            thoughts = agent.propose(briefing)
            async for item in thoughts:
                match item:
                    case Thought():
                        self.thinking[number] = self.thinking.get(number, "") + item.text
                        self._context.publish(ReasoningChunk(text=item.text, experiment=number))
                    case PromptSent():
                        prompt_key = item.text
                    case Usage():
                        self._context.note(
                            ev.CostIncurred(experiment=number, **dataclasses.asdict(item))
                        )
                    case Draft():
                        draft = item
        except AutoresearchError:
            raise
        except Exception as error:
            # Agents come from other packages too; what they raise must not end the engine.
            traceback.print_exc()
            raise _unusable(agent, f"failed ({type(error).__name__}: {error})") from error
        finally:
            # Left at once also when a person pauses in the middle of a sentence.
            if isinstance(thoughts, AsyncGenerator):
                await thoughts.aclose()
        if draft is None:
            raise _unusable(agent, "ended without a proposal")
        return draft, prompt_key


def describe(draft: Draft, patch: str, agent: str) -> ev.Proposal:
    """What the journal says of an edit."""
    said = ev.Proposal(
        patch_id="",
        hypothesis=one_line(draft.hypothesis),
        rationale=draft.rationale,
        expected=draft.expected,
        category=draft.category,
        agent=agent,
        knobs=draft.knobs,
    )
    return with_edit(said, patch, draft.source)


def _unusable(agent: Agent, what: str) -> AgentError:
    return UnusableAnswerError(f"The agent {agent.name!r} {what}.", "", "Resume to ask again.")
