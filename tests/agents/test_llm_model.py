"""The model against a real server on the loopback, through the real LiteLLM."""

from __future__ import annotations

import asyncio
import gc
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from engine.agents.base import Notice, Usage
from engine.agents.llm.library import litellm
from engine.agents.llm.model import Delta, Model
from engine.core.config import ResearchConfig
from engine.core.errors import (
    AgentError,
    BadKeyError,
    ContextTooLongError,
    NoSuchModelError,
    OverloadedError,
    RateLimitedError,
)
from tests.loop_clock import loop_clock
from tests.model_server import Answer, Behaviour, ModelServer, Refusal
from tests.world import DEADLINE_SECONDS, eventually

# One loop for the module, as in the engine: LiteLLM's connections belong to a loop.
pytestmark = [
    pytest.mark.xdist_group("litellm"),
    pytest.mark.asyncio(loop_scope="module"),
    # LiteLLM accesses deprecated attributes of pydantic.
    pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning"),
    # Pydantic says so of one of its types, the first time that it is used.
    pytest.mark.filterwarnings("ignore:Item 'summary' on TypedDict"),
]

KEY = "sk-very-secret-0123456789"
OPENAI = "openai/test-model"
ANTHROPIC = "anthropic/claude-sonnet-4-5"
SECRETS = {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY, "HOME": "/root"}
IDLE, TOTAL = 900.0, 3600.0
"""Time limits that only an advanced clock reaches."""
ASK = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Hello?"}]


@pytest.fixture(autouse=True)
def _no_keys_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        if name.endswith("_KEY"):
            monkeypatch.delenv(name, raising=False)


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def _close_clients() -> AsyncIterator[None]:
    yield
    await litellm().close_litellm_async_clients()
    gc.collect()


@pytest.fixture(params=[OPENAI, ANTHROPIC])
def name(request: pytest.FixtureRequest) -> str:
    model: str = request.param
    return model


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def model_at(server: ModelServer, name: str, **settings: Any) -> Model:
    base = server.openai if name.startswith("openai/") else server.address
    secrets = settings.pop("secrets", SECRETS)
    defaults: dict[str, Any] = {"api_base": base, "idle_seconds": IDLE, "answer_seconds": TOTAL}
    return Model(ResearchConfig(model=name, **(defaults | settings)), secrets)


class Heard:
    """Everything one call yielded."""

    def __init__(self) -> None:
        self.deltas: list[Delta] = []
        self.usage: list[Usage] = []
        self.notices: list[str] = []

    def more_than(self, count: int) -> bool:
        return len(self.deltas) > count

    def text(self, kind: str) -> str:
        return "".join(delta.text for delta in self.deltas if delta.kind == kind)

    async def listen(self, model: Model, **options: Any) -> Heard:
        async with aclosing(model.stream(ASK, **options)) as items:
            async for item in items:
                if isinstance(item, Delta):
                    assert not self.usage
                    self.deltas.append(item)
                elif isinstance(item, Notice):
                    self.notices.append(item.text)
                else:
                    self.usage.append(item)
        return self


async def refused(
    model: Model, kind: type[AgentError], heard: Heard | None = None
) -> tuple[AgentError, Heard]:
    heard = heard or Heard()
    with pytest.raises(AgentError) as caught:
        await heard.listen(model)
    error = caught.value
    assert type(error) is kind, error
    for text in (str(error), repr(error), str(error.__cause__), str(error.args)):
        assert KEY not in text
        assert "litellm" not in text.lower() and "Traceback" not in text and "<html" not in text
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__
    return error, heard


async def fell_silent(
    server: ModelServer, model: Model, deltas: int, kind: type[AgentError] = OverloadedError
) -> tuple[AgentError, Heard]:
    """Let the idle limit pass once the server has sent so many deltas and then nothing."""
    heard = Heard()
    with loop_clock() as clock:
        call = asyncio.create_task(refused(model, kind, heard))
        await eventually(server.hanging.is_set, "the silence")
        await eventually(lambda: len(heard.deltas) >= deltas, "the deltas before it")
        clock.advance(IDLE + 1)
        return await call


async def test_an_answer_with_reasoning_and_usage(server: ModelServer, name: str) -> None:
    server.script = [Answer(text="One fine answer.", reasoning="Let me think about it.")]
    model = model_at(server, name, answer_tokens=4321)
    heard = await Heard().listen(model, temperature=0.5)
    assert heard.text("answer") == "One fine answer."
    assert heard.text("reasoning") == "Let me think about it."
    assert len(heard.deltas) == 4
    assert [delta.kind for delta in heard.deltas] == ["reasoning"] * 2 + ["answer"] * 2
    (usage,) = heard.usage
    assert (usage.model, usage.prompt_tokens, usage.cached_tokens) == (name, 1000, 400)
    assert (usage.completion_tokens, usage.reasoning_tokens > 0) == (200, True)
    assert model.finish == "stop"
    body = server.requests[0].body
    assert (body["temperature"], body["max_tokens"], body["stream"]) == (0.5, 4321, True)
    assert KEY in str(server.requests[0].headers)
    assert "Be short." in server.requests[0].prompt and "Hello?" in server.requests[0].prompt


async def test_arguments_of_a_call_override_the_config(server: ModelServer, name: str) -> None:
    model = model_at(server, name)
    await Heard().listen(model, max_tokens=99, temperature=0.25)
    body = server.requests[0].body
    assert (body["max_tokens"], body["temperature"]) == (99, 0.25)


async def test_a_model_without_a_temperature_is_asked_without_one(
    server: ModelServer, name: str
) -> None:
    server.script = [
        Refusal(status=400, message="Unsupported value: 'temperature'", kind="invalid_request"),
        Answer(text="Fine."),
        Answer(text="Fine again."),
    ]
    model = model_at(server, name)
    for _ in range(2):
        await Heard().listen(model, temperature=0.9)
    assert ["temperature" in request.body for request in server.requests] == [True, False, False]


async def test_prices(server: ModelServer) -> None:
    (usage,) = (await Heard().listen(model_at(server, ANTHROPIC))).usage
    # LiteLLM's prices of claude-sonnet-4-5: 3 $ and 15 $ a million, a tenth of 3 $ if cached.
    assert usage.dollars == pytest.approx((600 * 3 + 400 * 0.3 + 200 * 15) / 1e6)
    (usage,) = (await Heard().listen(model_at(server, OPENAI))).usage
    assert usage.dollars is None
    priced = model_at(server, OPENAI, dollars_per_million=(2.0, 10.0))
    (usage,) = (await Heard().listen(priced)).usage
    assert usage.dollars == pytest.approx((1000 * 2 + 200 * 10) / 1e6)
    assert priced.price_known() and not model_at(server, OPENAI).price_known()
    assert model_at(server, ANTHROPIC).price_known()


async def test_context_windows(server: ModelServer) -> None:
    assert await model_at(server, ANTHROPIC).context_window() == 200_000
    assert await model_at(server, OPENAI).context_window() is None


async def test_an_answer_that_is_cut_short_says_so(server: ModelServer, name: str) -> None:
    server.script = [Answer(finish="length")]
    model = model_at(server, name)
    await Heard().listen(model)
    assert model.finish == "length"


async def test_an_empty_answer_is_an_answer(server: ModelServer, name: str) -> None:
    server.script = [Answer(text="")]
    heard = await Heard().listen(model_at(server, name))
    assert not heard.deltas and heard.usage[0].completion_tokens == 200


async def test_two_megabytes(server: ModelServer, name: str) -> None:
    text = "".join(f"{number:015}\n" for number in range(2**17))
    server.script = [Answer(text=text, piece=8192)]
    assert (await Heard().listen(model_at(server, name))).text("answer") == text


async def test_a_local_server_needs_no_key(server: ModelServer, name: str) -> None:
    heard = await Heard().listen(model_at(server, name, secrets={}))
    assert heard.text("answer") == "A fine answer."


CASES: list[tuple[Behaviour, type[AgentError]]] = [
    (Refusal(status=401, message=f"Incorrect API key provided: {KEY}"), BadKeyError),
    (Refusal(status=403, message="not for you"), BadKeyError),
    (Refusal(status=404, kind="model_not_found", message="no such model"), NoSuchModelError),
    (Refusal(status=400, message="foo is not a valid model ID"), AgentError),
    (Refusal(status=400, message="The model `foo` does not exist"), NoSuchModelError),
    (Refusal(status=429, message="slow down"), RateLimitedError),
    (Refusal(status=402, message="pay first"), AgentError),
    (Refusal(status=429, message="You exceeded your current quota, check billing"), AgentError),
    (Refusal(status=500), OverloadedError),
    (Refusal(status=502, html=True), OverloadedError),
    (Refusal(status=503), OverloadedError),
    (Refusal(status=529, kind="overloaded_error", message="Overloaded"), OverloadedError),
    (Refusal(status=200, html=True), OverloadedError),
    (Refusal(status=400, message="prompt is too long: 9 tokens > 8"), ContextTooLongError),
    (Refusal(status=400, message="maximum context length is 8192"), ContextTooLongError),
    (Refusal(status=400, message="exceeds the available context size"), ContextTooLongError),
    (
        Refusal(status=413, kind="request_too_large", message="Request too large"),
        ContextTooLongError,
    ),
    (Refusal(status=400, message=f"strange {KEY} " + "x" * 5000), AgentError),
    (Answer(hang_after=0), OverloadedError),
]


@pytest.mark.parametrize(("behaviour", "kind"), CASES)
async def test_refusals(
    server: ModelServer, name: str, behaviour: Behaviour, kind: type[AgentError]
) -> None:
    server.script = [behaviour]
    model = model_at(server, name)
    hangs = isinstance(behaviour, Answer)
    error, heard = await (fell_silent(server, model, 0) if hangs else refused(model, kind))
    assert not heard.deltas and not heard.usage
    assert len(str(error)) < 600
    assert len(server.requests) == 1, "only the caller asks again"


async def test_a_bad_key_names_its_variable(server: ModelServer, name: str) -> None:
    server.script = [Refusal(status=401, message=f"bad key {KEY}")]
    error, _ = await refused(model_at(server, name), BadKeyError)
    assert f"{name.split('/')[0].upper()}_API_KEY" in error.todo and ".env" in error.todo
    assert "***" in error.why or "REDACTED" in error.why


async def test_without_a_key_nothing_is_asked() -> None:
    for name in (OPENAI, ANTHROPIC, "gemini/gemini-2.5-flash"):
        error, _ = await refused(Model(ResearchConfig(model=name), {"HOME": "/"}), BadKeyError)
        assert f"{name.split('/')[0].upper()}_API_KEY" in error.todo and ".env" in error.todo


@pytest.mark.parametrize("name", ["", "nosuch/thing", "thing"])
async def test_a_model_without_a_known_provider_is_an_error(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    model = Model(ResearchConfig(model=name), SECRETS)
    with pytest.raises(NoSuchModelError) as caught:
        await Heard().listen(model)
    assert caught.value.todo
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ({"Retry-After": "7"}, "no", 7),
        ({"x-ratelimit-reset-requests": "1m2.5s"}, "no", 62.5),
        ({}, "You exceeded your current quota. Please retry in 12.5s.", 12.5),
        ({}, "slow down", None),
    ],
)
async def test_when_to_ask_again(
    server: ModelServer, name: str, headers: dict[str, str], message: str, seconds: float | None
) -> None:
    server.script = [Refusal(status=429, headers=headers, message=message)]
    error, _ = await refused(model_at(server, name), RateLimitedError)
    assert isinstance(error, RateLimitedError)
    assert error.seconds == seconds


@pytest.mark.parametrize(
    "answer",
    [
        Answer(text="x" * 400, break_after=3),
        Answer(text="x" * 400, error_after=3),
        Answer(text="x" * 400, hang_after=3),
    ],
)
async def test_a_stream_that_breaks_reports_its_usage(
    server: ModelServer, name: str, answer: Answer
) -> None:
    server.script = [answer]
    model = model_at(server, name)
    hangs = answer.hang_after is not None
    _, heard = await (fell_silent(server, model, 3) if hangs else refused(model, OverloadedError))
    assert heard.text("answer") == "x" * len(heard.text("answer")) and heard.deltas
    (usage,) = heard.usage
    assert usage.prompt_tokens > 0 and usage.completion_tokens > 0
    assert model.finish == ""


async def test_a_slow_answer_is_ended_at_the_limit(server: ModelServer, name: str) -> None:
    server.script = [Answer(text="x" * 100_000, piece=1, gap_seconds=0.01)]
    heard = Heard()
    with loop_clock() as clock:
        call = asyncio.create_task(refused(model_at(server, name), OverloadedError, heard))
        # Half the idle limit passes after each delta: only the limit of the whole answer is hit.
        for _ in range(round(TOTAL / IDLE * 2)):
            count = len(heard.deltas)
            await eventually(partial(heard.more_than, count), "another delta")
            assert not call.done()
            clock.advance(IDLE / 2)
        error, _ = await call
    assert "answer_seconds" in error.todo


async def test_no_server_listens_there(name: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        model = Model(ResearchConfig(model=name, api_base=f"http://{place}/v1"), SECRETS)
        error, _ = await refused(model, OverloadedError)
        assert error.todo == f"Is a server running at http://{place}?"
        address = f"http://user:hush-hush@{place}/v1"
        error, _ = await refused(
            Model(ResearchConfig(model=name, api_base=address), SECRETS), OverloadedError
        )
        assert place in str(error) and "hush-hush" not in str(error)
    model = Model(ResearchConfig(model=name, api_base="http://no-such-host.invalid"), SECRETS)
    await refused(model, OverloadedError)


@pytest.mark.parametrize("after", [0, 3])
async def test_cancelling_closes_the_connection(server: ModelServer, name: str, after: int) -> None:
    server.script = [Answer(text="x" * 400, hang_after=after)]
    heard = Heard()
    task = asyncio.create_task(heard.listen(model_at(server, name)))
    await eventually(server.hanging.is_set, "the silence")
    await eventually(lambda: len(heard.deltas) >= after, "the deltas before it")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await eventually(server.disconnected.is_set, "the end of the connection")


async def test_leaving_early_closes_the_connection(server: ModelServer, name: str) -> None:
    server.script = [Answer(text="x" * 400, hang_after=3)]
    stream: Any = model_at(server, name).stream(ASK)
    async with aclosing(stream):
        assert isinstance(await anext(stream), Delta)
    await eventually(server.disconnected.is_set, "the end of the connection")


async def test_ollama_is_told_how_long_the_prompt_may_be(server: ModelServer) -> None:
    server.script = [Refusal(status=404, message="model 'qwen3' not found")]
    model = model_at(server, "ollama_chat/qwen3", secrets={}, answer_tokens=1000)
    await refused(model, NoSuchModelError)
    assert server.requests[0].body["options"]["num_ctx"] == 33_000
    assert model.price_known() and await model.context_window() is None


class Gate:
    """A function of LiteLLM that blocks the thread preparing a call until `open` is set."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.reached, self.open = threading.Event(), threading.Event()

    def __call__(self, *args: Any, **named: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            self.reached.set()
            self.open.wait(DEADLINE_SECONDS)
        return self.function(*args, **named)


async def test_a_call_cancelled_while_it_is_prepared_leaves_nothing_behind(
    server: ModelServer, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_at(server, name)
    await model.prepare()
    gate = Gate(litellm().main.get_llm_provider)
    monkeypatch.setattr(litellm().main, "get_llm_provider", gate)
    pool = ThreadPoolExecutor()
    asyncio.get_running_loop().set_default_executor(pool)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        task = asyncio.create_task(Heard().listen(model))
        await eventually(gate.reached.is_set, "LiteLLM's thread")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.open.set()
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
        await asyncio.to_thread(pool.shutdown)
        gc.collect()
    assert [str(w.message) for w in found if "never awaited" in str(w.message)] == []
    assert server.requests == []


QUIET = """
import asyncio
import os
import socket

asked, look_up = [], socket.getaddrinfo

def getaddrinfo(host, *rest, **named):
    if host not in (None, "127.0.0.1", "localhost"):
        asked.append(host)
    return look_up(host, *rest, **named)

socket.getaddrinfo = getaddrinfo

from engine.agents.llm.model import Model
from engine.core.config import ResearchConfig
from engine.core.errors import AgentError

async def ask(name, base):
    config = ResearchConfig(model=name, api_base=base, idle_seconds=0.5)
    try:
        async for _ in Model(config, {"OPENAI_API_KEY": "sk-123456"}).stream(
            [{"role": "user", "content": "Hello?"}]
        ):
            pass
    except AgentError:
        pass

for name, base in %r:
    asyncio.run(ask(name, base))
assert "FROM_ENV_FILE" not in os.environ
assert asked == [], f"LiteLLM looked up {asked}"
"""


async def test_nothing_is_printed_or_fetched_and_no_env_file_is_read(
    server: ModelServer, tmp_path: Path
) -> None:
    server.script = [
        Answer(reasoning="hm"),
        Refusal(status=429),
        Answer(break_after=1),
        Answer(hang_after=1),
        Refusal(status=500, html=True),
        Refusal(status=200, html=True),
        Answer(),
    ]
    calls = [(OPENAI, server.openai), (ANTHROPIC, server.address)] * 5 + [("nosuch/x", "")]
    (tmp_path / ".env").write_text("FROM_ENV_FILE=1\n")
    result = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", QUIET % calls],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )
    assert (result.stdout, result.stderr, result.returncode) == ("", "", 0)
