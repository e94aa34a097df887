"""An installed wheel finds its themes, its harness and its program.md, far from any checkout."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin directory of a clean virtual environment with our wheel in it."""
    base = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(base / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (base / "dist").glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", str(base / "venv")], check=True)
    python = base / "venv/bin/python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True)
    # What we depend on comes from this environment. As a plain path, so that the editable
    # install of the checkout, which is a .pth file there, is not seen.
    (site,) = (base / "venv/lib").glob("python*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return python.parent


def test_init_check_and_themes(installed: Path, tmp_path: Path) -> None:
    command = installed / "autoresearch-tui"
    made = subprocess.run(
        [command, "init", "w", "--profile", "cpu"], cwd=tmp_path, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    names = {p.name for p in (tmp_path / "w").iterdir()}
    assert {"train.py", "prepare.py", "constants.py", "program.md"} <= names
    assert "val_bpb" in (tmp_path / "w/program.md").read_text()
    code = (
        "import engine, tui.themes, themes\n"
        "from pathlib import Path\n"
        f"assert {str(ROOT)!r} not in engine.__file__, engine.__file__\n"
        "print(*sorted(p.name for p in Path(themes.__file__).parent.glob('*.toml')))\n"
    )
    shown = subprocess.run(
        [installed / "python", "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.split() == [
        "colour-blind.toml",
        "dark.toml",
        "light.toml",
        "no-colour.toml",
        "sixteen.toml",
    ]
    version = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert "0+checkout" not in version.stdout
