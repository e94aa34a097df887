"""Sizes of the bundled training set-up for different hardware, and the files of a new workspace.

Standard library only: this is imported where PyTorch may be neither installed nor wanted.
"""

from __future__ import annotations

import ast
import contextlib
import os
import platform
import subprocess
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Profile:
    """What to set in constants.py and train.py for one class of hardware."""

    name: str
    time_budget_seconds: int
    """Seconds of training per experiment."""
    max_seq_len: int
    """Context length in tokens."""
    eval_tokens: int
    """Validation tokens; more make val_bpb steadier and evaluation longer."""
    depth: int
    """Transformer layers."""
    aspect_ratio: int
    """Model width per layer."""
    head_dim: int
    """Width of one attention head."""
    device_batch_size: int
    """Rows per forward pass: what memory allows."""
    total_batch_size: int
    """Tokens per optimizer step: what gives enough steps within the budget."""
    recommended_source: str
    """Data that is large enough not to be repeated many times within the budget."""
    reason: str
    """Why these sizes."""


# Memory of the GPU profiles: about 18 * width * depth + 12 * vocabulary bytes per token of one
# forward pass (from the 45 GB that depth 8, width 512, 8192 tokens of vocabulary and 128 rows of
# 2048 take), so that each leaves half of the memory to experiments that want more.
PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            name="cpu",
            time_budget_seconds=20,
            max_seq_len=256,
            eval_tokens=131_072,
            depth=4,
            aspect_ratio=24,
            head_dim=32,
            device_batch_size=8,
            total_batch_size=2_048,
            recommended_source="stdlib",
            reason="half a million parameters make over a hundred steps in 20 s on two cores; "
            "evaluation takes under 2 s; the bundled data is never repeated",
        ),
        Profile(
            name="mps",
            time_budget_seconds=300,
            max_seq_len=512,
            eval_tokens=524_288,
            depth=4,
            aspect_ratio=64,
            head_dim=64,
            device_batch_size=16,
            total_batch_size=16_384,
            recommended_source="tinystories",
            reason="memory is shared with the screen and other programs, and an 8 GB Mac must "
            "manage; without a compiler, few large operations beat many small ones",
        ),
        Profile(
            name="6gb",
            time_budget_seconds=300,
            max_seq_len=1_024,
            eval_tokens=1_048_576,
            depth=4,
            aspect_ratio=64,
            head_dim=64,
            device_batch_size=16,
            total_batch_size=32_768,
            recommended_source="tinystories",
            reason="about 2 GB, or 4 GB on cards without bf16; a desktop may be using the rest; "
            "for cards up to 16 GB",
        ),
        Profile(
            name="24gb",
            time_budget_seconds=300,
            max_seq_len=2_048,
            eval_tokens=5_242_880,
            depth=6,
            aspect_ratio=64,
            head_dim=128,
            device_batch_size=32,
            total_batch_size=131_072,
            recommended_source="climbmix",
            reason="about 9 GB; a consumer card has a sixth of an H100's speed, so the model and "
            "the batch are smaller to keep a thousand steps in the budget",
        ),
        Profile(
            name="40gb",
            time_budget_seconds=300,
            max_seq_len=2_048,
            eval_tokens=10_485_760,
            depth=8,
            aspect_ratio=64,
            head_dim=128,
            device_batch_size=64,
            total_batch_size=262_144,
            recommended_source="climbmix",
            reason="about 23 GB; a third of an H100's speed, so half of its batch",
        ),
        Profile(
            name="80gb",
            time_budget_seconds=300,
            max_seq_len=2_048,
            eval_tokens=20_971_520,
            depth=8,
            aspect_ratio=64,
            head_dim=128,
            device_batch_size=128,
            total_batch_size=524_288,
            recommended_source="climbmix",
            reason="about 45 GB; the sizes of the original autoresearch, for comparison with it",
        ),
    )
}

CONSTANTS_LITERALS = {
    "DEFAULT_TIME_BUDGET": "time_budget_seconds",
    "MAX_SEQ_LEN": "max_seq_len",
    "EVAL_TOKENS": "eval_tokens",
}
TRAIN_LITERALS = {
    "DEPTH": "depth",
    "ASPECT_RATIO": "aspect_ratio",
    "HEAD_DIM": "head_dim",
    "DEVICE_BATCH_SIZE": "device_batch_size",
    "TOTAL_BATCH_SIZE": "total_batch_size",
}

SMALLEST_GPU_PROFILE = "6gb"
"""The profile for a GPU whose memory is unknown."""
INTEGRATED = ("GB10", "Orin", "Thor", "Xavier", "Tegra", "nvgpu")
"""Parts of the names of GPUs that share the host's memory, of which the driver tells none."""
UNUSABLE = 0
"""In the place of the memory of a GPU that cannot be used."""

EDITABLE_FILE = "train.py"
LOCKED_FILES = ("constants.py", "prepare.py", "shards.py", "device.py")

GITIGNORE = """\
results.tsv
results-*.tsv
run.log
.autoresearch/
__pycache__/
.venv/
"""


# ---------------------------------------------------------------------------
# Which profile
# ---------------------------------------------------------------------------


def detect_profile() -> str:
    """The name of the profile for this machine; with several GPUs, for the smallest of them."""
    memory = gpu_memory_bytes()
    known = [size for size in memory if size]
    if known:
        return profile_for_gpu(min(known))
    if memory:
        return SMALLEST_GPU_PROFILE
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return "mps"
    return "cpu"


def profile_for_gpu(memory_bytes: int) -> str:
    """The largest profile whose card this one nearly is: a card reports less than its name says."""
    gibibytes = memory_bytes / 2**30
    for name, least in (("80gb", 70), ("40gb", 36), ("24gb", 20), ("6gb", 3.5)):
        if gibibytes >= least:
            return name
    return "cpu"


def gpu_memory_bytes() -> list[int | None]:
    """Memory of each usable NVIDIA GPU that CUDA_VISIBLE_DEVICES leaves; None where unknown."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in ("", "-1"):
        return []
    memory = memory_from_nvml()
    if memory is None:
        memory = memory_from_nvidia_smi()
    if visible is not None:
        indices = [int(part) for part in visible.split(",") if part.strip().isdigit()]
        chosen = [memory[index] for index in indices if index < len(memory)]
        memory = chosen or memory  # named by UUID: take all
    return [size for size in memory if size != UNUSABLE]


def memory_from_nvml() -> list[int | None] | None:
    """By index, as the driver's library tells; None if its Python binding is not installed."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
    except pynvml.NVMLError:  # no driver
        return []
    try:
        return [_memory_of(pynvml, index) for index in range(count)]
    finally:
        pynvml.nvmlShutdown()


def _memory_of(pynvml: Any, index: int) -> int | None:
    """Memory of one GPU, or of the smallest of its MIG instances; None if it is unknown."""
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    except pynvml.NVMLError:  # this one is lost; the others answer
        return UNUSABLE
    instances = []
    try:
        if pynvml.nvmlDeviceGetMigMode(handle)[0]:
            for number in range(pynvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
                with contextlib.suppress(pynvml.NVMLError):
                    instance = pynvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number)
                    instances.append(int(pynvml.nvmlDeviceGetMemoryInfo(instance).total))
    except (AttributeError, pynvml.NVMLError):  # a GPU or a library without MIG
        pass
    if instances:
        return min(instances)
    try:
        return int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)
    except pynvml.NVMLError:
        pass
    try:
        name = pynvml.nvmlDeviceGetName(handle)
    except pynvml.NVMLError:
        return None
    return _integrated_memory(name.decode() if isinstance(name, bytes) else name)


def memory_from_nvidia_smi() -> list[int | None]:
    """By index, as the driver's command tells."""
    command = ["nvidia-smi", "--query-gpu=memory.total,name", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    found: list[int | None] = []
    for line in done.stdout.splitlines():
        memory, _, name = line.partition(",")
        if line.strip():
            known = memory.strip().isdigit()
            found.append(int(memory) * 2**20 if known else _integrated_memory(name))
    return found


def _integrated_memory(name: str) -> int | None:
    """What a GPU that shares the host's memory counts for; None for another GPU."""
    if not any(part in name for part in INTEGRATED):
        return None
    # There is more, but such a chip is only as fast as a consumer card.
    return min(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), 24 * 2**30)


# ---------------------------------------------------------------------------
# The files of a new workspace
# ---------------------------------------------------------------------------


def apply_profile(profile: Profile, constants_text: str, train_text: str) -> tuple[str, str]:
    """Both texts with the profile's sizes; comments and formatting stay as they are.

    Raises ValueError if a text lacks one of the names.
    """

    def edited(text: str, literals: dict[str, str]) -> str:
        return set_literals(text, {name: getattr(profile, f) for name, f in literals.items()})

    return edited(constants_text, CONSTANTS_LITERALS), edited(train_text, TRAIN_LITERALS)


def set_literals(text: str, values: dict[str, object]) -> str:
    """Source text with the values of top-level `NAME = literal` assignments replaced."""
    lines = text.encode("utf-8").splitlines(keepends=True)  # ast counts columns in bytes
    missing = set(values)
    spans: list[tuple[int, int, int, str]] = []
    for node in ast.parse(text).body:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        name, value = node.targets[0].id, node.value
        if name in missing:
            if value.lineno != value.end_lineno or value.end_col_offset is None:
                raise ValueError(f"{name} is not a literal on one line")
            missing.remove(name)
            new = repr(values[name])
            spans.append((value.lineno - 1, value.col_offset, value.end_col_offset, new))
    if missing:
        raise ValueError(f"no assignment to {', '.join(sorted(missing))}")
    for row, start, end, new in spans:
        lines[row] = lines[row][:start] + new.encode("utf-8") + lines[row][end:]
    return b"".join(lines).decode("utf-8")


def default_program_text() -> str:
    """The program.md of a new workspace: beside this package when installed, else above it."""
    here = resources.files("harness")
    for candidate in (here / "program.md", Path(str(here)).parent / "program.md"):
        if candidate.is_file():
            return candidate.read_text(encoding="utf-8")
    raise FileNotFoundError(f"program.md is missing from the installation at {here}")


def workspace_files(profile_name: str) -> dict[str, str]:
    """{relative name: text} of all a new workspace gets; `auto` looks at the hardware.

    Raises ValueError for an unknown profile.
    """
    name = detect_profile() if profile_name == "auto" else profile_name
    if name not in PROFILES:
        known = ", ".join(("auto", *PROFILES))
        raise ValueError(f"no profile is called {profile_name!r}; there are {known}")
    profile = PROFILES[name]
    package = resources.files("harness")
    texts = {
        file: (package / file).read_text(encoding="utf-8")
        for file in (EDITABLE_FILE, *LOCKED_FILES, "workspace_readme.md")
    }
    readme = texts.pop("workspace_readme.md")
    constants, train = apply_profile(profile, texts["constants.py"], texts["train.py"])
    return texts | {
        "constants.py": constants,
        "train.py": train,
        "program.md": default_program_text(),
        "README.md": readme.replace("{profile}", name)
        .replace("{reason}", profile.reason)
        .replace("{source}", profile.recommended_source),
        ".gitignore": GITIGNORE,
    }
