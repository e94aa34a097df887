"""A journal with hostile text in every string that a journal can hold and still be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from engine.core.events import AnyEvent
from engine.core.reducer import fold
from engine.store.journal import read_journal

JOURNALS = Path(__file__).parent / "store" / "journals"
Place = tuple[int, tuple[str | int, ...]]
"""The number of an event, and the keys that lead to a string in it."""


def hostile_journal(path: Path, hostile: str) -> set[tuple[str, str]]:
    """Write a journal that holds every kind of event, with hostile text wherever a text may be.

    Args:
        path: The journal to write.
        hostile: The text that is added to each string.

    Returns:
        The type of event and the key of each string that is hostile now.
    """
    events = [json.loads(line) for line in (JOURNALS / "steered.jsonl").read_text().splitlines()]
    _add_other_kinds(events, path)
    done: set[tuple[str, str]] = set()
    for number, keys in list(_strings(events)):
        place = (events[number]["type"], ".".join(k for k in keys if isinstance(k, str)))
        holder: Any = events[number]
        for key in keys[:-1]:
            holder = holder[key]
        before = holder[keys[-1]]
        holder[keys[-1]] = f"{before}{hostile}"
        # Tags, enumerations and hashes are checked; one more hostile text of a kind tells nothing.
        if place in done or _is_readable(events, path):
            done.add(place)
        else:
            holder[keys[-1]] = before
    assert _is_readable(events, path)
    return done


def _is_readable(events: list[Any], path: Path) -> bool:
    path.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    try:
        fold(read_journal(path))
    except Exception:
        return False
    return True


def _strings(events: list[Any]) -> Iterator[Place]:
    """Yield the place of each string but the ones that every reader needs to find its way."""

    def walk(value: Any, keys: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
        if isinstance(value, str):
            yield keys
        elif isinstance(value, dict):
            for key, item in value.items():
                yield from walk(item, (*keys, key))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from walk(item, (*keys, index))

    for number, event in enumerate(events):
        for key, value in event.items():
            if key not in ("type", "at"):
                # With another tag, the verbs would not find the files of the experiments.
                yield from ((number, k) for k in walk(value, (key,)) if k[-1] != "tag")


def _add_other_kinds(events: list[Any], path: Path) -> None:
    """Add the kinds of events and the texts that the recorded session does not have."""
    kinds: tuple[inspect.StructType, ...] = inspect.type_info(AnyEvent).types  # type: ignore[attr-defined]
    for event in events:
        kind = next(k for k in kinds if k.tag == event["type"])
        texts = (f.encode_name for f in kind.fields if isinstance(f.type, inspect.StrType))
        event.update({name: "" for name in texts if name not in event})
    there = {event["type"] for event in events}
    for kind in kinds:
        if kind.tag not in there:
            # Experiment 2 exists, but only the first pin and the first run do.
            assert any(_insert(_example(kind, number), events, path) for number in (2, 1)), kind.tag


def _insert(event: Any, events: list[Any], path: Path) -> bool:
    """Add an event before the session's end; return whether the journal can then be read."""
    longer = [*events[:-2], event | {"at": events[-1]["at"]}, *events[-2:]]
    longer = [one | {"seq": seq} for seq, one in enumerate(longer, 1)]
    if _is_readable(longer, path):
        events[:] = longer
        return True
    return False


def _example(kind: inspect.Type, number: int) -> Any:
    match kind:
        case inspect.StructType(fields=fields, tag=tag, array_like=False):
            made = {f.encode_name: _example(f.type, number) for f in fields}
            made |= {"tag": "steered"} if "tag" in made else {}
            return made | ({"type": tag} if tag else {})
        case inspect.StructType(fields=fields):
            return [_example(f.type, number) for f in fields]
        case inspect.EnumType(cls=members):
            return next(iter(members)).value
        case inspect.UnionType(types=types):
            return _example(next(t for t in types if not isinstance(t, inspect.NoneType)), number)
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            return [_example(item, number)]
        case inspect.TupleType(item_types=items):
            return [_example(item, number) for item in items]
        case inspect.DictType(key_type=key, value_type=value):
            return {_example(key, number): _example(value, number)}
        case inspect.BoolType():
            return True
        case inspect.IntType() | inspect.FloatType():
            return number
        case inspect.StrType(pattern=str()):
            return "0" * 40  # the hash of a commit
        case inspect.DateTimeType():
            return msgspec.to_builtins(datetime(2026, 11, 21, 9, 20, tzinfo=UTC))
        case _:
            return "text"
