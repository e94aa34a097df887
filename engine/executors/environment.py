"""Builds the environment of a training run from the harmless part of the engine's."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from engine.core.config import ResearchConfig
from engine.core.secrets import is_harmless

BUDGET_VARIABLE = "AUTORESEARCH_TIME_BUDGET"


def withheld_names(environ: Mapping[str, str], passed: Collection[str]) -> tuple[str, ...]:
    """Return the sorted names of the variables that a training run does not get.

    Args:
        environ: The engine's environment.
        passed: The names that the user passes although they may be secret.
    """
    return tuple(
        sorted(n for n, value in environ.items() if n not in passed and not is_harmless(n, value))
    )


def run_environment(config: ResearchConfig, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a training process: no secrets, and the time budget.

    Args:
        config: The config; its `pass_env` names variables to pass although they may be secret.
        environ: The engine's environment.
    """
    withheld = withheld_names(environ, config.pass_env)
    kept = {name: value for name, value in environ.items() if name not in withheld}
    kept["PYTHONUNBUFFERED"] = "1"
    if config.budget_seconds is not None:
        kept[BUDGET_VARIABLE] = f"{config.budget_seconds:g}"
    return kept
