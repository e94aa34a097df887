"""Secrets are redacted in the texts of events, and not in what the engine acts on."""

from __future__ import annotations

from pathlib import Path

from engine.core import events as ev
from engine.core.config import ResearchConfig
from engine.core.enums import AlarmKind
from engine.store.journal import Journal, read_journal
from engine.store.redaction import redact_event
from tests.tui.synthetic import opening

KEY = "sk-in-the-text-0123"


def test_texts_are_redacted_before_they_are_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "t" / "journal.jsonl")
    for event in opening(tmp_path):
        journal.append(event)
    journal.secrets = (KEY,)
    heard: list[ev.AnyEvent] = []
    journal.listen(heard.append)
    written = journal.append(ev.AlarmRaised(kind=AlarmKind.OTHER, message=f"with {KEY}!"))
    journal.close()
    assert written.message == "with ***!"
    assert heard == [written] == list(read_journal(journal.path))[-1:]
    assert journal.session.alarms[-1].message == "with ***!"
    assert KEY not in journal.path.read_text()


def test_what_the_engine_acts_on_is_as_it_was() -> None:
    config = ResearchConfig(command=f"python train.py {KEY}")
    assert redact_event(ev.ConfigChanged(config=config), (KEY,)).config == config
    event = ev.AlarmRaised(kind=AlarmKind.OTHER, message="plain")
    assert redact_event(event, (KEY,)) is event
