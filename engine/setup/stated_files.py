"""Finds the files that a workspace's documents or scripts say an agent may edit, or may not.

Program texts of autonomous research name them: "`strategy.py` is the only file you edit".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import NamedTuple

from engine.core.patches.language import Language, language_of
from engine.setup.documented_command import DOCUMENTS
from engine.untrusted_files import read_text

_MOST_BYTES = 2**20
_HEAD = 1500
"""The most characters at the beginning of a script in which it may say that it is edited."""
_FILE = r"(?:\./)?[\w][\w./-]*\.\w{1,8}"
_NAMED = re.compile(rf"(?<![\w./-])`?({_FILE})`?(?![\w/])")
_WHO = r"(?:you|we|it|agents?|the\s+(?:\w+\s+)?(?:agents?|llm|ai|model)|an\s+agent)"
_EDIT = r"(?:modif(?:y|ies|ied)|edit(?:s|ed)?|chang(?:e|es|ed)|touch(?:es)?)"
_MAY = r"(?:(?:may|can|should|must|will|ever|is|are|be|to|allowed|permitted|supposed)\s+){0,4}"
_ONLY_FILE = re.compile(
    rf"\b(?:(?:only|single|one|sole)\s+(?:\w+\s+)?(?:file|script)\s+(?:(?:that|which)\s+)?"
    rf"(?:{_WHO}\s+)?{_MAY}{_EDIT}|the\s+file\s+(?:that\s+)?{_WHO}\s+{_MAY}{_EDIT})\b",
    re.IGNORECASE,
)
_EDIT_ONLY = re.compile(
    rf"\b(?:only\s+(?:ever\s+)?{_EDIT}|{_EDIT}\s+only)\s+(?:the\s+file\s+)?`?({_FILE})`?"
    rf"|\b{_EDIT}\s+`?({_FILE})`?\s+only\b(?!\s+(?:when|where|if|for|to|after)\b)",
    re.IGNORECASE,
)
_NEGATED = re.compile(r"\b(?:not|never|cannot|no|n['’]t)\b[^.;]*\Z", re.IGNORECASE)
_LABEL = re.compile(r"\s*(?:#{1,6}\s+(?P<heading>.+)|(?P<label>[^|]{3,80}?):\**)\s*\Z")
_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+(?P<text>.*)")
_EDITABLE = re.compile(
    rf"\b(?:can|may|should|allowed to)\s+(?:do|{_EDIT})\b|\b(?:editable|mutable|editing)\b"
    rf"|\bwhat\s+(?:you|the agent)\s+{_EDIT}|^files? in scope\b",
    re.IGNORECASE,
)
_FIXED = re.compile(
    r"\b(?:not|never|cannot|off[- ]limits|read[- ]only|fixed|frozen|forbidden|locked|immutable"
    r"|protected|out of scope)\b|n['’]t\b",
    re.IGNORECASE,
)
_BEGINS = re.compile(rf"(?:\*\*)?(?:{_EDIT}\s+(?:the\s+)?(?:\S+\s+in\s+)?)?[`*]*{_FILE}", re.I)
_MEASURES = re.compile(r"(?:prepare|eval\w*|bench\w*|harness|constants|metrics?)(?:[_.-]|\Z)", re.I)
"""Matches the names of files that usually measure the result."""
_NO_CODE = re.compile(
    r"readme|program|claude|agents|changelog|license|notes?\b|paper|requirements|pyproject"
    r"|results?\b|journal|todo",
    re.IGNORECASE,
)
_NO_SOURCES = (".tsv", ".csv", ".jsonl", ".lock", ".log", ".ipynb", ".png", ".pdf")


class StatedFiles(NamedTuple):
    """What a workspace says about which of its files an agent may edit."""

    editable: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    source: str = ""
    """The name of the document, or of the script, that says so."""


def stated_files(workspace: Path) -> StatedFiles:
    """Return the files that an agent may edit, as the workspace's files state them.

    A file that is said to be the only one goes before a list of several. Those that usually measure
    the result, such as prepare.py, are left out of a list.
    """
    for document in DOCUMENTS:
        lines = read_text(workspace / document, _MOST_BYTES).split("\n")
        only = [n for line in lines for n in _said_to_be_edited(line) if _is_here(workspace, n)]
        listed, fixed = _listed(workspace, lines)
        sources = [n for n in listed if language_of(n) is not Language.PROSE] or listed
        likely = [n for n in sources if not _MEASURES.match(PurePath(n).name)]
        editable = tuple(dict.fromkeys(only[:1] or likely))
        if editable:
            return StatedFiles(editable, tuple(n for n in fixed if n not in editable), document)
    own = [path for path in sorted(workspace.glob("*.py")) if _says_it_is_edited(path)]
    return StatedFiles((own[0].name,), (), own[0].name) if len(own) == 1 else StatedFiles()


def _said_to_be_edited(line: str) -> Iterator[str]:
    """Yield the file that a line says is the one to edit."""
    for match in _ONLY_FILE.finditer(line):
        before = _NAMED.findall(line[: match.start()])
        after = _NAMED.findall(line[match.end() :])
        if (before or after) and not _NEGATED.search(line[: match.start()]):
            yield (before[-1] if before else after[0]).removeprefix("./")
    for match in _EDIT_ONLY.finditer(line):
        if not _NEGATED.search(line[: match.start()]):
            yield (match[1] or match[2]).removeprefix("./")


def _listed(workspace: Path, lines: list[str]) -> tuple[list[str], list[str]]:
    """Return the files in lists of what may be edited, and in lists of what may not."""
    editable: list[str] = []
    fixed: list[str] = []
    into: list[str] | None = None
    for line in lines:
        item = _ITEM.match(line)
        label = None if item else _LABEL.match(line)
        if label is not None:
            title = (label["heading"] or label["label"]).strip("* ")
            into = fixed if _FIXED.search(title) else editable if _EDITABLE.search(title) else None
        elif item is not None and into is not None and _BEGINS.match(item["text"]):
            sentence = re.split(r"[.;]\s|\s[—–-]+\s|:\s", item["text"])[0]
            into += [n for n in _NAMED.findall(sentence) if _is_here(workspace, n)]
    return [n.removeprefix("./") for n in editable], [n.removeprefix("./") for n in fixed]


def _is_here(workspace: Path, name: str) -> bool:
    """Return whether a name is that of a file in the workspace which could be edited."""
    path = PurePath(name)
    return (
        not path.is_absolute()
        and ".." not in path.parts
        and path.suffix.lower() not in _NO_SOURCES
        and not _NO_CODE.match(path.name)
        and (workspace / name).is_file()
    )


def _says_it_is_edited(path: Path) -> bool:
    """Return whether the beginning of a script says that it is the only file to be edited."""
    return _ONLY_FILE.search(read_text(path, _MOST_BYTES)[:_HEAD]) is not None
