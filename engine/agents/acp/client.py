"""Answers a CLI's requests over the Agent Client Protocol: permissions, and file access.

Forbidden requests are refused without asking the user, and reported as lines of the agent's
reasoning.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from acp.exceptions import RequestError
from acp.schema import (
    AgentMessageChunk,
    AgentPlanUpdate,
    AgentThoughtChunk,
    AllowedOutcome,
    DeniedOutcome,
    FileEditToolCallContent,
    PermissionOption,
    ReadTextFileResponse,
    RequestPermissionResponse,
    SessionNotification,
    TextContentBlock,
    ToolCallProgress,
    ToolCallStart,
    ToolCallUpdate,
    UsageUpdate,
    WriteTextFileResponse,
)
from pydantic import ValidationError

from engine.agents.acp.cli_session import Listener
from engine.agents.acp.policy import Policy
from engine.core.text import one_line

_PATH_KEYS = (
    "file_path",
    "filePath",
    "filepath",
    "path",
    "abs_path",
    "notebook_path",
    "target_file",
    "new_path",
    "directory",
)
_COMMAND_KEYS = ("command", "cmd", "argv", "script")
_LARGEST_FILE = 20 * 2**20
_SIGNS = {"completed": "[x]", "in_progress": "[>]"}


class PolicyClient:
    """Answers a coding-agent CLI's requests by a policy, and passes its updates to a listener.

    Args:
        policy: The paths and tools the CLI may use.
        listener: The receiver of its updates.
    """

    def __init__(self, policy: Policy, listener: Listener) -> None:
        self._policy = policy
        self._listener = listener
        self._calls: dict[str, _Call] = {}
        self.dollars: float | None = None
        """The session's cost so far in US dollars; None until the CLI reports one."""

    async def request_permission(
        self,
        session_id: str,
        tool_call: ToolCallUpdate,
        options: list[PermissionOption],
        **meta: Any,
    ) -> RequestPermissionResponse:
        """Allow a tool call once if it edits the editable file or reads in the worktree.

        All others are refused, and the refusal is noted in the agent's reasoning.
        """
        call = self._calls.setdefault(tool_call.tool_call_id, _Call())
        call.learn(tool_call)
        refused = self._policy.judge(call.judged_kind, call.paths)
        if not refused:
            chosen = _option(options, ("allow_once", "allow_always"))
            if chosen is not None:
                return RequestPermissionResponse(
                    outcome=AllowedOutcome(outcome="selected", option_id=chosen)
                )
            refused = "there is no way offered to allow it once"
        self._listener.note(f"[Refused: {one_line(call.title or call.kind, 120)} ({refused}).]")
        chosen = _option(options, ("reject_once", "reject_always"))
        if chosen is None:
            return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
        return RequestPermissionResponse(
            outcome=AllowedOutcome(outcome="selected", option_id=chosen)
        )

    async def read_text_file(
        self,
        session_id: str,
        path: str,
        line: int | None = None,
        limit: int | None = None,
        **meta: Any,
    ) -> ReadTextFileResponse:
        """Return the text of a file in the worktree, or `limit` of its lines from `line` on.

        Raises:
            RequestError: The file lies elsewhere, is missing, is larger than 20 MiB, or is not
                UTF-8 text.
        """
        if not self._policy.may_read(path):
            raise self._refuse(f"reading {path}", "it lies outside the worktree")
        try:
            content = await asyncio.to_thread(self._read, path)
        except FileNotFoundError:
            raise RequestError.resource_not_found(path) from None
        except (OSError, UnicodeDecodeError) as error:
            raise RequestError.internal_error({"details": f"not readable: {error}"}) from None
        if line is not None or limit is not None:
            lines = content.splitlines(keepends=True)
            start = max(0, (line or 1) - 1)
            content = "".join(lines[start : None if limit is None else start + limit])
        return ReadTextFileResponse(content=content)

    def _read(self, path: str) -> str:
        target = self._policy.worktree / path
        if target.stat().st_size > _LARGEST_FILE:
            raise OSError("the file is too large")
        return target.read_bytes().decode("utf-8")

    async def write_text_file(
        self, session_id: str, path: str, content: str, **meta: Any
    ) -> WriteTextFileResponse:
        """Replace the content of an editable file; all other paths are refused.

        Raises:
            RequestError: The path is another file, or the file cannot be written.
        """
        target = self._policy.editable_path(path)
        if target is None:
            raise self._refuse(f"writing {path}", f"only {self._policy.names} may be changed")
        try:
            data = content.encode("utf-8", "surrogatepass")
            await asyncio.to_thread(target.write_bytes, data)
        except OSError as error:
            raise RequestError.internal_error({"details": f"{error.strerror}"}) from None
        return WriteTextFileResponse()

    def _refuse(self, what: str, why: str) -> RequestError:
        self._listener.note(f"[Refused: {one_line(what, 200)} ({why}).]")
        return RequestError.invalid_params({"details": f"Refused: {why}."})

    def notified(self, method: str, params: Any) -> None:
        """Pass what a `session/update` notification reports on to the listener.

        That is reasoning, a message, a tool call or a plan. A cost in US dollars is recorded in
        `dollars`. All other notifications are ignored.
        """
        if method != "session/update":
            return
        try:
            update = SessionNotification.model_validate(params).update
        except ValidationError:
            return
        match update:
            case AgentThoughtChunk(content=TextContentBlock(text=text)):
                self._listener.think(text)
            case AgentMessageChunk(content=TextContentBlock(text=text)):
                self._listener.speak(text)
            case ToolCallStart() | ToolCallProgress():
                self._tool(update)
            case AgentPlanUpdate():
                for entry in update.entries:
                    sign = _SIGNS.get(entry.status, "[ ]")
                    self._listener.note(f"{sign} {one_line(entry.content, 200)}")
            case UsageUpdate() if update.cost is not None and update.cost.currency == "USD":
                self.dollars = update.cost.amount
            case _:
                pass

    def _tool(self, update: ToolCallStart | ToolCallProgress) -> None:
        call = self._calls.setdefault(update.tool_call_id, _Call())
        before = call.title
        call.learn(update)
        # Some CLIs start a call without details and send them with the next update.
        vague = isinstance(update, ToolCallStart) and not (update.raw_input or update.locations)
        if vague and not update.content:
            call.title = ""
        elif call.title and call.title != before:
            places = ", ".join(self._short(path) for path in call.locations[:3])
            where = "" if not places or places in call.title else f" · {places}"
            kind = "" if call.kind in ("", "other") else f"{call.kind}: "
            self._listener.act(f"▸ {kind}{one_line(call.title, 160)}{where}")
        for part in update.content or []:
            if isinstance(part, FileEditToolCallContent):
                self._listener.diff(self._short(part.path), part.old_text or "", part.new_text)
        if update.status == "failed" and not call.failed:
            call.failed = True
            self._listener.note("  failed")

    def _short(self, path: str) -> str:
        return one_line(path.removeprefix(f"{self._policy.worktree}/"), 120)

    # Capabilities that are not offered are refused by the protocol's own error.

    async def create_terminal(self, *args: Any, **named: Any) -> Any:
        """Refuse to run a command, and note the refusal in the agent's reasoning."""
        command = " ".join([str(named.get("command", "")), *map(str, named.get("args") or [])])
        raise self._refuse(f"running {command.strip() or 'a command'}", "commands are not run here")

    async def terminal_output(self, *args: Any, **named: Any) -> Any:
        """Refuse any request about a terminal, since none is ever created."""
        raise RequestError.method_not_found("terminal/output")

    release_terminal = wait_for_terminal_exit = kill_terminal = terminal_output

    async def create_elicitation(self, *args: Any, **named: Any) -> Any:
        """Refuse a request to ask the user something."""
        raise RequestError.method_not_found("elicitation/create")

    async def complete_elicitation(self, *args: Any, **named: Any) -> None:
        """Ignore the end of a question to the user, since none is ever asked."""

    async def session_update(self, *args: Any, **named: Any) -> None:
        """Do nothing: updates arrive as notifications, see `notified`."""

    async def ext_method(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Refuse methods outside the protocol."""
        raise RequestError.method_not_found(method)

    async def ext_notification(self, method: str, params: dict[str, Any]) -> None:
        """Ignore notifications outside the protocol."""

    def on_connect(self, conn: Any) -> None:
        """Do nothing once the protocol's library has connected."""


class _Call:
    """The facts a CLI has reported of one tool call, collected from several messages.

    A permission request need not repeat what an earlier update said.
    """

    def __init__(self) -> None:
        self.title = ""
        self.kind = ""
        self.locations: list[str] = []
        self.failed = False
        self._touched: list[str] = []
        self._runs_command = False

    def learn(self, update: ToolCallUpdate | ToolCallStart | ToolCallProgress) -> None:
        """Add the title, kind, paths and command that an update of the tool call reports."""
        self.title = update.title or self.title
        self.kind = update.kind or self.kind
        if update.locations is not None:
            self.locations = [location.path for location in update.locations]
            self._touched += self.locations
        for part in update.content or []:
            if isinstance(part, FileEditToolCallContent):
                self._touched.append(part.path)
        raw = update.raw_input
        if isinstance(raw, dict):
            self._touched += _strings(raw.get(key) for key in _PATH_KEYS)
            changes = raw.get("changes")
            if isinstance(changes, dict):
                self._touched += [str(path) for path in changes]
            self._runs_command |= any(raw.get(key) for key in _COMMAND_KEYS)

    @property
    def paths(self) -> list[str]:
        """All paths the tool call was reported to touch, without duplicates."""
        return list(dict.fromkeys(self._touched))

    @property
    def judged_kind(self) -> str | None:
        """The tool call's kind for the policy; None if unknown, `execute` if it has a command."""
        if self._runs_command and self.kind in ("", "other", "read", "search", "think", "edit"):
            return "execute"
        return self.kind or None


def _strings(values: Iterable[Any]) -> list[str]:
    return [value for value in values if isinstance(value, str) and value]


def _option(options: Sequence[PermissionOption], kinds: Sequence[str]) -> str | None:
    """Return the id of an offered option of the first of `kinds` that is offered; else None."""
    for kind in kinds:
        for option in options:
            if option.kind == kind:
                return option.option_id
    return None
