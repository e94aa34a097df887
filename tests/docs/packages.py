"""Example packages from the documentation, installed where Python finds them."""

from __future__ import annotations

import os
import re
import textwrap
import tomllib
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def code_blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of a page in one language."""
    text = (DOCS / page).read_text("utf-8")
    return [
        textwrap.dedent(block)
        for block in re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    ]


def install_example(page: str, directory: Path) -> dict[str, str]:
    """Install the package that a page shows, and return the environment that finds it.

    The page's Python blocks begin with a comment that names their file, and its one TOML block is
    the package's pyproject.toml.

    Args:
        page: A file of docs/.
        directory: An empty directory for the package.
    """
    for block in code_blocks(page, "python"):
        name = re.match(r"# (\w+\.py)\n", block)
        assert name is not None, block
        (directory / name[1]).write_text(block, "utf-8")
    [declared] = code_blocks(page, "toml")
    project = tomllib.loads(declared)["project"]
    metadata = directory / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [
        line
        for group, points in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{key} = {value}" for key, value in points.items()))
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    path = os.pathsep.join([str(directory), os.environ.get("PYTHONPATH", "")])
    return {"PYTHONPATH": path}
