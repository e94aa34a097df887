"""Reads a workspace's `.env`, and takes nothing but keys of model providers from it.

The file may have come with the repository. Any other variable of it (a proxy, a base address,
NODE_OPTIONS) could redirect or replace the program that gets the user's own keys.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from dotenv.parser import Original, parse_stream

from engine.core.errors import ConfigError
from engine.core.secrets import secret_values
from engine.untrusted_files import read_regular

ENV_FILE = ".env"
_MOST_BYTES = 256 * 1024
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PROVIDERS = """
    AI21 AIML ALEPHALPHA ALEPH_ALPHA ANTHROPIC ANYSCALE ARK AZURE AZURE_AI AZURE_OPENAI BASETEN
    CEREBRAS CHUTES CLARIFAI CLOUDFLARE CO CODESTRAL CODEX COHERE DASHSCOPE DATABRICKS DEEPINFRA
    DEEPSEEK FEATHERLESS FEATHERLESS_AI FIREWORKS FIREWORKSAI FIREWORKS_AI FRIENDLIAI GALADRIEL
    GEMINI GITHUB GOOGLE GRADIENT_AI GROQ HOSTED_VLLM HUGGINGFACE HYPERBOLIC INCEPTION LAMBDA
    LITELLM_PROXY LLAMA LM_STUDIO MARITALK META META_LLAMA MINIMAX MISTRAL MISTRAL_AZURE MOONSHOT
    MORPH NEBIUS NLP_CLOUD NOVITA NSCALE NVIDIA_NIM OLLAMA OPENAI OPENAI_LIKE OPENROUTER OR
    OVHCLOUD PERPLEXITY PERPLEXITYAI PREDIBASE REPLICATE SAMBANOVA TOGETHER TOGETHERAI TOGETHER_AI
    V0 VERCEL_AI_GATEWAY VOLCENGINE WATSONX WX XAI XINFERENCE ZAI
"""
_KEY_NAMES = frozenset(
    (
        *(f"{provider}_API_KEY" for provider in _PROVIDERS.split()),
        *("ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN", "REPLICATE_API_TOKEN"),
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *("AWS_BEARER_TOKEN_BEDROCK", "WATSONX_APIKEY"),
    )
)


class EnvFile(NamedTuple):
    """The content of a `.env`: the keys that agents get, and the names of what they do not get."""

    keys: dict[str, str]
    left_out: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """A hash of the keys, by which a change is noticed; empty where there are none."""
        data = json.dumps(sorted(self.keys.items())).encode()
        return hashlib.sha256(data).hexdigest() if self.keys else ""


def read_env_file(workspace: Path) -> EnvFile:
    """Return what the workspace's `.env` holds; nothing where there is none.

    Raises:
        ConfigError: The file cannot be read, or holds a line that is not an assignment.
    """
    values = load_env_file(workspace / ENV_FILE)
    keys = {name: value for name, value in values.items() if is_key_name(name)}
    return EnvFile(keys, tuple(name for name in values if name not in keys))


def is_key_name(name: str) -> bool:
    """Return whether a variable of this name holds a key of a model provider."""
    return name in _KEY_NAMES


def provider_environment(workspace: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment together with the keys in the workspace's `.env`.

    Args:
        workspace: The workspace, whose `.env` adds keys missing from the environment.
        environ: The process environment; it takes precedence, except for empty variables.

    Raises:
        ConfigError: The `.env` cannot be read.
    """
    return read_env_file(workspace).keys | {k: v for k, v in environ.items() if v}


def secrets_in_env_file(workspace: Path) -> list[str]:
    """Return the secret values in the workspace's `.env`, those that are left out included.

    Raises:
        ConfigError: The `.env` cannot be read.
    """
    return secret_values(load_env_file(workspace / ENV_FILE))


def load_env_file(path: Path) -> dict[str, str]:
    """Read a `.env`: `KEY=value` lines, with quotes, `export` and comments. Nothing is expanded.

    Args:
        path: The file; if there is none, there are no values.

    Raises:
        ConfigError: The file cannot be read, or holds a line that is not an assignment; the error
            names the line, never its content.
    """
    try:
        text = read_regular(path, _MOST_BYTES, follow=True).decode("utf-8-sig")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise ConfigError(
            f"{path} is not UTF-8 text.", "", "Save it as UTF-8, or remove it."
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read.",
            f"{error.strerror}.",
            "Correct it, or remove it.",
        ) from None
    values: dict[str, str] = {}
    for line in parse_stream(io.StringIO(text)):
        if line.key is None and not line.error:
            continue  # blank, or a comment
        # The parser skips what it cannot read, and takes a word alone for a name without a value.
        if line.error or line.value is None or not _NAME.fullmatch(line.key or ""):
            raise _bad_line(path, line.original)
        values[line.key or ""] = line.value
    return values


def _bad_line(path: Path, original: Original) -> ConfigError:
    written = original.string
    number = original.line + len(written) - len(written.lstrip("\n"))
    quoted = re.match(r"\s*(?:export\s+)?\w+\s*=\s*['\"]", written)
    what = "the quotes are not balanced" if quoted else "not an assignment"
    return ConfigError(
        f"{path}, line {number}: {what}.",
        "Expected: NAME=value on one line.",
        "Correct that line, or remove it.",
    )
