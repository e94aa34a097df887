"""Asks the session's language model for next steps, with the report's figures (a paid call).

The model is asked when a session ends, and when the user requests it. After an error the report
has no suggestions and a sentence that says why.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.agents.base import AgentSpending, Usage
from engine.agents.checks import check_caps
from engine.agents.llm.answer import ThinkSplitter
from engine.agents.llm.env_file import provider_environment, secrets_in_env_file
from engine.agents.llm.model import Delta, Model
from engine.agents.llm.prompt import estimate_tokens
from engine.core.config import ResearchConfig
from engine.core.errors import AutoresearchError, BudgetSpentError
from engine.core.secrets import redact, secret_values
from engine.core.text import one_line
from engine.report.model import ReportFacts, Suggested
from engine.report.question import messages_of, steps_in

SECONDS = 60.0
"""Seconds after which a question to a model is given up, the import of its library included."""
_ANSWER_SECONDS = 50.0
_ANSWER_TOKENS = 4000
"""Limit of an answer's tokens: enough for reasoning and five short steps."""
_SENTENCE = 400


class SuggestionReply(NamedTuple):
    """A model's suggestions, and tokens and dollars of each call made for them."""

    suggested: Suggested
    calls: tuple[Usage, ...]


def model_of(config: ResearchConfig) -> str:
    """Return the name of the language model that makes a session's proposals; empty if none."""
    uses_model = config.agent == "llm" or (config.agent == "mix" and config.mix_with == "llm")
    return config.model if uses_model else ""


async def ask_model(
    facts: ReportFacts,
    config: ResearchConfig,
    spent: AgentSpending,
    workspace: Path,
    environ: Mapping[str, str],
) -> SuggestionReply:
    """Ask the session's language model for three to five next steps: a paid call.

    It takes at most `SECONDS`, and is not made if it might exceed a cap of the session.

    Args:
        facts: The facts of the session.
        config: The session's configuration: the model, its server and the caps.
        spent: The spending that counts against the caps so far.
        workspace: The workspace, whose `.env` may hold a key.
        environ: The process's environment.

    Returns:
        The steps, or why there are none, and the usage of the call. Nothing is raised.
    """
    calls: list[Usage] = []
    steps: tuple[str, ...] = ()
    problem = ""
    try:
        async with asyncio.timeout(SECONDS):
            answer = await _answer(facts, config, spent, workspace, environ, calls)
        steps = steps_in(answer)
        if not steps:
            problem = f"{config.model} answered without a list of steps."
    except TimeoutError:
        problem = f"{config.model} did not answer within {SECONDS:.0f} s."
    except BudgetSpentError as error:
        problem = f"{config.model} was not asked for suggestions: {error.what}"
    except AutoresearchError as error:
        # Its advice is for a waiting engine, and does not apply to a finished report.
        why = " ".join(filter(None, (error.what, error.why)))
        problem = f"{config.model} made no suggestions: {why}"
    except Exception as error:
        problem = f"{config.model} could not be asked ({type(error).__name__}: {error})."
    prices = [call.dollars for call in calls]
    known = [price for price in prices if price is not None]
    return SuggestionReply(
        Suggested(
            model=one_line(config.model, 80),
            at=datetime.now(UTC),
            settled=facts.counts.total,
            steps=steps,
            tokens=sum(call.prompt_tokens + call.completion_tokens for call in calls),
            dollars=sum(known) if len(known) == len(prices) else None,
            error=one_line(problem, _SENTENCE),
        ),
        tuple(calls),
    )


async def _answer(
    facts: ReportFacts,
    config: ResearchConfig,
    spent: AgentSpending,
    workspace: Path,
    environ: Mapping[str, str],
    calls: list[Usage],
) -> str:
    """Return the model's answer without its reasoning; append each call's usage to `calls`.

    Raises:
        BudgetSpentError: The question might exceed a cap; the model was not called.
    """
    variables = provider_environment(workspace, environ)
    secrets = [*secret_values(variables), *secrets_in_env_file(workspace)]
    messages = [
        {"role": m["role"], "content": redact(m["content"], secrets)} for m in messages_of(facts)
    ]
    tokens = min(config.answer_tokens, _ANSWER_TOKENS)
    _check_remaining_caps(
        config, spent, sum(estimate_tokens(m["content"]) for m in messages), tokens
    )
    limited = msgspec.structs.replace(
        config,
        answer_tokens=tokens,
        answer_seconds=min(config.answer_seconds, _ANSWER_SECONDS),
        idle_seconds=min(config.idle_seconds, _ANSWER_SECONDS),
    )
    splitter, pieces = ThinkSplitter(), list[tuple[str, str]]()
    async with contextlib.aclosing(Model(limited, variables).stream(messages)) as stream:
        async for item in stream:
            if isinstance(item, Usage):
                calls.append(item)
            elif isinstance(item, Delta) and item.kind == "answer":
                pieces += splitter.feed(item.text)
    pieces += splitter.finish()
    return redact("".join(text for kind, text in pieces if kind == "answer"), secrets)


def _check_remaining_caps(
    config: ResearchConfig, spent: AgentSpending, prompt: float, answer: int
) -> None:
    """Check that the session's caps allow a question with an answer of full length.

    Args:
        config: The session's configuration, with its caps.
        spent: The spending that counts against the caps so far.
        prompt: Estimated tokens of the question.
        answer: Largest number of tokens of the answer.

    Raises:
        BudgetSpentError: The question might exceed a cap.
    """
    check_caps(config, spent)
    if config.max_tokens is not None and spent.tokens + prompt + answer > config.max_tokens:
        raise BudgetSpentError(
            f"The cap of {config.max_tokens:,} tokens leaves too few for it "
            f"({spent.tokens:,} used)."
        )
    if config.max_dollars is None:
        return
    if config.dollars_per_million is not None:
        prompt_price, answer_price = config.dollars_per_million
        price = (prompt * prompt_price + answer * answer_price) / 1e6
    else:
        price = (prompt + answer) * spent.dollars / spent.tokens if spent.tokens else 0.0
    if spent.dollars + price > config.max_dollars:
        raise BudgetSpentError(
            f"The cap of ${config.max_dollars:g} for language models leaves too little for it "
            f"(${spent.dollars:.2f} spent)."
        )
