"""The agent, edit and devices panels."""

from __future__ import annotations

from dataclasses import replace

import msgspec.structs

from engine.core import events as ev
from engine.core.enums import Actor
from engine.core.machine import GpuSample, MachineSample
from engine.core.reducer import apply
from engine.core.session import Session
from tests.tui.widgets.widget_scenes import (
    PATCH,
    REASONING,
    Host,
    segments_of,
    session_of,
    text_of,
    view_of,
)
from tui.present.diff_rows import counts, rows_of
from tui.view import View
from tui.widgets.agent_panel import AgentPanel
from tui.widgets.devices_panel import DevicesPanel
from tui.widgets.edit_panel import EditPanel


async def test_agent_shows_hypothesis_and_reason() -> None:
    panel = AgentPanel()
    session = session_of(13)
    async with Host(panel).run_test(size=(60, 24)) as pilot:
        panel.show(view_of(session))
        await pilot.pause()
        text = text_of(panel)
        assert session.experiments[-1].proposal.hypothesis in " ".join(text.split())
        assert "expected ▸ val_bpb" in text
        assert REASONING.split(". ")[0] in " ".join(text.split())
        assert panel.caption() == "Agent · #14"
        panel.show(replace(view_of(session), reasoning="a new thought"))
        await pilot.pause()
        assert "a new thought" in text_of(panel)


async def test_agent_shows_why_it_waits() -> None:
    panel = AgentPanel()
    session = session_of(13, running=False)
    paused = apply(
        session,
        ev.Paused(
            by=Actor.ENGINE, reason="the disk is full", todo="free some space", at=session.at
        ),
    )
    async with Host(panel).run_test(size=(60, 24)) as pilot:
        panel.show(view_of(paused))
        await pilot.pause()
        lines = text_of(panel).split("\n")
        assert lines[0].startswith("paused ▸ the disk is full")
        assert lines[1].startswith("to do ▸ free some space")


async def test_agent_notes_at_the_start() -> None:
    panel = AgentPanel()
    async with Host(panel).run_test(size=(60, 24)) as pilot:
        panel.show(view_of(session_of(0)))
        await pilot.pause()
        assert "note ▸ results.tsv was kept as it is" in text_of(panel)
        panel.show(view_of(session_of(5)))
        await pilot.pause()
        assert "note ▸" not in text_of(panel)


async def test_edit_unified_and_side_by_side() -> None:
    for width, side_by_side in ((80, False), (130, True)):
        panel = EditPanel()
        async with Host(panel).run_test(size=(width, 24)) as pilot:
            panel.show(view_of(session_of(13)))
            await pilot.pause()
            lines = [line.rstrip() for line in text_of(panel).split("\n")]
            assert panel.caption() == "#14 train.py +3 −1 · risk: none"
            line = next(line for line in lines if "WARMDOWN_RATIO = 0.5" in line)
            assert line.startswith("418 - WARMDOWN_RATIO")
            assert ("│418 + WARMDOWN_RATIO = 0.7" in line) is side_by_side
            assert any("def get_lr_multiplier" in line for line in lines)


async def test_edit_marks_changed_words() -> None:
    panel = EditPanel()
    async with Host(panel).run_test(size=(80, 24)) as pilot:
        panel.show(view_of(session_of(13)))
        await pilot.pause()
        strong = panel.style_of("--added-word").bgcolor
        plain = panel.style_of("--added").bgcolor
        assert strong != plain
        marked = [s.text for s in segments_of(panel) if s.style and s.style.bgcolor == strong]
        assert marked == ["7"]


async def test_edit_of_the_baseline_and_of_nothing() -> None:
    panel = EditPanel()
    async with Host(panel).run_test(size=(80, 24)) as pilot:
        panel.show(View())
        await pilot.pause()
        assert "No edit yet." in text_of(panel)
        panel.show(view_of(session_of(0)))
        await pilot.pause()
        assert "the baseline: train.py as it is" in text_of(panel)
        panel.show_patch(PATCH, "#7 train.py")
        await pilot.pause()
        assert panel.caption() == "#7 train.py +3 −1"


def test_rows_of_a_diff() -> None:
    rows = rows_of(PATCH)
    assert counts(rows) == (3, 1)
    assert rows[0].heading == "UNEMBEDDING_LR = 0.004"
    pair = rows[4]
    assert pair.old is not None and pair.new is not None
    assert (pair.old.number, pair.new.number) == (418, 418)
    assert [pair.new.text[a:b] for a, b in pair.new.marks] == ["7"]


def test_lines_that_look_like_headers_are_content() -> None:
    rows = rows_of("--- a/x\n+++ b/x\n@@ -1,2 +1,1 @@\n--- a comment\n+++ i\n-two\n\\ No newline\n")
    assert counts(rows) == (1, 2)
    assert [row.old.text for row in rows if row.old] == ["-- a comment", "two"]


SEVERAL = """\
diff --git a/train.py b/train.py
index 1..2 100644
--- a/train.py
+++ b/train.py
@@ -1 +1 @@
-LR = 1
+LR = 2
diff --git a/new.py b/new.py
new file mode 100644
--- /dev/null
+++ b/new.py
@@ -0,0 +1 @@
+X = 1
diff --git a/image.bin b/image.bin
Binary files a/image.bin and b/image.bin differ
diff --git a/gone.txt b/gone.txt
deleted file mode 100644
--- a/gone.txt
+++ /dev/null
@@ -1 +0,0 @@
-y
"""


def headings(patch: str, title: str | None = None) -> list[str]:
    return [row.heading for row in rows_of(patch, title) if row.is_file]


def test_a_diff_over_several_files_names_each() -> None:
    names = ["train.py", "new.py (new)", "image.bin (binary)", "gone.txt (deleted)"]
    assert headings(SEVERAL) == names
    plain = (
        "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n--- a/y.py\n+++ b/y.py\n@@ -1 +1 @@\n-a\n+b\n"
    )
    assert headings(plain) == ["x.py", "y.py"]
    assert counts(rows_of(SEVERAL)) == (2, 2)


def test_a_single_file_is_named_where_the_title_does_not() -> None:
    one = SEVERAL[: SEVERAL.index("diff --git a/new.py")]
    assert headings(one) == headings(one, "#7 train.py") == headings(one, "train.py") == []
    assert headings(one, "#7 diff") == headings(one, "all changes") == ["train.py"]
    deep = one.replace("/train.py", "/lab/train.py")
    assert headings(deep, "#7 train.py") == []
    assert headings(deep, "#7 model.py") == ["lab/train.py"]


async def test_the_panel_shows_the_names_of_several_files() -> None:
    panel = EditPanel()
    for width in (70, 120):
        async with Host(panel).run_test(size=(width, 24)) as pilot:
            panel.show_patch(SEVERAL, "all changes")
            await pilot.pause()
            assert "━━ new.py (new) ━" in text_of(panel)
        panel = EditPanel()


def test_a_huge_diff_is_cut() -> None:
    rows = rows_of("@@ -0,0 +1,9999 @@\n" + "\n".join(f"+{n}" for n in range(9999)))
    assert 5000 <= len(rows) <= 10_002
    assert rows_of("") == []
    assert rows_of("no diff at all") == []


async def test_devices_wide_and_narrow() -> None:
    for width in (100, 50):
        panel = DevicesPanel()
        async with Host(panel).run_test(size=(width, 12)) as pilot:
            panel.show(view_of(session_of(3)))
            await pilot.pause()
            text = text_of(panel)
            for part in ("GPU0 ", "98%", "44.0/80.0 GiB", "612 W", "67 °C", "2 processes on it"):
                assert part in text
            for part in (
                "CPU  12%",
                "RAM 30.0/200.0 GiB",
                "run 9 processes",
                "disk 400.0 GiB free",
            ):
                assert part in text


async def test_devices_explain_a_missing_gpu() -> None:
    panel = DevicesPanel()
    sample = MachineSample(gpu_note="no NVIDIA driver", cores=4, ram_total_bytes=2**33)
    view = View(devices=sample)
    async with Host(panel).run_test(size=(60, 12)) as pilot:
        panel.show(view)
        await pilot.pause()
        text = text_of(panel)
        assert "no NVIDIA driver" in text
        assert "nothing runs" in text
        assert "(low)" in text


async def test_devices_name_a_lost_gpu_and_unknown_memory() -> None:
    panel = DevicesPanel()
    gpus = (
        GpuSample(index=0, name="NVIDIA H100", fault="GPU is lost"),
        GpuSample(index=1, name="NVIDIA H100", processes=((7, 0),)),
        GpuSample(
            index=2,
            name="NVIDIA GB10",
            shares_host_memory=True,
            memory_used_bytes=2**33,
            memory_total_bytes=2**36,
        ),
    )
    sample = MachineSample(gpus=gpus, gpu_note="GPU 3 cannot be used (GPU is lost)")
    async with Host(panel).run_test(size=(80, 12)) as pilot:
        panel.show(View(devices=sample))
        await pilot.pause()
        text = text_of(panel)
        assert "GPU0 H100: GPU is lost" in text
        assert "VRAM unknown" in text
        assert "pid 7 ?" in text
        assert "host memory 8.0/64.0 GiB" in text
        assert "GPU 3 cannot be used" in text


async def test_devices_name_the_processes_on_an_idle_gpu() -> None:
    panel = DevicesPanel()
    view = view_of(session_of(3, running=False))
    assert view.devices is not None
    gpu = msgspec.structs.replace(view.devices.gpus[0], utilisation_percent=None, power_watts=None)
    devices = msgspec.structs.replace(view.devices, gpus=(gpu,))
    async with Host(panel).run_test(size=(100, 12)) as pilot:
        panel.show(replace(view, devices=devices))
        await pilot.pause()
        assert "held by 2 other processes: pid 4121 44.0 GiB" in text_of(panel)


async def test_the_baseline_is_named_once() -> None:
    proposal = ev.Proposal(patch_id="x", hypothesis="Baseline", category="baseline", agent="search")
    started = apply(
        Session(), ev.ProposalDrafted(experiment=1, base="", proposal=proposal, patch="")
    )
    widget = AgentPanel()
    async with Host(widget).run_test(size=(60, 20)) as pilot:
        widget.show(View(session=started))
        await pilot.pause()
        assert text_of(widget).lower().count("baseline") == 1
        assert "search" in text_of(widget)
