"""Finds the command that a workspace's documents or targets give for its training script.

Documents are read and never followed: the command is shown in the plan, and runs once the user has
confirmed it.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from engine.core.command_line import CommandLine, parse_command
from engine.core.enums import PROGRAM
from engine.executors.environment import BUDGET_VARIABLE
from engine.setup.build_targets import TRAINING, training_targets
from engine.untrusted_files import read_text

DOCUMENTS = (PROGRAM, "autoresearch.md", "README.md", "readme.md", "CLAUDE.md", "AGENTS.md")
_MOST_BYTES = 2**20
_FENCE = re.compile(r"^ {0,3}(```+|~~~+)[ \t]*(\w*)[^\n]*\n(.*?)^ {0,3}\1", re.M | re.S)
_SHELLS = ("", "bash", "sh", "shell", "console", "zsh", "text")
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LAUNCHERS = re.compile(
    r"(?:.*/)?(?:python[\d.]*|uv|torchrun|accelerate|deepspeed|poetry|pdm|pixi|hatch|pipenv|conda"
    r"|mpirun|julia|bash|sh)\Z"
)
_TOOLS = ("uv", "poetry", "pdm", "pixi", "hatch", "pipenv", "conda")
_PLACEHOLDER = re.compile(r"\.\.\.|…|path/to|your[_-]|\bYOUR|[{}\[\]]")
_SOURCES = (".py", ".yaml", ".yml", ".toml", ".json", ".ini", ".cfg", ".sh")
_NO_TRAINING = re.compile(
    r"(?:^|\s)--?(?:h|help|version|eval\w*|test\w*|resume\w*|dry[-_]?run|smoke\w*|profile\w*)\b"
)


class DocumentedCommand(NamedTuple):
    """A command line from one of the workspace's files."""

    line: CommandLine
    source: str
    """The name of the file."""

    @property
    def text(self) -> str:
        """Return the command as text, without a redirection of its output."""
        words = [f"{name}={shlex.quote(value)}" for name, value in self.line.assignments]
        command = " ".join([*words, shlex.join(self.line.argv)])
        directory = self.line.directory
        return f"cd {shlex.quote(directory)} && {command}" if directory else command

    @property
    def processes(self) -> int:
        """Return how many processes it starts on this machine, as an argument of torchrun says."""
        match = re.search(r"--nproc[-_]per[-_]node[= ](\d+)", self.text)
        return int(match[1]) if match is not None else 1


def documented_command(workspace: Path, name: str) -> DocumentedCommand | None:
    """Return the command that the documents give for a script; None where they give none.

    The first one counts, but for those that start more processes than another.

    Args:
        workspace: The directory with the documents.
        name: The script, relative to the workspace.
    """
    for document in DOCUMENTS:
        found = [c for c in _commands(workspace, document) if _runs(c.line, name)]
        if found:
            return min(found, key=lambda command: command.processes)
    return None


def documented_script(workspace: Path) -> tuple[str, str]:
    """Return the training script that the documents run most, and the document; "" for none."""
    for document in DOCUMENTS:
        names = Counter[str]()
        for command in _commands(workspace, document):
            names.update(set(_scripts(workspace, command.line)))
        training = [name for name in names if TRAINING.match(Path(name).stem)]
        if training:
            text = read_text(workspace / document, _MOST_BYTES)
            times = {n: len(re.findall(rf"(?<![\w/.-]){re.escape(n)}\b", text)) for n in training}
            return max(training, key=lambda name: (times[name], names[name])), document
    return "", ""


def documented_scripts(workspace: Path) -> list[str]:
    """Return the workspace's scripts that the documents run, in their order, program.md's first."""
    commands = (c for document in DOCUMENTS for c in _commands(workspace, document))
    return list(dict.fromkeys(name for c in commands for name in _scripts(workspace, c.line)))


def with_documented_command(workspace: Path, name: str, own: tuple[str, str]) -> tuple[str, str]:
    """Return the command for a script as the workspace's files give it, and where it is from.

    Args:
        workspace: The directory with the files.
        name: The script, relative to the workspace.
        own: The command that runs the script without arguments, and where that is from; it is
            returned where no file says more.
    """
    found = documented_command(workspace, name)
    if found is None:
        found = _target_command(workspace, name)
    if found is None:
        return own
    reason = f"from {found.source}"
    line, (plain, _) = found.line, own
    program = Path(line.argv[0]).name
    if line.directory or program in ("make", "just", "bash", "sh"):
        return found.text, reason
    lead = "".join(f"{key}={shlex.quote(value)} " for key, value in line.assignments)
    if program.startswith("python"):
        arguments = shlex.join(_arguments(workspace, line, name))
        module = _module_of(name)
        if ("-m", module) in pairwise(line.argv) and plain.endswith(f" {shlex.quote(name)}"):
            python = plain.removesuffix(f" {shlex.quote(name)}")
            plain = f"{python}{' python' if python == 'uv run' else ''} -m {module}"
        elif not arguments and not lead:
            return own
        return f"{lead}{plain} {arguments}".rstrip(), reason
    if found.text == plain:
        return own
    if program in _TOOLS:
        same = shlex.split(plain)[0] == program
        return (found.text, reason) if same or shutil.which(program) else own
    # torchrun and the like belong to the same environment as Python.
    words = shlex.split(plain)
    if words[0] in _TOOLS:
        runner = words[: words.index("run") + 1] if "run" in words else words[:1]
        return f"{lead}{shlex.join([*runner, *line.argv])}", reason
    beside = Path(words[0]).parent / program
    on_path = shutil.which(program) == str(workspace / beside)
    if (workspace / beside).is_file() and "/" in words[0] and not on_path:
        return f"{lead}{shlex.join([str(beside), *line.argv[1:]])}", reason
    return found.text, reason


def _module_of(name: str) -> str:
    return name.removesuffix(".py").replace("/", ".")


def _arguments(workspace: Path, line: CommandLine, name: str) -> tuple[str, ...]:
    """Return the arguments that a command gives to a script."""
    module = _module_of(name)
    for index, word in enumerate(line.argv):
        if word == module or (word.endswith(".py") and (Path(word)).as_posix() == name):
            return line.argv[index + 1 :]
    return ()


def _target_command(workspace: Path, name: str) -> DocumentedCommand | None:
    """Return what runs a target that gives a script arguments; None where none does."""
    module = _module_of(name)
    script = rf"(?:(?:\./)?{re.escape(name)}|-m {re.escape(module)})"
    for target in training_targets(workspace):
        for line in target.recipe.replace("\\\n", " ").split("\n"):
            text = re.sub(r"\$[({]\w+[)}]", "python", line.strip().lstrip("@-+"))
            if not re.search(rf"(?<![\w/.-]){script}(?![\w.-])", text):
                continue
            if re.fullmatch(rf"(?:\w+ run )?(?:python[\d.]* )?(?:\./)?{re.escape(name)}", text):
                return None  # nothing that is not known without the target
            plain = re.fullmatch(rf"(?:\w+ run )?(?:python[\d.]* )?-m {re.escape(module)}", text)
            with contextlib.suppress(ValueError):
                command = parse_command(text if plain is not None else target.command)
                return DocumentedCommand(command, target.source)
    return None


def made_script(workspace: Path) -> tuple[str, str]:
    """Return the script that a training target runs, and the file with the target; "" for none."""
    for target in training_targets(workspace):
        for word in re.findall(r"[\w./-]+\.py\b|(?<=-m )[\w.]+", target.recipe):
            file = word if word.endswith(".py") else f"{word.replace('.', '/')}.py"
            name = file.removeprefix("./")
            if (workspace / name).is_file() and not name.startswith("/"):
                return name, target.source
    return "", ""


def _commands(workspace: Path, document: str) -> Iterator[DocumentedCommand]:
    """Yield the commands of one program in the fences and code spans of a document."""
    text = read_text(workspace / document, _MOST_BYTES)
    lines = [
        line
        for fence in _FENCE.finditer(text)
        if fence[2].lower() in _SHELLS
        for line in fence[3].replace("\\\n", " ").split("\n")
    ]
    lines += _INLINE.findall(_FENCE.sub("", text))
    for line in lines:
        bare = re.sub(r"^\s*[$%]\s+", "", line)
        if _PLACEHOLDER.search(bare) or _NO_TRAINING.search(bare):
            continue
        try:
            command = parse_command(bare)
        except ValueError:
            continue
        here = not command.directory or (workspace / command.directory).is_dir()
        if (
            command.argv
            and here
            and _LAUNCHERS.match(command.argv[0])
            and not _names_missing_source(workspace, command)
        ):
            # The budget is a setting of the session: a value in the command would override it.
            kept = tuple(pair for pair in command.assignments if pair[0] != BUDGET_VARIABLE)
            yield DocumentedCommand(replace(command, assignments=kept), document)


def _names_missing_source(workspace: Path, command: CommandLine) -> bool:
    """Return whether an argument is a file that is to be written first, such as `my_idea.py`.

    Values of options do not count.
    """
    return any(
        word.endswith(_SOURCES)
        and not before.startswith("-")
        and not re.search(r"^-|=", word)
        and not (workspace / command.directory / word).exists()
        for before, word in pairwise(command.argv)
    )


def _scripts(workspace: Path, command: CommandLine) -> Iterator[str]:
    """Yield the workspace's Python scripts among the words of a command, or run by `-m`."""
    for before, word in pairwise(command.argv):
        file = f"{word.replace('.', '/')}.py" if before == "-m" else word
        name = (Path(command.directory) / file).as_posix()
        if file.endswith(".py") and not file.startswith("/") and (workspace / name).is_file():
            yield name


def _runs(command: CommandLine, name: str) -> bool:
    """Return whether a command runs a script, given as a file or as a module."""
    module = _module_of(name)
    words = command.argv
    as_module = any(a == "-m" and b == module for a, b in pairwise(words))
    return as_module or any((Path(command.directory) / w).as_posix() == name for w in words[1:])
