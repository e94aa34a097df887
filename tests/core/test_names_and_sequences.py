"""Names of refs, the persistent vector, the order of autonomy: small things with exact rules."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.config import ResearchConfig, settings
from engine.core.config_toml import parse_config
from engine.core.enums import Actor, AlarmKind, Autonomy, Direction
from engine.core.errors import ConfigError
from engine.core.layout import RefNames, home_of
from engine.core.vector import Vector


def test_the_refs_of_a_session_have_the_names_that_other_tools_know() -> None:
    names = RefNames("t")
    assert (names.branch, names.branch_ref) == ("autoresearch/t", "refs/heads/autoresearch/t")
    assert names.root == "refs/autoresearch/t/"
    assert (names.experiment(7), names.kept(7), names.taken_back(7), names.program(7)) == (
        "refs/autoresearch/t/7",
        "refs/autoresearch/t/kept-7",
        "refs/autoresearch/t/taken-back-7",
        "refs/autoresearch/t/program-7",
    )


def test_the_engines_files_lie_below_one_directory() -> None:
    assert home_of(Path("/w")) == Path("/w/.autoresearch")


def test_autonomy_goes_round() -> None:
    assert [Autonomy.AUTO.next, Autonomy.ASK_RISKY.next, Autonomy.ASK_ALL.next] == [
        Autonomy.ASK_RISKY,
        Autonomy.ASK_ALL,
        Autonomy.AUTO,
    ]


def test_a_word_of_a_later_release_is_read_as_unknown() -> None:
    assert Actor("a robot") is Actor.UNKNOWN
    assert AlarmKind("a new alarm") is AlarmKind.OTHER
    assert {actor for actor in Actor if actor.is_user} == {
        Actor.SCREEN,
        Actor.COMMAND_LINE,
        Actor.PERSON,
    }


@given(st.floats(-100, 100), st.floats(-100, 100))
def test_a_gain_is_positive_where_the_new_value_is_better(new: float, old: float) -> None:
    assert Direction.MIN.gain(new, old) == old - new
    assert Direction.MAX.gain(new, old) == new - old


# ---- the vector


@given(st.lists(st.integers(), max_size=300))
def test_a_vector_reads_as_a_tuple_of_its_items(items: list[int]) -> None:
    vector = Vector(items)
    assert (tuple(vector), len(vector), bool(vector)) == (tuple(items), len(items), bool(items))
    assert hash(vector) == hash(Vector(items))
    assert repr(vector) == f"Vector({items!r})"
    assert vector != items
    assert vector == Vector(items) != Vector([*items, 1])


@pytest.mark.parametrize("size", [0, 1, 127, 128, 129, 256, 257])
def test_indices_beyond_a_vector_are_errors(size: int) -> None:
    vector = Vector(range(size))
    for index in (size, -size - 1):
        with pytest.raises(IndexError):
            vector[index]
    for index in (size, -1):
        with pytest.raises(IndexError):
            vector.replace(index, 0)
    if size:
        assert (vector[size - 1], vector[-1], vector[-size]) == (size - 1, size - 1, 0)
        assert vector.replace(size - 1, -5)[size - 1] == -5
        assert vector[size - 1] == size - 1
    grown = vector.append(size)
    assert (len(grown), grown[size], len(vector)) == (size + 1, size, size)
    assert grown[-2:] == tuple(range(max(0, size - 1), size + 1))
    assert list(reversed(grown)) == list(range(size, -1, -1))


# ---- the research config


@pytest.mark.parametrize(
    ("facts", "seconds"),
    [
        ({"timeout_seconds": 50.0}, 50.0),
        ({"timeout_seconds": 50.0, "budget_seconds": 10.0}, 50.0),
        ({"budget_seconds": None}, 3600.0),
        ({"budget_seconds": 10.0, "startup_seconds": 100.0, "evaluation_seconds": 1000.0}, 1120.0),
    ],
)
def test_a_runs_deadline(facts: dict[str, float], seconds: float) -> None:
    assert ResearchConfig(**facts).deadline_seconds == seconds  # type: ignore[arg-type]


@pytest.mark.parametrize("value", ["0", "-1", "1e8", "nan"])
def test_a_budget_must_be_a_sensible_number_of_seconds(value: str) -> None:
    with pytest.raises(ConfigError, match="budget_seconds"):
        parse_config(f"budget_seconds = {value}\n")


def test_an_unknown_setting_names_the_one_that_was_meant_or_all() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config("metrik = 'x'\n")
    assert caught.value.todo == "Did you mean `metric`?"
    with pytest.raises(ConfigError) as caught:
        parse_config("zzzzzz = 1\n")
    assert caught.value.todo == f"Known settings: {', '.join(settings())}."


def test_text_that_is_not_toml_names_the_line() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config("tag = 'a'\nfile =\n", "mine.toml")
    assert caught.value.what == "mine.toml is not valid TOML."
    assert "line 2" in caught.value.why
    with pytest.raises(ConfigError, match="line 2"):
        parse_config("tag = 'a'\ntag = 'b'\n", "mine.toml")


def test_a_whole_number_is_accepted_where_seconds_may_have_a_fraction() -> None:
    config = parse_config('"budget_seconds" = 300\nlocked = ["prepare.py", "data.py"]\n')
    assert config.budget_seconds == 300
    assert config.locked == ("prepare.py", "data.py")
