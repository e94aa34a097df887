"""Parses the run command: a program with its arguments and variables, or a text for a shell.

A command is run without a shell where it can be: `CUDA_VISIBLE_DEVICES=0 python train.py`,
`cd sub && python train.py`, `python train.py > run.log 2>&1` and `… 2>&1 | tee run.log` are all one
program. The output is always captured in the run's own log, so that a redirection of it is left
out. Everything else, such as `$LR`, `*`, `;` and pipes, is left to a shell.
"""

from __future__ import annotations

import re
from itertools import pairwise

import msgspec

from engine.core.shell_tokens import Token, shell_tokens

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_WITHOUT_EFFECT = ("nohup", "time", "exec", "command")
_SHELL_WORDS = frozenset(
    (
        *("if", "for", "while", "until", "case", "select", "function", "{", "[[", "!"),
        *(".", "source", "export", "eval", "set", "unset", "ulimit", "umask", "alias", "trap"),
        *("cd", "pushd", "popd", "shopt", "module"),
    )
)
_OUTPUT = re.compile(r"[12]?>(?:>|\||&)?|&>>?")
_CONTROL = frozenset(("&&", "||", ";", ";;", "|", "|&", "&", "(", ")", "\n"))
_CONDA = re.compile(r"(?:^|[;&|\n(])\s*conda activate\b")
_DEFINE_CONDA = 'eval "$("${CONDA_EXE:-conda}" shell.posix hook)"'
"""Defines `conda activate`, which only interactive shells know."""
_LOG_NAME = re.compile(r"log|\.(?:out|txt)\Z")
_MANGLED_PATH = re.compile(r"(?:^|[\s/\\])[\w.:-]+\\[A-Za-z][\w.-]*")


class CommandLine(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed run command: either `argv` or `shell_text` is not empty."""

    directory: str = ""
    """Where the command changes to first, as in `cd sub && …`; empty: it stays where it starts."""
    assignments: tuple[tuple[str, str], ...] = ()
    """Environment variables set for the program, as in `OMP_NUM_THREADS=4 python train.py`."""
    argv: tuple[str, ...] = ()
    """The program and its arguments; empty where a shell is needed."""
    shell_text: str = ""
    """The text that a shell runs; empty where none is needed."""
    shell_reason: str = ""
    """The part of the command for which a shell is needed, such as `$LR` or `|`."""
    variables: tuple[str, ...] = ()
    """Names of the environment variables that `shell_text` reads and does not set itself."""
    outputs: tuple[str, ...] = ()
    """Files that the command sends its output to, and that the run's log takes the place of."""
    copied_outputs: tuple[str, ...] = ()
    """Files of which `shell_text` copies to the run's log what the command writes to them."""
    ignored: tuple[str, ...] = ()
    """Words that are left out because they have no effect on a run: `nohup`, `time`, `&`."""

    def arguments(self, shell: str) -> list[str]:
        """Return the program to start with its arguments.

        Args:
            shell: The path of the shell that runs `shell_text`.
        """
        if self.argv:
            return list(self.argv)
        # Otherwise the exit code is that of `tee`.
        options = ("-o", "pipefail") if self.copied_outputs and shell.endswith("bash") else ()
        return [shell, *options, "-c", self.shell_text]


def parse_command(text: str, home: str = "") -> CommandLine:
    """Parse a run command.

    Args:
        text: The command, as the user types it into a terminal.
        home: The user's home directory, which replaces `~` and `$HOME`; empty: a shell does that.

    Raises:
        ValueError: The command is empty, or a quote in it is left open.
    """
    tokens = shell_tokens(text, home)
    ignored: list[str] = []
    while tokens and tokens[-1].is_operator and tokens[-1].text in (";", "&", "\n"):
        if tokens.pop().text == "&":
            ignored.append("&")
    directory, tokens = _leading_directory(tokens)
    if not tokens:
        raise ValueError("No command")
    if tokens[-1].is_operator and tokens[-1].text not in (")", "\n"):
        raise ValueError(f"No word after {tokens[-1].text}")
    simple = _simple_command(tokens)
    if isinstance(simple, str):
        shell_text, copied = _with_copied_outputs(text, tokens)
        if _CONDA.search(shell_text):
            shell_text = f"{_DEFINE_CONDA} && {shell_text}"
        return CommandLine(
            directory=directory,
            shell_text=shell_text,
            shell_reason=simple,
            variables=_variables(shell_text),
            copied_outputs=copied,
            ignored=tuple(ignored),
        )
    words, outputs = simple
    assignments: list[tuple[str, str]] = []
    while words:
        if _ASSIGNMENT.match(words[0]):
            name, _, value = words.pop(0).partition("=")
            assignments.append((name, value))
        elif words[0] == "env" and len(words) > 1 and _ASSIGNMENT.match(words[1]):
            words.pop(0)
        elif words[0] in _WITHOUT_EFFECT and len(words) > 1 and not words[1].startswith("-"):
            ignored.append(words.pop(0))
        else:
            break
    if not words:
        raise ValueError("No command")
    return CommandLine(
        directory=directory,
        assignments=tuple(assignments),
        argv=tuple(words),
        outputs=outputs,
        ignored=tuple(ignored),
    )


def mangled_path(text: str) -> str:
    r"""Return the first path written with backslashes, such as `.\train.py`; "" where none is.

    A shell takes the backslash for a quote and drops it.
    """
    unquoted = re.sub(r"'[^']*'|\"[^\"]*\"", "", text)
    match = _MANGLED_PATH.search(unquoted)
    return match[0].strip() if match is not None else ""


def _leading_directory(tokens: list[Token]) -> tuple[str, list[Token]]:
    """Return the directory that `cd DIR && …` changes to, and the tokens that follow."""
    directory = ""
    while len(tokens) > 2 and _is_word(tokens[0], "cd"):
        target, operator = tokens[1], tokens[2]
        if target.is_operator or target.expansion or operator.text not in ("&&", ";", "\n"):
            break
        directory = target.text if target.text[:1] in "/~" else _joined(directory, target.text)
        tokens = tokens[3:]
    return directory, tokens


def _joined(directory: str, part: str) -> str:
    return f"{directory.rstrip('/')}/{part}" if directory else part


def _simple_command(tokens: list[Token]) -> tuple[list[str], tuple[str, ...]] | str:
    """Return the words of one program and the files of its output; else what needs a shell."""
    words: list[str] = []
    outputs: list[str] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        following = tokens[at + 1 :]
        if token.expansion:
            return token.expansion
        if not token.is_operator:
            words.append(token.text)
            at += 1
        elif _OUTPUT.fullmatch(token.text) and following and not following[0].is_operator:
            if following[0].expansion:
                return following[0].expansion
            if not (token.text.endswith("&") and following[0].text in "012-"):
                outputs.append(following[0].text)
            at += 2
        elif token.text in ("|", "|&") and (files := _tee_files(following)) is not None:
            outputs += files
            break
        else:
            return token.text.replace("\n", "a line break")
    if not words:
        return "a redirection"
    if words[0] in _SHELL_WORDS or words[:2] == ["conda", "activate"]:
        return words[0]
    return words, tuple(outputs)


def _tee_files(tokens: list[Token]) -> list[str] | None:
    """Return the files of `tee FILE …`; None where the tokens are another command."""
    if not tokens or not _is_word(tokens[0], "tee"):
        return None
    rest = tokens[1:]
    if any(t.is_operator or t.expansion for t in rest):
        return None
    return [t.text for t in rest if not t.text.startswith("-")]


def _with_copied_outputs(text: str, tokens: list[Token]) -> tuple[str, tuple[str, ...]]:
    """Return the text for a shell, with output to log files copied to the run's log.

    `A > run.log 2>&1 && B` becomes `A 2>&1 | tee run.log && B`, for a shell with pipefail.

    Returns:
        The text from the first token on, and the names of the files.
    """
    start, end = tokens[0].start, tokens[-1].end
    if any(t.is_operator and "<<" in t.text for t in tokens):
        return text[start:], ()  # the lines that follow are not commands
    edits: list[tuple[int, int, str]] = []
    copied: list[str] = []
    first = 0
    for at in range(len(tokens) + 1):
        control = tokens[at].text if at < len(tokens) else ";"
        if at < len(tokens) and not (tokens[at].is_operator and control in _CONTROL):
            continue
        if control not in ("|", "|&"):
            command_edits, file = _copied_output(text, tokens[first:at])
            edits += command_edits
            copied += [file] if file else []
        first = at + 1
    for begin, stop, replacement in sorted(edits, reverse=True):
        text = text[:begin] + replacement + text[stop:]
        end += len(replacement) - (stop - begin)
    return text[start:end], tuple(copied)


def _copied_output(text: str, command: list[Token]) -> tuple[list[tuple[int, int, str]], str]:
    """Return the edits that make one command copy its output, and the log file; else nothing."""
    edits: list[tuple[int, int, str]] = []
    file = option = ""
    for token, target in pairwise(command):
        if not token.is_operator or not _OUTPUT.fullmatch(token.text) or target.is_operator:
            continue
        edits.append((token.start, target.end, ""))
        if token.text[0] != "2" and _LOG_NAME.search(target.text.rpartition("/")[2]):
            file = text[target.start : target.end]
            option = "-a " if ">>" in token.text else ""
    if not file:
        return [], ""
    end = command[-1].end
    return [*edits, (end, end, f" 2>&1 | tee {option}{file}")], file


def _variables(text: str) -> tuple[str, ...]:
    """Return the names of the variables that a text for a shell reads and does not set."""
    plain = re.sub(r"'[^']*'", "", text)
    names = dict.fromkeys(re.findall(r"\$\{?([A-Za-z_]\w*)(?!\w|:?[-=+?])", plain))
    own = {"PWD", "RANDOM", "SECONDS", "PIPESTATUS", "CONDA_EXE", "EUID", "UID", "HOSTNAME"}
    own.update(re.findall(r"\b([A-Za-z_]\w*)=", plain))
    own.update(re.findall(r"\b(?:for|read)\s+([A-Za-z_]\w*)", plain))
    return tuple(name for name in names if name not in own)


def _is_word(token: Token, text: str) -> bool:
    return not token.is_operator and token.text == text
