"""Find phrases that must not come back: run by `make check`, explained in CONTRIBUTING.md.

Prints each place as `file:line: phrase` and exits with 1 where there is one. A line that needs a
phrase, because it quotes what a user may write, ends with `# language: quoted`.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

PHRASES = re.compile(
    r"\b(of ours|any ?more|anew|mend(?:s|ed|ing)?|nobody|whoever|let go|the truth|taken up|"
    r"by the way|who knocks|put before a|the person(?:'s|s)?|a person(?:'s)?|hang(?:s)? up|"
    r"so often|the house|the charter)\b|cannot be\.|"
    r"(?<!there )\b(?:is|are) no (?!longer\b|\w+ than\b)\w+",
    re.IGNORECASE,
)
"""Metaphors and archaisms; the user is `the user`, and `you` in messages."""

OPENINGS = re.compile(
    r"(Of (?!the)|So (?:many|often|much)|Nobody|Whose\b|It (?:is|does)\b|As `|The file\.|Go on\.)"
)
"""Docstring openings that do not stand alone."""

QUOTED = "# language: quoted"


def violations(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the phrase of each violation in a Python or Markdown file."""
    text = path.read_text("utf-8")
    if path.suffix != ".py":
        for number, line in enumerate(text.splitlines(), start=1):
            yield from ((number, match[0]) for match in PHRASES.finditer(line))
        return
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in (tokenize.COMMENT, tokenize.STRING):
            continue
        for offset, line in enumerate(token.string.splitlines()):
            number = token.start[0] + offset
            if not lines[number - 1].rstrip().endswith(QUOTED):
                yield from ((number, match[0]) for match in PHRASES.finditer(line))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            doc = node.value.value
            if isinstance(doc, str) and (match := OPENINGS.match(doc.strip())):
                yield node.lineno, f"docstring that opens with {match[0]!r}"


def main(names: list[str]) -> int:
    """Check the named files, or every tracked file; return the exit code."""
    tracked = ("git", "ls-files", "*.py", "*.md")
    if not names:
        names = subprocess.run(
            tracked, capture_output=True, text=True, check=True
        ).stdout.splitlines()
    found = 0
    for name in names:
        # The first is the user's text; the others name the phrases.
        if Path(name).name in ("program.md", "check_language.py", "CONTRIBUTING.md"):
            continue
        for number, phrase in sorted(set(violations(Path(name)))):
            found += 1
            print(f"{name}:{number}: {phrase}")
    if found:
        print(f"{found} phrases to say plainly: see CONTRIBUTING.md, Language.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
