"""The verb `assess`: prints the risk check's findings for an edit given by two files."""

from __future__ import annotations

from pathlib import Path

import click

from engine.core.errors import UsageError
from engine.core.text import one_line
from tui.commands.options import PathType, json_option
from tui.commands.output import echo, print_json, style

_COLOURS = {"block": "red", "ask": "yellow", "note": "cyan"}
_FILE = PathType()
_MOST_BYTES = 10 * 2**20


@click.command()
@click.argument("candidate", type=_FILE)
@click.option(
    "--base", type=_FILE, required=True, metavar="FILE", help="The file the edit starts from."
)
@click.option(
    "--metric",
    default="val_bpb",
    show_default=True,
    metavar="NAME",
    help="The metric's name, as the run prints it with its value.",
)
@click.option(
    "--program", type=_FILE, metavar="FILE", help="program.md, for the files it forbids to touch."
)
@click.option(
    "--locked",
    multiple=True,
    metavar="NAME",
    help="A locked file or its module name; may be repeated. "
    "By default prepare, constants, shards and device.",
)
@json_option
def assess(
    candidate: Path,
    base: Path,
    metric: str,
    program: Path | None,
    locked: tuple[str, ...],
    as_json: bool,
) -> None:
    """Say what is risky about a file as an edit of another.

    Each finding has a weight: block (never run without your approval), ask, or note. The exit code
    is 0 with any finding, block included; use --json in scripts.
    """
    from engine.core.patches.language import Language, language_of
    from engine.core.risk import RiskContext, assess_files
    from engine.plugins import load_rules

    names = [n for n in (candidate.name, base.name) if language_of(n) is not Language.CODE]
    setting = RiskContext(
        metric=metric,
        file=names[0] if names else candidate.name,
        program="" if program is None else _read(program),
    )
    if locked:
        setting = RiskContext(
            metric=metric,
            file=setting.file,
            program=setting.program,
            harness=tuple(Path(name).name.removesuffix(".py") for name in locked),
        )
    findings = assess_files(_read(base), _read(candidate), setting, load_rules())
    if as_json:
        print_json(
            {
                "findings": [
                    {
                        "rule": f.rule,
                        "weight": f.weight.value,
                        "lines": list(f.lines),
                        "message": one_line(f.message),
                    }
                    for f in findings
                ]
            }
        )
        return
    if not findings:
        echo("No findings.")
    for finding in findings:
        weight = style(f"{finding.weight.value:<5}", fg=_COLOURS[finding.weight.value])
        where = f" line{'s' if len(finding.lines) > 1 else ''} {spans(finding.lines)}"
        echo(f"{weight} {one_line(finding.rule)}{where if finding.lines else ''}")
        echo(f"      {one_line(finding.message)}")


def spans(lines: tuple[int, ...]) -> str:
    """Return line numbers as text, with consecutive ones joined: `3–5, 9`."""
    parts: list[list[int]] = []
    for line in lines:
        if parts and line == parts[-1][-1] + 1:
            parts[-1].append(line)
        else:
            parts.append([line])
    return ", ".join(str(p[0]) if len(p) == 1 else f"{p[0]}–{p[-1]}" for p in parts)


def _read(path: Path) -> str:
    """Return the text of the UTF-8 file at `path`, with line breaks as newlines.

    Raises:
        UsageError: The file is missing, unreadable, too large or not UTF-8 text.
    """
    try:
        if not path.exists():
            raise UsageError(f"There is no file {path}.")
        if not path.is_file():
            raise UsageError(f"{path} is not a file.", "", "Name a text file.")
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"{path} is too large for a training file.")
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text.", "", "Name a text file.") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path} cannot be read.", f"{why}.") from None
