"""Proposes knob changes by statistics over the results so far: the agent `search`.

It changes one or two knobs at a time, and needs no language model and no key. It keeps nothing
between calls. Everything is rebuilt from the briefing, and its random numbers come from the
config's seed, the experiment's number and the frontier: the same briefing always gives the same
draft, after a restart too.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.agents.base import Agent, Briefing, Draft, Thought
from engine.agents.search_bandit import Bandit, choose_bandit
from engine.agents.search_options import SearchChoice, choose_evenly
from engine.agents.search_preview import preview_text
from engine.agents.search_record import Record
from engine.agents.search_space import Space
from engine.agents.search_text import category, expected, hypothesis, ranking, rationale
from engine.agents.search_tpe import choose_tpe, load_optuna
from engine.core.config import ResearchConfig
from engine.core.errors import AgentError, AllInQuestionError
from engine.core.patches.knobs import KnobError
from engine.core.patches.language import Language, language_of, syntax_problem
from engine.core.text import plural

POLICIES = ("bandit", "tpe", "random")


def make(config: ResearchConfig, workspace: Path | None = None) -> Agent:
    """Make the search agent for a config; the workspace is not used.

    Raises:
        AgentError: The policy is unknown, or needs a package that is not installed.
    """
    return SearchAgent(config.policy, config.seed)


@dataclass(frozen=True)
class _SearchResult:
    """The trials one search used, the move it chose, and lines on the most promising knobs."""

    record: Record
    choice: SearchChoice | None
    """The move the search chose; None if every move it knows has been tried."""
    leaders: list[str]


class SearchAgent:
    """The agent `search`: proposes values for the knobs of the editable file by statistics.

    Args:
        policy: The method: `bandit`, `tpe` (needs Optuna) or `random`.
        seed: The seed of its random numbers.

    Raises:
        AgentError: The policy is unknown, or Optuna is not installed.
    """

    name = "search"
    repairs = False
    looks_ahead = False
    needs_worktree = False

    def __init__(self, policy: str = "bandit", seed: int = 0) -> None:
        if policy not in POLICIES:
            raise AgentError(
                f"The search agent has no policy {policy!r}.",
                f"It has: {', '.join(POLICIES)}.",
                "Correct `policy` in the research config.",
            )
        if policy == "tpe":
            load_optuna()
        self._policy = policy
        self._seed = seed

    async def preview(self, briefing: Briefing) -> str:
        """Return the change that would be proposed and the results it follows from, as text.

        Raises:
            AgentError: The file has no knobs or does not parse.
        """
        found = await asyncio.to_thread(self._search, briefing)
        return preview_text(briefing, found.record, found.choice, found.leaders, self._policy)

    async def propose(self, briefing: Briefing) -> AsyncIterator[Thought | Draft]:
        """Yield thoughts on the evidence and the choice, then exactly one draft.

        Raises:
            AllInQuestionError: Nothing is left to try but changes of knobs in question.
        AgentError: The file has no knobs, does not parse, or everything has been tried.
        """
        found = await asyncio.to_thread(self._search, briefing)
        record, choice, metric = found.record, found.choice, briefing.config.metric
        in_question = sum(waiting.in_question for waiting in briefing.pending)
        if choice is None and in_question:
            raise AllInQuestionError(
                "Every change this search knows has been tried, or is of a knob in question.",
                f"{plural(in_question, 'proposal')} with such knobs wait for you.",
                "Approve or veto them, then resume.",
            )
        if choice is None:
            raise AgentError(
                "Every change this search knows has been tried on this frontier.",
                f"{len(record.trials)} experiments, {len(record.space.axes)} knobs.",
                "End the session, add knobs to the file, or choose another agent.",
            )
        count = len(record.space.axes)
        yield Thought(
            f"Statistical search ({self._policy}) over {count} knob{'s' * (count != 1)} of "
            f"{briefing.config.file_names}, no language model.\n"
        )
        yield Thought(_summary(record, metric) + "\n")
        for line in found.leaders:
            yield Thought(line + "\n")
        sentence = hypothesis(choice, record, self._policy)
        yield Thought(f"Choice: {sentence}\n")
        literals = record.space.literals(choice.move)
        source = record.space.apply(choice.move)
        _check(source, briefing.source, briefing.config.file)
        yield Draft(
            source=source,
            hypothesis=sentence,
            rationale=rationale(choice, record, self._policy, metric),
            expected=expected(choice, record, metric),
            category=category(next(iter(literals))),
            knobs=literals,
        )

    def _search(self, briefing: Briefing) -> _SearchResult:
        try:
            space = Space.of(briefing.source, briefing.config.file)
        except KnobError as error:
            raise AgentError(error.what, error.why, error.todo) from None
        if not space.axes:
            raise AgentError(
                f"There is nothing to search in {briefing.config.file_names}.",
                nothing_to_search(briefing.config.files),
                "Write the numbers to be tuned so, or choose another agent.",
            )
        record = Record.of(briefing, space)
        bandit = Bandit(record) if self._policy == "bandit" else None
        choice = self._choose(briefing, record, bandit)
        leaders = ranking(bandit, record, briefing.config.metric) if bandit else []
        return _SearchResult(record, choice, leaders)

    def _choose(
        self, briefing: Briefing, record: Record, bandit: Bandit | None
    ) -> SearchChoice | None:
        rng = random.Random(f"{self._seed}|{briefing.number}|{briefing.base}")
        if self._policy == "tpe":
            return choose_tpe(record, rng, briefing.config.direction)
        if bandit is None:
            return choose_evenly(record, rng)
        return choose_bandit(record, bandit, rng)


def _summary(record: Record, metric: str) -> str:
    tried = [t for t in record.trials if t.changes]
    if not tried:
        return "No results on these knobs yet, so their names and kinds decide the order."
    kept, crashed = sum(t.kept for t in tried), sum(t.crashed for t in tried)
    text = f"{len(tried)} result{'s' * (len(tried) != 1)} so far: {kept} kept, {crashed} crashed"
    if record.spread is None:
        return text + "."
    return text + f"; a usual difference that was not kept is {record.spread:.3g} {metric}."


def nothing_to_search(files: Sequence[str]) -> str:
    """Return a sentence on what the knob search looks for in files, and did not find."""
    languages = {language_of(name) for name in files}
    if languages == {Language.PYTHON}:
        return (
            "It has no line `NAME = value` at its top level, with a name in capitals and a "
            "number, tuple, boolean or pattern to change, nor one with a name in lower case that "
            "is set once to a number or boolean."
        )
    if any(language.is_data for language in languages):
        return "It has no number or truth value that may change."
    return "Knobs are found in Python, YAML, TOML and JSON files only."


def _check(source: str, old: str, file: str) -> None:
    """Raise an AgentError unless the edited source is valid and differs from the old one."""
    if problem := syntax_problem(source, file):
        raise AgentError("The search made an edit that is not valid.", problem)
    if source == old:
        raise AgentError("The search made an edit that changes nothing.")
