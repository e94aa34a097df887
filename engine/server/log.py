"""Writes the engine's log to `.autoresearch/engine.log`, rotated and with secrets removed."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Mapping, Sequence
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from engine.agents.llm.env_file import secrets_in_env_file
from engine.core import events as ev
from engine.core.errors import ConfigError
from engine.core.layout import engine_log
from engine.core.secrets import redact, secret_values
from engine.untrusted_files import open_private

_MAX_BYTES = 1 << 20
_KEPT_FILES = 3
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_log = logging.getLogger(__name__)


class _RedactingFormatter(logging.Formatter):
    """A log formatter that replaces each secret by `***`, also in tracebacks."""

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__(_FORMAT)
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record), self._secrets)


class _PrivateFile(RotatingFileHandler):
    """A rotating log file that only the user may read."""

    def _open(self) -> TextIOWrapper:
        file = open(  # noqa: SIM115  the handler closes it
            self.baseFilename, self.mode, encoding=self.encoding, opener=open_private
        )
        assert isinstance(file, TextIOWrapper)
        return file


def known_secrets(
    workspace: Path, environ: Mapping[str, str], passed: Collection[str]
) -> tuple[str, ...]:
    """Return the values that the engine writes to no log, journal, prompt or message.

    Args:
        workspace: The workspace, whose `.env` may hold keys.
        environ: The environment.
        passed: Names of variables that the user passes to the runs although they may be secret.
    """
    found = secret_values(environ, passed)
    # An unreadable .env is reported when the agent needs a key.
    with contextlib.suppress(ConfigError):
        found += secrets_in_env_file(workspace)
    return tuple(dict.fromkeys(found))


def start_logging(workspace: Path, secrets: Sequence[str]) -> None:
    """Write the engine's log records from now on to the workspace's `engine.log`.

    Args:
        workspace: The researcher's git repository.
        secrets: Values that are never written.

    Raises:
        OSError: The log file cannot be written.
    """
    handler = _PrivateFile(
        engine_log(workspace), maxBytes=_MAX_BYTES, backupCount=_KEPT_FILES, encoding="utf-8"
    )
    handler.setFormatter(_RedactingFormatter(secrets))
    root = logging.getLogger("engine")
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    root.propagate = False


def log_event(event: ev.AnyEvent) -> None:
    """Log an event that helps to explain what the engine did; ignore the others.

    Logged are starts, stops, adopted and ended runs, waits for the agent, pauses and alarms.
    """
    match event:
        case ev.EngineStarted():
            what = "continued the session" if event.recovered else "opened the session"
            _log.info("engine %s %s (pid %s)", event.version, what, event.pid)
        case ev.EngineStopped():
            _log.info("engine stopped: %s", event.reason)
        case ev.RunAdopted():
            _log.info("adopted run %s of experiment %s", event.run, event.experiment)
        case ev.RunEnded():
            detail = event.detail.strip().rpartition("\n")[2]
            args = (event.run, event.experiment, event.outcome.value, detail)
            _log.info("run %s of experiment %s ended: %s %s", *args)
        case ev.AgentWaited():
            _log.warning("agent failed, try %s: %s", event.tries, event.reason)
        case ev.Paused():
            _log.info("paused by %s: %s", event.by, event.reason)
        case ev.AlarmRaised():
            _log.warning("alarm %s: %s", event.kind, event.message)
        case _:
            pass
