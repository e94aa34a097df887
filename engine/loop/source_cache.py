"""Reads the text of the editable files as of a commit from git, and caches it."""

from __future__ import annotations

from engine.loop.context import SessionContext


class SourceCache:
    """Reads the text of the editable files by commit from git; keeps the last two texts.

    Args:
        context: The session whose repository is read.
    """

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._texts: dict[str, str] = {}

    async def at(self, commit: str) -> str:
        """Return the text of the editable files as of a commit, given by its hash.

        Of several files, the texts are joined by `join_files`.

        Raises:
            WorkspaceError: The commit or a file does not exist.
        """
        if commit in self._texts:
            return self._texts[commit]
        workspace, files = self._context.workspace, self._context.session.config.files
        text = await self._context.in_git_thread(workspace.read_files, commit, files)
        # Two are enough: the frontier, and the base of a proposal drafted ahead.
        newest = list(self._texts.items())[-1:]
        self._texts = dict([*newest, (commit, text)])
        return text
