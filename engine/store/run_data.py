"""Chooses the untracked data that runs need, and brings it into their worktrees."""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.core.config import ResearchConfig
from engine.core.data_rules import LeftOut, why_left_out
from engine.core.errors import WorkspaceError
from engine.core.layout import HOME_NAME
from engine.store.bringing import Bringer
from engine.store.kept_links import KeptLinks
from engine.store.removal import clear_away
from engine.store.workspace import Workspace

AUTO = "auto"
_GLOB = frozenset("*?[")


@dataclass(frozen=True)
class DataChoice:
    """The untracked paths of a repository, relative to the workspace, by what becomes of them."""

    brought: tuple[str, ...]
    """A wholly untracked directory is one path; one above the workspace begins with `../`."""
    left_out: dict[str, LeftOut] = field(default_factory=dict)
    """Paths that are not brought by default, each with the reason."""


def choose_data(workspace: Workspace, config: ResearchConfig) -> DataChoice:
    """Choose the data that is brought to runs: what `link` names, and by default all but a few.

    Args:
        workspace: The workspace; the whole repository that it belongs to is searched.
        config: The config; its `link` holds `auto`, paths, and globs of them.
    """
    brought: list[str] = []
    left_out: dict[str, LeftOut] = {}
    globs = [rule.rstrip("/") for rule in config.link if rule != AUTO]
    for path in _untracked(workspace):
        name = path.rstrip("/")
        if _is_own(name, config.results_file):
            continue
        if any(_matches(name, pattern) for pattern in globs):
            brought.append(name)
        elif AUTO in config.link:
            reason = why_left_out(name)
            if reason is None:
                brought.append(name)
            else:
                left_out[name] = reason
    return DataChoice((*brought, *_named(workspace, globs, brought)), left_out)


def _matches(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, pattern) or name.startswith(f"{pattern}/")


def _untracked(workspace: Workspace) -> list[str]:
    """Return the untracked paths of the repository; a wholly untracked directory ends with `/`."""
    out = workspace.git.run(
        "ls-files", "--others", "--directory", "--no-empty-directory", "-z", "--", ":/"
    )
    return [entry for entry in out.split("\0") if entry]


def _is_own(name: str, results_file: str) -> bool:
    """Return whether a path belongs to git or the engine."""
    parts = name.split("/")
    return HOME_NAME in parts or ".git" in parts or name == results_file


def _named(workspace: Workspace, globs: list[str], brought: list[str]) -> Iterator[str]:
    """Yield the paths that `link` names and that are part of an untracked directory, or outside."""
    for pattern in globs:
        names = [pattern]
        if _GLOB.intersection(pattern):
            names = sorted(glob.glob(pattern, root_dir=workspace.path)) if ".." in pattern else []
        for name in map(os.path.normpath, names):
            known = any(name == path or name.startswith(f"{path}/") for path in brought)
            if not known and not _is_own(name, "") and os.path.lexists(workspace.path / name):
                yield name


class RunData:
    """Brings a repository's untracked data and submodules into the worktree of one run.

    Args:
        workspace: The workspace with the data.
        worktree: The worktree, just made.
        kept: Directories with many links that an earlier run in the same place left unchanged.
    """

    def __init__(self, workspace: Workspace, worktree: Path, kept: KeptLinks | None = None) -> None:
        self._workspace = workspace
        self._worktree = worktree
        self._place = worktree / workspace.prefix
        self._kept = kept
        self._bringer = Bringer(kept)

    def bring(self, choice: DataChoice, submodules: tuple[str, ...]) -> int:
        """Bring the data that was chosen, and the files of submodules that are checked out.

        What the commit has itself is left as it is, but for relative links that lead out of the
        repository.

        Returns:
            The number of paths brought; a wholly untracked directory is one path.

        Raises:
            WorkspaceError: A path outside the repository has no place beside the worktree.
            EnvironmentProblem: Something can be neither linked nor copied.
        """
        clear_away(outside_directory(self._worktree))
        count = 0
        for module in submodules:
            source, target = f"{self._workspace.top}/{module}", f"{self._worktree}/{module}"
            if os.path.isdir(source) and os.listdir(source):
                with contextlib.suppress(OSError):
                    os.rmdir(target)  # git makes an empty directory for a submodule
                count += self._bring(os.path.dirname(module), [os.path.basename(module)])
        count += sum(map(self._bring_linked, self._workspace.outside_links))
        for directory, names in self._by_directory(choice).items():
            count += self._bring(directory, names)
        for name in sorted(name for name in choice.brought if is_outside(self._workspace, name)):
            count += self._bring_outside(name)
        if self._kept is not None:
            self._kept.record()
        return count

    def _bring_linked(self, name: str) -> bool:
        """Bring what a tracked link that leads out of the repository leads to, in its place."""
        own, link = f"{self._workspace.top}/{name}", f"{self._worktree}/{name}"
        try:
            if os.readlink(link) != os.readlink(own) or not os.path.exists(own):
                return False
        except OSError:
            return False  # another commit has something else there
        os.unlink(link)
        self._bringer.bring(os.path.realpath(own), link)
        return True

    def _by_directory(self, choice: DataChoice) -> dict[str, list[str]]:
        """Return the names of chosen paths of the repository, by directory relative to its top."""
        found: dict[str, list[str]] = {}
        known: dict[str, str] = {}
        for path in sorted(choice.brought):
            directory, _, name = path.rpartition("/")
            if directory not in known:
                known[directory] = os.path.normpath(
                    f"{self._workspace.prefix}/{directory}".strip("/")
                )
            if not known[directory].startswith(".."):
                found.setdefault(known[directory], []).append(name)
        return found

    def _bring(self, directory: str, names: list[str]) -> int:
        """Bring entries of a directory of the repository; return how many the commit has not.

        Args:
            directory: The directory relative to the top of the repository.
            names: The names in it.
        """
        target = os.path.normpath(f"{self._worktree}/{directory}")
        if not self._make_directory(target):
            return 0
        source = os.path.normpath(f"{self._workspace.top}/{directory}")
        return self._bringer.fill(source, target, names)

    def _make_directory(self, directory: str) -> bool:
        """Make a directory of the worktree; return False where a link of the commit leads out."""
        if not Path(directory).resolve().is_relative_to(self._worktree.resolve()):
            return False
        try:
            os.makedirs(directory, exist_ok=True)
        except OSError:
            return False  # the commit has a file there
        return True

    def _bring_outside(self, name: str) -> bool:
        """Bring a path outside the repository to the same place relative to the worktree.

        The files are brought to a directory of the run's, to which a link in that place leads.
        """
        link, rest = outside_link(self._workspace, self._worktree, name)
        own = outside_directory(self._worktree) / link.relative_to(_session(self._worktree))
        target = own.joinpath(*rest)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            source = os.path.normpath(self._workspace.path / name)
            self._bringer.bring(source, str(target))
        except FileExistsError:
            return False  # brought with a directory above it
        if link.is_symlink():
            link.unlink()
        link.symlink_to(own)
        return True


def is_outside(workspace: Workspace, name: str) -> bool:
    """Return whether a path, relative to the workspace, leads out of the repository."""
    return name.startswith("..") and os.path.normpath(
        f"{workspace.prefix or '.'}/{name}"
    ).startswith("..")


def outside_directory(worktree: Path) -> Path:
    """Return the directory of the data that a run gets from outside the repository."""
    return worktree.with_suffix(".outside")


def outside_link(workspace: Workspace, worktree: Path, name: str) -> tuple[Path, tuple[str, ...]]:
    """Return where a run looks for a path outside the repository.

    Args:
        workspace: The workspace.
        worktree: The worktree of the run; it need not be there.
        name: The path, relative to the workspace.

    Returns:
        The path of a link beside or above the worktree, and the names below that link.

    Raises:
        WorkspaceError: There is something else in the place of the link.
    """
    parts = Path(os.path.normpath(name)).parts
    above = next((n for n, part in enumerate(parts) if part != ".."), len(parts))
    link = Path(os.path.normpath(worktree.joinpath(workspace.prefix, *parts[: above + 1])))
    free = link.is_symlink() or not os.path.lexists(link)
    if free and above < len(parts) and _session(worktree) in link.parents:
        return link, parts[above + 1 :]
    raise WorkspaceError(
        f"`link` names {name}, which cannot be brought to a run.",
        f"A run in {worktree} would look for it at {link}, which is not free.",
        f"Make a link in the workspace (`ln -s {name} data`), and let the script read that; or let "
        "it read the absolute path.",
    )


def _session(worktree: Path) -> Path:
    """Return the directory of the session's files, which the worktree lies in."""
    return worktree.parent.parent
