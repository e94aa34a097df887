"""Runs the engine process: locks the workspace, opens the session, serves clients, runs the loop.

Started as `python -m engine.server.daemon WORKSPACE`, detached from any terminal; reads the
research config from `.autoresearch/config.toml`, and refuses one that the user has not confirmed.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable
from pathlib import Path

import psutil

from engine.agents.base import make_agent
from engine.core import events as ev
from engine.core.config import ResearchConfig
from engine.core.enums import Actor, AlarmKind, StopMode
from engine.core.errors import AutoresearchError, JournalError
from engine.core.layout import Layout
from engine.core.needs import NeedKind
from engine.core.secrets import redact
from engine.devices.recorder import MachineRecorder
from engine.devices.sampler import DeviceSampler
from engine.loop.assembly import SessionLoop, build_loop
from engine.loop.context import SessionContext
from engine.loop.waits import Waits
from engine.notify.notifier import Notifier
from engine.processes import OrphanReaper, adopt_orphans
from engine.protocol.commands import ClientCommand, StopSession
from engine.protocol.endpoint import EngineLock, socket_path
from engine.protocol.handover import HANDOVER_FLAG, hide_memory, take_environment
from engine.protocol.messages import AnyMessage, Devices, EventAppended, ReasoningChunk, Stalled
from engine.report.automatic import Reports
from engine.search_path import remove_relative_directories
from engine.server.log import known_secrets, log_event, start_logging
from engine.server.peer import Intruder
from engine.server.socket_server import SocketServer
from engine.setup.config_file import config_path, load_config
from engine.setup.confirmation import require_confirmation
from engine.setup.engine_files import check_engine_files, check_results_file
from engine.setup.open_session import open_session
from engine.store.durable import write_durably
from engine.store.journal import Journal
from engine.store.temporary_files import delete_temporary_files
from engine.store.workspace import Workspace
from engine.thread_pool import started_pool

SAMPLE_SECONDS = 1.0
_REAP_EVERY = 30
_THREADS = 8
"""Threads for what would block the event loop: reading files, `/proc` and the devices."""
_log = logging.getLogger("engine.server")


class Engine:
    """One engine process in one workspace: opens the session, serves clients and runs the loop.

    Args:
        path: The workspace, the researcher's git repository.
        config: The research config that the user confirmed.
        secrets: Values that are redacted in the journal, and so in all that is made from it.
    """

    def __init__(self, path: Path, config: ResearchConfig, secrets: tuple[str, ...] = ()) -> None:
        self._secrets = secrets
        self._workspace = Workspace(path, confirmed=True)
        self._lock = EngineLock(self._workspace.path)
        self._config = config
        self._config_file = config_path(self._workspace.path)
        self._config_text = self._config_file.read_bytes()
        self._layout = Layout(self._workspace.path, config.tag)
        self._devices: Devices | None = None

    async def run(self) -> None:
        """Open the session, serve clients and run the loop until the session ends; then clean up.

        Raises:
            AutoresearchError: The session could not be opened, or the journal could not be written.
        """
        journal: Journal | None = None
        server: SocketServer | None = None
        notifier = Notifier(self._workspace.path, os.environ)
        reason = "an error"
        # The processes of a run that kills its supervisor become children of this process.
        adopt_orphans()
        try:
            asyncio.get_running_loop().set_default_executor(started_pool(_THREADS, "engine"))
            agent = make_agent(self._config, self._workspace.path)
            sampler = await asyncio.to_thread(DeviceSampler, None, self._workspace.path)
            journal, submodules = open_session(
                self._workspace, self._layout, self._config, sampler.platform()
            )
            journal.secrets = self._secrets
            context = SessionContext(
                journal=journal,
                workspace=self._workspace,
                layout=self._layout,
                agent=agent,
                environ=os.environ,
                publish=lambda message: _publish(message, server, notifier),
                waits=Waits(journal),
                submodules=submodules,
            )
            loop = build_loop(context)
            reports = Reports(self._layout)
            server = SocketServer(
                socket_path(self._workspace.path),
                session=lambda: context.session,
                initial_messages=lambda: self._initial_messages(loop),
                handle=lambda command, by: _handle(loop, reports, command, by),
                refused=lambda intruder: _record_refusal(context, intruder),
                secrets=self._secrets,
            )
            journal.listen(log_event)
            journal.listen(lambda event: server.publish(EventAppended(event=event)))
            notifier.attach(journal)
            reports.attach(journal)
            await server.start()
            context.start(asyncio.to_thread(delete_temporary_files, self._workspace))
            self._lock.publish_socket_path(server.path)
            self._catch_signals(loop)
            sampling = asyncio.create_task(self._sample(sampler, server, loop, journal))
            try:
                await loop.ratchet.run()
                reason = context.session.ended or "the loop ended"
            finally:
                await reports.close()
                sampling.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await sampling
            _append_last(journal, ev.EngineStopped(reason=reason))
        except AutoresearchError:
            raise
        except Exception as error:
            if journal is not None:
                message = f"the engine failed ({type(error).__name__}: {error}); see engine.log"
                _append_last(journal, ev.AlarmRaised(kind=AlarmKind.ENGINE, message=message))
                _append_last(journal, ev.EngineStopped(reason="an internal error"))
            raise
        finally:
            if server is not None:
                await server.stop()
            if journal is not None:
                await notifier.close()
                journal.close()
            self._lock.release()

    def _initial_messages(self, loop: SessionLoop) -> list[AnyMessage]:
        """Return the live messages that show a new subscriber what is in progress.

        They hold the agent's reasoning so far, the run's progress and the last device sample, and
        always end with what the engine waits for.
        """
        messages: list[AnyMessage] = [
            ReasoningChunk(text=text, start=True, experiment=number)
            for number, text in loop.calls.reasoning.items()
        ]
        if loop.runner.progress is not None:
            messages.append(loop.runner.progress)
        if self._devices is not None:
            messages.append(self._devices)
        messages.append(loop.stall.message)
        return messages

    def _catch_signals(self, loop: SessionLoop) -> None:
        def stop() -> None:
            try:
                loop.commands.stop(Actor.SIGNAL, StopMode.NOW)
            except JournalError as error:
                _log.error("SIGINT: the stop cannot be recorded: %s", error)
                self._exit()

        # SIGTERM (a shutdown, `systemctl stop`) leaves the run to its supervisor; the next engine
        # adopts it.
        events = asyncio.get_running_loop()
        events.add_signal_handler(signal.SIGTERM, self._exit)
        events.add_signal_handler(signal.SIGINT, stop)
        events.add_signal_handler(signal.SIGHUP, lambda: None)

    def _exit(self) -> None:
        # As abrupt as kill -9, which every part survives; the kernel releases the lock file.
        _log.info("leaving the run to its supervisor")
        os._exit(143)

    async def _sample(
        self, sampler: DeviceSampler, server: SocketServer, loop: SessionLoop, journal: Journal
    ) -> None:
        recorder, orphans = MachineRecorder(), OrphanReaper()
        for second in itertools.count():
            if second % _REAP_EVERY == 0:
                orphans.reap()
            session, now = journal.session, time.monotonic()
            due = recorder.is_due(session, now)
            # Without a subscriber, and with nothing to record, no sample is taken.
            if server.subscribers or due:
                try:
                    sample = await asyncio.to_thread(sampler.sample, loop.runner.pid)
                except (OSError, psutil.Error) as error:
                    _log.warning("no device sample: %s", error)
                else:
                    self._devices = Devices(sample=sample)
                    server.publish(self._devices)
                    if due and (event := recorder.record(journal.session, sample, now)):
                        try:
                            journal.append(event)
                        except JournalError as error:
                            _log.warning("a device sample was not recorded: %s", error)
            await server.keep_listening()
            self._keep_files(journal)
            await asyncio.sleep(SAMPLE_SECONDS)

    def _keep_files(self, journal: Journal) -> None:
        """Create the lock file and the journal again where another program removed them."""
        try:
            if self._lock.keep():
                _log.warning("the lock file was removed or replaced; it was created again")
            journal.check_file()
            if not self._config_file.exists():
                self._config_file.parent.mkdir(exist_ok=True)
                write_durably(self._config_file, self._config_text, private=True)
                message = f"{self._config_file.name} was deleted; it was written again."
                journal.append(ev.AlarmRaised(kind=AlarmKind.ENGINE, message=message))
        except (AutoresearchError, OSError) as error:
            _log.error("a file of the engine cannot be created again: %s", error)


def _publish(message: AnyMessage, server: SocketServer | None, notifier: Notifier) -> None:
    if server is not None:
        server.publish(message)
    if isinstance(message, Stalled) and message.reason:
        notifier.report(NeedKind.PAUSED, f"the engine waits: {message.reason}")


def _append_last(journal: Journal, event: ev.AnyEvent) -> None:
    """Append an event that only informs, while the engine ends; log it where that fails."""
    try:
        journal.append(event)
    except JournalError as error:
        _log.error("%s was not recorded: %s", type(event).__name__, error)


def _record_refusal(context: SessionContext, intruder: Intruder) -> None:
    """Record an alarm about a refused process, once for each run or agent of this engine."""
    start = f"{intruder.origin} tried to command the engine"
    if not any(alarm.message.startswith(start) for alarm in context.session.alarms):
        context.alarm(
            AlarmKind.INTRUDER, f"{start} (process {intruder.pid}: {intruder.program}); refused"
        )


def _handle(
    loop: SessionLoop, reports: Reports, command: ClientCommand, by: Actor
) -> str | Awaitable[str]:
    if loop.ratchet.session.ended is None:
        before = loop.ratchet.session.seq
        try:
            return loop.commands.handle(command, by)
        except JournalError as error:
            if loop.ratchet.session.seq > before:
                raise
            todo = f"Nothing was done. {error.todo}"
            raise AutoresearchError(error.what, error.why, todo) from error
    # Only the last report is still being written.
    if isinstance(command, StopSession):
        reports.hurry()
        return "The session has ended; its engine exits now."
    raise AutoresearchError(
        "The session has ended, and its engine is about to exit.",
        "Nothing was done.",
        "Go on with it by `autoresearch-tui start`.",
    )


def main() -> int:
    """Run an engine in the workspace named by the first argument; return the process's exit code.

    An error is logged and printed to standard error.
    """
    secrets: tuple[str, ...] = ()
    try:
        hide_memory()
        path = Path(sys.argv[1])
        if HANDOVER_FLAG in sys.argv[2:]:
            take_environment()
        remove_relative_directories()
        config = load_config(path)
        require_confirmation(path, config)
        check_engine_files(Layout(path, config.tag))
        check_results_file(path, config.results_file)
        secrets = known_secrets(path, os.environ, config.pass_env)
        start_logging(path, secrets)
        asyncio.run(Engine(path, config, secrets).run())
    except AutoresearchError as error:
        _log.error("%s", error)
        print(f"error: {redact(str(error), secrets)}", file=sys.stderr, flush=True)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        _log.exception("the engine failed")
        message = redact(f"{type(error).__name__}: {error}", secrets)
        print(f"error: the engine failed ({message}).", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
