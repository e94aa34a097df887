"""Files of a workspace that anyone may have written: each broken one is one clear error."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.agents.llm.env_file import read_env_file
from engine.core import events as ev
from engine.core.config import ResearchConfig
from engine.core.config_toml import render_config
from engine.core.errors import AutoresearchError
from engine.core.layout import Layout
from engine.notify.addresses import addresses
from engine.report.suggestions import read_saved
from engine.setup.config_file import load_config
from engine.setup.confirmation import confirm, differences
from engine.setup.start_request import StartRequest, read_start_request
from engine.store.journal import fold_journal
from engine.store.tolerant_reader import JournalTail

CONFIG = ResearchConfig(tag="t")
PROPOSAL = ev.Proposal(patch_id="p", hypothesis="h")
EVENTS = (
    ev.SessionStarted(
        seq=1,
        version="0",
        workspace="/w",
        branch="autoresearch/t",
        base_commit="a" * 40,
        config=CONFIG,
        results_file="results.tsv",
    ),
    ev.ProposalDrafted(seq=2, experiment=1, base="a" * 40, proposal=PROPOSAL, patch=""),
    ev.CandidateCommitted(seq=3, experiment=1, commit="a" * 40, ref="refs/autoresearch/t/1"),
)


def read_record(workspace: Path) -> object:
    """Read the confirmation, which is outside the workspace, from the bytes beside it."""
    confirm(workspace, CONFIG)
    (record,) = Path(os.environ["XDG_STATE_HOME"]).rglob("*.json")
    record.write_bytes((workspace / "record").read_bytes())
    return differences(workspace, CONFIG)


def read_tail(workspace: Path) -> object:
    return JournalTail(Layout(workspace, "t").journal).read_new()


READERS: dict[str, tuple[str, Callable[[Path], object], bytes]] = {
    "config": (".autoresearch/config.toml", load_config, render_config(CONFIG).encode()),
    "addresses": (
        ".autoresearch/notify.toml",
        lambda workspace: addresses(workspace, {}),
        b'urls = ["ntfy://topic"]\nevents = ["approval", "best"]\n',
    ),
    "start request": (
        ".autoresearch/t/opening.json",
        lambda workspace: read_start_request(Layout(workspace, "t")),
        msgspec.json.encode(StartRequest(first_hypothesis="x", base="a" * 40, notes=("n",))),
    ),
    "journal": (
        ".autoresearch/t/journal.jsonl",
        lambda workspace: fold_journal(Layout(workspace, "t").journal),
        b"".join(msgspec.json.encode(event) + b"\n" for event in EVENTS),
    ),
    "damaged journal": (
        ".autoresearch/t/journal.jsonl",
        read_tail,
        b"".join(msgspec.json.encode(event) + b"\n" for event in EVENTS),
    ),
    "suggestions": (
        ".autoresearch/t/suggestions.json",
        lambda workspace: read_saved(Layout(workspace, "t")),
        b'{"text": "x", "error": "", "key": "k"}',
    ),
    "env file": (".env", read_env_file, b"OPENAI_API_KEY='x'\nexport A=\"b\\n\"\n# c\n"),
    "confirmation": ("record", read_record, b'{"workspace":"/w","device":1,"inode":2}'),
}
"""For each kind of file its path, the function that reads it, and a valid content."""

WORDS = (
    *(b"\0", b"\xff", b"\n", b"[", b"]", b"{", b"}", b'"', b"'''", b'"""', b"=", b",", b":", b"#"),
    *(b"null", b"nan", b"-inf", b"1e999", b"-1", b"9" * 400, b"true", b"..", b"/", b"\\ud800"),
    *(b"2026-01-01", b"0000-00-00T99:99:99Z", b"[[", b"a.b.c", b"\xe2\x80\xae", b"\r", b"\x1b"),
)


@st.composite
def broken(draw: st.DrawFn, valid: bytes) -> bytes:
    """Return a valid content with pieces removed, repeated and put in."""
    data = valid
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 40)))
        piece = draw(
            st.one_of(st.sampled_from(WORDS), st.binary(max_size=8), st.just(data[start:end] * 2))
        )
        data = data[:start] + piece + data[end:]
    return data


@pytest.mark.parametrize("kind", READERS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_broken_file_is_read_or_is_one_clear_error(
    kind: str, tmp_path: Path, data: st.DataObject
) -> None:
    name, read, valid = READERS[kind]
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.draw(broken(valid)))
    try:
        read(tmp_path)
    except AutoresearchError as error:
        assert error.what and "\n" not in error.what


def huge(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(2**36)


def nested(path: Path) -> None:
    path.write_text("a = " + "[" * 100_000 + "\n")  # an assignment for a .env


def nested_json(path: Path) -> None:
    path.write_text('{"a":' * 100_000 + "\n")


def many_keys(path: Path) -> None:
    path.write_text(json.dumps({f"key{n}": n for n in range(20_000)}) + "\n")


@pytest.mark.parametrize("replace", [os.mkfifo, Path.mkdir, huge, nested, nested_json, many_keys])
@pytest.mark.parametrize("kind", READERS)
def test_what_is_not_such_a_file_is_one_clear_error(
    kind: str, replace: Callable[[Path], None], tmp_path: Path
) -> None:
    name, read, _ = READERS[kind]
    if kind == "confirmation":
        pytest.skip("its place is outside the workspace")
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    replace(path)
    try:
        found = read(tmp_path)
    except AutoresearchError as error:
        assert error.what and "\n" not in error.what
    else:
        assert (kind == "suggestions" and found is None) or (kind, replace) == ("env file", nested)


@pytest.mark.parametrize("kind", READERS)
def test_a_whole_file_is_read(kind: str, tmp_path: Path) -> None:
    name, read, valid = READERS[kind]
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(valid)
    read(tmp_path)
