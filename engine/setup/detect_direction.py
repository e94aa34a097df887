"""Detects which way a metric improves, from the workspace's documents and from its name."""

from __future__ import annotations

from pathlib import Path

from engine.core.direction_statement import stated_direction
from engine.core.enums import PROGRAM, Direction
from engine.core.metric_direction import direction_of
from engine.untrusted_files import read_text

_DOCUMENTS = (
    PROGRAM,
    "autoresearch.md",
    "README.md",
    "README",
    "README.rst",
    "README.txt",
    "readme.md",
)
_MOST_BYTES = 2**20


def detect_direction(workspace: Path, metric: str) -> tuple[Direction | None, str]:
    """Return which way a metric improves, and the reason; None if nothing tells.

    A document that contradicts the name leaves the direction unknown, and the reason says both.

    Args:
        workspace: The directory whose program.md and README are read.
        metric: The metric's name.
    """
    named = direction_of(metric)
    for document in _DOCUMENTS:
        found = stated_direction(read_text(workspace / document, _MOST_BYTES), metric)
        if found is None:
            continue
        stated, sentence = found
        if named is not None and named is not stated:
            return None, (
                f'{document} says "{sentence}", but by the name {metric} {named.better} is better'
            )
        if named is None:
            return stated, f'{document} says "{sentence}"'
    if named is None:
        return None, f"neither the name {metric} nor {PROGRAM} nor a README tells"
    return named, f"by the name {metric}"
