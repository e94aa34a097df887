"""What a model's server refuses is changed once, remembered and told."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from engine.agents.base import Notice, Usage
from engine.agents.llm.dialect import Dialect
from engine.agents.llm.library import litellm
from engine.agents.llm.model import Delta, Model
from engine.core.config import ResearchConfig
from engine.core.errors import AgentError, ContextTooLongError
from tests.model_server import Answer, ModelServer, Refusal, Request

ASK = [{"role": "system", "content": "Rules."}, {"role": "user", "content": "x" * 2_500}]
SENT = {
    "max_tokens": 8000,
    "temperature": 0.9,
    "stream": True,
    "stream_options": {"include_usage": True},
}


class Refused(Exception):
    """An error as LiteLLM raises it."""

    def __init__(self, text: str, status: int = 400, param: str | None = None) -> None:
        super().__init__(text)
        self.status_code = status
        self.param = param


def learn(text: str, status: int = 400, param: str | None = None) -> tuple[str, dict[str, Any]]:
    """Return what a new dialect learns from a refusal, and the arguments that it sends then."""
    dialect = Dialect()
    notice = dialect.learn(Refused(text, status, param), ASK, SENT)
    return notice, dialect.adapt(ASK, SENT)[1]


PARAMETERS = [
    ("Unsupported parameter: 'max_tokens' is not supported with this model. Use "
     "'max_completion_tokens' instead.", "max_tokens"),
    ("Unrecognized request argument supplied: stream_options", "stream_options"),
    ("[{'type': 'extra_forbidden', 'loc': ('body', 'stream_options'), 'msg': 'Extra inputs are not "
     "permitted'}]", "stream_options"),
    ("stream_options is not supported by this endpoint", "stream_options"),
    ("Unsupported value: 'temperature' does not support 0.9 with this model. Only the default (1) "
     "value is supported.", "temperature"),
    ("`temperature` is deprecated for this model", "temperature"),
    ("openai does not support parameters: ['temperature'], for model=m", "temperature"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "name"), PARAMETERS)
def test_a_parameter_that_a_refusal_names_is_not_sent_again(text: str, name: str) -> None:
    notice, arguments = learn(text)
    assert name in notice
    assert name not in arguments
    assert arguments.keys() >= SENT.keys() - {name}


def test_the_field_of_the_error_names_the_parameter() -> None:
    notice, arguments = learn("Not good.", param="temperature")
    assert "temperature" in notice and "temperature" not in arguments


def test_max_tokens_is_renamed_first_and_then_left_out() -> None:
    dialect = Dialect()
    dialect.learn(Refused("max_tokens is not supported"), ASK, SENT)
    sent = dialect.adapt(ASK, SENT)[1]
    assert sent["max_completion_tokens"] == 8000
    dialect.learn(Refused("max_completion_tokens is an unknown parameter"), ASK, sent)
    assert not {"max_tokens", "max_completion_tokens"} & dialect.adapt(ASK, SENT)[1].keys()


CONTEXTS = [
    ("This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (1000 "
     "in the messages, 8000 in the completion). Please reduce the length of the messages or "
     "completion.", 7000, 7192),
    ("'max_tokens' or 'max_completion_tokens' is too large: 8000. This model's maximum context "
     "length is 8192 tokens and your request has 1000 input tokens (8000 > 8192 - 1000).",
     7000, 7192),
    ("input length and `max_tokens` exceed context limit: 1000 + 8000 > 8192, decrease input "
     "length or `max_tokens` and try again", 7000, 7192),
    ("`inputs` tokens + `max_new_tokens` must be <= 8192. Given: 1000 `inputs` tokens and 8000 "
     "`max_new_tokens`", 7000, 7192),
    ("the request exceeds the context size, n_ctx = 8192, prompt: 1000 tokens", 7000, 7192),
    ("This model's maximum context length is 8192 tokens. Please reduce max_tokens.", 6500, 7192),
    ("max_tokens is too large: 8000. This model supports at most 4096 completion tokens, whereas "
     "you provided 8000.", 4096, 4096),
    ("max_tokens: 8000 > 4096, which is the maximum allowed number of output tokens for m",
     4096, 4096),
    ("Invalid max_tokens value, the valid range of max_tokens is [1, 4096]", 4096, 4096),
    ("`max_tokens` must be less than or equal to `4096`, the maximum value for `max_tokens` is "
     "less than the `context_window` for this model", 4096, 4096),
]  # fmt: skip


@pytest.mark.parametrize(("text", "least", "most"), CONTEXTS)
def test_the_answer_is_made_shorter_first(text: str, least: int, most: int) -> None:
    notice, arguments = learn(text)
    assert least <= arguments["max_tokens"] <= most
    assert f"{arguments['max_tokens']:,}" in notice


def test_a_longer_prompt_leaves_less_for_the_answer() -> None:
    dialect = Dialect()
    dialect.learn(Refused(CONTEXTS[0][0]), ASK, SENT)
    longer = [{"role": "user", "content": "x" * 10_000}]
    assert dialect.adapt(longer, SENT)[1]["max_tokens"] == pytest.approx(8192 - 4000, abs=100)
    assert dialect.context_tokens == 8192


NOTHING = [
    (
        "This model's maximum context length is 8192 tokens. Your request has 9000 input tokens.",
        400,
    ),
    ("This model's maximum context length is 8192 tokens, 7900 in the messages.", 400),
    ("prompt is too long: 9 tokens > 8", 400),
    ("maximum context length is 200000", 400),
    ("foo is not a valid model ID", 400),
    ("The upstream server failed: temperature sensor", 500),
    ("stream_options is not supported", 401),
    ("no", 400),
]


@pytest.mark.parametrize(("text", "status"), NOTHING)
def test_other_refusals_are_errors(text: str, status: int) -> None:
    notice, arguments = learn(text, status)
    assert not notice
    assert arguments | {"max_tokens": 8000} == SENT


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("System role not supported", 400),
        ("jinja2: System role not supported", 500),
        ("This model does not support system messages.", 400),
        ("Unexpected role 'system' in messages", 422),
        ("Only user and assistant roles are supported!", 400),
        ("Developer instruction / system prompt is not enabled for models/gemma-3", 400),
    ],
)
def test_the_rules_are_sent_by_the_user_where_there_is_no_system_role(
    text: str, status: int
) -> None:
    dialect = Dialect()
    assert "system message" in dialect.learn(Refused(text, status), ASK, SENT)
    (message,) = dialect.adapt(ASK, SENT)[0]
    assert message == {"role": "user", "content": f"Rules.\n\n{'x' * 2_500}"}
    assert not dialect.learn(Refused(text, status), ASK, SENT), "once"


def test_messages_of_one_role_are_joined_where_roles_must_alternate() -> None:
    dialect = Dialect()
    text = "Conversation roles must alternate user/assistant/user/assistant/..."
    assert dialect.learn(Refused(text), ASK, SENT)
    messages = [*ASK, {"role": "user", "content": "repair it"}]
    roles = [message["role"] for message in dialect.adapt(messages, SENT)[0]]
    assert roles == ["system", "user"]


@pytest.mark.parametrize(
    "text", ["Streaming is not supported for this model", "stream: true is not allowed"]
)
def test_a_server_that_refuses_to_stream_is_asked_for_whole_answers(text: str) -> None:
    notice, arguments = learn(text)
    assert "does not stream" in notice
    assert arguments["stream"] is False and "stream_options" not in arguments


# ---- against a server


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


async def ask(model: Model) -> tuple[str, list[str], int]:
    """Return the answer, the notices and the tokens of the usage."""
    answer, notices, tokens = "", [], 0
    async for item in model.stream(ASK, temperature=0.5):
        match item:
            case Delta(kind="answer"):
                answer += item.text
            case Notice():
                notices.append(item.text)
            case Usage():
                tokens += item.completion_tokens
    return answer, notices, tokens


def model_of(server: ModelServer) -> Model:
    return Model(ResearchConfig(model="openai/m", api_base=server.openai), {})


@pytest_asyncio.fixture
async def closed_clients() -> AsyncIterator[None]:
    """Close LiteLLM's connections, which belong to the loop of one test."""
    yield
    await litellm().close_litellm_async_clients()
    gc.collect()


def picky(request: Request) -> Answer | Refusal:
    """Refuse one thing after the other, as a gateway in front of an old server."""
    body = request.body
    if "stream_options" in body:
        return Refusal(status=400, message="Unrecognized request argument: stream_options")
    if "max_tokens" in body:
        return Refusal(status=400, message="max_tokens is not supported, use another", kind="x")
    if body["max_completion_tokens"] > 4096:
        message = "max_tokens is too large: this model supports at most 4096 completion tokens"
        return Refusal(status=400, message=message)
    if body["messages"][0]["role"] == "system":
        return Refusal(status=500, message="jinja: System role not supported")
    if "temperature" in body:
        return Refusal(status=422, message="temperature: Extra inputs are not permitted")
    return Answer(whole=True)


@pytest.mark.usefixtures("closed_clients")
@pytest.mark.xdist_group("litellm")
@pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Item 'summary' on TypedDict")
async def test_everything_is_negotiated_once(server: ModelServer) -> None:
    server.script = [picky]
    model = model_of(server)
    answer, notices, tokens = await ask(model)
    assert (answer, tokens) == ("A fine answer.", 200)
    assert len(notices) == 6
    assert all(notice.startswith("The server http://127.0.0.1") for notice in notices)
    calls = len(server.requests)
    assert await ask(model) == ("A fine answer.", [], 200)
    assert len(server.requests) == calls + 1
    assert server.requests[-1].body["max_completion_tokens"] == 4096


@pytest.mark.usefixtures("closed_clients")
@pytest.mark.xdist_group("litellm")
@pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Item 'summary' on TypedDict")
async def test_a_server_that_refuses_everything_is_an_error(server: ModelServer) -> None:
    server.script = [Refusal(status=400, message="Streaming is not supported, nor is temperature")]
    with pytest.raises(AgentError, match="rejected the request"):
        await ask(model_of(server))
    assert len(server.requests) <= 9


@pytest.mark.usefixtures("closed_clients")
@pytest.mark.xdist_group("litellm")
@pytest.mark.filterwarnings("ignore:Accessing the 'model_:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Item 'summary' on TypedDict")
async def test_the_prompt_is_shortened_only_where_the_answer_cannot_be(
    server: ModelServer,
) -> None:
    message = "maximum context length is 4096 tokens, but your request has 3900 input tokens"
    server.script = [Refusal(status=400, message=message)]
    model = model_of(server)
    with pytest.raises(ContextTooLongError):
        await ask(model)
    assert len(server.requests) == 1
    assert model.refused_context == 4096
