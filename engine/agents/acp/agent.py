"""Lets a coding-agent CLI edit a scratch worktree and takes the edited files: the agent `acp`."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from engine.agents.acp.clis import InstalledCli, cli_environment, find, known
from engine.agents.acp.errors import cli_error
from engine.agents.acp.headless import Headless
from engine.agents.acp.policy import Policy
from engine.agents.acp.prompt import ask_again, build_prompt
from engine.agents.acp.worktree import file_stamps, read_files, strays
from engine.agents.base import Agent, AgentItem, Briefing, Draft, PromptSent, Thought, Usage
from engine.agents.checks import WrongEdit, check_caps, check_edit
from engine.agents.llm.answer import (
    FALLBACK_HYPOTHESIS,
    HYPOTHESIS_CHARACTERS,
    parse_answer,
)
from engine.agents.llm.env_file import provider_environment, secrets_in_env_file
from engine.core.config import ResearchConfig
from engine.core.errors import (
    AgentError,
    CliMissingError,
    OverloadedError,
    UnusableAnswerError,
)
from engine.core.patches.file_parts import texts_of
from engine.core.patches.patch import changed_lines, count_lines, file_patches, make_patch
from engine.core.secrets import redact, secret_values
from engine.core.text import one_line

if TYPE_CHECKING:
    from engine.agents.acp.cli_session import CliSession
    from engine.agents.acp.conversation import Conversation

MOST_REASKS = 2


class _NoEdit(WrongEdit):
    """Raised when the CLI ended its turn and left the editable file unchanged."""


class CodingAgent:
    """The agent `acp`: proposes edits with a coding-agent CLI such as Claude Code or Codex.

    Args:
        config: The CLI and its limits.
        variables: The engine's environment and the workspace's keys; the CLI inherits them, so
            that the user's log-ins work.
        redacted: Other secrets to redact.
    """

    name = "acp"
    repairs = True
    looks_ahead = True
    needs_worktree = True

    def __init__(
        self, config: ResearchConfig, variables: Mapping[str, str], redacted: Sequence[str] = ()
    ) -> None:
        self._config = config
        self._cli = known(config.cli)
        self._variables = cli_environment(self._cli, variables)
        self._secrets = [*secret_values(self._variables), *redacted]

    async def preview(self, briefing: Briefing) -> str:
        """Return the whole prompt the CLI would be sent; what the CLI adds to it is unknown."""
        return build_prompt(briefing)

    async def propose(self, briefing: Briefing) -> AsyncIterator[AgentItem]:
        """Let the CLI edit the file in up to three turns, and yield the edited file as the draft.

        The turns call a language model, which may cost money. All processes end with the call.

        Raises:
            AgentError: The CLI failed or made no usable edit; the class says which.
        """
        check_caps(self._config, briefing.spent)
        policy, stamps = await asyncio.to_thread(_prepare, briefing)
        session = await self._new_session(policy)
        try:
            await session.open()
            question, problem, reported = build_prompt(briefing), "", set[str]()
            asked: list[str] = []
            for _ in range(1 + MOST_REASKS):
                used = False
                asked.append(question)
                yield PromptSent("\n".join(asked))
                async with contextlib.aclosing(session.ask(question)) as pieces:
                    async for piece in pieces:
                        used = used or isinstance(piece, Usage)
                        yield piece
                source, changed = await asyncio.to_thread(_read_edit, policy, stamps)
                if new := [name for name in changed if name not in reported]:
                    reported.update(new)
                    yield Thought(f"\n[Not taken, as only {policy.names} counts: {_few(new)}]\n")
                try:
                    draft = self._draft(briefing, source, session.message)
                except WrongEdit as wrong:
                    # Without an edit the agent is asked once more; after a wrong edit, twice.
                    stubborn = isinstance(wrong, _NoEdit) and bool(problem)
                    if isinstance(wrong, _NoEdit) and not used:
                        self._raise_reported(session.message)
                    problem = redact(wrong.problem, self._secrets)
                    if changed:
                        problem += f" Changes of other files are not taken: {_few(changed)}."
                    yield Thought(f"\n[The edit cannot be used: {problem}]\n")
                    if stubborn:
                        break
                    question = ask_again(problem, policy.names)
                    continue
                yield draft
                return
        finally:
            # Shielded: a second cancellation must not leave processes behind.
            await asyncio.shield(asyncio.ensure_future(session.close()))
        raise UnusableAnswerError(
            f"{self._cli.title} was asked again and made no usable edit.",
            problem,
            "Resume to ask again, or choose another agent.",
        )

    def _raise_reported(self, message: str) -> None:
        """Raise an error if a turn's message is the provider's error and not the model's answer.

        Some CLIs report a failed request so. Call it only for a turn that used no tokens.

        Raises:
            AgentError: The message is an error of the provider.
        """
        found = cli_error(self._cli, message[-2000:], self._secrets)
        if type(found) is not OverloadedError:
            raise found

    async def _new_session(self, policy: Policy) -> CliSession:
        found: InstalledCli = await asyncio.to_thread(
            find, self._config.cli, self._variables.get("PATH")
        )
        arguments = (found, self._config, policy, self._variables, self._secrets)
        if found.headless:
            return Headless(*arguments)
        # Imported here because the protocol's library takes long to import.
        module = await asyncio.to_thread(importlib.import_module, "engine.agents.acp.conversation")
        return cast("type[Conversation]", module.Conversation)(*arguments)

    def _draft(self, briefing: Briefing, source: str | WrongEdit, message: str) -> Draft:
        """Build the draft from the edited file and the final message.

        Raises:
            WrongEdit: The file was not edited, cannot be used, or now contains a secret.
        """
        if isinstance(source, WrongEdit):
            raise source
        failure = briefing.failure
        base = failure.source if failure is not None else briefing.source
        if source == base:
            raise _NoEdit(f"{briefing.config.file_names} is unchanged; the edit was not made.")
        if redact(source, self._secrets) != source and redact(base, self._secrets) == base:
            raise WrongEdit(f"{briefing.config.file_names} now contains a secret of this machine.")
        check_edit(briefing, source)
        answer = parse_answer(redact(message, self._secrets))
        hypothesis = answer.hypothesis
        if hypothesis == FALLBACK_HYPOTHESIS:
            hypothesis = describe(briefing.config.file, briefing.source, source)
        return Draft(
            source=source,
            hypothesis=failure.hypothesis if failure is not None else hypothesis,
            rationale=answer.rationale,
            expected=answer.expected,
            category=answer.category,
        )


def describe(file: str, old: str, new: str) -> str:
    """Return a one-line description of an edit that came without a hypothesis.

    Args:
        file: The name of the edited file.
        old: Its text before the edit.
        new: Its text after the edit.
    """
    patch = make_patch(file, old, new)
    body = [line for line in changed_lines(patch) if line[1:].strip()]
    added = [one_line(line[1:], 100) for line in body if line[0] == "+"]
    removed = [one_line(line[1:], 100) for line in body if line[0] == "-"]
    if len(added) == len(removed) == 1:
        return f"{added[0]} instead of {removed[0]}"
    plus, minus = count_lines(patch)
    file = ", ".join(part.name for part in file_patches(patch)) or file
    first = f", the first: {added[0]}" if added else ""
    return one_line(f"{file}: {plus} lines added, {minus} removed{first}", HYPOTHESIS_CHARACTERS)


def _prepare(briefing: Briefing) -> tuple[Policy, dict[str, tuple[int, int]]]:
    """Return the policy for a briefing's worktree, and the stamps of the files in it.

    For a repair, the text of the files that crashed is first written into the worktree.

    Raises:
        AgentError: The briefing has no worktree, or an editable file is a symbolic link.
    """
    if briefing.worktree is None:
        raise AgentError("A coding agent needs a worktree, and got none.")
    policy = Policy(briefing.worktree, *briefing.config.files)
    for name in policy.editable:
        if not policy.may_write(name):
            raise AgentError(
                f"{name} is a symbolic link, or lies below one.",
                "Only a file of the repository itself can be edited.",
                "Name the file it leads to with --file.",
            )
    if briefing.failure is not None:
        texts = texts_of(briefing.failure.source, briefing.config.file)
        for name, text in texts.items():
            policy.editable[name].write_bytes(text.encode("utf-8", "surrogatepass"))
    return policy, file_stamps(policy)


def _read_edit(
    policy: Policy, stamps: dict[str, tuple[int, int]]
) -> tuple[str | WrongEdit, list[str]]:
    """Return the edited text or the reason why there is none, and the other changed files.

    Args:
        policy: Names the worktree and the editable files.
        stamps: The stamps of the worktree's files before the agent was asked.
    """
    try:
        source: str | WrongEdit = read_files(policy)
    except WrongEdit as wrong:
        source = wrong
    return source, strays(policy, stamps)


def _few(names: list[str]) -> str:
    shown = ", ".join(one_line(name, 80) for name in names[:5])
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def make(config: ResearchConfig, workspace: Path) -> Agent:
    """Make the agent `acp` with the keys of the environment and of the workspace's `.env`.

    Raises:
        AgentError: The config names no CLI.
        ConfigError: The `.env` cannot be read.
    """
    if not config.cli.strip():
        raise CliMissingError(
            "The agent acp needs a coding-agent CLI.",
            "",
            "Name it with --cli: claude, codex, gemini, opencode, or a command of your own.",
        )
    variables = provider_environment(workspace, os.environ)
    return CodingAgent(config, variables, secrets_in_env_file(workspace))
