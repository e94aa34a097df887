"""Keys are read from a strict `.env` under the environment, and starred out of texts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.agents.llm.env_file import load_env_file, provider_environment, read_env_file
from engine.agents.llm.keys import find_key, readable, wait_seconds
from engine.core.errors import BadKeyError, ConfigError


def env_file(folder: Path, text: str) -> Path:
    path = folder / ".env"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("A = b", "b"),
        ("  export A=b", "b"),
        ("export\tA=b", "b"),
        ("A=", ""),
        ("A= # nothing", ""),
        ("A=b # a comment", "b"),
        ("A=b#c", "b#c"),
        ("A=b=c==", "b=c=="),
        ("A='b c'", "b c"),
        ("A='b # c' # a comment", "b # c"),
        ("A='b\\n'", "b\\n"),
        ('A="b\\nc\\"d\\\\"', 'b\nc"d\\'),
        ('A="\\q$HOME"', "\\q$HOME"),
        ("A=$HOME", "$HOME"),
        ("A=b\r", "b"),
        ("\ufeffA=b", "b"),
        ("A=x\nA=b", "b"),
    ],
)
def test_lines(tmp_path: Path, line: str, value: str) -> None:
    assert load_env_file(env_file(tmp_path, f"{line}\n# end\n\n")) == {"A": value}


@pytest.mark.parametrize(
    "line", ["sk-secret-word", "1A=b", "A-B=c", "=b", "A='b", 'A="b\\"', "A='b'c", "export A"]
)
def test_a_wrong_line_is_named_but_not_shown(tmp_path: Path, line: str) -> None:
    path = env_file(tmp_path, f"# keys\n\n{line}\n")
    with pytest.raises(ConfigError, match="line 3") as caught:
        load_env_file(path)
    assert line not in str(caught.value)


def test_a_quoted_value_may_hold_lines(tmp_path: Path) -> None:
    path = env_file(tmp_path, "A='b\nc'\nB='d\n\nC=e\n")
    with pytest.raises(ConfigError, match="line 3: the quotes are not balanced"):
        load_env_file(path)
    env_file(tmp_path, "A='b\nc'\nB=d\n")
    assert load_env_file(path) == {"A": "b\nc", "B": "d"}


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_env_file(tmp_path / ".env")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        load_env_file(tmp_path / "folder")


def test_the_real_environment_wins(tmp_path: Path) -> None:
    a, b, c = "OPENAI_API_KEY", "GROQ_API_KEY", "MISTRAL_API_KEY"
    env_file(tmp_path, f"{a}=file\n{b}=file\n{c}=file\n")
    found = provider_environment(tmp_path, {a: "real", c: "", "D": "real"})
    assert found == {a: "real", b: "file", c: "file", "D": "real"}
    assert provider_environment(tmp_path / "nowhere", {"A": "b"}) == {"A": "b"}


def test_only_keys_of_providers_are_taken_from_the_file(tmp_path: Path) -> None:
    others = (
        *("LD_PRELOAD", "NODE_OPTIONS", "PYTHONPATH", "PATH", "BASH_ENV", "GIT_SSH_COMMAND"),
        *("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"),
        *("ANTHROPIC_BASE_URL", "OPENAI_API_BASE", "OPENAI_BASE_URL", "AZURE_API_BASE"),
        *("AZURE_OPENAI_ENDPOINT", "AWS_REGION_NAME", "GOOGLE_APPLICATION_CREDENTIALS"),
        *("CLAUDE_CONFIG_DIR", "EVIL_API_KEY", "anthropic_api_key", "LANGSMITH_API_KEY"),
    )
    keys = {"ANTHROPIC_API_KEY": "theirs", "AWS_SECRET_ACCESS_KEY": "theirs"}
    env_file(tmp_path, "".join(f"{name}=theirs\n" for name in (*others, *keys)))
    own = {"ANTHROPIC_BASE_URL": "mine", "HOME": "/home/me"}
    assert provider_environment(tmp_path, own) == {**own, **keys}
    assert read_env_file(tmp_path).left_out == others


class Refused(Exception):
    """As LiteLLM's errors are: the headers hang on it."""

    def __init__(self, said: str, headers: dict[str, str]) -> None:
        super().__init__(said)
        self.litellm_response_headers = headers


@pytest.mark.parametrize(
    ("headers", "said", "seconds"),
    [
        ({"Retry-After": "7"}, "no", 7),
        ({"retry-after-ms": "1500"}, "no", 1.5),
        ({"x-ratelimit-reset-requests": "1m2.5s"}, "no", 62.5),
        (
            {
                "x-ratelimit-remaining-requests": "5",
                "x-ratelimit-reset-requests": "6h",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "250ms",
            },
            "no",
            0.25,
        ),
        ({"Retry-After": "Thu, 01 Jan 2015 00:00:00 GMT"}, "no", 0),
        ({"anthropic-ratelimit-tokens-reset": "2015-01-01T00:00:00Z"}, "no", 0),
        ({}, "Please try again in 20s.", 20),
        ({}, "Rate limit reached, retry after 3 seconds", 3),
        ({}, "You exceeded your current quota. Please retry in 12.5s.", 12.5),
        ({}, "slow down", None),
    ],
)
def test_when_to_ask_again(headers: dict[str, str], said: str, seconds: float | None) -> None:
    assert wait_seconds(Refused(said, headers)) == seconds


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("litellm.BadRequestError: OpenAIException - weird", "weird."),
        ("litellm.APIError: APIError: OpenAIException - no\n more ", "no more."),
        (
            """litellm.AuthenticationError: AnthropicException - b'{"type": "error", """
            """"error": {"message": "It\\'s \\"sk-123456\\"", "type": "x"}}'""",
            'It\'s "***".',
        ),
        ("litellm.BadGatewayError: b'<!DOCTYPE html><html>sk-123456'", "web page"),
        ("a" * 298 + "sk-123456", "a" * 298 + "*…"),
    ],
)
def test_a_providers_message_is_extracted(text: str, shown: str) -> None:
    assert shown in readable(text, ["sk-123456"])
    assert "sk-1" not in readable(text, ["sk-123456"]) and "\n" not in readable(text, [])


def test_finding_the_key() -> None:
    both = ["GOOGLE_API_KEY", "GEMINI_API_KEY"]
    have = {"GEMINI_API_KEY": "abc"}
    assert find_key("gemini/x", "gemini", have, both, needed=True) == "abc"
    # LiteLLM lacks nothing, because the variable is in this process's environment as well.
    assert find_key("gemini/x", "gemini", have, [], needed=True) == "abc"
    assert find_key("ollama_chat/x", "ollama_chat", {}, ["OLLAMA_API_BASE"], needed=True) is None
    assert find_key("openai/x", "openai", {}, ["OPENAI_API_KEY"], needed=False) is None
    with pytest.raises(BadKeyError, match="Set GOOGLE_API_KEY or GEMINI_API_KEY in the env"):
        find_key("gemini/x", "gemini", {}, both, needed=True)


def test_several_variables_go_into_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    for name in names:
        # Set before it is deleted, so that it is gone again after the test.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    with pytest.raises(BadKeyError, match="Set AWS_SECRET_ACCESS_KEY in the environment"):
        find_key("bedrock/x", "bedrock", {names[0]: "abc"}, names, needed=True)
    assert find_key("bedrock/x", "bedrock", dict.fromkeys(names, "abc"), names, needed=True) is None
    assert os.environ[names[1]] == "abc"
