"""The table of verbs: complete, in step with each verb's own help, and readable at 80 columns."""

from __future__ import annotations

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from tui.commands.verbs import VERBS, VerbGroup, cli

ALL = {name: text for section in VERBS.values() for name, (_, text) in section.items()}


@pytest.mark.parametrize("name", ALL)
def test_the_line_of_a_verb_is_the_first_sentence_of_its_help(name: str) -> None:
    assert isinstance(cli, VerbGroup)
    command = cli.get_command(click.Context(cli), name)
    assert command is not None and command.name == name
    assert command.get_short_help_str(limit=200).rstrip(".") == ALL[name].rstrip(".")


def test_the_help_shows_every_verb_on_one_full_line_of_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = CliRunner().invoke(cli, ["--help"], prog_name="autoresearch-tui").output.splitlines()
    for section, verbs in VERBS.items():
        at = lines.index(f"{section}:") + 1
        shown = [line.split(maxsplit=1) for line in lines[at : at + len(verbs)]]
        assert shown == [[name, text] for name, (_, text) in verbs.items()]
    assert max(map(len, lines)) <= 80
    assert "  Exit codes:" in lines


@pytest.mark.parametrize(
    ("typed", "found"),
    [(("st",), {"start", "status", "stop"}), (("autonomy", "ask"), {"ask-risky", "ask-all"})],
)
def test_verbs_and_their_arguments_are_completed(typed: tuple[str, ...], found: set[str]) -> None:
    completion = ShellComplete(cli, {}, "autoresearch-tui", "_AUTORESEARCH_TUI_COMPLETE")
    *before, last = typed
    assert {item.value for item in completion.get_completions(list(before), last)} == found


def test_the_script_for_a_shell_calls_the_command() -> None:
    done = CliRunner().invoke(cli, ["completion", "bash"])
    assert done.exit_code == 0
    assert "_AUTORESEARCH_TUI_COMPLETE=bash_complete" in done.output


def test_an_unknown_verb_is_an_invalid_argument() -> None:
    done = CliRunner().invoke(cli, ["statsu"])
    assert done.exit_code == 2 and "No such command 'statsu'" in done.output
