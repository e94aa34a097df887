"""The flags of the research config: one per declared setting, with its help and its limits."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from engine.core.config import ResearchConfig, settings
from engine.setup.plan import Plan, StartFlags
from tui.commands.plan_answers import read_answer
from tui.commands.plan_lines import numbered_lines
from tui.commands.session_options import session_options, start_flags


def parse(*words: str) -> StartFlags:
    """Return what a verb with the session flags is given for these words."""
    found: list[StartFlags] = []

    @click.command()
    @session_options
    def verb(yes: bool, **flags: Any) -> None:
        found.append(start_flags(flags))

    done = CliRunner().invoke(verb, words)
    if done.exit_code:
        raise click.UsageError(done.output)
    return found[0]


def test_every_flag_is_a_declared_setting_with_its_description() -> None:
    @click.command()
    @session_options
    def verb(**flags: Any) -> None:
        """Start."""

    options = {p.name: p for p in verb.params if isinstance(p, click.Option)}
    flagged = {name for name, s in settings().items() if s.flag and not s.extends}
    assert options.keys() - flagged == {"first_hypothesis", "new_from", "adopt", "yes"}
    for name in flagged:
        setting = settings()[name]
        assert options[name].opts == [setting.flag]
        help_text = options[name].help or ""
        assert help_text.lower().startswith(setting.description.lower())


def test_nothing_given_is_nothing_set() -> None:
    assert parse() == StartFlags()


def test_what_is_given_is_set_in_the_type_of_the_setting() -> None:
    words = "--max 3 --budget 2.5 --locked a.py --locked b.py --direction max --first-hypothesis x"
    assert parse(*words.split()) == StartFlags(
        settings={
            "locked": ("a.py", "b.py"),
            "direction": "max",
            "budget_seconds": 2.5,
            "max_experiments": 3,
        },
        first_hypothesis="x",
    )


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        (("--for", "8h"), "for_seconds", 28800.0),
        (("--for", "90 min"), "for_seconds", 5400.0),
        (("--for", "600"), "for_seconds", 600.0),
        (("--budget", "5min"), "budget_seconds", 300.0),
        (("--review-timeout", "1h"), "review_timeout_seconds", 3600.0),
        (("--target", "-0.5"), "target", -0.5),
        (("--target", "none"), "target", None),
        (("--max", "None"), "max_experiments", None),
        (("--for", "none"), "for_seconds", None),
        (("--until", "07:30"), "until", "07:30"),
        (("--guard", "none"), "guards", ()),
        (("--guard", "a < 1", "--guard", "b > 1x"), "guards", ("a < 1", "b > 1x")),
    ],
)
def test_times_have_units_and_what_may_be_left_out_is_none(
    words: tuple[str, ...], name: str, value: object
) -> None:
    assert parse(*words).settings == {name: value}


def test_a_flag_given_again_sets_the_setting_that_extends_it() -> None:
    assert parse("--file", "a.py").settings == {"file": "a.py", "more_files": ()}
    words = ("--file", "a.py", "--file", "b.py", "--file", "c.yaml")
    assert parse(*words).settings == {"file": "a.py", "more_files": ("b.py", "c.yaml")}


@pytest.mark.parametrize(
    "words",
    [
        ("--max", "0"),
        ("--budget", "0"),
        ("--lookahead", "9"),
        ("--autonomy", "never"),
        ("--policy", "luck"),
        ("--temperature", "3"),
        *(("--for", "0"), ("--for", "soon"), ("--for", "-1h"), ("--for", "8 weeks")),
        *(("--patience", "0"), ("--target", "low"), ("--max", "-1"), ("--budget", "none at all")),
    ],
)
def test_a_value_outside_the_declared_limits_is_refused(words: tuple[str, str]) -> None:
    with pytest.raises(click.UsageError, match=f"Invalid value for '{words[0]}'"):
        parse(*words)


def test_the_lines_of_the_plan_are_numbered_as_declared_and_can_be_answered() -> None:
    lines = numbered_lines(Plan(config=ResearchConfig(), continues=False))
    for number, line in enumerate(lines, start=1):
        assert line.answer
        if line.name != "first_hypothesis":
            assert settings()[line.name].line == number
    assert len({line.name for line in lines}) == len(lines) == 17
    assert read_answer("metric", "val_loss") == {"metric": "val_loss"}
