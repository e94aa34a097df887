"""Measures the machine's load: GPUs through NVML, host and a run's processes through psutil.

Sampling blocks, so it must not happen on the event loop.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Any, Protocol

import psutil

from engine.core.events import Gpu, Platform
from engine.core.machine import GpuSample, MachineSample


class Nvml(Protocol):
    """The functions of the module `pynvml` that are used, to query NVIDIA GPUs."""

    def nvmlInit(self) -> None: ...
    def nvmlDeviceGetCount(self) -> int: ...
    def nvmlDeviceGetHandleByIndex(self, index: int) -> Any: ...
    def nvmlDeviceGetName(self, handle: Any) -> str | bytes: ...
    def nvmlDeviceGetMemoryInfo(self, handle: Any) -> Any: ...
    def nvmlDeviceGetUtilizationRates(self, handle: Any) -> Any: ...
    def nvmlDeviceGetPowerUsage(self, handle: Any) -> int: ...
    def nvmlDeviceGetTemperature(self, handle: Any, kind: int) -> int: ...
    def nvmlDeviceGetComputeRunningProcesses(self, handle: Any) -> list[Any]: ...


def load_nvml() -> Nvml:
    """Import and initialise pynvml, and return the module.

    Raises:
        Exception: There is no NVIDIA driver; the class depends on pynvml.
    """
    import pynvml

    pynvml.nvmlInit()
    return pynvml  # type: ignore[no-any-return]


class DeviceSampler:
    """Measures the load of this machine's GPUs and host; one thread at a time may call it.

    Without an NVIDIA driver it reports no GPU, and the reason in `gpu_note`.

    Args:
        nvml: An initialised NVML; by default this machine's is loaded.
        disk: A path on the file system whose free space is measured.
    """

    def __init__(self, nvml: Nvml | None = None, disk: Path = Path("/")) -> None:
        self._disk = disk
        self._nvml: Nvml | None = nvml
        self.gpu_note = ""
        self._handles: list[Any] = []
        self._processes: dict[int, psutil.Process] = {}
        try:
            self._nvml = nvml if nvml is not None else load_nvml()
            count = self._nvml.nvmlDeviceGetCount()
            self._handles = [self._nvml.nvmlDeviceGetHandleByIndex(i) for i in range(count)]
            if not self._handles:
                self.gpu_note = "the NVIDIA driver sees no GPU"
        except (
            Exception
        ) as error:  # pynvml's classes differ by version; each means that there is no NVML
            self._nvml = None
            self.gpu_note = f"no NVIDIA GPU here ({_reason(error)})"
        psutil.cpu_percent(None)

    def sample(self, run_pid: int | None = None) -> MachineSample:
        """Measure the load of GPUs, processor, memory and disk, and of a run's processes.

        Args:
            run_pid: Process id of the current run's supervisor, whose descendants are counted; None
                without a run.
        """
        memory = psutil.virtual_memory()
        count, cpu, rss = self._tree(run_pid)
        free = 0
        with contextlib.suppress(OSError):
            free = shutil.disk_usage(self._disk).free
        return MachineSample(
            gpus=tuple(self._gpu(i, handle) for i, handle in enumerate(self._handles)),
            gpu_note=self.gpu_note,
            cpu_percent=psutil.cpu_percent(None),
            cores=psutil.cpu_count() or 1,
            load1=os.getloadavg()[0],
            ram_used_bytes=memory.total - memory.available,
            ram_total_bytes=memory.total,
            disk_free_bytes=free,
            run_processes=count,
            run_cpu_percent=cpu,
            run_rss_bytes=rss,
        )

    def platform(self, sandbox: str = "none") -> Platform:
        """Return a description of this machine: system, Python, processor, memory, GPUs.

        Args:
            sandbox: The sandbox that runs are started in, as recorded in the description.
        """
        return Platform(
            system=f"{platform.system()} {platform.release()}",
            python=platform.python_version(),
            cpu=_cpu_name(),
            cores=psutil.cpu_count() or 1,
            ram_bytes=psutil.virtual_memory().total,
            gpus=tuple(
                Gpu(g.name, g.memory_total_bytes)
                for g in (self._gpu(i, handle) for i, handle in enumerate(self._handles))
            ),
            gpu_note=self.gpu_note,
            sandbox=sandbox,
        )

    def _tree(self, run_pid: int | None) -> tuple[int, float, int]:
        if run_pid is None:
            self._processes.clear()
            return 0, 0.0, 0
        try:
            found = psutil.Process(run_pid).children(recursive=True)
        except psutil.Error:
            self._processes.clear()
            return 0, 0.0, 0
        # Kept between samples: a process's CPU share is measured since the last call.
        self._processes = {p.pid: self._processes.get(p.pid, p) for p in found}
        cpu, rss = 0.0, 0
        for process in self._processes.values():
            with contextlib.suppress(psutil.Error):
                cpu += process.cpu_percent(None)
                rss += process.memory_info().rss
        return len(self._processes), cpu, rss

    def _gpu(self, index: int, handle: Any) -> GpuSample:
        nvml = self._nvml
        assert nvml is not None  # handles exist only with NVML
        name = _ask(lambda: nvml.nvmlDeviceGetName(handle))
        memory = _ask(lambda: nvml.nvmlDeviceGetMemoryInfo(handle))
        rates = _ask(lambda: nvml.nvmlDeviceGetUtilizationRates(handle))
        power = _ask(lambda: nvml.nvmlDeviceGetPowerUsage(handle))
        celsius = _ask(lambda: nvml.nvmlDeviceGetTemperature(handle, 0))
        running = _ask(lambda: nvml.nvmlDeviceGetComputeRunningProcesses(handle)) or []
        return GpuSample(
            index=index,
            name=name.decode() if isinstance(name, bytes) else (name or "GPU"),
            utilisation_percent=None if rates is None else float(rates.gpu),
            memory_used_bytes=0 if memory is None else int(memory.used),
            memory_total_bytes=0 if memory is None else int(memory.total),
            power_watts=None if power is None else power / 1000,
            temperature_celsius=None if celsius is None else float(celsius),
            processes=tuple((int(p.pid), int(p.usedGpuMemory or 0)) for p in running),
        )


def _ask(question: Any) -> Any:
    """Call a query of NVML, and return its result; None if the GPU does not support it.

    MIG slices and old cards do not answer every query.
    """
    try:
        return question()
    except Exception:  # NVMLError_NotSupported and similar; the figure is shown as unknown
        return None


def _reason(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return "nvidia-ml-py is not installed"
    if isinstance(error, TypeError):
        return "its library is broken"
    return " ".join(str(error).split()) or type(error).__name__


def _cpu_name() -> str:
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
