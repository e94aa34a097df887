"""Shows the machine's panel: use of GPUs, memory, CPU and disk, and other GPU processes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rich.cells import cell_len
from textual.strip import Strip

from engine.core.machine import GpuSample, MachineSample
from engine.core.text import plural
from tui.present.numbers import size
from tui.present.text import clean_line
from tui.view import View
from tui.widgets.gauge import gauge
from tui.widgets.painted import Run, Sheet, strip_of
from tui.widgets.wrapped import wrapped

_FULL_SHARE = 0.95
_HOT_CELSIUS = 85
_GIB = 2**30


class DevicesPanel(Sheet):
    """A panel with lines for each GPU and its other processes, then for the host and the run."""

    def __init__(
        self, *, name: str | None = None, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._devices: MachineSample | None = None
        self._running = False
        self._replayed = False
        self._at: datetime | None = None

    def show(self, view: View) -> None:
        """Show the view's newest sample of the machine; repaint only if it has changed."""
        now = (
            view.devices,
            view.session.running is not None,
            view.replay is not None,
            view.sampled_at,
        )
        if now == (self._devices, self._running, self._replayed, self._at):
            return
        self._devices, self._running, self._replayed, self._at = now
        self.repaint()

    def paint(self, width: int) -> list[Strip]:
        if self._devices is None:
            note = "not recorded" if self._replayed else "No sample yet."
            return [strip_of([(note, self.style_of("--dim"))])]
        return [strip_of(line) for line in self._lines(self._devices, width)]

    def _lines(self, devices: MachineSample, width: int) -> Iterable[list[Run]]:
        for gpu in devices.gpus:
            yield from self._gpu(gpu, width)
        if devices.gpu_note or not devices.gpus:
            note = clean_line(devices.gpu_note) or "No GPU was found."
            for text in wrapped(note, width):
                yield [(text, self.style_of("--dim"))]
        yield from self._host(devices, width)
        if self._at is not None:
            yield [(f"sampled at {self._at:%H:%M:%S} UTC", self.style_of("--dim"))]

    # ---- GPUs ------------------------------------------------------------------------------------

    def _gpu(self, gpu: GpuSample, width: int) -> Iterable[list[Run]]:
        name = clean_line(gpu.name).removeprefix("NVIDIA ")
        head: list[Run] = [(f"GPU{gpu.index} ", self.style_of("--strong"))]
        if gpu.fault:
            text = _cut(f"{name}: {clean_line(gpu.fault)}", width - _cells(head))
            yield [*head, (text, self.style_of("--attention"))]
            return
        busy = self._share("", gpu.utilisation_percent, width)
        label = "host memory" if gpu.shares_host_memory else "VRAM"
        memory = self._memory(label, gpu.memory_used_bytes, gpu.memory_total_bytes, width)
        power: list[Run] = []
        if gpu.power_watts is not None:
            power.append((f"  {gpu.power_watts:.0f} W", None))
        if gpu.temperature_celsius is not None:
            hot = gpu.temperature_celsius >= _HOT_CELSIUS
            mark = " hot" if hot else ""
            style = self.style_of("--attention") if hot else None
            power.append((f"  {gpu.temperature_celsius:.0f} °C{mark}", style))
        used = _cells(head + busy + memory + power) + 4
        room = min(cell_len(name), width - used)
        if room >= 4:
            yield [
                *head,
                (_cut(name, room), None),
                ("  ", None),
                *busy,
                ("  ", None),
                *memory,
                *power,
            ]
        else:
            room = max(0, width - _cells(head + busy + power) - 2)
            yield [*head, (_cut(name, room), None), ("  ", None), *busy, *power]
            yield [("     ", None), *memory]
        holders = self._holders(gpu)
        if holders:
            for text in wrapped(holders, max(1, width - 5)):
                yield [("     ", None), (text, self.style_of("--attention"))]

    def _holders(self, gpu: GpuSample) -> str:
        """Return a line about the GPU's processes beside the run; "" if there are none.

        NVML does not say which belong to the run, so while a run is active all are listed.
        """
        others = len(gpu.processes) - (1 if self._running else 0)
        if others <= 0:
            return ""
        largest = sorted(gpu.processes, key=lambda process: -process[1])[:3]
        listed = ", ".join(f"pid {pid} {size(used) if used else '?'}" for pid, used in largest)
        if self._running:
            return f"{len(gpu.processes)} processes on it: {listed}"
        return f"held by {plural(others, 'other process', 'other processes')}: {listed}"

    # ---- the host --------------------------------------------------------------------------------

    def _host(self, devices: MachineSample, width: int) -> Iterable[list[Run]]:
        cpu = self._share("CPU ", devices.cpu_percent, width)
        cpu.append((f"  {devices.cores} cores, load {devices.load1:.1f}", self.style_of("--dim")))
        memory = self._memory("RAM", devices.ram_used_bytes, devices.ram_total_bytes, width)
        if _cells(cpu) + _cells(memory) + 3 <= width:
            yield [*cpu, ("   ", None), *memory]
        else:
            yield cpu
            yield memory
        run: list[Run] = [("run ", self.style_of("--strong"))]
        if devices.run_processes:
            run.append((plural(devices.run_processes, "process", "processes"), None))
            run.append(
                (f"  {devices.run_cpu_percent:.0f}% CPU  {size(devices.run_rss_bytes)}", None)
            )
        else:
            run.append(("nothing runs", self.style_of("--dim")))
        low = devices.disk_free_bytes < 2 * _GIB
        style = self.style_of("--attention") if low else None
        disk: list[Run] = [
            (f"disk {size(devices.disk_free_bytes)} free{' (low)' if low else ''}", style)
        ]
        if _cells(run) + _cells(disk) + 3 <= width:
            yield [*run, ("   ", None), *disk]
        else:
            yield run
            yield disk

    # ---- figures with a bar ----------------------------------------------------------------------

    def _share(self, label: str, percent: float | None, width: int) -> list[Run]:
        if percent is None:
            return [(f"{label}  -%", self.style_of("--dim"))]
        filled, rest = gauge(percent / 100, _bar_cells(width))
        return [
            (f"{label}{percent:3.0f}% ", None),
            (filled, self.style_of("--accent")),
            (rest, self.style_of("--dim")),
        ]

    def _memory(self, label: str, used: int, total: int, width: int) -> list[Run]:
        if total <= 0:
            return self.runs([(f"{label} {size(used)}" if used else f"{label} unknown", "--dim")])
        share = used / total
        full = share >= _FULL_SHARE
        filled, rest = gauge(share, _bar_cells(width))
        style = self.style_of("--attention" if full else "--accent")
        return [
            (f"{label} {used / _GIB:.1f}/{total / _GIB:.1f} GiB{' full' if full else ''} ", None),
            (filled, style),
            (rest, self.style_of("--dim")),
        ]


def _bar_cells(width: int) -> int:
    return max(4, min(14, width // 8))


def _cells(runs: list[Run]) -> int:
    return sum(cell_len(text) for text, _ in runs)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(0, width - 1)]}…" if width > 0 else ""
