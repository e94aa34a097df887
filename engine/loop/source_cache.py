"""Reads the editable file's text as of a commit from git, and caches it."""

from __future__ import annotations

from engine.loop.context import SessionContext


class SourceCache:
    """Reads the editable file's text by commit from git; keeps the last two texts.

    Args:
        context: The session whose repository is read.
    """

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._texts: dict[str, str] = {}

    async def at(self, commit: str) -> str:
        """Return the text of the editable file as of a commit, given by its hash.

        Raises:
            WorkspaceError: The commit or the file does not exist, or the file is not UTF-8 text.
        """
        if commit in self._texts:
            return self._texts[commit]
        workspace, file = self._context.workspace, self._context.session.config.file
        text = await self._context.in_git_thread(workspace.read, commit, file)
        # Two are enough: the frontier, and the base of a proposal drafted ahead.
        newest = list(self._texts.items())[-1:]
        self._texts = dict([*newest, (commit, text)])
        return text
