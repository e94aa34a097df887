"""Finds the training targets of a workspace's Makefile and justfile, and the stages of DVC."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from engine.untrusted_files import read_text

_MOST_BYTES = 2**20
_STAGES = "dvc.yaml"
_TARGET = re.compile(r"^([A-Za-z][\w.-]*)[ \t]*:(?![:=])", re.M)
_RECIPE = re.compile(r"^@?([A-Za-z][\w-]*)(?:[ \t]+[^:\n]*)?:(?!=)", re.M)
_STAGE = re.compile(r"^  ([\w@.-]+):[ \t]*\n(?:(?:    .*)?\n)*?    cmd:[ \t]+([^|>\n].*)$", re.M)
_FILES = (
    *((name, "make -s", _TARGET, ("\t",)) for name in ("Makefile", "makefile", "GNUmakefile")),
    *((name, "just", _RECIPE, ("\t", " ")) for name in ("justfile", "Justfile", ".justfile")),
)
TRAINING = re.compile(
    r"(?!.*(?:smoke|test|debug|dry|profile|eval|check|clean))(?:.*[_.-])?"
    r"(?:(?:pre)?train\w*|fine_?tune|fit|main|run|experiments?|bench(?:mark)?)(?:[_.-]|\Z)",
    re.IGNORECASE,
)
"""Matches the names of targets and scripts that train."""


class Target(NamedTuple):
    """A training target, or a stage of DVC."""

    name: str
    recipe: str
    """The lines that it runs."""
    command: str
    """What runs it, such as `make -s train`; for a stage of DVC, the recipe itself."""
    source: str
    """The name of the file that has it."""


def training_targets(workspace: Path) -> Iterator[Target]:
    """Yield the training targets of each file, `train` first."""
    for source, tool, header, indents in _FILES:
        text = read_text(workspace / source, _MOST_BYTES)
        found = []
        for match in header.finditer(text):
            recipe = []
            for line in text[match.end() :].split("\n")[1:]:
                if line.strip() and not line.startswith(indents):
                    break
                recipe.append(line)
            found.append(Target(match[1], "\n".join(recipe), f"{tool} {match[1]}", source))
        yield from _train_first(found)
    stages = _STAGE.findall(read_text(workspace / _STAGES, _MOST_BYTES))
    commands = ((name, text.strip().strip("\"'")) for name, text in stages if "${" not in text)
    yield from _train_first([Target(name, text, text, _STAGES) for name, text in commands])


def _train_first(found: list[Target]) -> list[Target]:
    training = [target for target in found if TRAINING.match(target.name)]
    return sorted(training, key=lambda target: target.name != "train")
