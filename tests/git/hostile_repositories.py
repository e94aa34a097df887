"""Repositories that try to run a program as soon as git is started in them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.world import TRAIN, git, make_repository

HOOKS = (
    *("post-checkout", "post-commit", "post-index-change", "pre-auto-gc", "pre-commit"),
    *("reference-transaction", "fsmonitor-watchman", "prepare-commit-msg", "commit-msg"),
)
PAYLOAD = """#!/bin/sh
echo "$0 $*" >>'{marker}'
"""


class Repository:
    """A workspace of two commits, with a table that names both, and a program to be run by git."""

    def __init__(self, directory: Path) -> None:
        self.marker = directory / "marker"
        self.program = directory / "program"
        self.program.write_text(PAYLOAD.format(marker=self.marker))
        self.program.chmod(0o755)
        self.path = make_repository(
            directory / "work", {"train.py": TRAIN, "prepare.py": "DATA = 1\n", "big.bin": "1\n"}
        )
        first = git(self.path, "rev-parse", "--short=7", "HEAD")
        (self.path / "train.py").write_text(TRAIN + "# better\n")
        git(self.path, "commit", "-qam", "better")
        second = git(self.path, "rev-parse", "--short=7", "HEAD")
        self.table = self.path / "results.tsv"
        self.table.write_text(
            "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
            f"{first}\t1.0\t1.0\tkeep\tbaseline\n{second}\t0.9\t1.0\tkeep\tbetter\n"
        )
        self.git_directory = self.path / ".git"

    def configure(self, text: str, name: str = "config") -> None:
        """Append lines to a configuration file of the git directory; PROGRAM is the program."""
        with open(self.git_directory / name, "a", encoding="utf-8") as file:
            file.write(text.replace("PROGRAM", str(self.program)) + "\n")

    def attributes(self, text: str) -> None:
        """Commit a .gitattributes file."""
        (self.path / ".gitattributes").write_text(text + "\n")
        git(self.path, "add", ".gitattributes")
        git(self.path, "commit", "-qm", "attributes")

    def touch(self) -> None:
        """Make git compare the contents of all tracked files, as after a checkout."""
        for path in self.path.iterdir():
            if path.is_file():
                os.utime(path, (1, 1))

    def lose_a_blob(self) -> None:
        """Remove the object of train.py's newest version, which a partial clone would fetch."""
        blob = git(self.path, "rev-parse", "HEAD:train.py")
        (self.git_directory / "objects" / blob[:2] / blob[2:]).unlink()


def _fsmonitor(r: Repository) -> None:
    r.configure("[core]\nfsmonitor = PROGRAM")


def _filter(kind: str) -> Callable[[Repository], None]:
    def build(r: Repository) -> None:
        r.attributes("*.bin filter=evil")
        r.configure(f'[filter "evil"]\n{kind} = PROGRAM\nrequired = true')
        r.touch()

    return build


def _filter_with_an_odd_name(r: Repository) -> None:
    r.attributes("*.bin filter=a=b.c\n")
    r.configure('[filter "a=b.c"]\nclean = PROGRAM')
    r.touch()


def _filter_in_info_attributes(r: Repository) -> None:
    (r.git_directory / "info/attributes").write_text("*.py filter=evil\n")
    r.configure('[filter "evil"]\nclean = PROGRAM')
    r.touch()


def _included(r: Repository) -> None:
    r.attributes("*.bin filter=evil")
    (r.path / "evil.cfg").write_text(
        f'[core]\nfsmonitor = {r.program}\n[filter "evil"]\nclean = {r.program}\n'
    )
    r.configure("[include]\npath = ../evil.cfg")
    r.touch()


def _included_on_a_condition(r: Repository) -> None:
    (r.path / "evil.cfg").write_text(f"[core]\nfsmonitor = {r.program}\n")
    r.configure('[includeIf "gitdir:**"]\npath = ../evil.cfg')


def _worktree_config(r: Repository) -> None:
    r.configure("[core]\nrepositoryformatversion = 1\n[extensions]\nworktreeConfig = true")
    r.configure("[core]\nfsmonitor = PROGRAM", "config.worktree")


def _hooks(r: Repository) -> None:
    for name in HOOKS:
        shutil.copy(r.program, r.git_directory / "hooks" / name)
    r.touch()


def _hooks_path(r: Repository) -> None:
    (r.path / "hooks").mkdir()
    for name in HOOKS:
        shutil.copy(r.program, r.path / "hooks" / name)
    r.configure("[core]\nhooksPath = hooks")
    r.touch()


def _promisor(url: str, more: str = "") -> Callable[[Repository], None]:
    def build(r: Repository) -> None:
        r.configure(
            "[core]\nrepositoryformatversion = 1\n[extensions]\npartialClone = origin\n"
            f'[remote "origin"]\nurl = {url}\npromisor = true\npartialclonefilter = blob:none\n'
            f'[protocol]\nallow = always\n[protocol "ext"]\nallow = always\n{more}'
        )
        r.lose_a_blob()

    return build


def _external_diff(r: Repository) -> None:
    r.configure("[diff]\nexternal = PROGRAM")


def _diff_driver(r: Repository) -> None:
    r.attributes("*.py diff=evil")
    r.configure('[diff "evil"]\ncommand = PROGRAM\ntextconv = PROGRAM')
    r.touch()


def _pager(r: Repository) -> None:
    r.configure(
        "[core]\npager = PROGRAM\neditor = PROGRAM\naskPass = PROGRAM\n"
        "[pager]\ndiff = PROGRAM\nlog = PROGRAM\nstatus = PROGRAM\n[sequence]\neditor = PROGRAM"
    )


def _signatures(r: Repository) -> None:
    head = git(r.path, "cat-file", "commit", "HEAD")
    signed = head.replace(
        "\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n -----END PGP SIGNATURE-----\n\n", 1
    )
    (r.path / "signed").write_text(signed + "\n")
    commit = git(r.path, "hash-object", "-t", "commit", "-w", "signed")
    (r.path / "signed").unlink()
    git(r.path, "update-ref", "HEAD", commit)
    r.table.write_text(r.table.read_text() + f"{commit[:7]}\t0.8\t1.0\tkeep\tsigned\n")
    r.configure("[gpg]\nprogram = PROGRAM\n[log]\nshowSignature = true\n[commit]\ngpgSign = true")


def _aliases(r: Repository) -> None:
    r.configure("[alias]\nstatus = !PROGRAM\nrev-parse = !PROGRAM\nlog = !PROGRAM\ndiff = !PROGRAM")


def _alternates(r: Repository) -> None:
    other = make_repository(r.path.parent / "other", {"a": "1\n"})
    (r.git_directory / "objects/info/alternates").write_text(f"{other}/.git/objects\n")
    r.configure("[core]\nalternateRefsCommand = PROGRAM")


def _submodule(r: Repository) -> None:
    other = make_repository(r.path.parent / "other", {"lib.py": "Z = 1\n", "x.bin": "1\n"})
    allowed = ("-c", "protocol.file.allow=always")
    git(r.path, *allowed, "submodule", "--quiet", "add", str(other), "lib")
    git(r.path, "commit", "-qm", "submodule")
    (r.path / "lib/.gitattributes").write_text("*.bin filter=evil\n")
    os.utime(r.path / "lib/x.bin", (1, 1))
    r.git_directory /= "modules/lib"
    r.configure('[core]\nfsmonitor = PROGRAM\n[filter "evil"]\nclean = PROGRAM')


def _nested_repository(r: Repository) -> None:
    inner = make_repository(r.path / "inner", {"a.py": "1\n"})
    git(r.path, "add", "inner")
    git(r.path, "commit", "-qm", "inner")
    (inner / "a.py").write_text("2\n")
    r.git_directory = inner / ".git"
    _fsmonitor(r)


def _bare_repository(r: Repository) -> None:
    bare = r.path / "notes"
    shutil.move(r.git_directory, bare)
    r.git_directory = bare
    r.configure("[core]\nbare = false\nworktree = .\nfsmonitor = PROGRAM\n[diff]\nexternal=PROGRAM")
    for name in ("train.py", "prepare.py", "big.bin", "results.tsv"):
        shutil.move(r.path / name, bare)
    r.path, r.table = bare, bare / "results.tsv"
    _promisor("ext::PROGRAM")(r)


def _git_file(r: Repository) -> None:
    shutil.move(r.git_directory, r.path / "store")
    (r.path / ".git").write_text("gitdir: store\n")
    r.git_directory = r.path / "store"
    _fsmonitor(r)


def _common_directory(r: Repository) -> None:
    linked = r.path.parent / "linked"
    git(r.path, "worktree", "add", "--quiet", str(linked))
    shutil.copy(r.table, linked)
    evil = r.path.parent / "evil"
    shutil.copytree(r.git_directory, evil)
    (r.git_directory / "worktrees/linked/commondir").write_text(f"{evil}\n")
    r.git_directory = evil
    _fsmonitor(r)
    r.path, r.table = linked, linked / "results.tsv"


def _commands_in_odd_places(r: Repository) -> None:
    r.configure(
        "[uploadpack]\npackObjectsHook = PROGRAM\n[interactive]\ndiffFilter = PROGRAM\n"
        '[trailer "x"]\ncommand = PROGRAM\n[credential]\nhelper = PROGRAM\n'
        '[merge "evil"]\ndriver = PROGRAM\n[core]\nsshCommand = PROGRAM\ngitProxy = PROGRAM'
    )


def _replaced_objects(r: Repository) -> None:
    git(r.path, "replace", "HEAD", "HEAD~1")
    _fsmonitor(r)


HOSTILE: dict[str, Callable[[Repository], None]] = {
    "fsmonitor": _fsmonitor,
    "clean filter": _filter("clean"),
    "smudge filter": _filter("smudge"),
    "process filter": _filter("process"),
    "filter with an odd name": _filter_with_an_odd_name,
    "filter in info/attributes": _filter_in_info_attributes,
    "include": _included,
    "include on a condition": _included_on_a_condition,
    "worktree config": _worktree_config,
    "hooks": _hooks,
    "hooks path": _hooks_path,
    "promisor by ext": _promisor("ext::PROGRAM"),
    "promisor by ssh": _promisor("ssh://localhost/x", "[core]\nsshCommand = PROGRAM"),
    "promisor by upload-pack": _promisor("/nowhere", '[remote "origin"]\nuploadpack = PROGRAM'),
    "promisor by proxy": _promisor("git://localhost/x", "[core]\ngitProxy = PROGRAM"),
    "promisor by helper": _promisor("x", '[remote "origin"]\nvcs = evil'),
    "external diff": _external_diff,
    "diff driver": _diff_driver,
    "pager and editors": _pager,
    "signatures": _signatures,
    "aliases": _aliases,
    "alternates": _alternates,
    "submodule": _submodule,
    "nested repository": _nested_repository,
    "embedded bare repository": _bare_repository,
    "git file": _git_file,
    "common directory": _common_directory,
    "other commands": _commands_in_odd_places,
    "replaced objects": _replaced_objects,
}
