"""Names the files that define a task beside code: dependencies, tokenizer, README."""

from __future__ import annotations

from fnmatch import fnmatchcase

DEPENDENCIES = (
    *("pyproject.toml", "uv.lock", "poetry.lock", "pdm.lock", "pixi.toml", "pixi.lock"),
    *("requirements.txt", "constraints.txt", "environment.yml", "environment.yaml"),
    *("conda-lock.yml", "Pipfile", "Pipfile.lock", "setup.cfg", "setup.py", ".python-version"),
)
"""Files that decide which versions of packages a run uses."""
SHOWN_DEPENDENCIES = ("pyproject.toml", "requirements.txt", "environment.yml", "Pipfile")
"""Those of them that a language model is shown, since they are short."""
README = "README.md"
_TOKENIZERS = (
    *("tokenizer*.json", "tokenizer*.model", "tokenizer*.pkl", "tokenizer*.bin", "tokenizer*.txt"),
    *("vocab.json", "vocab.txt", "vocab.bpe", "merges.txt", "encoder.json", "*.tiktoken"),
    *("spiece.model", "token_bytes.pt", "special_tokens_map.json"),
)
TOKENIZER_DIRECTORIES = ("tokenizer", "tokenizers")
"""Directories of which all files belong to the tokenizer."""


def is_tokenizer(name: str) -> bool:
    """Return whether a file without a directory in its name usually holds a tokenizer."""
    return any(fnmatchcase(name, pattern) for pattern in _TOKENIZERS)
