"""What a machine was doing at one moment."""

from __future__ import annotations

import msgspec


class GpuSample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One GPU at one moment. None: this GPU does not tell."""

    index: int
    name: str
    utilisation_percent: float | None = None
    memory_used_bytes: int = 0
    memory_total_bytes: int = 0
    power_watts: float | None = None
    temperature_celsius: float | None = None
    processes: tuple[tuple[int, int], ...] = ()
    """(pid on the host, bytes used) of each compute process."""


class MachineSample(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The whole machine at one moment."""

    gpus: tuple[GpuSample, ...] = ()
    gpu_note: str = ""
    """Why there are no GPUs to show."""
    cpu_percent: float = 0.0
    """Of all cores together, 0 to 100."""
    cores: int = 1
    load1: float = 0.0
    ram_used_bytes: int = 0
    ram_total_bytes: int = 0
    disk_free_bytes: int = 0
    run_processes: int = 0
    """Processes of the current run's own tree; 0 when nothing runs."""
    run_cpu_percent: float = 0.0
    """Of one core, so up to 100 x cores."""
    run_rss_bytes: int = 0
