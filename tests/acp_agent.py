"""A small coding agent that follows the Agent Client Protocol, or breaks it, as told.

Run as a process: `python -m tests.acp_agent --scenario good`. Each scenario is one method
below, called once in each turn; `train.py` is in the directory where the agent is started.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from acp import PROTOCOL_VERSION, run_agent
from acp.exceptions import RequestError
from acp.schema import (
    AgentCapabilities,
    AgentMessageChunk,
    AgentPlanUpdate,
    AgentThoughtChunk,
    Cost,
    FileEditToolCallContent,
    Implementation,
    InitializeResponse,
    NewSessionResponse,
    PermissionOption,
    PlanEntry,
    PromptResponse,
    TextContentBlock,
    ToolCallLocation,
    ToolCallProgress,
    ToolCallStart,
    ToolCallUpdate,
    Usage,
    UsageUpdate,
)

FINAL = (
    "HYPOTHESIS: A higher rate converges sooner.\nCATEGORY: optimizer\n"
    "RATIONALE: It was low.\nEXPECTED: a small gain\n"
)
OPTIONS = [
    PermissionOption(option_id="always", name="Always", kind="allow_always"),
    PermissionOption(option_id="once", name="Allow", kind="allow_once"),
    PermissionOption(option_id="no", name="Reject", kind="reject_once"),
]


class ScriptedAgent:
    """Run the same scenario in each turn."""

    def __init__(self, scenario: str) -> None:
        self._act = getattr(self, f"_{scenario}")
        self._turn = 0
        self._client: Any = None
        self._file = Path.cwd() / "train.py"

    def on_connect(self, conn: Any) -> None:
        """Keep the connection to the client."""
        self._client = conn

    async def initialize(self, protocol_version: int, **more: Any) -> InitializeResponse:
        """Answer the client's first message."""
        if self._act == self._dies_at_start:
            print("cannot find module 'node:sea'", file=sys.stderr, flush=True)
            os._exit(3)
        return InitializeResponse(
            protocol_version=PROTOCOL_VERSION,
            agent_capabilities=AgentCapabilities(),
            agent_info=Implementation(name="scripted", version="1"),
        )

    async def new_session(self, cwd: str, **more: Any) -> NewSessionResponse:
        """Begin a session."""
        assert Path(cwd) == Path.cwd()
        if self._act == self._logged_out:
            raise RequestError.auth_required()
        return NewSessionResponse(session_id="s1")

    async def cancel(self, session_id: str, **more: Any) -> None:
        """Ignore the request to cancel."""

    async def prompt(self, session_id: str, prompt: list[Any], **more: Any) -> PromptResponse:
        """Run the scenario, and end the turn as it says."""
        self._turn += 1
        answer = await self._act("".join(block.text for block in prompt))
        return answer if answer is not None else PromptResponse(stop_reason="end_turn")

    # The parts of the scenarios.

    async def _update(self, update: Any) -> None:
        await self._client.session_update(session_id="s1", update=update)

    async def _think(self, text: str) -> None:
        block = TextContentBlock(type="text", text=text)
        await self._update(AgentThoughtChunk(session_update="agent_thought_chunk", content=block))

    async def _say(self, text: str) -> None:
        block = TextContentBlock(type="text", text=text)
        await self._update(AgentMessageChunk(session_update="agent_message_chunk", content=block))

    async def _call(self, name: str, kind: Any, title: str, path: Path | str, **more: Any) -> None:
        await self._update(
            ToolCallStart(
                session_update="tool_call",
                tool_call_id=name,
                title=title,
                kind=kind,
                locations=[ToolCallLocation(path=str(path))],
                **more,
            )
        )

    async def _may(self, name: str, kind: Any, title: str, **more: Any) -> str:
        """Ask for permission, and return the option that was chosen."""
        call = ToolCallUpdate(tool_call_id=name, kind=kind, title=title, **more)
        answer = await self._client.request_permission(
            session_id="s1", tool_call=call, options=OPTIONS
        )
        return str(getattr(answer.outcome, "option_id", answer.outcome.outcome))

    async def _tell(self, what: str, call: Any) -> None:
        """Write whether a request was granted as a message."""
        try:
            await call
            await self._say(f"{what}: done\n")
        except RequestError as error:
            await self._say(f"{what}: {error} {error.data}\n")

    def _edit(self, old: str = "RATE = 0.04", new: str = "RATE = 0.05") -> None:
        self._file.write_text(self._file.read_text().replace(old, new))

    # The scenarios.

    async def _good(self, text: str) -> PromptResponse:
        """Read and write through the client, and report each step."""
        await self._think("Which rate ")
        await self._think("is right?")
        steps = ("read", "completed"), ("edit", "in_progress")
        entries = [PlanEntry(content=w, priority="high", status=s) for w, s in steps]  # type: ignore[arg-type]
        await self._update(AgentPlanUpdate(session_update="plan", entries=entries))
        await self._say("Let me look at it first.")
        await self._call("c1", "read", "Read train.py", self._file)
        told = await self._client.read_text_file(session_id="s1", path=str(self._file))
        line = await self._client.read_text_file(
            session_id="s1", path=str(self._file), line=2, limit=1
        )
        new = told.content.replace("RATE = 0.04", "RATE = 0.05")
        diff = FileEditToolCallContent(
            type="diff", path=str(self._file), old_text=told.content, new_text=new
        )
        await self._call("c2", "edit", "Edit train.py", self._file, content=[diff])
        chosen = await self._may("c2", "edit", "Edit train.py")
        await self._client.write_text_file(session_id="s1", path=str(self._file), content=new)
        done = ToolCallProgress(
            session_update="tool_call_update", tool_call_id="c2", status="completed"
        )
        await self._update(done)
        await self._think(f"chosen={chosen} line={line.content!r}")
        await self._say(FINAL)
        cost = Cost(amount=0.25, currency="USD")
        await self._update(
            UsageUpdate(session_update="usage_update", used=1200, size=200_000, cost=cost)
        )
        used = Usage(
            total_tokens=1700,
            input_tokens=1000,
            output_tokens=300,
            cached_read_tokens=400,
            thought_tokens=50,
        )
        return PromptResponse(stop_reason="end_turn", usage=used)

    async def _charter(self, text: str) -> None:
        """Say what program.md is in the worktree."""
        await self._think(self._file.with_name("program.md").read_text())
        self._edit()

    async def _on_disk(self, text: str) -> None:
        self._edit()

    async def _shell(self, text: str) -> None:
        raw = {"command": "rm -rf /"}
        await self._say(await self._may("c1", "execute", "rm -rf /", raw_input=raw) + "\n")
        await self._say(await self._may("c2", "edit", "tidy", raw_input=raw) + "\n")
        await self._say(await self._may("c3", "fetch", "example.org") + "\n")
        await self._say(await self._may("c4", "delete", "delete train.py") + "\n")
        await self._say(await self._may("c5", None, "something") + "\n")
        terminal = self._client.create_terminal(session_id="s1", command="id", args=["-u"])
        await self._tell("terminal", terminal)
        self._edit()

    async def _other_file(self, text: str) -> None:
        other = Path.cwd() / "prepare.py"
        places = [ToolCallLocation(path=str(self._file)), ToolCallLocation(path=str(other))]
        await self._say(await self._may("c1", "edit", "Edit two", locations=places) + "\n")
        write = self._client.write_text_file(session_id="s1", path=str(other), content="DATA = 2\n")
        await self._tell("write", write)
        # It can also edit files directly.
        other.write_text("DATA = 3\n")
        (Path.cwd() / "new.txt").write_text("x")
        self._edit()

    async def _both_files(self, text: str) -> None:
        other = Path.cwd() / "model.py"
        self._edit()
        content = other.read_text().replace("WIDTH = 3", "WIDTH = 4")
        await self._client.write_text_file(session_id="s1", path=str(other), content=content)
        stray = self._client.write_text_file(session_id="s1", path="other.py", content="x")
        await self._tell("write", stray)
        await self._say(FINAL)

    async def _escapes(self, text: str) -> None:
        link = Path.cwd() / "innocent.txt"
        link.symlink_to("/etc/hostname")
        for path in ("../secret.txt", "/etc/hostname", str(link), ".git", f"{Path.cwd()}/../x"):
            await self._tell("read", self._client.read_text_file(session_id="s1", path=path))
            await self._tell(
                "write", self._client.write_text_file(session_id="s1", path=path, content="x")
            )
            place = [ToolCallLocation(path=path)]
            await self._say(await self._may("c", "edit", "Edit", locations=place) + "\n")
        self._edit()

    async def _becomes_link(self, text: str) -> None:
        self._file.unlink(missing_ok=True)
        self._file.symlink_to("/etc/hostname")

    async def _lazy(self, text: str) -> None:
        await self._say("I would raise the rate.")

    async def _wrong_then_right(self, text: str) -> None:
        if self._turn == 1:
            self._edit(new="RATE = = 0.05")
        else:
            assert "not valid Python" in text
            self._edit("RATE = = 0.05", "RATE = 0.05")
        await self._say(FINAL)

    async def _comment_only(self, text: str) -> None:
        self._edit("# more", "# even more")
        self._edit("# less", "# more")

    async def _crash(self, text: str) -> None:
        await self._think("half a thought")
        key = os.environ.get("MISTRAL_API_KEY", "")
        print(f"\x1b[31mFATAL\x1b[0m heap out of memory {key}", file=sys.stderr, flush=True)
        os._exit(134)

    async def _hang(self, text: str) -> None:
        await self._think("thinking …")
        await asyncio.Event().wait()

    async def _stubborn_child(self, text: str) -> None:
        """Start a child outside the process group and the ancestry, deaf to SIGTERM."""
        code = (
            "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "if os.fork(): os._exit(0)\n"
            "os.setsid(); open('child.pid', 'w').write(str(os.getpid())); print('up', flush=True)\n"
            "time.sleep(600)\n"
        )
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert child.stdout is not None and child.stdout.readline() == b"up\n"
        await self._think("child is up")
        await asyncio.Event().wait()

    async def _huge(self, text: str) -> None:
        await self._think("x" * 2_000_000)
        await self._say("y" * 2_000_000 + "\n" + FINAL)
        self._edit()

    async def _terminal_escapes(self, text: str) -> None:
        await self._think("\x1b]0;owned\x07\x1b[2Jred \x9b31m[/b] \x00done")
        await self._call("c1", "read", "Read \x1b[2J\u202e train.py\nfake line", self._file)
        await self._say("HYPOTHESIS: \x1b[5mblink\nCATEGORY: data\n")
        self._edit()

    async def _secret(self, text: str) -> None:
        key = os.environ["MISTRAL_API_KEY"]
        await self._think(f"my key is {key}")
        if self._turn == 1:
            self._edit(new=f"RATE = 0.05; KEY = '{key}'")
        else:
            self._edit(f"; KEY = '{key}'", "")
        await self._say(f"HYPOTHESIS: use {key} well\n")

    async def _limited(self, text: str) -> None:
        raise RequestError.internal_error({"details": "429 rate limit, try again in 42 s"})

    async def _error_as_message(self, text: str) -> None:
        await self._say('{"error": {"message": "prompt is too long: 300000 tokens"}}')

    async def _logged_out(self, text: str) -> None:
        """Do nothing: the scenario ends before its first turn."""

    async def _dies_at_start(self, text: str) -> None:
        """Do nothing: the scenario ends before its first turn."""


def main() -> None:
    """Serve the protocol on the standard input and output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", required=True)
    scenario = parser.parse_args().scenario
    if scenario == "garbage":
        for number in range(400):
            print(f"npm notice {number} \x1b[1m", flush=True)
        signal.pause()
    asyncio.run(run_agent(ScriptedAgent(scenario)))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
