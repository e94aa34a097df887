"""Measures the machine's load: GPUs through NVML, host and a run's processes through psutil.

Sampling blocks, so it must not happen on the event loop.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psutil

from engine.core.events import Gpu, Platform
from engine.core.machine import GpuSample, MachineSample


class Nvml(Protocol):
    """The functions of the module `pynvml` that are used, to query NVIDIA GPUs."""

    def nvmlInit(self) -> None: ...
    def nvmlSystemGetDriverVersion(self) -> str | bytes: ...
    def nvmlDeviceGetCount(self) -> int: ...
    def nvmlDeviceGetHandleByIndex(self, index: int) -> Any: ...
    def nvmlDeviceGetName(self, handle: Any) -> str | bytes: ...
    def nvmlDeviceGetMemoryInfo(self, handle: Any) -> Any: ...
    def nvmlDeviceGetUtilizationRates(self, handle: Any) -> Any: ...
    def nvmlDeviceGetPowerUsage(self, handle: Any) -> int: ...
    def nvmlDeviceGetTemperature(self, handle: Any, kind: int) -> int: ...
    def nvmlDeviceGetComputeRunningProcesses(self, handle: Any) -> list[Any]: ...
    def nvmlDeviceGetMigMode(self, handle: Any) -> Any: ...
    def nvmlDeviceGetMaxMigDeviceCount(self, handle: Any) -> int: ...
    def nvmlDeviceGetMigDeviceHandleByIndex(self, handle: Any, index: int) -> Any: ...


def load_nvml() -> Nvml:
    """Import and initialise pynvml, and return the module.

    Raises:
        Exception: There is no NVIDIA driver; the class depends on pynvml.
    """
    import pynvml

    pynvml.nvmlInit()
    return pynvml  # type: ignore[no-any-return]


_INTEGRATED = ("GB10", "Orin", "Thor", "Xavier", "Tegra", "nvgpu")
"""Parts of the names of GPUs that have no memory of their own."""
_UNKNOWN_BYTES = 2**62
"""From here on a number of bytes is the driver's sign for an unknown one."""


@dataclass
class _Device:
    """A GPU, or a MIG instance of one, that NVML knows."""

    index: int
    handle: Any
    name: str


class DeviceSampler:
    """Measures the load of this machine's GPUs and host; one thread at a time may call it.

    Each GPU is asked by itself: one that does not answer is named in `gpu_note`, and the others
    are reported. Of a GPU that is divided into MIG instances, the instances are reported. Without
    an NVIDIA driver it reports no GPU, and the reason in `gpu_note`.

    Args:
        nvml: An initialised NVML; by default this machine's is loaded.
        disk: A path on the file system whose free space is measured.
    """

    def __init__(self, nvml: Nvml | None = None, disk: Path = Path("/")) -> None:
        self._disk = disk
        self._nvml: Nvml | None = nvml
        self.gpu_note = ""
        self._devices: list[_Device] = []
        self._processes: dict[int, psutil.Process] = {}
        try:
            self._nvml = nvml if nvml is not None else load_nvml()
            count = self._nvml.nvmlDeviceGetCount()
        except (
            Exception
        ) as error:  # pynvml's classes differ by version; each means that there is no NVML
            self._nvml = None
            self.gpu_note = f"no NVIDIA GPU here ({_reason(error)})"
        else:
            self.gpu_note = self._find_devices(self._nvml, count)
        psutil.cpu_percent(None)

    def _find_devices(self, nvml: Nvml, count: int) -> str:
        """List the GPUs and MIG instances; return which GPUs are missing, and why."""
        notes = [] if count else ["the NVIDIA driver sees no GPU"]
        for index in range(count):
            try:
                handle = nvml.nvmlDeviceGetHandleByIndex(index)
            except Exception as error:  # one lost GPU does not hide the others
                notes.append(f"GPU {index} cannot be used ({_reason(error)})")
                continue
            name = _text(_ask(nvml.nvmlDeviceGetName, handle)) or "GPU"
            instances = _mig_instances(nvml, handle)
            if instances is None:
                self._devices.append(_Device(index, handle, name))
            elif not instances:
                notes.append(f"GPU {index} ({name}) is divided by MIG, and no instance is visible")
            for instance in instances or ():
                own = _text(_ask(nvml.nvmlDeviceGetName, instance)) or f"{name} MIG instance"
                self._devices.append(_Device(index, instance, own))
        return "; ".join(notes)

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
            gpus=tuple(self._gpu(device, memory) for device in self._devices),
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
        memory = psutil.virtual_memory()
        gpus = [self._gpu(device, memory) for device in self._devices]
        return Platform(
            system=f"{platform.system()} {platform.release()}",
            python=platform.python_version(),
            cpu=_cpu_name(),
            cores=psutil.cpu_count() or 1,
            ram_bytes=memory.total,
            gpus=tuple(Gpu(g.name, g.memory_total_bytes, g.shares_host_memory) for g in gpus),
            gpu_note=self.gpu_note,
            driver=_text(_ask(self._nvml.nvmlSystemGetDriverVersion)) if self._nvml else "",
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

    def _gpu(self, device: _Device, host: Any) -> GpuSample:
        """Return a sample of one GPU.

        Args:
            device: The GPU.
            host: The host's memory, as psutil reports it.
        """
        nvml, handle = self._nvml, device.handle
        assert nvml is not None  # devices exist only with NVML
        fault = ""
        used = total = 0
        integrated = False
        try:
            memory = nvml.nvmlDeviceGetMemoryInfo(handle)
            used, total = int(memory.used), int(memory.total)
        except Exception as error:  # pynvml's classes differ by version
            fault = _fault(error)
            integrated = not fault and any(part in device.name for part in _INTEGRATED)
        if integrated:
            used, total = host.total - host.available, host.total
        rates = _ask(nvml.nvmlDeviceGetUtilizationRates, handle)
        power = _ask(nvml.nvmlDeviceGetPowerUsage, handle)
        celsius = _ask(nvml.nvmlDeviceGetTemperature, handle, 0)
        running = _ask(nvml.nvmlDeviceGetComputeRunningProcesses, handle) or []
        return GpuSample(
            index=device.index,
            name=device.name,
            utilisation_percent=None if rates is None else float(rates.gpu),
            memory_used_bytes=used,
            memory_total_bytes=total,
            power_watts=None if power is None else power / 1000,
            temperature_celsius=None if celsius is None else float(celsius),
            shares_host_memory=integrated,
            fault=fault,
            processes=tuple((int(p.pid), _known_bytes(p.usedGpuMemory)) for p in running),
        )


def _mig_instances(nvml: Nvml, handle: Any) -> list[Any] | None:
    """Return the visible MIG instances of a GPU; None where it is not divided."""
    mode = _ask(lambda: nvml.nvmlDeviceGetMigMode(handle))
    if mode is None or not mode[0]:
        return None
    count = _ask(nvml.nvmlDeviceGetMaxMigDeviceCount, handle) or 0
    found = (_ask(nvml.nvmlDeviceGetMigDeviceHandleByIndex, handle, n) for n in range(count))
    return [instance for instance in found if instance is not None]


def _ask(query: Callable[..., Any], *arguments: Any) -> Any:
    """Call a query of NVML, and return its result; None if the GPU does not support it.

    MIG instances and old cards do not answer every query, and old libraries lack some.
    """
    try:
        return query(*arguments)
    except Exception:  # NVMLError_NotSupported and similar; the figure is shown as unknown
        return None


def _fault(error: Exception) -> str:
    """Return why a GPU stopped answering; empty where only one figure is not available."""
    lost = type(error).__name__.endswith(("GpuIsLost", "ResetRequired"))
    return _reason(error) if lost else ""


def _known_bytes(count: int | None) -> int:
    """Return the memory of a process; 0 where the driver does not tell it."""
    return int(count) if count is not None and count < _UNKNOWN_BYTES else 0


def _text(name: str | bytes | None) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else (name or "")


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
