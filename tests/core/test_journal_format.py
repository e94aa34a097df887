"""The journal's format: what one release wrote, every later one reads with the same meaning.

`journal_format.json` holds each event's keys, which of them are required, the default of every
other one, and the words of the closed sets. A key may be added with a default; none may go, become
required, or change its default. After adding a key:
`python -m tests.core.test_journal_format > tests/core/journal_format.json`.
"""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from engine.core.events import AnyEvent

GOLDEN = Path(__file__).with_name("journal_format.json")
Format = dict[str, dict[str, Any]]


def format_of_events() -> Format:
    """Return the keys of each struct and the words of each enum that a journal can hold."""
    found: Format = {}
    waiting: list[inspect.Type] = [inspect.type_info(AnyEvent)]
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, inspect.StructType) and kind.cls.__name__ not in found:
            found[kind.cls.__name__] = {
                field.encode_name: "required" if field.required else {"default": default_of(field)}
                for field in kind.fields
            }
            if kind.array_like:
                found[kind.cls.__name__]["order"] = [field.name for field in kind.fields]
            waiting += [field.type for field in kind.fields]
        elif isinstance(kind, inspect.EnumType):
            members: type[Enum] = kind.cls
            found[members.__name__] = {member.value: "word" for member in members}
        waiting += [t for t in parts_of(kind) if isinstance(t, inspect.Type)]
    normal: Format = json.loads(json.dumps(found))
    return dict(sorted(normal.items()))


def default_of(field: inspect.Field) -> Any:
    factory = field.default_factory
    value = field.default if factory is msgspec.NODEFAULT else factory()
    return msgspec.to_builtins(value)


def parts_of(kind: inspect.Type) -> list[Any]:
    """Return the types that a union, a collection or an annotated type is made of."""
    single = (getattr(kind, name, None) for name in ("item_type", "type", "key_type", "value_type"))
    several = getattr(kind, "types", None) or getattr(kind, "item_types", None) or ()
    return [*single, *several]


RECORDED: Format = json.loads(GOLDEN.read_text("utf-8")) if GOLDEN.exists() else {}


def test_the_format_covers_the_events_and_what_they_hold() -> None:
    assert {"SessionStarted", "VerdictGiven", "Proposal", "ResearchConfig", "Verdict"} <= set(
        RECORDED
    )


@pytest.mark.parametrize("name", RECORDED)
def test_a_key_or_word_of_an_earlier_release_keeps_its_meaning(name: str) -> None:
    now = format_of_events()[name]
    assert {key: now.get(key) for key in RECORDED[name]} == RECORDED[name]


@pytest.mark.parametrize("name", RECORDED)
def test_a_key_that_is_new_has_a_default(name: str) -> None:
    now = format_of_events()[name]
    assert [key for key in now if key not in RECORDED[name] and now[key] == "required"] == []


def test_an_event_that_names_only_what_is_required_is_read_with_the_defaults() -> None:
    line = b'{"type":"VerdictGiven","seq":4,"experiment":1,"verdict":"keep","reason":"x"}'
    event: Any = msgspec.json.decode(line, type=AnyEvent)
    assert (event.seq, event.gain, event.results_bytes) == (4, None, 0)


if __name__ == "__main__":
    entries = (f'"{name}": {json.dumps(keys)}' for name, keys in format_of_events().items())
    print("{\n" + ",\n".join(entries) + "\n}")
