"""Defines one sample of the machine's load: GPUs, CPU, memory and disk."""

from __future__ import annotations

import msgspec


class GpuSample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The load of one GPU at one moment; None for figures that the GPU does not provide."""

    index: int
    name: str
    utilisation_percent: float | None = None
    memory_used_bytes: int = 0
    memory_total_bytes: int = 0
    power_watts: float | None = None
    temperature_celsius: float | None = None
    shares_host_memory: bool = False
    """True where the GPU has no memory of its own, as in one chip with the processor."""
    fault: str = ""
    """Why the GPU does not answer, such as `GPU is lost`; empty where it answers."""
    processes: tuple[tuple[int, int], ...] = ()
    """Process id (outside any container) and used bytes of each process on the GPU."""


class MachineSample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The load of the whole machine, and of the current run, at one moment."""

    gpus: tuple[GpuSample, ...] = ()
    gpu_note: str = ""
    """Why none, or not all, of the GPUs are listed; empty where all are."""
    cpu_percent: float = 0.0
    """CPU load averaged over all cores, 0 to 100."""
    cores: int = 1
    load1: float = 0.0
    ram_used_bytes: int = 0
    ram_total_bytes: int = 0
    disk_free_bytes: int = 0
    run_processes: int = 0
    """Number of processes in the current run's process tree; 0 where nothing runs."""
    run_cpu_percent: float = 0.0
    """CPU use of the current run's process tree in percent of one core, up to 100 x cores."""
    run_rss_bytes: int = 0
