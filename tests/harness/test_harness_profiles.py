"""Profiles: sizes for hardware, and the files of a new workspace."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

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


class NvmlError(Exception):
    """Stands for pynvml.NVMLError."""


def nvml(memory: list[object], *, name: str = "NVIDIA H100", mig: dict[int, int] | None = None):  # type: ignore[no-untyped-def]
    """Return a stand-in for pynvml; each GPU has its memory, "lost" or "unknown"."""

    def handle(index: int) -> int:
        if memory[index] == "lost":
            raise NvmlError
        return index

    def info(handle: object) -> object:
        total = handle[0] if isinstance(handle, tuple) else memory[handle]  # type: ignore[index, call-overload]
        if total == "unknown":
            raise NvmlError
        return SimpleNamespace(total=total)

    def instance(_: int, number: int) -> tuple[int]:
        if mig is None or number not in mig:
            raise NvmlError
        return (mig[number],)

    return SimpleNamespace(
        NVMLError=NvmlError,
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: len(memory),
        nvmlDeviceGetHandleByIndex=handle,
        nvmlDeviceGetMemoryInfo=info,
        nvmlDeviceGetName=lambda _: name,
        nvmlDeviceGetMigMode=lambda _: [int(mig is not None)] * 2,
        nvmlDeviceGetMaxMigDeviceCount=lambda _: 7,
        nvmlDeviceGetMigDeviceHandleByIndex=instance,
    )


GIB = 2**30


@pytest.mark.parametrize(
    ("stub", "profile"),
    [
        (nvml([80 * GIB, "lost", 80 * GIB]), "80gb"),
        (nvml(["lost"]), "cpu"),
        (nvml(["unknown"]), "6gb"),
        (nvml(["unknown", 80 * GIB]), "80gb"),
        (nvml(["unknown"], name="NVIDIA GB10"), "24gb"),
        (nvml(["unknown"], mig={0: 40 * GIB, 3: 10 * GIB}), "6gb"),
        (nvml(["unknown"], mig={2: 40 * GIB}), "40gb"),
        (nvml(["unknown"], mig={}), "6gb"),
    ],
)
def test_each_gpu_answers_for_itself(
    monkeypatch: pytest.MonkeyPatch, stub: object, profile: str
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setitem(sys.modules, "pynvml", stub)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("os.sysconf", lambda _: 2**18 if _ == "SC_PAGE_SIZE" else 2**20)
    assert profiles.detect_profile() == profile


def test_an_index_names_the_same_gpu_where_another_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml([24 * GIB, "lost", 80 * GIB]))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    assert profiles.gpu_memory_bytes() == [80 * GIB]


def test_nvidia_smi_may_not_tell_the_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "nvidia-smi"
    script.write_text("#!/bin/sh\necho '[N/A], NVIDIA GB10'; echo '[N/A], X'; echo '81559, H100'\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    shared, unknown, known = profiles.memory_from_nvidia_smi()
    assert shared is not None and 0 < shared <= 24 * GIB
    assert (unknown, known) == (None, 81_559 * 2**20)


def test_profiles_do_not_load_pytorch() -> None:
    """The command-line tool imports them before it has painted anything."""
    code = "import sys; from harness import profiles; profiles.detect_profile(); "
    code += "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    subprocess.run(
        [sys.executable, "-c", code], cwd=HARNESS.parent, check=True, timeout=DEADLINE_SECONDS
    )
