"""Next steps by the session's own language model, asked once, with the figures and nothing else.

It is asked when a session ends, and when a person asks for it. Whatever goes wrong leaves the
report without suggestions and with a sentence that says why.
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
from engine.agents.llm.keys import provider_environment, redact, secret_values
from engine.agents.llm.model import Model
from engine.agents.llm.prompt import estimate_tokens
from engine.core.config import ResearchConfig
from engine.core.errors import AutoresearchError, BudgetSpentError
from engine.core.text import one_line
from engine.report.model import ReportFacts, Suggested
from engine.report.question import messages_of, steps_in

SECONDS = 60.0
"""No report waits longer for a model, its library's import counted."""
_ANSWER_SECONDS = 50.0
_ANSWER_TOKENS = 4000
"""Room to think and for five short steps."""
_SENTENCE = 400


class SuggestionReply(NamedTuple):
    """What came of a question."""

    suggested: Suggested
    calls: tuple[Usage, ...]


def model_of(config: ResearchConfig) -> str:
    """The language model a session is configured with; empty: none."""
    thinks = config.agent == "llm" or (config.agent == "mix" and config.mix_with == "llm")
    return config.model if thinks else ""


async def ask(
    facts: ReportFacts,
    config: ResearchConfig,
    spent: AgentSpending,
    workspace: Path,
    environ: Mapping[str, str],
) -> SuggestionReply:
    """Ask for three to five next steps; at most for `SECONDS`.

    Args:
        facts: Of the session.
        config: The model, its server and the session's caps.
        spent: What counts against the caps so far.
        workspace: Whose `.env` may hold a key.
        environ: The real environment.

    Returns:
        The steps or why there are none, and what the call used. It raises nothing.
    """
    calls: list[Usage] = []
    steps: tuple[str, ...] = ()
    trouble = ""
    try:
        async with asyncio.timeout(SECONDS):
            answer = await _answer(facts, config, spent, workspace, environ, calls)
        steps = steps_in(answer)
        if not steps:
            trouble = f"{config.model} was asked, and answered without a list of steps."
    except TimeoutError:
        trouble = f"{config.model} gave no answer within {SECONDS:.0f} s."
    except BudgetSpentError as error:
        trouble = f"{config.model} was not asked for suggestions: {error.what}"
    except AutoresearchError as error:
        # What to do about it is written for an engine that waits; a report is done.
        why = " ".join(filter(None, (error.what, error.why)))
        trouble = f"{config.model} made no suggestions: {why}"
    except Exception as error:
        trouble = f"{config.model} could not be asked ({type(error).__name__}: {error})."
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
            trouble=one_line(trouble, _SENTENCE),
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
    """The model's answer without its thinking; each call's usage goes to `calls`, failed or not."""
    variables = provider_environment(workspace, environ)
    secrets = secret_values(variables)
    messages = [
        {"role": m["role"], "content": redact(m["content"], secrets)} for m in messages_of(facts)
    ]
    tokens = min(config.answer_tokens, _ANSWER_TOKENS)
    _check_room(config, spent, sum(estimate_tokens(m["content"]) for m in messages), tokens)
    short = msgspec.structs.replace(
        config,
        answer_tokens=tokens,
        answer_seconds=min(config.answer_seconds, _ANSWER_SECONDS),
        idle_seconds=min(config.idle_seconds, _ANSWER_SECONDS),
    )
    splitter, pieces = ThinkSplitter(), list[tuple[str, str]]()
    async with contextlib.aclosing(Model(short, variables).stream(messages)) as stream:
        async for item in stream:
            if isinstance(item, Usage):
                calls.append(item)
            elif item.kind == "answer":
                pieces += splitter.feed(item.text)
    pieces += splitter.finish()
    return redact("".join(text for kind, text in pieces if kind == "answer"), secrets)


def _check_room(config: ResearchConfig, spent: AgentSpending, prompt: float, answer: int) -> None:
    """Refuse a question that the session's caps leave no room for, a full answer counted.

    Raises:
        BudgetSpentError: It might go beyond one of them.
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
        asks, says = config.dollars_per_million
        price = (prompt * asks + answer * says) / 1e6
    else:
        price = (prompt + answer) * spent.dollars / spent.tokens if spent.tokens else 0.0
    if spent.dollars + price > config.max_dollars:
        raise BudgetSpentError(
            f"The cap of ${config.max_dollars:g} for language models leaves too little for it "
            f"(${spent.dollars:.2f} spent)."
        )
