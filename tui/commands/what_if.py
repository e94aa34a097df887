"""The options of `results` that judge a table's keeps again by another keep rule and σ."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import click
from msgspec.structs import replace

from engine.core.analysis.counterfactual import (
    WhatIf,
    coarse_step,
    known_spread,
    what_if,
)
from engine.core.analysis.kept_runs import (
    keeps_of_session,
    keeps_of_table,
    spread_of_table,
)
from engine.core.config import CONFIRM, MIN_DELTA, ResearchConfig
from engine.core.errors import UsageError
from engine.core.keep_rule import RULES
from engine.core.keep_rule.from_session import spread_of
from engine.core.session import Session
from engine.core.spread import FEWEST_DEGREES, Spread
from engine.core.table.model import Table, TableRow
from engine.core.text import one_line, plural
from tui.present.numbers import change
from tui.present.what_if import MARKS, coarse_note, what_if_facts, what_if_lines

F = TypeVar("F", bound=Callable[..., Any])


class PositiveNumber(click.ParamType[float]):
    """The click type of a finite number above 0."""

    name = "number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number; fail with a usage error where it is none, or not above 0."""
        try:
            number = float(value)
        except ValueError:
            self.fail(f"{value!r} is not a number.", param, ctx)
        if not (number > 0 and math.isfinite(number)):
            self.fail(f"{value} is not a finite number above 0.", param, ctx)
        return number


class Question(NamedTuple):
    """A keep rule and its settings by which keeps are judged again."""

    rule: str
    sigma: float | None
    """σ of a single run; None: estimated from repeated commits."""
    min_delta: float | None
    """The smallest gain of the rule min_delta; None: the session's."""


class Answer(NamedTuple):
    """Which keeps stand, with warnings as sentences."""

    result: WhatIf
    notes: list[str]


def what_if_options(function: F) -> F:
    """Decorate a verb: add --what-if, --sigma and --min-delta."""
    rule = click.option(
        "--what-if",
        "rule",
        type=click.Choice(sorted(RULES)),
        help="Say which keeps would stand under this keep rule.",
    )
    sigma = click.option(
        "--sigma",
        metavar="X",
        type=PositiveNumber(),
        help="With --what-if: the metric's standard deviation between runs of the same code; "
        "by default estimated from commits that were run more than once.",
    )
    delta = click.option(
        "--min-delta",
        metavar="X",
        type=PositiveNumber(),
        help="With --what-if min_delta: the smallest gain that it keeps.",
    )
    return rule(sigma(delta(function)))


def question_of(rule: str | None, sigma: float | None, min_delta: float | None) -> Question | None:
    """Return the question that the options ask; None where there is no --what-if.

    Raises:
        click.UsageError: An option is given that is for another.
    """
    if rule is None and sigma is not None:
        raise click.UsageError("--sigma is for --what-if.")
    if rule != MIN_DELTA and min_delta is not None:
        raise click.UsageError("--min-delta is for --what-if min_delta.")
    return Question(rule, sigma, min_delta) if rule is not None else None


def answer_of(question: Question, table: Table, session: Session | None) -> Answer:
    """Judge the keeps of a session, or of a table without a journal.

    Args:
        question: The keep rule and its settings.
        table: The table.
        session: The session that the table is of; None for a table without a journal.

    Raises:
        UsageError: The table has no metric, or σ or the smallest gain is needed and not known.
    """
    if table.metric is None:
        raise UsageError(
            f"The table has no column with a metric ({table.metric_reason}), so no gain is known.",
            "",
            "Name the column: --metric COLUMN.",
        )
    config = (
        session.config
        if session is not None
        else ResearchConfig(metric=table.metric, direction=table.direction)
    )
    config = replace(config, rule=question.rule)
    if question.min_delta is not None:
        config = replace(config, min_delta=question.min_delta)
    if question.rule == MIN_DELTA and not config.min_delta:
        raise UsageError(
            "The rule min_delta needs the smallest gain that it keeps.", "", "Add --min-delta X."
        )
    found = spread_of_table(table) if session is None else spread_of(session)
    spread = known_spread(question.sigma) if question.sigma is not None else found
    if question.sigma is None and (found is None or not found.is_known):
        if question.rule == CONFIRM:
            raise _unknown_sigma(found)
        spread = None
    keeps = keeps_of_table(table) if session is None else keeps_of_session(session)
    values = [row.value for row in table.rows if row.value is not None]
    note = coarse_note(one_line(table.metric, 40), coarse_step(values), spread)
    return Answer(what_if(keeps, config, spread), [note] if note else [])


def _unknown_sigma(found: Spread | None) -> UsageError:
    if found is None:
        why = "No commit was run more than once with different values."
    else:
        why = (
            f"{plural(found.runs, 'run')} of {plural(found.commits, 'repeated commit')} leave "
            f"{found.degrees:g} degrees of freedom; {FEWEST_DEGREES} are needed."
        )
    return UsageError(
        "σ, the noise of the metric between runs of the same code, is not known.",
        why,
        "Add --sigma X. docs/what-if.md says how to measure it.",
    )


def answer_facts(answer: Answer) -> dict[str, Any]:
    """Return an answer as plain values for JSON."""
    return what_if_facts(answer.result, answer.notes)


def answer_lines(answer: Answer, rows: Sequence[TableRow]) -> Iterator[str]:
    """Yield a line for each judged keep among some rows, then the sentences that sum it up.

    Args:
        answer: The answer.
        rows: The selected rows of the table.
    """
    descriptions = {_number(row): row.description for row in rows}
    for one in answer.result.judged:
        if one.number in descriptions:
            interval = f" ± {one.half_width:.2g}" if one.half_width else ""
            runs = f" ({one.runs} runs)" if one.runs > 1 else ""
            gain = f"{change(one.gain)}{interval}{runs}"
            text = one_line(descriptions[one.number], 80)
            yield f"#{one.number:<5} {MARKS[one.fate][0]:9}  {gain:24}  {text}".rstrip()
    yield from what_if_lines(answer.result)
    yield from answer.notes


def _number(row: TableRow) -> int:
    """Return the number of the row's experiment; of an adopted row 0."""
    experiment = row.extras.get("experiment", row.number)
    return int(experiment) if str(experiment).isdecimal() else 0
