"""Checks the editable files before a session starts, and says what cannot be done with them."""

from __future__ import annotations

from engine.core.config import ResearchConfig
from engine.core.errors import WorkspaceError
from engine.core.patches.file_parts import heading_in
from engine.core.patches.knobs import KnobError, KnobKind, find_knobs
from engine.core.patches.language import Language, language_of
from engine.store.workspace import Workspace


def read_editable(workspace: Workspace, config: ResearchConfig) -> str:
    """Return the text of the editable files at the workspace's head; several are joined.

    Raises:
        WorkspaceError: A file is not in the commit, named twice, or cannot be edited as text.
    """
    for name in config.files:
        if config.files.count(name) > 1:
            raise WorkspaceError(f"{name} is named twice.", "", "Name each file with --file once.")
        text = workspace.read(workspace.head, name)
        if text.encode("utf-8", "replace") != text.encode("utf-8", "surrogateescape"):
            raise WorkspaceError(
                f"{name} is not UTF-8 text.", "", "Convert it, commit, and start again."
            )
        if heading := heading_in(text):
            raise WorkspaceError(
                f"{name} has the line {heading!r}.",
                "Such a line divides the texts of several editable files.",
                "Change it, commit, and start again.",
            )
    return workspace.read_files(workspace.head, config.files)


def editable_notes(text: str, config: ResearchConfig) -> list[str]:
    """Return sentences on what cannot be done with the editable files, for the plan.

    Args:
        text: The text of the editable files.
        config: The research config.
    """
    notes = []
    for name in config.files:
        language = language_of(name)
        if language is Language.CODE:
            notes.append(
                f"{name} is not Python: its syntax is not checked before a run, and the risk check "
                "cannot read it, so that each edit of it waits for you unless the autonomy is auto."
            )
        elif language is Language.PROSE:
            notes.append(f"{name} is text: the risk check does not read it.")
        elif language.is_data:
            notes.append(
                f"{name} is {language.value}: the risk check knows its values by their names only."
            )
    if config.agent in ("search", "mix") and not _has_knobs(text, config.file):
        notes.append(
            f"The agent {config.agent} finds no value that it can change in {config.file_names}. "
            "Choose another with --agent, such as llm or acp."
        )
    return notes


def _has_knobs(text: str, file: str) -> bool:
    try:
        return any(knob.kind is not KnobKind.FIXED for knob in find_knobs(text, file))
    except KnobError:
        return False
