"""The home directory at the beginning of a path."""

from __future__ import annotations

import pytest

from engine.core.home_path import expand_home


@pytest.mark.parametrize(
    ("path", "expanded"),
    [
        ("~", "/home/me"),
        ("~/a/*.py", "/home/me/a/*.py"),
        ("$HOME", "/home/me"),
        ("$HOME/a", "/home/me/a"),
        ("${HOME}/a", "/home/me/a"),
        ("~other/a", "~other/a"),
        ("$HOMEPAGE/a", "$HOMEPAGE/a"),
        ("a/~/b", "a/~/b"),
        ("./$HOME", "./$HOME"),
        ("backup~", "backup~"),
        ("", ""),
    ],
)
def test_only_the_home_directory_at_the_beginning_is_expanded(path: str, expanded: str) -> None:
    assert expand_home(path, "/home/me") == expanded
