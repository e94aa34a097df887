"""Each rule by which a log's line is progress, a summary, a traceback, or nothing."""

from __future__ import annotations

import math

import pytest

from engine.core.enums import Phase
from engine.core.run_log.reader import RunLog
from engine.core.run_log.values import parse_number


def feed(*pieces: str | bytes, metric: str = "val_bpb", finish: bool = True) -> RunLog:
    log = RunLog(metric)
    for piece in pieces:
        log.feed(piece.encode() if isinstance(piece, str) else piece)
    if finish:
        log.finish()
    return log


def printed_values(log: RunLog) -> list[str]:
    """Return the printed values that the metric was chosen from, newest last."""
    return [found.value.printed for found in log.choice.counted]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1_000", 1000.0),
        ("+2.5e+3 tokens", 2500.0),
        ("1.", 1.0),
        ("Infinity", math.inf),
        ("+inf", math.inf),
        ("-inf", -math.inf),
        ("none", None),
        ("-", None),
    ],
)
def test_a_number_is_read_as_people_print_it(text: str, value: float | None) -> None:
    assert parse_number(text) == value
    assert parse_number(f"  {text}  ") == value


@pytest.mark.parametrize("text", ["nan", "NaN", "+nan", "-nan", "nan (diverged)"])
def test_not_a_number_is_read_as_such(text: str) -> None:
    value = parse_number(text)
    assert value is not None and math.isnan(value)


# ---- progress


@pytest.mark.parametrize(
    "line",
    [
        "step 5 loss: 2.5",
        "step=5 (50%)",
        "50% loss: 2.5",
        "Step: 00005 | train_loss=2.5",
        "step #5 train loss 2.5",
    ],
)
def test_a_line_is_progress_with_a_loss_or_with_step_and_percent(line: str) -> None:
    assert feed(f"{line}\n").progress.phase is Phase.TRAINING


@pytest.mark.parametrize("line", ["step 5", "50 %", "loss: 2.5", "stepwise 5%", "epoch 3"])
def test_a_line_with_less_is_not_progress(line: str) -> None:
    log = feed(f"{line}\n")
    assert log.progress.phase is Phase.STARTING
    assert log.tail == line


def test_what_a_line_does_not_say_stays_as_it_was() -> None:
    progress = feed("step 5 (50%) loss: 2.5\n", "step 6 loss: 2.25\n").progress
    assert (progress.step, progress.share, progress.loss) == (6, 0.5, 2.25)
    progress = feed("step 5 (50%) loss: 2.5\n", "75% loss: 2.0\n").progress
    assert (progress.step, progress.share, progress.loss) == (5, 0.75, 2.0)
    progress = feed("step 5 (50%) loss: 2.5\n", "step 7 (70%)\n").progress
    assert (progress.step, progress.share, progress.loss) == (7, 0.7, 2.5)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("tok/sec: 1,041,624", 1_041_624.0),
        ("tok/s: 12.5k", 12_500.0),
        ("tokens/sec=1.5M", 1_500_000.0),
        ("tokens/s 2K", 2_000.0),
        ("no rate", None),
    ],
)
def test_a_rate_of_tokens_is_read_with_its_unit(text: str, rate: float | None) -> None:
    assert feed(f"step 5 loss: 2.5 | {text}\n").progress.tokens_per_second == rate


@pytest.mark.parametrize(
    ("text", "phase"),
    [
        ("(100%)", Phase.EVALUATING),
        ("(100.0 %)", Phase.EVALUATING),
        ("(250%)", Phase.EVALUATING),
        ("(99.9%)", Phase.TRAINING),
        ("(50%) remaining: 0s", Phase.EVALUATING),
        ("(50%) remaining: 12.5s", Phase.TRAINING),
        ("(0.0%)", Phase.STARTING),
    ],
)
def test_the_phase_follows_the_share_and_the_time_that_remains(text: str, phase: Phase) -> None:
    progress = feed(f"step 5 {text} loss: 2.5\n").progress
    assert progress.phase is phase
    assert progress.share is not None and 0 <= progress.share <= 1


def test_a_share_of_nothing_is_start_up_only_at_the_start() -> None:
    log = feed("step 5 (1%) loss: 2.5\n", "step 6 (0%) loss: 2.5\n")
    assert log.progress.phase is Phase.TRAINING


def test_a_step_too_long_to_be_one_is_left_out() -> None:
    assert feed(f"step {'9' * 18} (1%)\n").progress.step == int("9" * 18)
    assert feed(f"step 3 (1%)\nstep {'9' * 19} (2%)\n").progress.step == 3


def test_an_unfinished_progress_line_counts_at_once() -> None:
    log = feed("step 5 (50%) loss: 2.5", finish=False)
    assert log.progress.step == 5
    log.feed(b"\rstep 6 (60%)")
    assert log.progress.step == 6


def test_progress_lines_replace_each_other_in_the_tail_and_other_lines_stay() -> None:
    log = feed("loading\n", *(f"step {n} loss: 2.5\n" for n in range(50)), "done\n")
    assert log.tail == "loading\nstep 49 loss: 2.5\ndone"


def test_the_tail_holds_the_last_sixty_lines() -> None:
    lines = feed("".join(f"line {n}\n" for n in range(100))).tail.splitlines()
    assert lines == [f"line {n}" for n in range(40, 100)]


# ---- summaries


def test_a_separator_begins_a_new_summary_and_ends_the_training() -> None:
    log = feed("step 5 (50%) loss: 2.5 tok/s: 5\n", "old: 1\n---\nval_bpb: 0.9\nDepth = 8\n")
    assert log.separators == 1
    assert log.summary == {"val_bpb": "0.9", "Depth": "8"}
    progress = log.progress
    assert (progress.phase, progress.share, progress.step) == (Phase.EVALUATING, 0.5, 5)
    assert (progress.loss, progress.tokens_per_second) == (2.5, None)
    assert (log.number("Depth"), log.number("absent")) == (8.0, None)


@pytest.mark.parametrize(
    ("line", "counts"),
    [("---", 1), ("-----", 0), ("---===", 0), ("--", 0), ("===", 0), ("--- x", 0)],
)
def test_a_separator_is_three_dashes_before_the_figures_of_a_summary(
    line: str, counts: int
) -> None:
    log = feed(f"{line}\nval_bpb: 0.9\nnum_steps: 5\n")
    assert log.separators == counts
    assert log.progress.phase is (Phase.EVALUATING if counts else Phase.STARTING)
    assert feed(f"{line}\n").separators == 0
    assert feed(f"{line}\nval_bpb: 0.9\n").separators == 0
    assert feed(f"{line}\na heading\nnum_steps: 5\n").separators == 0


EPOCHS = "".join(f"Epoch {n}\n{{}}\nval_bpb: {1 / n:.6f}\n" for n in range(1, 4))
MODEL = """  | Name  | Type | Params
---------------------------
0 | net   | MLP  | 1.2 M
---------------------------
1.2 M     Trainable params
"""


@pytest.mark.parametrize(
    "text",
    [
        MODEL,
        *(EPOCHS.format(rule, rule, rule) for rule in ("---", "-" * 31, "=" * 31, "—" * 9)),
        "---\ntitle: a document\ndate: today\n---\n",
        "--- val ---\n  val_bpb: 0.8\n--- test ---\n  val_bpb: 0.7\n",
        "-" * 80 + "\nLayer (type)   Output Shape   Param #\n" + "-" * 80 + "\n",
    ],
)
def test_rules_of_dashes_begin_no_summary_and_no_phase(text: str) -> None:
    log = feed(text)
    assert (log.separators, log.summary_values) == (0, [])
    assert log.progress.phase is Phase.STARTING


def test_the_values_of_epochs_are_a_curve_and_those_of_two_summaries_a_contradiction() -> None:
    log = feed(EPOCHS.format("---", "---", "---"))
    assert printed_values(log) == ["1.000000", "0.500000", "0.333333"]
    assert log.summary_values == []
    block = "---\nval_bpb: {}\ntraining_seconds: 3\n"
    log = feed(block.format(0.9), "val_bpb: 0.7\n", block.format(0.5))
    assert log.summary_values == ["0.9", "0.5"]


@pytest.mark.parametrize(
    ("line", "share"),
    [
        ("iter 100: loss 2.5, time 20.00ms, mfu 3.21%", None),
        ("step 5 | loss: 2.5 | acc: 92.3%", None),
        ("step 5 loss 2.5 accuracy 92.3%", None),
        ("epoch 1 step 5 loss: 2.5 (acc 50.00%)", None),
        ("step 5 loss 2.5 GPU 45% mem 12%", None),
        ("Train Epoch: 1 [6400/60000 (11%)]\tLoss: 0.5", 0.11),
        (" 45%|####      | 450/1000 [00:01<00:02, loss=2.5]", 0.45),
        ("Epoch 3:  45%|####      | 450/1000 loss: 2.5", 0.45),
        ("Training ━━━━━━╸ 45% 0:00:01 loss: 2.5", 0.45),
        ("step 5 | 45% | loss: 2.5", 0.45),
        ("[ 45%] loss: 2.5", 0.45),
        ("progress: 45% loss: 2.5", 0.45),
    ],
)
def test_a_percent_is_a_share_only_behind_a_step_an_epoch_or_a_bar(
    line: str, share: float | None
) -> None:
    assert feed(f"{line}\n").progress.share == share


def test_the_loss_of_a_progress_line_is_that_of_training() -> None:
    assert feed("step 5 val loss 3.0 loss 2.5\n").progress.loss == 2.5
    assert feed("step 5 (50%) val loss 3.0\n").progress.loss is None


@pytest.mark.parametrize("half", ["step 1", "step 1 (5", "step 100 (50.0%) | loss: 2", "st"])
def test_half_a_line_is_no_progress(half: str) -> None:
    log = feed(f"step 99 (40%) loss: 3.5\n{half}", finish=False)
    assert log.progress.loss == 3.5
    assert log.progress.step == (100 if "|" in half else 99)


def test_only_what_remains_of_the_budget_is_evidence_of_a_phase() -> None:
    assert feed("step 5 (50%) loss: 2.5 | remaining: 12s\n").progress.budgeted
    assert not feed("step 5 (50%) loss: 2.5\n").progress.budgeted
    assert not feed("100%|###| 10/10 loss: 2.5\n").progress.budgeted
    assert not feed(MODEL).progress.budgeted


def test_a_metric_is_read_by_its_exact_name() -> None:
    log = feed("val_bpb: 0.9\nold_val_bpb: 5\nval_bpb_ema: 7\n  val_bpb = 0.8 bits\n")
    assert printed_values(log) == ["0.9", "0.8 bits"]
    assert log.metric_value == 0.8
    assert printed_values(feed("x.y: 1\nxzy: 2\n", metric="x.y")) == ["1"]
    assert feed("nothing\n").metric_value is None
    assert feed("val_bpb: unknown\n").metric_value is None


def test_no_more_than_a_thousand_metric_lines_and_two_hundred_keys_are_kept() -> None:
    log = feed("".join(f"val_bpb: {n}\n" for n in range(1005)))
    assert (len(printed_values(log)), printed_values(log)[0], printed_values(log)[-1]) == (
        1000,
        "5",
        "1004",
    )
    assert len(feed("".join(f"key{n}x: {n}\n" for n in range(250))).summary) == 200


@pytest.mark.parametrize(
    ("text", "figure"), [("1.5", 1.5), ("nan", None), ("inf", None), ("x", None)]
)
def test_a_figure_is_a_finite_number(text: str, figure: float | None) -> None:
    log = feed(f"peak: {text}\n")
    assert log.figure("peak") == figure
    assert log.figure("absent") is None


@pytest.mark.parametrize(("line", "fail"), [("FAIL", True), ("  FAIL  ", True), ("FAILED", False)])
def test_fail_alone_on_a_line_is_seen(line: str, fail: bool) -> None:
    assert feed(f"{line}\n").saw_fail is fail


# ---- tracebacks


HEAD = "Traceback (most recent call last):"


def test_a_traceback_ends_with_the_first_line_that_is_not_indented() -> None:
    log = feed(f"{HEAD}\n  File x\n\ty\nValueError: bad\nafter\n")
    assert log.traceback == f"{HEAD}\n  File x\n\ty\nValueError: bad"


def test_a_traceback_that_is_cut_off_is_kept_as_far_as_it_came() -> None:
    assert feed(f"{HEAD}\n  File x\n").traceback == f"{HEAD}\n  File x"
    log = feed(f"[rank0]: {HEAD}\n  File x\nstep 5 loss: 2.5\n  File y\n")
    assert log.traceback == f"[rank0]: {HEAD}\n  File x"


def test_a_very_long_traceback_keeps_its_head_and_its_end() -> None:
    log = feed(f"{HEAD}\n" + "".join(f"  frame {n}\n" for n in range(500)) + "RecursionError: x\n")
    lines = log.traceback.splitlines()
    assert (lines[0], lines[1], lines[-1]) == (HEAD, "  …", "RecursionError: x")
    assert len(lines) <= 121
    assert "  frame 499" in lines


def test_the_lines_of_a_traceback_are_not_a_summary() -> None:
    log = feed(f"{HEAD}\n  val_bpb: 1\nKeyError: 2\nval_bpb: 0.9\n")
    assert printed_values(log) == ["0.9"]
    assert log.summary == {"val_bpb": "0.9"}


# ---- bytes


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_the_encoding_is_found_by_the_first_bytes(encoding: str) -> None:
    data = "---\nval_bpb: 0.9\n".encode(encoding)
    assert feed(data).metric_value == 0.9
    assert feed(*(data[n : n + 1] for n in range(len(data)))).metric_value == 0.9


def test_a_big_endian_mark_is_understood() -> None:
    assert feed(b"\xfe\xff" + "val_bpb: 0.9\n".encode("utf-16-be")).metric_value == 0.9


@pytest.mark.parametrize("data", [b"a", b"ab", b"abc", b"abcd"])
def test_a_log_of_a_few_bytes_is_read_at_its_end(data: bytes) -> None:
    assert feed(data).tail == data.decode()
    assert feed(b"").tail == ""


def test_bytes_that_are_not_text_do_not_hide_the_rest() -> None:
    assert feed(b"\xff\xfa bad \x00\nval_bpb: 0.9\n").metric_value == 0.9


def test_a_carriage_return_may_be_cut_from_its_newline() -> None:
    log = feed("val_bpb: 0.9\r", "\nnext\r", "last\n")
    assert log.tail == "val_bpb: 0.9\nnext\nlast"


def test_a_line_that_was_begun_before_a_gap_is_ended_there() -> None:
    log = feed("val_bpb: 0.9", finish=False)
    log.skip()
    log.skip()
    log.feed(b"1\n")
    log.finish()
    assert log.tail == "val_bpb: 0.9\n1"
    assert printed_values(log) == ["0.9"]


def test_a_line_without_an_end_is_kept_in_part() -> None:
    log = feed("x" * 40_000, finish=False)
    log.feed(b"\nval_bpb: 0.9\n")
    log.finish()
    first, second = log.tail.splitlines()
    assert (len(first), second) == (16_384, "val_bpb: 0.9")


def test_a_log_that_reports_no_figure_has_none() -> None:
    for progress in (RunLog("val_bpb").progress, feed("hello\n").progress):
        assert (progress.share, progress.step, progress.loss) == (None, None, None)
        assert (progress.tokens_per_second, progress.remaining_seconds) == (None, None)
