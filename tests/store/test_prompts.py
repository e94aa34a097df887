"""What agents were told is kept word for word, once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.core.layout import Layout
from engine.store.prompts import keep_prompt, read_prompt


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_was_kept_is_read(tmp_path: Path, text: str) -> None:
    layout = Layout(tmp_path, "t")
    layout.session.mkdir(parents=True, exist_ok=True)
    key = keep_prompt(layout, text)
    assert read_prompt(layout.session, key) == text
    assert keep_prompt(layout, text) == key


@pytest.mark.parametrize("key", ["", "..", "../../x", "none", "a/b"])
def test_a_malformed_key_finds_nothing(tmp_path: Path, key: str) -> None:
    assert read_prompt(tmp_path, key) is None


def test_a_damaged_one_is_gone(tmp_path: Path) -> None:
    layout = Layout(tmp_path, "t")
    layout.session.mkdir(parents=True)
    key = keep_prompt(layout, "words " * 100)
    (path,) = (layout.session / "prompts").iterdir()
    whole = path.read_bytes()
    for damaged in (b"", whole[:20], b"x" * 50, whole[:-9]):
        path.write_bytes(damaged)
        assert read_prompt(layout.session, key) is None
