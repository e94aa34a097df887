"""Asks a language model for an edit, and again if it is unusable: the agent `llm`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path

from engine.agents.base import Agent, AgentItem, Briefing, Draft, Notice, PromptSent, Thought, Usage
from engine.agents.checks import WrongEdit, check_caps, check_edit
from engine.agents.llm.answer import Answer, ThinkSplitter, is_complete_file, parse_answer
from engine.agents.llm.env_file import provider_environment, secrets_in_env_file
from engine.agents.llm.model import Delta, Model
from engine.agents.llm.prompt import (
    as_text,
    build_messages,
    reask_message,
    repair_message,
    whole_file_message,
)
from engine.core.config import ResearchConfig
from engine.core.errors import (
    AgentError,
    OverloadedError,
    UnusableAnswerError,
)
from engine.core.patches.language import fence_name
from engine.core.patches.search_replace import BlockError, apply_blocks
from engine.core.patches.unified_diff import apply_hunks

DEFAULT_CONTEXT_TOKENS = 32_000
_BLOCK_TRIES = 3
"""Number of answers asked for as SEARCH/REPLACE blocks: the first, and two after a correction."""


class LanguageModelAgent:
    """The agent `llm`: proposes edits with any language model that LiteLLM supports.

    Args:
        config: The model, its limits and the session's caps.
        secrets: Keys by variable name, used only for calls.
        redacted: Other secrets to redact.
    """

    name = "llm"
    repairs = True
    looks_ahead = True
    needs_worktree = False

    def __init__(
        self, config: ResearchConfig, secrets: dict[str, str], redacted: Sequence[str] = ()
    ) -> None:
        self._config = config
        self._model = Model(config, secrets, redacted)

    async def preview(self, briefing: Briefing) -> str:
        """Return the whole prompt the model would be sent; no model is called.

        Raises:
            AgentError: The prompt does not fit into the model's context.
        """
        return as_text(await self._messages(briefing))

    async def propose(self, briefing: Briefing) -> AsyncIterator[AgentItem]:
        """Ask the model for one edit, or for the repair of one, in up to four answers.

        Each answer is a call that may cost money; one that breaks off is asked for once more.

        Raises:
            AgentError: The call or the answers failed; the class says how.
        """
        check_caps(self._config, briefing.spent)
        messages = await self._messages(briefing)
        problem, temperature = "", sampling_temperature(self._config, briefing.candidate)
        for attempt in range(_BLOCK_TRIES + 1):
            text, splitter, kind_before = "", ThinkSplitter(), ""
            yield PromptSent(as_text(messages))
            async with contextlib.aclosing(self._ask(messages, temperature)) as stream:
                async for item in stream:
                    if isinstance(item, Usage | Notice):
                        yield item
                        continue
                    # Some models put their reasoning into the answer, between <think> and </think>.
                    pieces = splitter.feed(item.text) if item.kind == "answer" else []
                    text += "".join(piece for kind, piece in pieces if kind == "answer")
                    turn = "\n\n" if kind_before and item.kind != kind_before else ""
                    kind_before = item.kind
                    yield Thought(turn + item.text)
            text += "".join(piece for kind, piece in splitter.finish() if kind == "answer")
            config, whole = briefing.config, attempt == _BLOCK_TRIES
            # Several files are never asked for whole.
            fence = fence_name(config.file) if len(config.files) == 1 else ""
            asked, other = (fence, "") if whole else ("", fence)
            answer = parse_answer(text, whole_file_fence=asked, other_fence=other)
            try:
                draft = _draft(briefing, answer)
            except WrongEdit as wrong:
                problem = wrong.problem
                yield Thought(f"\n\n[The answer cannot be used: {problem} It is asked again.]\n\n")
                last = attempt == _BLOCK_TRIES - 1 and len(config.files) == 1
                again = (
                    whole_file_message(config.file)
                    if last
                    else reask_message(problem, wrong.nearest)
                )
                messages += [{"role": "assistant", "content": text or "(empty)"}, again]
                continue
            yield draft
            return
        raise UnusableAnswerError(
            f"The model's answers could not be used {_BLOCK_TRIES + 1} times in a row.",
            problem,
            "Resume to ask again, or choose another model with --model.",
        )

    async def _messages(self, briefing: Briefing) -> list[dict[str, str]]:
        messages = build_messages(briefing, await self._context_tokens(briefing.shorten))
        if briefing.failure is not None:
            messages.append(repair_message(briefing.failure, briefing.config))
        return messages

    async def _ask(
        self, messages: list[dict[str, str]], temperature: float | None
    ) -> AsyncGenerator[Delta | Notice | Usage, None]:
        """Call the model, and yield its answer and usage; a broken stream is started once more."""
        for last in (False, True):
            begun = False
            try:
                # Closed together with this generator: an abandoned call costs money.
                async with contextlib.aclosing(
                    self._model.stream(messages, temperature=temperature)
                ) as stream:
                    async for item in stream:
                        begun = begun or isinstance(item, Delta)
                        yield item
                return
            except OverloadedError:
                if last or not begun:
                    raise
                yield Delta("reasoning", "\n\n[The stream broke; it is asked again.]\n\n")

    async def _context_tokens(self, shorten: int) -> int:
        """Return the most tokens of a prompt, before it is halved `shorten` times."""
        if self._config.context_tokens:
            return self._config.context_tokens
        if (refused := self._model.refused_context) is not None:
            # A quarter stays for the answer. The refusal itself counts as a first shortening.
            return refused * 3 // 4 * (2 if shorten else 1)
        window = await self._model.context_window()
        return window // 2 if window is not None else DEFAULT_CONTEXT_TOKENS


def sampling_temperature(config: ResearchConfig, candidate: int) -> float | None:
    """Return the sampling temperature, which rises while no candidate is kept.

    Args:
        config: The first temperature, the step and the maximum.
        candidate: Number of candidates in a row without a keep.

    Returns:
        The temperature; None for the provider's default.
    """
    if config.temperature is None or config.temperature < 0:
        return None
    risen = config.temperature + config.temperature_step * candidate
    return round(max(config.temperature, min(risen, config.temperature_max)), 3)


def _draft(briefing: Briefing, answer: Answer) -> Draft:
    """Apply the edit of a model's answer, check it, and return it as a draft.

    Raises:
        WrongEdit: The edit cannot be applied, is not valid Python, changes nothing, or was tried,
            queued or vetoed before.
    """
    base = briefing.failure.source if briefing.failure is not None else briefing.source
    try:
        if answer.blocks:
            source = apply_blocks(base, answer.blocks)
        elif answer.diff is not None:
            source = apply_hunks(base, answer.diff.hunks, briefing.config.files)
        elif answer.whole_file is not None:
            source = answer.whole_file
        elif answer.fenced is not None and is_complete_file(answer.fenced, base):
            source = answer.fenced
        else:
            raise WrongEdit(answer.problem or "It holds no SEARCH/REPLACE block.")
    except BlockError as error:
        raise WrongEdit(f"{error.what} {error.why}".strip(), error.nearest) from None
    check_edit(briefing, source)
    failure = briefing.failure
    return Draft(
        source=source,
        hypothesis=failure.hypothesis if failure is not None else answer.hypothesis,
        rationale=answer.rationale,
        expected=answer.expected,
        category=answer.category,
    )


def make(config: ResearchConfig, workspace: Path) -> Agent:
    """Make the agent `llm` with the keys of the environment and of the workspace's `.env`.

    Raises:
        AgentError: The config names no model.
    """
    if not config.model:
        raise AgentError(
            "The agent llm needs a model.",
            "",
            "Name it with --model, such as anthropic/claude-sonnet-4-5 or ollama_chat/qwen3.",
        )
    variables = provider_environment(workspace, os.environ)
    return LanguageModelAgent(config, variables, secrets_in_env_file(workspace))
