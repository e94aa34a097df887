"""The life of an engine process: lock, recover, serve, run the ratchet, leave in good order.

Started as `python -m engine.server.daemon WORKSPACE`, detached from any terminal; reads the
research config that the person confirmed from `.autoresearch/config.toml`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Awaitable
from datetime import UTC, datetime
from pathlib import Path

import psutil

from engine import __version__
from engine.agents.base import make_agent
from engine.core import events as ev
from engine.core.config import ResearchConfig
from engine.core.enums import Actor, AlarmKind, StopMode
from engine.core.errors import AutoresearchError, JournalError
from engine.core.layout import Layout
from engine.devices.recorder import MachineRecorder
from engine.devices.sampler import DeviceSampler
from engine.loop.context import SessionContext
from engine.loop.ratchet import Ratchet
from engine.notify.notifier import Notifier
from engine.protocol import commands
from engine.protocol.endpoint import EngineLock, socket_path
from engine.protocol.messages import AnyMessage, Devices, EventAppended, ReasoningChunk
from engine.report.automatic import Reports
from engine.server.socket_server import SocketServer
from engine.setup.config_file import load_config
from engine.setup.open_session import open_session
from engine.store.journal import Journal
from engine.store.workspace import Workspace

SAMPLE_SECONDS = 1.0


class Service:
    """One engine in one workspace.

    Args:
        path: The workspace.
        config: The confirmed research config.
    """

    def __init__(self, path: Path, config: ResearchConfig) -> None:
        self._workspace = Workspace(path)
        self._lock = EngineLock(self._workspace.path)
        self._config = config
        self._layout = Layout(self._workspace.path, config.tag)
        self._devices: Devices | None = None

    async def run(self) -> None:
        """From the lock to the end of the session.

        Raises:
            AutoresearchError: It could not start, or the journal could not be written.
        """
        journal: Journal | None = None
        server: SocketServer | None = None
        notifier = Notifier(self._workspace.path, os.environ)
        reason = "an error"
        try:
            agent = make_agent(self._config, self._workspace.path)
            sampler = await asyncio.to_thread(DeviceSampler, None, self._workspace.path)
            journal, submodules = open_session(
                self._workspace, self._layout, self._config, sampler.platform()
            )
            context = SessionContext(
                journal=journal,
                workspace=self._workspace,
                layout=self._layout,
                agent=agent,
                environ=os.environ,
                publish=lambda message: server.publish(message) if server is not None else None,
                submodules=submodules,
            )
            ratchet = Ratchet(context)
            reports = Reports(self._layout)
            server = SocketServer(
                socket_path(self._workspace.path),
                session=lambda: ratchet.session,
                initial_messages=lambda: self._initial_messages(ratchet),
                handle=lambda command: _obey(ratchet, reports, command),
            )
            journal.listen(lambda event: server.publish(EventAppended(event=event)))
            notifier.attach(journal)
            reports.attach(journal)
            await server.start()
            self._lock.publish_socket_path(server.path)
            self._catch_signals(ratchet)
            sampling = asyncio.create_task(self._sample(sampler, server, ratchet, journal))
            try:
                await ratchet.run()
                reason = ratchet.session.ended or "the loop ended"
            finally:
                await reports.close()
                sampling.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await sampling
            journal.append(ev.EngineStopped(reason=reason))
        except AutoresearchError:
            raise
        except Exception as error:
            if journal is not None:
                message = f"the engine failed ({type(error).__name__}: {error}); see engine.log"
                journal.append(ev.AlarmRaised(kind=AlarmKind.ENGINE, message=message))
                journal.append(ev.EngineStopped(reason="a fault of its own"))
            raise
        finally:
            if server is not None:
                await server.stop()
            if journal is not None:
                await notifier.close()
                journal.close()
            self._lock.release()

    def _initial_messages(self, ratchet: Ratchet) -> list[AnyMessage]:
        messages: list[AnyMessage] = []
        for number, text in ratchet.proposer.drafter.thinking.items():
            messages.append(ReasoningChunk(text=text, start=True, experiment=number))
        if ratchet.runner.progress is not None:
            messages.append(ratchet.runner.progress)
        if self._devices is not None:
            messages.append(self._devices)
        return messages

    def _catch_signals(self, ratchet: Ratchet) -> None:
        loop = asyncio.get_running_loop()
        # SIGTERM (a shutdown, `systemctl stop`) leaves the run to its supervisor; the next engine
        # adopts it.
        loop.add_signal_handler(signal.SIGTERM, self._leave)
        loop.add_signal_handler(signal.SIGINT, lambda: ratchet.stop(Actor.SIGNAL, StopMode.NOW))
        loop.add_signal_handler(signal.SIGHUP, lambda: None)

    def _leave(self) -> None:
        # As kill -9, which every part must survive anyway, only that the lock file is tidied by the
        # kernel.
        os._exit(143)

    async def _sample(
        self, sampler: DeviceSampler, server: SocketServer, ratchet: Ratchet, journal: Journal
    ) -> None:
        recorder = MachineRecorder()
        while True:
            session, now = ratchet.session, datetime.now(UTC)
            due = recorder.is_due(session, now)
            # Nobody watches and nothing is to be recorded: nobody needs figures, the engine rests.
            if server.subscribers or due:
                try:
                    sample = await asyncio.to_thread(sampler.sample, ratchet.runner.pid)
                except (OSError, psutil.Error) as error:
                    # Figures are missed for a second; the session is not.
                    print(f"no device sample: {error}", file=sys.stderr, flush=True)
                else:
                    self._devices = Devices(sample=sample)
                    server.publish(self._devices)
                    if due and (event := recorder.record(ratchet.session, sample, now)):
                        try:
                            journal.append(event)
                        except JournalError as error:
                            print(f"a sample is not recorded: {error}", file=sys.stderr, flush=True)
            await server.keep_listening()
            await asyncio.sleep(SAMPLE_SECONDS)


def _obey(ratchet: Ratchet, reports: Reports, command: commands.AnyCommand) -> str | Awaitable[str]:
    if ratchet.session.ended is not None and not isinstance(command, commands.Hello):
        return _at_the_end(reports, command)
    match command:
        case commands.AskMemory():
            return ratchet.proposer.maker.memory()
        case commands.PauseLoop():
            return ratchet.pause(command.by)
        case commands.ResumeLoop():
            return ratchet.resume(command.by)
        case commands.StopSession():
            return ratchet.stop(command.by, command.mode, command.reason)
        case commands.CancelStop():
            return ratchet.cancel_stop(command.by)
        case commands.KillRun():
            return ratchet.kill_run(command.by, command.experiment, command.reason)
        case commands.Hello():
            return f"autoresearch-tui {__version__}"
        case _:
            return ratchet.steering.obey(command)


def _at_the_end(reports: Reports, command: commands.AnyCommand) -> str:
    """The session has ended and its report is being written: only leaving sooner can be asked."""
    if isinstance(command, commands.StopSession):
        reports.hurry()
        return "The session has ended; its engine leaves now."
    raise AutoresearchError(
        "The session has ended, and its engine is about to leave.",
        "Nothing was done.",
        "Go on with it by `autoresearch-tui start`.",
    )


def main() -> int:
    """Entry of the engine process; the exit code is that of the error, if any."""
    try:
        path = Path(sys.argv[1])
        asyncio.run(Service(path, load_config(path)).run())
    except AutoresearchError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        # A fault of ours: all of it into the engine's log, one line for whoever started us.
        traceback.print_exc()
        print(f"error: the engine failed ({type(error).__name__}: {error}).", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
