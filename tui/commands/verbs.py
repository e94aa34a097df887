"""Lists the verbs of the command line, grouped by task; imports a verb's module when it is used."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

import click

from engine import __version__

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

VERBS: dict[str, dict[str, tuple[str, str]]] = {
    "Start": {
        "demo": ("new:demo", "Train a small real model on this machine and watch it improve."),
        "init": ("new:init", "Make a new workspace with the bundled harness."),
        "start": ("session:start", "Start the engine detached, or continue a session that ended."),
        "run": ("session:run", "Run the engine in the foreground until the session ends."),
        "baseline": ("session:baseline", "Measure the file as it is, as experiment 1, and stop."),
        "noise": ("noise:noise", "Measure how much the metric varies, and which gains that hides."),
        "pause": ("control:pause", "Wait after the current run, which finishes and is recorded."),
        "resume": ("control:resume", "Continue after a pause."),
        "stop": ("control:stop", "End the session after the current run."),
    },
    "Watch": {
        "attach": ("window:attach", "Open the screen on a running engine."),
        "status": ("show:status", "Show what the session does now and its best result so far."),
        "watch": ("watch:watch", "Print each event as it happens, until the session ends."),
        "diff": ("show:diff", "Show what experiment NUMBER changed."),
        "serve": ("serve:serve", "Show the same screen in a browser: the live one, or a replay."),
    },
    "Decide": {
        "queue": ("queue:queue", "List what waits for your decision, what is next and your pins."),
        "approve": ("decide:approve", "Let exactly this patch run."),
        "veto": ("decide:veto", "Do not run this patch, or one like it."),
        "edit": ("decide:edit", "Change a proposal's edit, which is then assessed again."),
        "pin": ("steer:pin", "Have a hypothesis of yours tried next."),
        "ban": ("steer:ban", "Keep the agent away from a direction."),
        "note": ("steer:note", "Tell the agent something in every prompt."),
        "program": ("program:program", "Print program.md as it is in force, or change it."),
        "autonomy": ("control:autonomy", "Print which edits run without a question, or set it."),
        "kill": ("control:kill", "Kill the current run now; the loop continues."),
        "skip": ("control:skip", "End experiment NUMBER as a crash, also where it cannot run."),
    },
    "The morning after": {
        "report": ("report:report", "Write a summary, a chart, a share card and an HTML page."),
        "overrule": ("past:overrule", "Keep what was discarded, or discard what was kept."),
        "confirm": ("past:confirm", "Run an earlier experiment once more, exactly as it was."),
        "revive": ("past:revive", "Run an earlier experiment's edit on the current best version."),
        "decisions": ("decisions:decisions", "List every decision: when, what, by whom and why."),
        "merge": ("merge:merge", "Show what each keep is worth; with --how, put it on a branch."),
        "revert": ("merge:revert", "Show which later keeps depend on a keep, and how to undo it."),
    },
    "Look at any file": {
        "results": ("results:results", "List the experiments of a session or of any results.tsv."),
        "replay": ("replay:replay", "Step through a session or any table as it was at any moment."),
        "explain": ("explain:explain", "Say how the run of a log ended, its metric, and why."),
        "assess": ("assess:assess", "Say what is risky about a file as an edit of another."),
    },
    "Machine": {
        "check": ("check:check", "Show what this machine has and what it lacks."),
        "repair": ("repair:repair", "Drop the lines of a damaged journal that cannot be kept."),
        "notify": ("notify:notify", "Print who is notified when something needs you, or try it."),
        "completion": ("verbs:completion", "Print the completion script for bash, zsh or fish."),
    },
}
"""For each section of the help its verbs: the function that runs it, and its first help sentence.

A function is written as `module:function` within `tui.commands`.
"""

_FUNCTIONS = {"open": "session:open_"} | {
    name: function for section in VERBS.values() for name, (function, _) in section.items()
}
_EPILOG = """\b
Exit codes:
  0  done                         6  no engine answers
  1  it failed                    7  the machine, not the idea, is at fault
  2  invalid flag or argument     8  the journal is damaged or unwritable
  3  the repository cannot be     9  this terminal cannot show the screen
     used as it is               10  the agent could not propose
  4  config.toml is invalid     130  interrupted
  5  another engine is at work
"""


class VerbGroup(click.Group):
    """A click group that imports verbs when used; a workspace or nothing stands for `open`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line; read `autoresearch-tui DIR` as `autoresearch-tui open DIR`."""
        known = (*_FUNCTIONS, "--help", "-h", "--version")
        # In shell completion the word may be the beginning of a verb.
        opens = not args or (args[0] not in known and _may_be_path_or_flag(args[0]))
        if opens and not ctx.resilient_parsing:
            args = ["open", *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the verbs that the help shows, in its order."""
        return [name for section in VERBS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb's module and return its click command; None for an unknown verb."""
        if cmd_name not in _FUNCTIONS:
            return None
        module, function = _FUNCTIONS[cmd_name].split(":")
        command: click.Command = getattr(import_module(f"tui.commands.{module}"), function)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help's sections, each with a line per verb."""
        for title, verbs in VERBS.items():
            with formatter.section(title):
                formatter.write_dl([(name, text) for name, (_, text) in verbs.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the completions of a word as a verb or a flag, without importing any verb."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=text)
            for verbs in VERBS.values()
            for name, (_, text) in verbs.items()
            if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)


def _may_be_path_or_flag(word: str) -> bool:
    return word.startswith("-") or "/" in word or word in (".", "..") or os.path.isdir(word)


@click.group(
    cls=VerbGroup,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="autoresearch-tui")
def cli() -> None:
    """Run autonomous ML research and supervise it, in a terminal.

    An agent edits a file (train.py), trains it for a fixed time, and a git ratchet keeps the edit
    if the metric (val_bpb) improved. The engine runs detached: close the window, lose the
    connection, come back with `autoresearch-tui`.

    \b
    autoresearch-tui demo          see it work on this machine
    autoresearch-tui init DIR      make a workspace from the bundled harness
    autoresearch-tui [WORKSPACE]   attach, or show the config and start
      where the last session has ended:
      --continue, --look, --new-from best|base|COMMIT
      --adopt TAG                  continue a session that has no journal
    autoresearch-tui VERB --help   explains a verb and its flags
    """


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for bash, zsh or fish.

    For example: autoresearch-tui completion bash >> ~/.bashrc
    """
    from click.shell_completion import get_completion_class

    from tui.commands.output import echo

    kind = get_completion_class(shell)
    assert kind is not None  # click knows each of the choices
    echo(kind(cli, {}, "autoresearch-tui", "_AUTORESEARCH_TUI_COMPLETE").source())
