"""Defines the forms of commit hashes and refs that a journal may hold.

A journal may come from another person, and its values are passed to git: none may be read as an
option or as a revision expression.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

CommitHash = Annotated[str, Meta(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})?\Z")]
"""A commit's full hash; empty where there is no commit."""

PrivateRef = Annotated[
    str, Meta(pattern=r"^(?:refs/autoresearch/(?!\S*\.\.)[A-Za-z0-9][A-Za-z0-9._-]*/[a-z0-9-]+)?\Z")
]
"""The name of a ref that keeps an experiment's commit reachable; empty where there is none."""
