"""LiteLLM is imported in one place, which forbids it every request of its own."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
ONLY = "engine/agents/llm/library.py"


def imports_litellm(source: str) -> bool:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func).rpartition(".")[2]
            words = [a.value for a in node.args if isinstance(a, ast.Constant)]
            names = [str(w) for w in words] if called in ("import_module", "__import__") else []
        else:
            continue
        if any(name.partition(".")[0] == "litellm" for name in names):
            return True
    return False


def test_one_file_imports_litellm() -> None:
    files = [
        path
        for folder in ("engine", "tui", "tests", "benchmarks", "harness")
        for path in (ROOT / folder).rglob("*.py")
    ]
    texts = {path: path.read_text("utf-8") for path in files}
    found = [
        str(path.relative_to(ROOT))
        for path, text in texts.items()
        if "litellm" in text and imports_litellm(text)
    ]
    assert found == [ONLY]
