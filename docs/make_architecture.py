"""Writes the tree in ARCHITECTURE.md from the first paragraph of each module's docstring.

`python docs/make_architecture.py` rewrites it; with `--check` it only says whether it is up to
date, which `make check` does.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "ARCHITECTURE.md"
BEGIN, END = "<!-- tree: made by docs/make_architecture.py -->\n", "<!-- end of tree -->"
COLUMN = 34


def summary(path: Path) -> str:
    """Return the first paragraph of a module's docstring as one line without its last full stop."""
    doc = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    paragraph = doc.split("\n\n")[0].replace("\n", " ")
    return paragraph.rstrip(".")


def tree() -> str:
    """Return the tree of engine and tui as Markdown: a heading per package, a line per module."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "engine", "tui"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    modules = sorted(Path(name) for name in listed if name.endswith(".py"))
    modules = [module for module in modules if (ROOT / module).exists()]
    packages = sorted({_package(module) for module in modules})
    lines: list[str] = []
    for package in packages:
        doc = summary(ROOT / package / "__init__.py")
        lines += ["", f"### {package}/", "", f"{doc}.", "", "```"]
        for module in modules:
            if _package(module) == package and module.name != "__init__.py":
                name = module.relative_to(package).as_posix()
                lines.append(f"{name:<{COLUMN}}{summary(ROOT / module)}")
        if lines[-1] == "```":  # a package that only holds packages
            lines = lines[:-2]
            continue
        lines.append("```")
    return "\n".join(lines).strip() + "\n"


def _package(module: Path) -> Path:
    """Return the directory of the package that a module is in or, as a script, below."""
    return next(d for d in module.parents if (ROOT / d / "__init__.py").exists())


def main() -> int:
    """Rewrite the tree in ARCHITECTURE.md; return 0.

    With `--check`, write nothing and return 1 if the tree is out of date.
    """
    text = DOCUMENT.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    wanted = f"{before}{BEGIN}\n{tree()}\n{END}{after}"
    if "--check" in sys.argv[1:]:
        if text != wanted:
            print("ARCHITECTURE.md is out of date: run `make docs`.")
        return 0 if text == wanted else 1
    DOCUMENT.write_text(wanted, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
