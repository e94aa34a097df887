"""Reads the user's git repository, and writes the session's branch and experiments' commits.

The engine writes worktrees below `.autoresearch/`, the branch `autoresearch/<tag>`, refs below
`refs/autoresearch/`, lines in `.git/info/exclude`, results.tsv and the link run.log. It never
changes the user's checkout, index, branches, remotes or configuration. Commits are made with
plumbing, so that no hook and no signing key of the user is involved.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, cast

from engine.core.errors import GitError, WorkspaceError
from engine.core.layout import BRANCH_PREFIX, RefNames
from engine.core.patches.file_parts import join_files, texts_of
from engine.git.commands import Git
from engine.git.start import forget_git_environment
from engine.store.commit_stream import ChangedFile, commit_stream
from engine.store.durable import sync_directory

_FALLBACK_NAME = "autoresearch-tui"
_FALLBACK_EMAIL = "autoresearch-tui@localhost"


@dataclass(frozen=True)
class WorkspaceState:
    """The state of the user's repository before a session writes anything to it."""

    workspace: Path
    top: Path
    """Top level of the repository; the workspace lies at or below it."""
    head: str
    detached: bool
    dirty: tuple[str, ...]
    """Tracked files with uncommitted changes, relative to the top level."""
    submodules: tuple[str, ...]
    """Paths of submodules, relative to the top level."""
    identity: tuple[str, str] | None
    """The user's name and e-mail address as git knows them; None if either is not set."""


class Workspace:
    """The user's git repository, or a directory in it, that holds the file agents edit.

    It writes only the session's branch, private refs, their commits, and info/exclude.
    """

    def __init__(self, path: Path, *, confirmed: bool = False) -> None:
        """Open the repository that a directory belongs to.

        Args:
            path: The workspace.
            confirmed: Whether the user confirmed the workspace, so that git may run the filters
                that its configuration names, such as git-lfs.

        Raises:
            WorkspaceError: There is no such directory, or it is not in a git repository with a
                checkout and a commit.
            EnvironmentProblem: Git is missing.
        """
        if not path.is_dir():
            raise WorkspaceError(
                f"There is no directory {path}.", "", "Name the directory of your repository."
            )
        self.path = path.resolve()
        forget_git_environment()
        self.git = Git(self.path, confirmed=confirmed)
        self.top, self.common_dir = self.git.repository.top, self.git.repository.common_dir
        self.prefix = self.path.relative_to(self.top.resolve()).as_posix()
        self.prefix = "" if self.prefix == "." else self.prefix
        head = self.git.try_run("rev-parse", "--verify", "HEAD^{commit}")
        if head is None:
            raise WorkspaceError(
                f"The repository {self.top} has no commit yet.",
                "The baseline must be a commit.",
                "Run `git add` and `git commit` there first.",
            )
        self.head = head
        self._modes: dict[str, str] = {}
        self._who: str | None = None
        self._synced: set[Path] = set()
        self.broken_filters: dict[str, str] = {}
        """Git filters that failed and are switched off since, each with the reason."""

    # ---- looking

    def inside(self, name: str) -> str:
        """Return a path of the workspace relative to the repository's top level."""
        return f"{self.prefix}/{name}" if self.prefix else name

    def look(self) -> WorkspaceState:
        """Read the repository's state: head, uncommitted changes, submodules, the user's name."""
        name = self.git.try_run("config", "user.name")
        email = self.git.try_run("config", "user.email")
        return WorkspaceState(
            workspace=self.path,
            top=self.top,
            head=self.head,
            detached=self.git.try_run("symbolic-ref", "-q", "HEAD") is None,
            dirty=self._changed_files(),
            submodules=self._tracked("160000"),
            identity=(name, email) if name and email else None,
        )

    def _changed_files(self) -> tuple[str, ...]:
        """Return the tracked files of the checkout that differ from the commit.

        Whether a file differs that is stored through a filter is not known where the filter fails,
        or may not run because the user has not confirmed the workspace. Such files are left out.
        """
        # Git would look for changes in a submodule with the submodule's own configuration.
        words = ("status", "--porcelain", "--untracked-files=no", "--ignore-submodules=dirty", "-z")
        unfiltered = not self.git.confirmed
        try:
            status = self.git.run(*words)
        except GitError:
            filters = configured_filters(self.git, r"^filter\.")
            if not filters:
                raise
            status, unfiltered = self.git.run(*switched_off(filters), *words), True
        changed = tuple(entry[3:] for entry in status.split("\0") if len(entry) > 3)
        if not changed or not unfiltered:
            return changed
        # Git reads the names as relative to the workspace.
        own = {name: os.path.relpath(name, self.prefix or ".") for name in changed}
        filtered = filters_of(self.git, "\0".join(own.values()))
        return tuple(name for name in changed if own[name] not in filtered)

    @cached_property
    def outside_links(self) -> tuple[str, ...]:
        """The tracked links that lead out of the repository by a relative path, from its top.

        In a worktree they would lead elsewhere. Read once, when the first worktree is made.
        """
        return tuple(n for n in self._tracked("120000") if self._leads_out(self.top / n))

    def _tracked(self, mode: str) -> tuple[str, ...]:
        """Return the tracked paths of a mode, as git writes it, relative to the top."""
        stage = self.git.run("ls-files", "--stage", "--full-name", "-z", "--", ":/")
        return tuple(e.split("\t", 1)[1] for e in stage.split("\0") if e.startswith(f"{mode} "))

    def _leads_out(self, link: Path) -> bool:
        try:
            target = os.readlink(link)
        except OSError:
            return False
        lexical = Path(os.path.normpath(link.parent / target))
        return not os.path.isabs(target) and not lexical.is_relative_to(self.top)

    @cached_property
    def sparse_patterns(self) -> bytes | None:
        """The patterns of the files in the user's sparse checkout; None where all files are in it.

        Read once, when the first commit is checked out.
        """
        if self.git.try_run("config", "--bool", "core.sparseCheckout") != "true":
            return None
        name = self.git.run("rev-parse", "--git-path", "info/sparse-checkout")
        try:
            return (self.path / name).read_bytes()
        except OSError:
            return None

    def read(self, commit: str, name: str) -> str:
        """Return the text of a workspace's file at a commit; invalid UTF-8 becomes surrogates.

        Raises:
            WorkspaceError: The file is not in that commit.
        """
        blob = self.git.blob(f"{commit}:{self.inside(name)}")
        if blob is None:
            raise WorkspaceError(
                f"{name} is not in commit {commit[:7]} of {self.top}.",
                "An agent can only edit a file that git knows.",
                f"Run `git add {name} && git commit`, or name another file with --file.",
            )
        return blob.decode("utf-8", "surrogateescape")

    def read_files(self, commit: str, names: Sequence[str]) -> str:
        """Return the text of one or several files at a commit; several are joined by `join_files`.

        Raises:
            WorkspaceError: A file is not in that commit.
        """
        return join_files({name: self.read(commit, name) for name in names})

    def try_read(self, commit: str, name: str) -> str | None:
        """Return the text of a workspace's file at a commit; None if the commit has no such file.

        Bytes that are not UTF-8 are replaced.
        """
        blob = self.git.blob(f"{commit}:{self.inside(name)}")
        return None if blob is None else blob.decode("utf-8", "replace")

    def is_tracked(self, name: str) -> bool:
        """Return whether git tracks a file of the workspace."""
        return self.git.try_run("ls-files", "--error-unmatch", "--", name) is not None

    def ignored(self, names: list[str]) -> set[str]:
        """Return those of some paths that git ignores in the user's checkout, by its present rules.

        Args:
            names: Paths relative to the workspace; there need not be such files.
        """
        with tempfile.TemporaryFile() as file:
            # Without `./`, a name that begins with a colon would be a pattern.
            file.write(b"\0".join(b"./" + os.fsencode(name) for name in names))
            file.seek(0)
            try:
                out = self.git.run("check-ignore", "--stdin", "-z", stdin=cast(BinaryIO, file))
            except WorkspaceError:  # also where none is ignored
                return set()
        return {name.removeprefix("./") for name in out.split("\0")}

    def branch_exists(self, tag: str) -> bool:
        """Return whether the branch of the session with a tag exists."""
        return self.branch_commit(tag) is not None

    def branch_commit(self, tag: str) -> str | None:
        """Return the commit that a session's branch is at; None if there is no such branch."""
        return self.git.try_run("rev-parse", "-q", "--verify", RefNames(tag).branch_ref)

    def has_refs(self, tag: str) -> bool:
        """Return whether any private ref of the session with a tag exists in the repository."""
        return bool(self.git.run("for-each-ref", "--count=1", RefNames(tag).root))

    def checked_out_at(self, ref: str) -> str:
        """Return the path of the checkout that a branch is checked out in; empty for none."""
        path = self.git.run("for-each-ref", "--format=%(worktreepath)", ref)
        return self.git.repository.checkout_path(path)

    # ---- writing

    def exclude(self, names: tuple[str, ...]) -> None:
        """Make git ignore files of the engine, by adding lines to the repository's info/exclude.

        Args:
            names: Paths relative to the workspace; those listed already are not added again.

        Raises:
            OSError: The git directory cannot be written.
        """
        path = self.common_dir / "info" / "exclude"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text("utf-8", "surrogateescape") if path.exists() else ""
        wanted = [f"/{self.inside(name)}" for name in names]
        missing = [line for line in wanted if line not in text.splitlines()]
        if missing:
            lead = "" if not text or text.endswith("\n") else "\n"
            with open(path, "a", encoding="utf-8") as file:
                file.write(lead + "".join(f"{line}\n" for line in missing))

    def start_branch(self, tag: str, commit: str) -> None:
        """Create a session's branch `autoresearch/<tag>` at a commit.

        Raises:
            WorkspaceError: It exists already, or `autoresearch` itself is a branch.
        """
        names = RefNames(tag)
        prefix = f"refs/heads/{BRANCH_PREFIX}"
        if self.git.try_run("rev-parse", "-q", "--verify", prefix) is not None:
            raise WorkspaceError(
                f"A branch called `{BRANCH_PREFIX}` is in the way of `{names.branch}`.",
                "Git cannot have both.",
                f"Rename it with `git branch -m {BRANCH_PREFIX} other-name`.",
            )
        if self.branch_exists(tag):
            raise WorkspaceError(
                f"The branch {names.branch} exists already.",
                "A session uses only a branch of its own.",
                "Choose another tag with --tag.",
            )
        self.git.run(
            "update-ref",
            *("-m", f"autoresearch: start {tag}"),
            *(names.branch_ref, commit, "0" * len(commit)),
        )
        self._sync(names.branch_ref)

    def check_branch(self, tag: str, frontier: str) -> None:
        """Raise an error unless a session's branch is still at its frontier.

        A branch ahead of it, at a commit with a private ref, is accepted too: an engine may have
        been killed after it moved the branch and before it recorded the move.

        Raises:
            WorkspaceError: The branch was deleted, or is at another commit.
        """
        now = self.branch_commit(tag)
        if now == frontier:
            return
        if (
            now is not None
            and self._is_ancestor(frontier, now)
            and self.git.run("for-each-ref", "--count=1", f"--points-at={now}", RefNames(tag).root)
        ):
            return
        raise self._moved(
            tag, frontier, now, "then start again; or start another session with --tag."
        )

    def _is_ancestor(self, commit: str, of: str) -> bool:
        return self.git.try_run("merge-base", "--is-ancestor", commit, of) is not None

    def _moved(self, tag: str, frontier: str, now: str | None, then: str) -> WorkspaceError:
        """Return the error for a session's branch that another program moved or deleted.

        Args:
            tag: The session's tag.
            frontier: The commit where the session left its branch.
            now: The commit where the branch is; None where it was deleted.
            then: What the user does after they put the branch back, as the end of a sentence.
        """
        name = RefNames(tag).branch
        why = "It was deleted, rebased or moved, so the next keep cannot be added to it."
        if now is None:
            what = f"The branch {name} is gone."
            todo = f"Create it again with `git branch {name} {frontier[:12]}`"
        else:
            what = f"The branch {name} is at {now[:7]}, not where this session left it."
            if self._is_ancestor(frontier, now):
                why = "Another program committed onto it, so the next keep cannot be added to it."
            mine = f"{tag}-mine"
            if self.git.try_run("rev-parse", "-q", "--verify", f"refs/heads/{mine}") is not None:
                mine = f"{mine}-{now[:7]}"
            todo = (
                f"Keep that commit with `git branch {mine} {now[:12]}`, and put it back with "
                f"`git branch -f {name} {frontier[:12]}`"
            )
            where = self.checked_out_at(RefNames(tag).branch_ref)
            if where:
                todo = f"Switch to another branch in {where} (`git switch --detach`). {todo}"
        return WorkspaceError(what, why, f"{todo}, {then}")

    def advance_branch(self, tag: str, new: str, old: str) -> None:
        """Move a session's branch from commit `old` to `new`; do nothing if it is at `new` already.

        Raises:
            WorkspaceError: The branch was moved by another program, or is checked out.
        """
        name, ref = RefNames(tag).branch, RefNames(tag).branch_ref
        now = self.branch_commit(tag)
        if now == new:
            self._sync(ref)  # moved before, and perhaps not synced
            return
        if now != old:
            raise self._moved(tag, old, now, "then resume.")
        where = self.checked_out_at(ref)
        if where:
            raise WorkspaceError(
                f"The branch {name} is checked out in {where}.",
                "Moving it would make that checkout look changed.",
                "Switch to another branch there (`git switch --detach`), then resume.",
            )
        try:
            self.git.run("update-ref", "-m", "autoresearch: keep", ref, new, old)
        except GitError as error:
            now = self.branch_commit(tag)
            if now == old:
                raise
            raise self._moved(tag, old, now, "then resume.") from error
        self._sync(ref)

    def _sync(self, ref: str) -> None:
        """Sync the directories of a ref to the disk; git itself has synced the ref's file."""
        directory = (self.common_dir / ref).parent
        if not directory.is_dir():
            return  # refs are kept in one table
        sync_directory(directory)
        # The first time also the directories above, which hold its name.
        while directory not in self._synced and directory != self.common_dir:
            sync_directory(directory.parent)
            self._synced.add(directory)
            directory = directory.parent

    def commit_candidate(
        self, base: str, name: str | Sequence[str], content: str, message: str, ref: str
    ) -> str:
        """Commit changed files on top of `base` and hold the commit by a private ref.

        Neither an index nor a checkout is touched, so a dirty worktree cannot leak into the commit.

        Args:
            base: The parent commit.
            name: The file, relative to the workspace, or several.
            content: The file's new text; of several files, joined by `join_files`.
            message: The commit message.
            ref: The full name of the private ref, which keeps the commit from git's clean-up.

        Returns:
            The commit's hash.
        """
        stream = commit_stream(
            ref=ref,
            base=base,
            files=[
                ChangedFile(
                    self.inside(part).encode(),
                    self._mode(base, part),
                    text.encode("utf-8", "surrogateescape"),
                )
                for part, text in _texts(name, content).items()
            ],
            message=message.encode("utf-8", "replace"),
            who=self._identity(),
        )
        try:
            commit = self.git.fast_import(stream)
        except GitError:
            # An engine killed here left the ref; its commit was never run.
            if self.git.try_run("update-ref", "-d", ref) is None:
                raise
            commit = self.git.fast_import(stream)
        self._sync(ref)
        return commit

    def commit_once(
        self, base: str, name: str | Sequence[str], content: str, message: str, ref: str
    ) -> str:
        """Commit changed files like `commit_candidate`, or return the commit made before a crash.

        For commits that the journal does not record before the branch is moved to them.
        """
        commit = self.held(ref)
        if commit is not None and self.parent(commit) == base:
            texts = _texts(name, content)
            blobs = [self.git.blob(f"{commit}:{self.inside(part)}") for part in texts]
            if blobs == [text.encode("utf-8", "surrogateescape") for text in texts.values()]:
                return commit
        return self.commit_candidate(base, name, content, message, ref)

    def _mode(self, commit: str, name: str) -> str:
        if name not in self._modes:
            # Relative to the current directory, which is the workspace.
            entry = self.git.run("ls-tree", commit, "--", name)
            mode = entry.split(" ", 1)[0] if entry else "100644"
            # The new text is not the target of a link.
            self._modes[name] = "100644" if mode == "120000" else mode
        return self._modes[name]

    def _identity(self) -> str:
        if self._who is None:
            name = self.git.try_run("config", "user.name") or _FALLBACK_NAME
            email = self.git.try_run("config", "user.email") or _FALLBACK_EMAIL
            clean = [re.sub(r"[<>\n]", "", part).strip() for part in (name, email)]
            self._who = f"{clean[0]} <{clean[1]}>"
        return self._who

    def held(self, ref: str) -> str | None:
        """Return the commit that a ref points to; None if there is no such ref."""
        return self.git.try_run("rev-parse", "-q", "--verify", f"{ref}^{{commit}}")

    def has_commit(self, commit: str) -> bool:
        """Return whether a commit and all files in it are in the repository."""
        return self.git.try_run("rev-list", "--objects", "--no-walk", commit) is not None

    def parent(self, commit: str) -> str | None:
        """Return a commit's first parent; None if it has none."""
        return self.git.try_run("rev-parse", "-q", "--verify", f"{commit}^")

    def is_link(self, commit: str, name: str) -> bool:
        """Return whether a file of a commit is a symbolic link."""
        return self.git.run("ls-tree", commit, "--", name).startswith("120000")

    def hold(self, ref: str, commit: str) -> None:
        """Point a private ref to a commit, so that git never removes the commit."""
        self.git.run("update-ref", ref, commit)
        self._sync(ref)


def switched_off(names: Iterable[str]) -> tuple[str, ...]:
    """Return options of git that switch filters off."""
    return tuple(
        word
        for name in names
        for key in ("process=", "smudge=", "clean=", "required=false")
        for word in ("-c", f"filter.{name}.{key}")
    )


def configured_filters(git: Git, pattern: str) -> set[str]:
    """Return the names of the filters with a setting that matches a pattern."""
    listing = git.try_run("config", "--name-only", "--get-regexp", pattern) or ""
    return {key.split(".", 1)[1].rpartition(".")[0] for key in listing.splitlines()}


def filters_of(
    git: Git, names: str, *options: str, env: dict[str, str] | None = None
) -> dict[str, str]:
    """Return the filter of each path that is stored through one.

    Args:
        git: Git in the repository.
        names: The paths, separated by NUL characters.
        options: Options of `git check-attr`.
        env: Environment variables to add.
    """
    with tempfile.TemporaryFile() as file:
        file.write(os.fsencode(names))
        file.seek(0)
        words = ("check-attr", *options, "--stdin", "-z", "filter")
        out = git.run(*words, env=env, stdin=cast(BinaryIO, file))
    parts = out.split("\0")
    pairs = zip(parts[::3], parts[2::3], strict=False)
    return {path: value for path, value in pairs if value not in ("unspecified", "unset", "set")}


def _texts(name: str | Sequence[str], content: str) -> dict[str, str]:
    """Return the text of each of the named files.

    Args:
        name: The name of a file, or of several.
        content: The text of the file; of several, joined by `join_files`.
    """
    names = (name,) if isinstance(name, str) else name
    if len(names) == 1:
        return {names[0]: content}
    texts = texts_of(content, names[0])
    return {name: texts[name] for name in names}
