"""Finds a git repository, and makes git read a copy of its harmless settings in place of its own.

A repository's configuration can name programs: filters, merge drivers, a file system monitor,
transports. It is read once, as data, when the repository is opened. Git is then started with
GIT_COMMON_DIR set to a private directory that holds a copy of the harmless settings and links to
everything else in the repository. A configuration that changes later has no effect.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import weakref
from pathlib import Path

from engine.core.errors import EnvironmentProblem, NoRepositoryError, WorkspaceError
from engine.core.layout import BRANCH_PREFIX, REF_PREFIX
from engine.core.machine_errors import NO_LINKS
from engine.git.start import LOCK_HELD, output, run_git

_HARMLESS = (
    *("core.repositoryformatversion", "core.sharedrepository", "core.logallrefupdates"),
    *("core.filemode", "core.ignorecase", "core.symlinks", "core.precomposeunicode"),
    *("core.autocrlf", "core.eol", "core.safecrlf", "core.checkstat", "core.trustctime"),
    *("core.sparsecheckout", "core.sparsecheckoutcone", "index.sparse"),
    *("extensions.", "user.name", "user.email", "author.", "committer.", "i18n."),
)
"""Settings, or sections with a dot, that run nothing and that git needs to read the repository."""

_FOR_CONFIRMED = (
    *("filter.", "merge.", "lfs.", "remote.", "http.", "credential."),
    *("core.excludesfile", "core.attributesfile", "core.compression", "pack."),
)
"""Settings that run programs, such as git-lfs, or name files, in a workspace the user confirmed."""

_UNUSED = (
    *("core.bare", "branch.", "submodule.", "init.", "pull.", "push.", "gc.", "color.", "alias."),
    *("advice.", "diff.renames", "diff.algorithm", "fetch.", "gui.", "user.", "vscode-merge-base."),
)
"""Further settings, or sections, with which none of this program's git commands runs anything."""
_UNUSED_OF_REMOTES = (".url", ".fetch", ".pushurl", ".tagopt", ".prune")

PRIVATE_PREFIX = "autoresearch-git-"
"""The first part of a private directory's name, before the process id of its engine."""
_NEVER = ("extensions.worktreeconfig", "extensions.partialclone")
_STALE_SECONDS = 10.0
_NOT_LINKED = ("config", "config.worktree", "hooks", "index")
_LINKED_IF_MADE_LATER = ("packed-refs", "shallow", "worktrees")


class Repository:
    """A git repository, and the private directory with which git is started in it.

    Args:
        directory: A directory in a checkout of the repository.
        confirmed: Whether the user confirmed the workspace, so that its filters may run.

    Raises:
        WorkspaceError: The directory is not in a checkout that git trusts, or its configuration
            names a checkout elsewhere.
    """

    def __init__(self, directory: Path, *, confirmed: bool) -> None:
        found = run_git(
            ("rev-parse", "--git-common-dir", "--absolute-git-dir", "--show-toplevel"), directory
        )
        lines = found.stdout.decode("utf-8", "surrogateescape").splitlines()
        if found.returncode or len(lines) != 3:
            raise _unusable(directory, found.stderr.decode("utf-8", "replace").strip(), lines)
        self.common_dir = (directory / lines[0]).resolve()
        self.git_dir, self.top = Path(lines[1]), Path(lines[2])
        if not _is_checkout(self.top, self.git_dir, directory):
            raise WorkspaceError(
                f"The git configuration of {directory} names a checkout elsewhere: {self.top}.",
                f"It is set by core.worktree in {self.git_dir / 'config'}.",
                "Remove it if you do not need it: git config --unset core.worktree",
            )
        listing = output(run_git(("config", "--list", "-z"), directory), "config --list")
        self._confirmed = confirmed
        self._config = _copied_settings(listing, confirmed=confirmed)
        self._private: Path | None = None
        self._links = True
        """Whether the private directory has links to the repository, and git can be started in it.
        """
        self._checked: list[tuple[int, ...]] = []
        """The state of the repository's configuration files when they were checked last."""

    def environment(self) -> dict[str, str]:
        """Return the variables that make git read the copied settings and nothing else.

        Where no symbolic links can be made, git reads the repository's own configuration too, if
        that runs nothing.

        Raises:
            EnvironmentProblem: The copy cannot be made, or links cannot and are needed.
        """
        if self._private is None or not (self._private / "config").is_file():
            self._private = self._make_private_directory()
        if self._links:
            return {
                "GIT_COMMON_DIR": str(self._private),
                "GIT_CONFIG_GLOBAL": "/dev/null",
                "GIT_CONFIG_NOSYSTEM": "1",
            }
        self._check_own_configuration()
        return {"GIT_CONFIG_GLOBAL": str(self._private / "config"), "GIT_CONFIG_NOSYSTEM": "1"}

    def checkout_path(self, path: str) -> str:
        """Return the path of a checkout that git names, with the main checkout's own path.

        Git takes the private directory for the main checkout.
        """
        if not path or self._private is None or Path(path) != self._private:
            return path
        return str(self.top if self.git_dir == self.common_dir else self.common_dir.parent)

    def remove_stale_lock(self, message: bytes) -> bool:
        """Delete the lock that git failed at, if a killed git of an engine left it behind.

        Only locks of the session branches and the private refs are deleted, which only engines
        write, and only those that are older than ten seconds.

        Args:
            message: What git wrote to standard error.

        Returns:
            True where it was deleted, so that trying again may help.
        """
        found = LOCK_HELD.search(message.decode("utf-8", "surrogateescape"))
        if found is None:
            return False
        lock = self.git_dir / found["lock"]
        lock = lock.parent.resolve() / lock.name
        own = (self.common_dir / "refs/heads" / BRANCH_PREFIX, self.common_dir / REF_PREFIX)
        if not any(lock.is_relative_to(directory) for directory in own):
            return False
        try:
            if time.time() - lock.stat().st_mtime < _STALE_SECONDS:
                return False
            lock.unlink()
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def _make_private_directory(self) -> Path:
        try:
            # Real, because git compares it with paths that it has resolved.
            path = Path(tempfile.mkdtemp(prefix=f"{PRIVATE_PREFIX}{os.getpid()}-")).resolve()
            weakref.finalize(self, _remove_own, path, os.getpid())
            names = {entry.name for entry in os.scandir(self.common_dir)} - {*_NOT_LINKED}
            self._links = _make_links(path, self.common_dir, names | {*_LINKED_IF_MADE_LATER})
            (path / "config").write_bytes(self._config)
        except OSError as error:
            raise EnvironmentProblem(
                "A temporary directory for git's settings cannot be made.",
                f"{error.strerror} ({error.filename}).",
                "Free some disk space, or set TMPDIR to a directory of yours that is writable.",
            ) from error
        return path

    def _check_own_configuration(self) -> None:
        """Check that the repository's own configuration runs nothing, unless it is unchanged.

        Raises:
            EnvironmentProblem: It has a setting that may run a program.
        """
        named = (self.common_dir / "config", self.git_dir / "config.worktree")
        files = [path for path in named if path.exists()]
        state = [_state(path) for path in files]
        if state == self._checked:
            return
        found = set[str]()
        for path in files:
            listing = run_git(("config", "--file", str(path), "--list", "-z"), self.top)
            keys = (item.partition(b"\n")[0] for item in output(listing, "config").split(b"\0"))
            found |= {name for key in keys if (name := os.fsdecode(key)) and not self._unused(name)}
        if found:
            raise EnvironmentProblem(
                f"No symbolic links can be made in {tempfile.gettempdir()}.",
                "Without them git would follow settings of the repository that may run programs: "
                f"{', '.join(sorted(found)[:8])}.",
                "Set TMPDIR to a directory on a file system with symbolic links.",
            )
        self._checked = state

    def _unused(self, name: str) -> bool:
        """Return whether no git command of this program runs anything because of a setting."""
        if name.startswith("remote.") and name.endswith(_UNUSED_OF_REMOTES):
            return True
        wanted = (*_HARMLESS, *_UNUSED, *(_FOR_CONFIRMED if self._confirmed else ()))
        return _is_listed(name, wanted)


def _make_links(directory: Path, target: Path, names: set[str]) -> bool:
    """Make links to entries of a directory; return False where the file system has no links."""
    try:
        for name in names:
            (directory / name).symlink_to(target / name)
    except OSError as error:
        if error.errno in NO_LINKS:
            return False
        raise
    return True


def _state(path: Path) -> tuple[int, ...]:
    info = path.stat()
    return info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns


def _unusable(directory: Path, message: str, lines: list[str]) -> WorkspaceError:
    """Return the error for a directory in which git found no checkout.

    Args:
        directory: The directory.
        message: Git's error message.
        lines: What git printed before it failed.
    """
    if "dubious ownership" in message:
        return WorkspaceError(
            f"Git does not trust {directory}, because another user owns it.",
            "",
            f"If you do: git config --global --add safe.directory {directory}",
        )
    if "bare repository" in message or len(lines) == 2:
        return WorkspaceError(
            f"{directory} is inside a bare repository or a .git directory.",
            "There is no checkout to work from.",
            "Name the directory of a checkout.",
        )
    if "not a git repository" in message:
        return NoRepositoryError(
            f"{directory} is not in a git repository.",
            "Every experiment is a commit, so git is needed.",
            "Run `git init && git add train.py && git commit -m start` there, or make a new "
            "workspace with `autoresearch-tui init DIR`.",
        )
    return WorkspaceError(f"Git cannot use the repository of {directory}.", message)


def _is_checkout(top: Path, git_dir: Path, directory: Path) -> bool:
    """Return whether a directory is in the checkout whose `.git` names a git directory."""
    link = top / ".git"
    try:
        if link.is_file():
            text = link.read_text("utf-8", "surrogateescape")
            link = top / text.removeprefix("gitdir:").strip()
        return link.samefile(git_dir) and directory.resolve().is_relative_to(top.resolve())
    except OSError:
        return False


def _copied_settings(listing: bytes, *, confirmed: bool) -> bytes:
    """Return a configuration file with the settings of a repository that may be copied.

    Args:
        listing: The output of `git config --list -z`.
        confirmed: Whether the user confirmed the workspace, so that its filters may run.
    """
    wanted = _HARMLESS + (_FOR_CONFIRMED if confirmed else ())
    lines: list[bytes] = []
    for item in listing.split(b"\0"):
        key, has_value, value = item.partition(b"\n")
        name = os.fsdecode(key)
        if not _is_listed(name, wanted) or name in _NEVER:
            continue
        section, _, rest = key.partition(b".")
        subsection, dot, variable = rest.rpartition(b".")
        lines.append(b"[" + section + (b' "' + _escape(subsection) + b'"' if dot else b"") + b"]")
        lines.append(b"\t" + variable + (b' = "' + _escape(value) + b'"' if has_value else b""))
    return b"".join(line + b"\n" for line in lines)


def _is_listed(name: str, wanted: tuple[str, ...]) -> bool:
    return any(name == w or (w.endswith(".") and name.startswith(w)) for w in wanted)


def _escape(text: bytes) -> bytes:
    return text.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")


def _remove_own(path: Path, pid: int) -> None:
    if os.getpid() == pid:  # a forked process does not remove its parent's
        shutil.rmtree(path, ignore_errors=True)
