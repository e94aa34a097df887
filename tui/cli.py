"""The command `autoresearch-tui`. Imports Textual, torch and LiteLLM nowhere near its start."""

from __future__ import annotations

import sys
from typing import Any

import click

from engine import __version__
from engine.core.errors import AutoresearchError
from engine.core.text import one_line
from tui.commands.assess import assess
from tui.commands.audit import decisions
from tui.commands.control import autonomy, kill, pause, resume, stop
from tui.commands.decide import approve, edit, veto
from tui.commands.merge import merge, revert
from tui.commands.new import demo, init
from tui.commands.notify import notify
from tui.commands.past import confirm, overrule, revive
from tui.commands.program import program
from tui.commands.queue import queue
from tui.commands.replay import replay
from tui.commands.report import report
from tui.commands.results import results
from tui.commands.serve import serve
from tui.commands.session import attach, baseline, open_, run, start
from tui.commands.show import check, diff, status
from tui.commands.steer import ban, note, pin
from tui.commands.watch import watch

_EPILOG = """\b
Exit codes:
  0  done                         6  no engine answers
  1  it failed                    7  the machine, not the idea, is at fault
  2  a flag or argument is wrong  8  the journal is damaged or cannot be written
  3  the repository cannot be     9  this terminal cannot show the screen
     used as it is               10  the agent could not propose
  4  config.toml is broken      130  interrupted
  5  another engine is at work
"""


class Verbs(click.Group):
    """A group whose first word may also be a workspace, or be left out."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read `autoresearch-tui DIR …` as `autoresearch-tui open DIR …`."""
        own = ("--help", "-h", "--version")
        if ctx.resilient_parsing:  # shell completion: the word may be half a verb
            return super().parse_args(ctx, args)
        if not args or (args[0] not in self.commands and args[0] not in own):
            if args and not args[0].startswith("-") and not _may_be_path(args[0]):
                return super().parse_args(ctx, args)
            args = ["open", *args]
        return super().parse_args(ctx, args)


def _may_be_path(word: str) -> bool:
    from pathlib import Path

    return "/" in word or word in (".", "..") or Path(word).is_dir()


@click.group(
    cls=Verbs,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="autoresearch-tui")
def cli() -> None:
    """Run autonomous ML research and supervise it, in a terminal.

    An agent edits one file (train.py), trains it for a fixed time, and a git ratchet keeps the edit
    if the metric (val_bpb) improved. The engine runs detached: close the window, lose the line,
    come back with `autoresearch-tui`.

    \b
    autoresearch-tui demo          see it work, on this machine, with a small real model
    autoresearch-tui init DIR      make a workspace from the bundled harness
    autoresearch-tui [WORKSPACE]   attach, or start after showing the research config
      --continue, --look, --new-from best|base|COMMIT   where the last session has ended
      --adopt TAG                  go on with a session of the plain loop, without a journal
    autoresearch-tui check         what this machine has and lacks
    """


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print shell completion: `autoresearch-tui completion bash >> ~/.bashrc`."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None  # the choices are those click knows
    click.echo(kind(cli, {}, "autoresearch-tui", "_AUTORESEARCH_TUI_COMPLETE").source())


for _command in (
    open_,
    demo,
    init,
    check,
    run,
    start,
    attach,
    baseline,
    status,
    results,
    report,
    replay,
    serve,
    diff,
    assess,
    watch,
    queue,
    approve,
    veto,
    edit,
    pin,
    ban,
    note,
    program,
    autonomy,
    kill,
    overrule,
    revive,
    confirm,
    merge,
    revert,
    decisions,
    pause,
    resume,
    stop,
    notify,
    completion,
):
    cli.add_command(_command)


def main() -> None:
    """Entry point: errors of ours become one paragraph on stderr and an exit code."""
    try:
        done: Any = cli.main(prog_name="autoresearch-tui", standalone_mode=False)
    except AutoresearchError as error:
        _fail(str(error), error.exit_code)
    except click.exceptions.Abort:
        _fail("Nothing was started.", 130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of a pipe (head, less) had enough.
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _fail(f"{where}{error.strerror or error}.", 1)
    sys.exit(done if isinstance(done, int) else 0)


def _fail(text: str, code: int) -> None:
    # An error may quote a log or a file name; one paragraph, and no escapes.
    click.echo(f"{click.style('error:', fg='red')} {one_line(text)}", err=True)
    sys.exit(code)
