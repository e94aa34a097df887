"""Checks that a draft edit is valid, new and not vetoed, and that no spending cap is reached."""

from __future__ import annotations

from engine.agents.base import AgentSpending, Briefing
from engine.core.config import ResearchConfig
from engine.core.errors import BudgetSpentError
from engine.core.patches.language import edit_problem, key_of
from engine.core.patches.patch import make_patch
from engine.core.patches.place import patch_id
from engine.core.patches.proposal_edit import is_same_edit


class WrongEdit(Exception):
    """Raised for an edit that cannot be used; holds an explanation for the model.

    Args:
        problem: The explanation, in full sentences.
        nearest: The lines of the file most similar to a search text that was not found, else empty.
    """

    def __init__(self, problem: str, nearest: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.nearest = nearest


def check_edit(briefing: Briefing, source: str) -> None:
    """Raise an error if an edited file is not worth a run.

    Args:
        briefing: The briefing with the file before the edit and all experiments so far.
        source: The complete edited file.

    Raises:
        WrongEdit: The file is not valid, has no change, repeats a finished or pending
            experiment that started from the same commit, or repeats an edit the user vetoed.
    """
    base = briefing.failure.source if briefing.failure is not None else briefing.source
    file = briefing.config.file
    if problem := edit_problem(briefing.source, source, file):
        raise WrongEdit(problem)
    key = key_of(source, file)
    if key and key == key_of(base, file):
        raise WrongEdit("The edit changes nothing but white space or comments.")
    name = patch_id(briefing.source, source)
    for attempt in briefing.history:
        same_start = attempt.base == briefing.base
        if same_start and (attempt.source_key == key or attempt.patch_id == name):
            raise WrongEdit(
                f"Experiment {attempt.number} tried exactly this from the same start "
                f"({attempt.verdict.value}: {attempt.reason}). Propose something else."
            )
    if briefing.failure is None:
        _check_vetoes(briefing, source, key)
    for other in briefing.pending:
        if other.base == briefing.base and (other.source_key == key or other.patch_id == name):
            raise WrongEdit(
                f"Experiment {other.number} is trying exactly this from the same start. "
                "Propose something else."
            )


def _check_vetoes(briefing: Briefing, source: str, key: str) -> None:
    patch = make_patch(briefing.config.file, briefing.source, source)
    for veto in briefing.vetoes:
        if is_same_edit(key, patch, veto.source_key, veto.patch):
            raise WrongEdit(
                f"The user vetoed this edit before ({veto.hypothesis}). Their reason: "
                f"{veto.reason}. Propose something else."
            )


def check_caps(config: ResearchConfig, spent: AgentSpending) -> None:
    """Raise an error if the session has reached a cap on language model spending.

    Args:
        config: The research config with the caps; None means no cap.
        spent: Tokens and dollars the session has used so far.

    Raises:
        BudgetSpentError: The cap on dollars or on tokens is reached.
    """
    if config.max_dollars is not None and spent.dollars >= config.max_dollars:
        raise BudgetSpentError(
            f"The cap of ${config.max_dollars:g} for language models is reached "
            f"(${spent.dollars:.2f} spent).",
            "",
            "Stop, and start again with a higher --max-dollars.",
        )
    if config.max_tokens is not None and spent.tokens >= config.max_tokens:
        raise BudgetSpentError(
            f"The cap of {config.max_tokens:,} tokens is reached ({spent.tokens:,} used).",
            "",
            "Stop, and start again with a higher --max-tokens.",
        )
