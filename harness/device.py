"""The machine a run finds: which device, how it is driven, which attention kernel it has.

Part of the locked half. What differs between devices is in constants.DEVICE_ADJUSTMENTS.
"""

from __future__ import annotations

import functools
import importlib
import math
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from constants import DEVICE_ADJUSTMENTS, Adjustments

# Dense bf16 peak in FLOP/s from the vendors' data sheets; first match of the name wins.
PEAK_FLOPS = (
    ("B200", 2.25e15), ("B100", 1.8e15), ("H200", 989.5e12), ("GH200", 989.5e12),
    ("H100 PCIe", 756e12), ("H100", 989.5e12), ("L40S", 362e12), ("L40", 181e12), ("L4", 121e12),
    ("A100", 312e12), ("A40", 149.7e12), ("A10", 125e12), ("A6000", 154.8e12),
    ("5090", 209.5e12), ("4090", 165.2e12), ("4080", 97.5e12), ("3090", 71e12), ("3080", 59.5e12),
)  # fmt: skip

STARTED = time.perf_counter() - time.process_time()  # of the process, nearly


@dataclass(frozen=True)
class Device:
    """The accelerator a run uses and how it is driven."""

    torch_device: torch.device
    name: str
    dtype: torch.dtype
    peak_flops: float
    adjustments: Adjustments

    @property
    def type(self) -> str:
        return self.torch_device.type

    def autocast(self) -> torch.autocast:
        """Matrix products in the compute dtype; does nothing where that is float32."""
        low = self.dtype != torch.float32
        return torch.autocast(self.type, dtype=self.dtype if low else None, enabled=low)

    def synchronize(self) -> None:
        """Waits until queued work is done: a clock read before that measures nothing."""
        if self.type == "cuda":
            torch.cuda.synchronize()
        elif self.type == "mps":
            torch.mps.synchronize()

    def report_cpu_share(self) -> None:
        """On a CPU, prints how much of it this process got: a busy machine gives a worse metric."""
        if self.type == "cpu":
            threads = torch.get_num_threads()
            share = time.process_time() / (time.perf_counter() - STARTED) / threads
            print(f"CPU share: {share:.0%} of {threads} threads")

    def peak_memory_mb(self) -> float:
        """Peak GPU memory on CUDA, the driver's on MPS, the process's peak resident set on CPU."""
        if self.type == "cuda":
            return torch.cuda.max_memory_allocated() / 2**20
        if self.type == "mps":
            return torch.mps.driver_allocated_memory() / 2**20
        try:
            import resource
        except ImportError:  # Windows
            return 0.0
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def setup_device() -> Device:
    """Finds the best device, applies its row of DEVICE_ADJUSTMENTS and prints what was done.

    AUTORESEARCH_DEVICE=cpu|mps|cuda forces one.
    """
    kind = os.environ.get("AUTORESEARCH_DEVICE", "").strip().lower()
    if not kind:
        mps = torch.backends.mps.is_available()
        kind = "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
    row = kind
    if kind == "cuda":
        name = torch.cuda.get_device_name()
        if torch.cuda.get_device_capability() < (8, 0):
            row = "cuda-before-ampere"
    else:
        name = platform.processor() or platform.machine()
    if row not in DEVICE_ADJUSTMENTS:
        sys.exit(f"AUTORESEARCH_DEVICE must be cpu, mps or cuda, not {kind!r}")
    adjustments = DEVICE_ADJUSTMENTS[row]

    if adjustments.niceness and hasattr(os, "nice"):
        os.nice(max(0, adjustments.niceness - os.nice(0)))
    if adjustments.max_threads and "OMP_NUM_THREADS" not in os.environ:
        cores = usable_cores()
        torch.set_num_threads(max(1, min(adjustments.max_threads, cores - cores // 4)))
    torch.set_float32_matmul_precision("high")  # TF32 where there is no bf16; no effect on CPU

    torch_device = torch.device(kind)
    known = next((peak for part, peak in PEAK_FLOPS if part in name), 0.0)
    device = Device(
        torch_device=torch_device,
        name=name,
        dtype=getattr(torch, adjustments.dtype),
        peak_flops=known or measured_flops(torch_device),
        adjustments=adjustments,
    )
    print(f"Device: {kind} ({name}), peak {device.peak_flops / 1e12:.2f} TFLOP/s")
    print(
        f"Adjustments for {row}: dtype={adjustments.dtype} compile={adjustments.compile} "
        f"uncounted_steps={adjustments.uncounted_steps} niceness={adjustments.niceness} "
        f"threads={torch.get_num_threads()} ({adjustments.why})"
    )
    return device


def usable_cores() -> int:
    """Physical cores this process may use: affinity and container quota counted, siblings not."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    cpus = os.sched_getaffinity(0)
    siblings = set()
    for cpu in cpus:
        topology = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        siblings.add(topology.read_text("utf-8") if topology.exists() else str(cpu))
    cores = len(siblings)
    quota = Path("/sys/fs/cgroup/cpu.max")  # "max 100000" or "200000 100000"
    if quota.exists():
        limit, _, period = quota.read_text("utf-8").partition(" ")
        if limit.isdigit():
            cores = min(cores, max(1, int(limit) // int(period)))
    return max(1, cores)


def measured_flops(device: torch.device) -> float:
    """FLOP/s of the best of a few square products, for hardware PEAK_FLOPS does not list."""
    size = 1024
    a = torch.randn(size, size, device=device)
    best = math.inf
    for _ in range(4):
        started = time.perf_counter()
        (a @ a)[0, 0].item()  # item() waits for the device
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best


@functools.cache
def flash_attention() -> Callable[..., Any] | None:
    """FlashAttention 3, else 2, else None; both read sliding windows without building a mask."""
    if not torch.cuda.is_available() or torch.cuda.get_device_capability() < (8, 0):
        return None
    hopper = torch.cuda.get_device_capability() == (9, 0)

    def from_hub() -> Any:  # prebuilt; needs the network the first time
        hub = importlib.import_module("kernels")
        return hub.get_kernel("varunneal/flash-attention-3").flash_attn_interface

    candidates: list[tuple[str, Callable[[], Any]]] = [
        ("flash_attn", lambda: importlib.import_module("flash_attn")),
    ]
    if hopper:  # FlashAttention 3 is written for these alone
        candidates.insert(
            0, ("flash_attn_interface", lambda: importlib.import_module("flash_attn_interface"))
        )
        candidates.append(("kernels", from_hub))
    for name, load in candidates:
        try:
            function: Callable[..., Any] = load().flash_attn_func
        except ModuleNotFoundError:
            continue
        except Exception as error:  # built for another PyTorch, no network
            print(f"{name} is installed but does not work here ({error})")
            continue
        print(f"Attention: {name}")
        return function
    print("Attention: PyTorch's scaled_dot_product_attention")
    return None
