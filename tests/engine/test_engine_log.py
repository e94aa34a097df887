"""The engine's log: no key reaches it, in no form in which Python writes one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.layout import engine_log
from engine.server.log import known_secrets, start_logging

FROM_ENVIRONMENT, FROM_FILE = "sk-environment-0123", "sk-file-0456"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    path = engine_log(tmp_path)
    path.parent.mkdir()
    (tmp_path / ".env").write_text(f"OPENAI_API_KEY={FROM_FILE}\n")
    logger = logging.getLogger("engine")
    before = (list(logger.handlers), logger.level, logger.propagate)
    environ = {"ANTHROPIC_API_KEY": FROM_ENVIRONMENT}
    start_logging(tmp_path, known_secrets(tmp_path, environ, ()))
    yield path
    for handler in logger.handlers[len(before[0]) :]:
        logger.removeHandler(handler)
        handler.close()
    logger.setLevel(before[1])
    logger.propagate = before[2]


def test_keys_are_replaced_in_messages_and_tracebacks(log: Path) -> None:
    logger = logging.getLogger("engine.agents")
    logger.warning("refused: %s and %s", FROM_ENVIRONMENT, FROM_FILE)
    try:
        raise ValueError(f"bad key {FROM_FILE}")
    except ValueError:
        logger.exception("the agent failed")
    text = log.read_text()
    assert FROM_ENVIRONMENT not in text and FROM_FILE not in text
    assert "refused: *** and ***" in text and "ValueError: bad key ***" in text
