"""Profiles: sizes for hardware, and the files of a new workspace."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from harness import profiles
from tests.world import DEADLINE_SECONDS

HARNESS = Path(profiles.__file__).parent


def literals(text: str) -> dict[str, object]:
    """All top-level `NAME = literal` assignments of a module."""
    found: dict[str, object] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found


@pytest.mark.parametrize("name", profiles.PROFILES)
def test_each_profile_is_consistent(name: str) -> None:
    """Batches divide, heads divide, evaluation is whole batches; and it says why."""
    files = profiles.workspace_files(name)
    values = literals(files["constants.py"]) | literals(files["train.py"])

    def number(literal: str) -> int:
        value = values[literal]
        assert isinstance(value, int)
        return value

    per_pass = number("DEVICE_BATCH_SIZE") * number("MAX_SEQ_LEN")
    assert number("TOTAL_BATCH_SIZE") % per_pass == 0
    assert number("EVAL_TOKENS") % per_pass == 0
    assert number("DEPTH") * number("ASPECT_RATIO") % number("HEAD_DIM") == 0
    assert number("HEAD_DIM") % 2 == 0
    assert number("DEFAULT_TIME_BUDGET") == profiles.PROFILES[name].time_budget_seconds
    assert len(profiles.PROFILES[name].reason) > 40
    assert profiles.PROFILES[name].recommended_source in files["constants.py"]


def test_only_the_literals_change() -> None:
    """Comments, alignment and every other line stay; the CPU profile is the files as shipped."""
    constants = (HARNESS / "constants.py").read_text("utf-8")
    train = (HARNESS / "train.py").read_text("utf-8")
    assert profiles.apply_profile(profiles.PROFILES["cpu"], constants, train) == (constants, train)
    changed = profiles.apply_profile(profiles.PROFILES["80gb"], constants, train)
    for old, new in zip((constants, train), changed, strict=True):
        assert len(old.splitlines()) == len(new.splitlines())
        for before, after in zip(old.splitlines(), new.splitlines(), strict=True):
            if before != after:
                assert before.split(" = ")[0] == after.split(" = ")[0]
                assert before.partition("  #")[2] == after.partition("  #")[2]
    assert literals(changed[1])["DEPTH"] == 8


def test_set_literals_counts_bytes_and_refuses_unknown_names() -> None:
    """Columns of the syntax tree are bytes; a silent miss would train another model."""
    assert profiles.set_literals("A = 'é☃'; B = 1  # ☃\n", {"B": 22}) == "A = 'é☃'; B = 22  # ☃\n"
    with pytest.raises(ValueError, match="NOPE"):
        profiles.set_literals("A = 1\n", {"NOPE": 2})


def test_every_knob_is_a_literal_with_a_comment() -> None:
    """What a knob search can read: one line, one literal, one reason."""
    text = (HARNESS / "train.py").read_text("utf-8")
    knobs, other = text.split("# Knobs\n")[1].split("SEED = ")[0], literals(text)
    assert "SEED" in other
    names = [
        line.split(" = ")[0] for line in knobs.splitlines() if " = " in line and line[0] != "#"
    ]
    assert len(names) >= 25
    for line in knobs.splitlines():
        if " = " in line and not line.startswith("#"):
            name, _, rest = line.partition(" = ")
            value, _, comment = rest.partition("  # ")
            assert name.isupper()
            assert ast.literal_eval(value) == other[name]
            assert len(comment) > 10
            assert text.count(name) > 1, f"{name} is not used"


def test_files_of_a_workspace() -> None:
    """All files that a workspace needs, without importing this project."""
    files = profiles.workspace_files("24gb")
    expected = {"README.md", "program.md", ".gitignore", profiles.EDITABLE_FILE}
    assert set(files) == expected | set(profiles.LOCKED_FILES)
    assert "**24gb**" in files["README.md"]
    assert "{" not in files["README.md"]
    assert "results.tsv" in files[".gitignore"].splitlines()
    for name, text in files.items():
        assert "�" not in text
        if name.endswith(".py"):
            assert "harness" not in text
            assert len(text.splitlines()) <= 700
    assert len(files["train.py"].splitlines()) <= 620
    with pytest.raises(ValueError, match="no profile is called '12gb'"):
        profiles.workspace_files("12gb")


def test_program_is_found_beside_an_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a wheel it lies in the package, in a checkout above it."""
    assert profiles.default_program_text() == (HARNESS.parent / "program.md").read_text("utf-8")
    monkeypatch.setattr("harness.profiles.resources.files", lambda _: tmp_path / "harness")
    (tmp_path / "harness").mkdir()
    with pytest.raises(FileNotFoundError):
        profiles.default_program_text()
    (tmp_path / "harness" / "program.md").write_text("installed", "utf-8")
    (tmp_path / "program.md").write_text("above", "utf-8")
    assert profiles.default_program_text() == "installed"


@pytest.mark.parametrize(
    ("mebibytes", "name"),
    [
        (81_559, "80gb"),
        (143_771, "80gb"),
        (40_960, "40gb"),
        (46_068, "40gb"),
        (24_564, "24gb"),
        (32_607, "24gb"),
        (6_144, "6gb"),
        (16_384, "6gb"),
        (2_048, "cpu"),
    ],
)
def test_memory_of_real_cards(mebibytes: int, name: str) -> None:
    """As nvidia-smi reports them."""
    assert profiles.profile_for_gpu(mebibytes * 2**20) == name


def test_detection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The smallest GPU decides; else the chip."""
    gib = 2**30
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(profiles, "memory_from_nvml", lambda: [80 * gib, 24 * gib])
    assert profiles.detect_profile() == "24gb"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert profiles.detect_profile() == "80gb"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert profiles.detect_profile() == "mps"
    monkeypatch.setattr("platform.system", lambda: "Linux")
    assert profiles.detect_profile() == "cpu"
    assert profiles.workspace_files("auto") == profiles.workspace_files("cpu")


def test_profiles_do_not_load_pytorch() -> None:
    """The command-line tool imports them before it has painted anything."""
    code = "import sys; from harness import profiles; profiles.detect_profile(); "
    code += "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    subprocess.run(
        [sys.executable, "-c", code], cwd=HARNESS.parent, check=True, timeout=DEADLINE_SECONDS
    )
