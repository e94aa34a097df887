"""The parser of run.log, on logs as they are in the wild."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.enums import Phase
from engine.core.run_log.reader import RunLog
from engine.core.run_log.values import parse_number

STEP = (
    "step {:05d} ({:.1f}%) | loss: {:.6f} | lrm: 1.00 | dt: 503ms | tok/sec: 1,041,624 | "
    "mfu: 45.4% | epoch: 1 | remaining: {:.0f}s    "
)
SUMMARY = """---
val_bpb:          0.997900
training_seconds: 300.1
total_seconds:    325.9
peak_vram_mb:     45060.2
num_steps:        953
depth:            8
"""
TRACEBACK = """Traceback (most recent call last):
  File "train.py", line 3, in <module>
    main()
    ~~~~^^
RuntimeError: boom
"""


def feed(text: str | bytes, *cuts: int) -> RunLog:
    data = text.encode() if isinstance(text, str) else text
    log, last = RunLog("val_bpb"), 0
    for cut in sorted(cuts):
        log.feed(data[last:cut])
        last = cut
    log.feed(data[last:])
    log.finish()
    return log


def whole_run() -> str:
    steps = "".join("\r" + STEP.format(n, n / 2, 9 - n / 50, 300 - n) for n in range(0, 201, 50))
    return f"Vocab size: 8,192\n{steps}\n{SUMMARY}"


@given(st.lists(st.integers(0, 1200), max_size=12))
def test_it_does_not_matter_where_the_bytes_are_cut(cuts: list[int]) -> None:
    log = feed(whole_run(), *cuts)
    assert log.metric_value == 0.9979
    assert log.number("peak_vram_mb") == 45060.2
    assert log.number("num_steps") == 953
    assert log.separators == 1
    assert (log.progress.step, log.progress.phase) == (200, Phase.EVALUATING)


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=6))
def test_no_bytes_make_it_fail_and_cuts_do_not_matter(data: bytes, cuts: list[int]) -> None:
    # A cut inside the first four bytes decides nothing about the encoding yet.
    assert feed(data, *cuts).summary == feed(data).summary


def test_progress_without_a_single_newline() -> None:
    log = RunLog("val_bpb")
    log.feed(("\r" + STEP.format(402, 44.1, 3.2104, 168)).encode())
    p = log.progress
    assert (p.phase, p.step) == (Phase.TRAINING, 402)
    assert p.share == pytest.approx(0.441)
    assert (p.loss, p.tokens_per_second, p.remaining_seconds) == (3.2104, 1041624, 168)


def test_compiling_is_start_up_though_steps_are_printed() -> None:
    log = RunLog("val_bpb")
    log.feed(("\r" + STEP.format(3, 0.0, 9.0, 300)).encode())
    assert log.progress.phase is Phase.STARTING


def test_utf16_from_a_redirect() -> None:
    for data in (whole_run().encode("utf-16"), whole_run().encode("utf-16-le")):
        assert feed(data, 3, 4, 77).metric_value == 0.9979


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_line_ends(end: str) -> None:
    assert feed(f"---{end or chr(10)}val_bpb: 1.25{end}").metric_value == 1.25


def test_colours_are_no_part_of_a_line() -> None:
    assert feed("\x1b[32mval_bpb:\x1b[0m \x1b[1m0.5\x1b[0m\n").metric_value == 0.5


def test_the_last_traceback_is_kept_whole() -> None:
    log = feed(f"warning\n{TRACEBACK.replace('boom', 'first')}\n{TRACEBACK}after\n")
    assert log.traceback == TRACEBACK.rstrip("\n")


def test_fail_and_nan() -> None:
    assert feed("FAIL\n").saw_fail
    loss = feed("\rstep 00001 (0.1%) | loss: nan | x").progress.loss
    assert loss is not None
    assert math.isnan(loss)


def test_two_summaries_are_noticed() -> None:
    log = feed(SUMMARY + SUMMARY.replace("0.9979", "0.5"))
    assert log.separators == 2
    assert len({found.value.printed for found in log.choice.counted}) == 2


def test_a_metric_with_another_name_and_shape() -> None:
    log = RunLog("val/acc")
    log.feed(b"val/acc = 91.5 %\n")
    log.finish()
    assert log.metric_value == 91.5


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,234.5", 1234.5),
        ("-3e-4", -3e-4),
        (".5 s", 0.5),
        ("N/A", None),
        ("", None),
        ("inf", math.inf),
    ],
)
def test_numbers_as_people_print_them(text: str, value: float | None) -> None:
    assert parse_number(text) == value


def test_progress_of_bars_and_validation_lines() -> None:
    bar = feed("\rTraining:  45%|####      | 450/1000 loss: 2.5").progress
    assert (bar.share, bar.loss) == (0.45, 2.5)
    assert feed("val_loss: 1.5\n").progress.loss is None
