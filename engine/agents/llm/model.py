"""Calls a language model through LiteLLM, and streams its answer and the usage.

LiteLLM implements the providers' protocols. It is imported when first needed, in a thread, because
that takes seconds. Every failure of it is raised as one of this program's errors, without a key.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from engine.agents.base import Notice, Usage
from engine.agents.llm.dialect import MOST_CHANGES, Dialect
from engine.agents.llm.keys import find_key, typed_error
from engine.agents.llm.library import cancellable_call, litellm
from engine.core.config import ResearchConfig
from engine.core.errors import AgentError, NoSuchModelError, OverloadedError
from engine.core.secrets import redact, secret_values

_LOCAL = ("ollama", "ollama_chat", "lm_studio")
"""LiteLLM's names of servers on the user's own machine: they need no key and cost nothing."""
_OLLAMA_WINDOW = 32_000
"""Tokens of prompt that Ollama is asked to accept; by default it silently truncates at 4,096."""
_CLOSING_SECONDS = 0.8


@dataclass(frozen=True)
class Delta:
    """A piece of a model's streamed answer, or of its reasoning before the answer."""

    kind: Literal["reasoning", "answer"]
    text: str


@dataclass(frozen=True, kw_only=True)
class _Access:
    """The provider, prices and key with which LiteLLM calls the model; the key may be None."""

    provider: str
    entry: Mapping[str, Any]
    """The model's entry in LiteLLM's map of prices; empty if there is none."""
    key: str | None


class Model:
    """A language model of one provider, called through LiteLLM.

    Args:
        config: The model, its server and its limits.
        secrets: Environment variables with the providers' keys, from `provider_environment`.
        redacted: Other secrets to redact.
    """

    def __init__(
        self, config: ResearchConfig, secrets: Mapping[str, str], redacted: Sequence[str] = ()
    ) -> None:
        self._config = config
        self._variables = secrets
        self._address = urlsplit(config.api_base)
        self._secrets = [*secret_values(secrets), *redacted, self._address.password or ""]
        self._known: _Access | None = None
        self._dialect = Dialect()
        self._notices: list[str] = []
        """Sentences on what the server refused, not told to the user yet."""
        self.finish = ""
        """Why the last answer ended: `stop`, `length`, `content_filter`; empty if it broke."""

    async def prepare(self) -> None:
        """Import LiteLLM and find the provider's key, unless that has been done.

        Raises:
            AgentError: The model cannot be used as configured.
        """
        if self._known is None:
            await asyncio.to_thread(self._access)

    async def context_window(self) -> int | None:
        """Return the most tokens a prompt may have, from LiteLLM's map; None if unknown.

        Raises:
            AgentError: The model cannot be used as configured.
        """
        await self.prepare()
        tokens = self._access().entry.get("max_input_tokens")
        return int(tokens) if tokens else None

    @property
    def refused_context(self) -> int | None:
        """The tokens of prompt and answer together that a refusal named; None as long as none."""
        return self._dialect.context_tokens

    def price_known(self) -> bool:
        """Return whether the model's price is known; blocks for seconds before `prepare`."""
        access = self._access()
        return (
            self._config.dollars_per_million is not None
            or access.provider in _LOCAL
            or "input_cost_per_token" in access.entry
        )

    async def stream(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        max_tokens: int | None = None,
        temperature: float | None = None,
    ) -> AsyncGenerator[Delta | Notice | Usage, None]:
        """Call the model, and yield its answer as it arrives, then the usage.

        A request that the server refuses for a parameter, a role or its length is changed, which
        a notice tells, and sent again; later calls are made like that at once. The call may cost
        money; the usage is yielded also for an answer that breaks off.
        Consume it under `contextlib.aclosing`: leaving early then closes the connection at once.

        Args:
            messages: Messages of OpenAI's chat protocol.
            max_tokens: The longest answer in tokens; by default the config's limit.
            temperature: The sampling temperature; by default the provider's.

        Raises:
            AgentError: The call failed; the class decides what the engine does next.
        """
        await self.prepare()
        self.finish = ""
        deadline = asyncio.get_running_loop().time() + self._config.answer_seconds
        response: Any = None
        raw: Any = None
        started = False
        failure: AgentError | None = None
        try:
            arguments = self._arguments(max_tokens, temperature)
            response = await self._open(messages, arguments, deadline)
            if self._dialect.streams and _is_whole(response):
                self._notices.append(self._dialect.learn_whole_answers())
                await response.aclose()
                response = await self._open(messages, arguments, deadline)
            for notice in self._take_notices():
                yield Notice(notice)
            if not self._dialect.streams:
                raw = getattr(response, "usage", None)
                self.finish = response.choices[0].finish_reason or ""
                for delta in _deltas(response.choices[0].message):
                    started = True
                    yield delta
            while self._dialect.streams:
                async with self._limit(deadline):
                    chunk = await anext(response, None)
                if chunk is None:
                    break
                raw = getattr(chunk, "usage", None) or raw
                for choice in chunk.choices:
                    self.finish = choice.finish_reason or self.finish
                    for delta in _deltas(choice.delta):
                        started = True
                        yield delta
            if not started and raw is None:
                # To LiteLLM a reply without events, such as a login page, is an empty answer.
                failure = OverloadedError(
                    f"{self._place()} did not send a model's answer.",
                    "The reply was empty, or a web page.",
                    "Check `model` and `api_base`." if self._config.api_base else "",
                )
        except TimeoutError:
            failure = self._too_slow(deadline, started)
        except Exception as error:
            own = bool(self._config.api_base)
            model, place = self._config.model, self._place()
            failure = typed_error(error, model=model, place=place, own=own, secrets=self._secrets)
        finally:
            if response is not None:
                with suppress(Exception):
                    async with asyncio.timeout(_CLOSING_SECONDS):
                        await response.aclose()
        if raw is None and started:
            raw = await asyncio.to_thread(_counted, response, messages)
        if raw is not None:
            yield self._usage(raw)
        if failure is not None:
            self.finish = ""
            raise failure

    def _limit(self, deadline: float) -> asyncio.Timeout:
        now = asyncio.get_running_loop().time()
        return asyncio.timeout_at(min(deadline, now + self._config.idle_seconds))

    def _too_slow(self, deadline: float, started: bool) -> AgentError:
        if asyncio.get_running_loop().time() >= deadline:
            what = (
                f"{self._place()} took more than {self._config.answer_seconds:g} s for one answer."
            )
            return OverloadedError(what, "", "Raise `answer_seconds`, or lower `answer_tokens`.")
        when = "in the middle of its answer" if started else "before its answer began"
        what = f"{self._place()} said nothing for {self._config.idle_seconds:g} s, {when}."
        return OverloadedError(what, "", "Raise `idle_seconds` if it is only slow.")

    async def _open(
        self, messages: Sequence[Mapping[str, Any]], arguments: dict[str, Any], deadline: float
    ) -> Any:
        """Start an answer as the server accepts it, and return LiteLLM's stream or whole answer."""
        library = litellm()
        for change in range(MOST_CHANGES + 1):
            adapted, sent = self._dialect.adapt(messages, arguments)
            limit = self._limit(deadline) if sent["stream"] else asyncio.timeout_at(deadline)
            if not sent["stream"]:
                sent["timeout"] = self._config.answer_seconds + 5
            try:
                with cancellable_call():
                    async with limit:
                        response = await library.acompletion(messages=adapted, **sent)
                        if response is None:
                            raise await _swallowed_error(messages=adapted, **sent)
                        return response
            except TimeoutError:
                raise
            except Exception as error:
                learned = self._dialect.learn(error, messages, sent)
                if not learned or change == MOST_CHANGES:
                    raise
                self._notices.append(learned)
        raise AssertionError("the last attempt returns or raises")

    def _take_notices(self) -> list[str]:
        """Return what was learned from refusals since the last call, as sentences."""
        notices, self._notices = self._notices, []
        return [f"{self._place()}: {notice}" for notice in notices]

    def _arguments(self, max_tokens: int | None, temperature: float | None) -> dict[str, Any]:
        access = self._access()
        tokens = max_tokens or self._config.answer_tokens
        if access.entry.get("max_output_tokens"):
            tokens = min(tokens, int(access.entry["max_output_tokens"]))
        if temperature is not None and "claude" in self._config.model.lower():
            temperature = min(temperature, 1.0)  # more is refused
        optional = {
            "api_base": self._config.api_base or None,
            "api_key": access.key,
            "temperature": temperature,
            "num_ctx": (self._config.context_tokens or _OLLAMA_WINDOW) + tokens
            if access.provider.startswith("ollama")
            else None,
        }
        return {
            "model": self._config.model,
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_retries": 0,
            "max_tokens": tokens,
            # The limit in `stream` comes first, with a better message.
            "timeout": self._config.idle_seconds + 5,
            **{name: value for name, value in optional.items() if value is not None},
        }

    def _access(self) -> _Access:
        if self._known is None:
            self._known = self._find_access()
        return self._known

    def _find_access(self) -> _Access:
        library, model = litellm(), self._config.model
        if not model:
            raise NoSuchModelError(
                "No language model is set.", "", "Set `model`, for example with --model."
            )
        try:
            name, provider, _, _ = library.get_llm_provider(model)
        except Exception:
            raise NoSuchModelError(
                f"LiteLLM knows no provider for the model {model!r}.",
                "A name begins with its provider: `anthropic/…`, `openai/…`, `ollama_chat/…`.",
                "For your own server use `openai/<name>`, and its address in `api_base`.",
            ) from None
        entry: Mapping[str, Any] = {}
        # LiteLLM's entry for a local model need not match the server in use.
        for known_as in () if provider in _LOCAL else (model, f"{provider}/{name}", name):
            found = library.model_cost.get(known_as, {})
            if str(found.get("litellm_provider", "")).startswith(provider):
                entry = found
                break
        key = find_key(
            self._config.model,
            provider,
            self._variables,
            library.validate_environment(model)["missing_keys"],
            needed=not self._config.api_base and provider not in _LOCAL,
        )
        if key is None and self._config.api_base and provider not in _LOCAL:
            key = "no-key"  # The clients refuse to start without one.
        return _Access(provider=provider, entry=entry, key=key)

    def _place(self) -> str:
        """Return the name of the provider or server, to begin a sentence with."""
        if not self._config.api_base:
            return f"The provider of {self._config.model}"
        host = self._address.netloc.rpartition("@")[2]
        return redact(f"The server {self._address.scheme}://{host}", self._secrets)

    def _usage(self, raw: Any) -> Usage:
        prompt, completion = int(raw.prompt_tokens or 0), int(raw.completion_tokens or 0)
        return Usage(
            model=self._config.model,
            prompt_tokens=prompt,
            cached_tokens=_detail(raw, "prompt_tokens_details", "cached_tokens"),
            completion_tokens=completion,
            reasoning_tokens=_detail(raw, "completion_tokens_details", "reasoning_tokens"),
            dollars=self._dollars(raw, prompt, completion),
        )

    def _dollars(self, raw: Any, prompt: int, completion: int) -> float | None:
        if (prices := self._config.dollars_per_million) is not None:
            return (prompt * prices[0] + completion * prices[1]) / 1e6
        if self._access().provider in _LOCAL:
            return 0.0
        if not self.price_known():
            return None
        with suppress(Exception):
            return float(sum(litellm().cost_per_token(self._config.model, usage_object=raw)))
        return None


async def _swallowed_error(**arguments: Any) -> Exception:
    """Return the error that LiteLLM does not raise for a refusal with the status 422.

    With `drop_params`, it leaves out what the refusal names, and returns None if that is unclear.
    """
    library = litellm()
    library.drop_params = False
    try:
        await library.acompletion(**arguments)
    except Exception as error:
        return error
    finally:
        library.drop_params = True
    return OverloadedError("The server sent no answer.")


def _is_whole(response: Any) -> bool:
    """Return whether the server answered a call for a stream with one JSON document."""
    headers = getattr(response, "_response_headers", None) or {}
    return str(dict(headers).get("content-type", "")).startswith("application/json")


def _deltas(delta: Any) -> list[Delta]:
    reasoning, answer = getattr(delta, "reasoning_content", None), delta.content
    found = [Delta("reasoning", reasoning)] if reasoning else []
    return [*found, Delta("answer", answer)] if answer else found


def _detail(raw: Any, group: str, name: str) -> int:
    return int(getattr(getattr(raw, group, None), name, None) or 0)


def _counted(response: Any, messages: Sequence[Mapping[str, Any]]) -> Any:
    """Return the usage of an answer that broke off, counted from its pieces; None on failure."""
    with suppress(Exception):
        built = litellm().stream_chunk_builder(response.chunks, messages=list(messages))
        return built.usage
    return None
