"""The forms in which training scripts of strangers print their result: which value is read."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.enums import Direction
from engine.core.run_log.metric_rule import MetricRule
from engine.core.run_log.reader import RunLog
from engine.core.run_log.values import parse_number, read_value


def read(metric: str, text: str, **rule: str) -> RunLog:
    log = RunLog(
        MetricRule(name=metric, source=rule.get("source", ""), pick=rule.get("pick", "last"))
    )
    log.feed(text.encode())
    log.finish()
    return log


HEAD = "Traceback (most recent call last):"
BAR = "100%|####| 10/10 [00:01<00:00, 9.9it/s"
REPORTED = [
    ("val_loss", "val_loss: 0.940000", 0.94),
    ("val_loss", "2026-11-28 20:50:57,299 INFO train: val_loss: 0.940000", 0.94),
    (
        "val_loss",
        "2026-03-01 12:00:00.123 | INFO     | __main__:main:42 - val_loss: 0.940000",
        0.94,
    ),
    ("val_loss", "[default0]:val_loss: 0.940000", 0.94),
    ("val_loss", "[rank0]: val_loss: 0.940000", 0.94),
    ("val_loss", "METRIC val_loss=0.940000", 0.94),
    ("val_loss", "step:1000/1000 val_loss:0.9400 val_bpb:1.2244 train_time:82000ms", 0.94),
    ("val_loss", "Epoch 10/10 - train_loss: 0.50 - val_loss: 0.9400", 0.94),
    ("eval_loss", "{'eval_loss': 0.94, 'eval_runtime': 3.2, 'epoch': 1.0}", 0.94),
    (
        "eval_loss",
        "***** eval metrics *****\n  epoch                   =        1.0\n"
        "  eval_loss               =     0.9400",
        0.94,
    ),
    ("val_loss", '{"val_loss": 0.9400000000000001, "steps": 100}', 0.9400000000000001),
    ("val_loss", "│         val_loss          │    0.940000     │", 0.94),
    ("val_loss", "val_loss: tensor(0.9400)", 0.94),
    ("val_loss", "val_loss: tensor(0.9400, device='cuda:0')", 0.94),
    ("val_loss", "\033[1mval_loss\033[0m: \033[32m0.9400\033[0m", 0.94),
    ("val_loss", "**val_loss**: 0.9400", 0.94),
    ("val_loss", "val_loss=0.9400", 0.94),
    ("val_loss", "val_loss -> 0.9400", 0.94),
    ("val_loss", "val_loss\t0.9400", 0.94),
    ("val_acc", "val_acc: 94.00% at step 300", 94.0),
    ("val_acc", "val_acc: 94.00% loss: 0.21", 94.0),
    ("loss", "loss: 0.9400 acc: 92.3%", 0.94),
    ("loss", "loss: 0.9400 (step 300)", 0.94),
    ("best_val_loss", "best_val_loss: 0.9400 step 300 loss 0.4", 0.94),
    ("Val Loss", "Val Loss: 0.9400", 0.94),
    ("val_loss", "Val_Loss: 0.9400", 0.94),
    ("latency_ms", "latency_ms: 0.9400 ms", 0.94),
    ("throughput", "throughput: 12 345.6", 12345.6),
    ("val_loss", "val_loss: 0,9400", 0.94),
    ("val_loss", "val_loss: nan\nval_loss: 0.9400", 0.94),
    (
        "val_loss",
        f"{HEAD}\n  File 'x'\nZeroDivisionError: division by zero\nval_loss: 0.9400",
        0.94,
    ),
    ("val_loss", f"{BAR}]val_loss: 0.9400", 0.94),
    ("val_loss", f"\r{BAR}, loss=0.21]val_loss: 0.9400", 0.94),
]
"""The 33 forms that were collected from issues and tutorials of other projects."""


@pytest.mark.parametrize(("metric", "text", "value"), REPORTED)
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_each_of_the_reported_forms_is_read(metric: str, text: str, value: float, end: str) -> None:
    assert read(metric, text + end).metric_value == value


SIBLINGS = [
    # prefixes
    ("val_loss", "INFO:root:val_loss: 0.94", 0.94),
    ("val_loss", "(RayTrainWorker pid=812) val_loss: 0.94", 0.94),
    ("val_loss", "worker-1  | val_loss: 0.94", 0.94),
    ("val_loss", "wandb:    val_loss 0.94", 0.94),
    ("val_loss", "I1128 20:50:57.299000 17 train.py:42] val_loss: 0.94", 0.94),
    ("val_loss", "[eval] val_loss 0.94", 0.94),
    ("val_loss", "- **val_loss**: `0.94`", 0.94),
    ("val_loss", "✅ val_loss: 0.94 🎉", 0.94),
    ("val_loss", "Final val_loss: 0.94", 0.94),
    ("val_loss", "Done in 3.2 s, val_loss 0.94", 0.94),
    ("val_loss", "Progress: 100%val_loss: 0.94", 0.94),
    ("val_loss", "10/10val_loss: 0.94", 0.94),
    # separators and spelling
    ("val_loss", "val_loss => 0.94", 0.94),
    ("val_loss", "val_loss is 0.94", 0.94),
    ("val_loss", "val_loss..........: 0.94", 0.94),
    ("val_loss", "val_loss,0.94", 0.94),
    ("val_loss", "val_loss (nats): 0.94", 0.94),
    ("val_loss", "val_loss (0.94)", 0.94),
    ("val_loss", "val/loss: 0.94", 0.94),
    ("val_loss", "val loss: 0.94", 0.94),
    ("val_loss", "valLoss=0.94", 0.94),
    ("val loss", "train: loss 0.5 | val: loss 0.94", 0.94),
    ("Acc@1", " * Acc@1 75.300 Acc@5 92.200", 75.3),
    ("Acc@5", " * Acc@1 75.300 Acc@5 92.200", 92.2),
    ("Avg loss", " Accuracy: 63.0%, Avg loss: 2.000000 ", 2.0),
    ("loss", "10/10 [====] - 1s 5ms/step - loss: 0.21 - val_loss: 0.94", 0.21),
    ("loss", "step 5 loss 0.4 val loss 0.94", 0.4),
    ("val acc", "Epoch 3 | Train: loss 0.5 acc 0.9 | Val: loss 0.4 acc 0.8", 0.8),
    ("test accuracy", "Test set: Average loss: 0.0264, Accuracy: 9912/10000", 0.9912),
    ("dev BLEU-4", "Validation BLEU: BLEU-1 73.98, BLEU-4 33.42\nDev BLEU: BLEU-4 33.87", 33.87),
    ("accuracy", "Accuracy of the network on the 10000 test images: 53 %", 53.0),
    ("accuracy", "Accuracy on 9986 test data: 99.9800 %", 99.98),
    ("val_loss", "val_loss of epoch 3: 0.94", 0.94),
    (
        "precision",
        "accuracy: 99.97%; precision: 99.64%; FB1: 99.72\n"
        "   CITY: precision: 99.92%; FB1:  99.94  4802\n   PARK: precision: 88.35%; FB1: 89  103",
        99.64,
    ),
    ("FB1", "x: 1; FB1: 99.7\n CITY: precision: 9%; FB1: 9\n PARK: precision: 8%; FB1: 8", 99.7),
    (
        "accuracy",
        "              precision    recall  f1-score   support\n\n           0       0.84      0.86"
        "      0.85       995\n\n    accuracy                           0.85      2000\n"
        "   macro avg       0.85      0.85      0.85      2000",
        0.85,
    ),
    ("Sharpe", "  Sharpe              : -0.3616    <-- PRIMARY METRIC", -0.3616),
    # objects and tables
    ("val_loss", "INFO {'val_loss': 0.94} written", 0.94),
    ("val_loss", "{'val_loss': tensor(0.94, device='cuda:0'), 'x': 1}", 0.94),
    ("val_loss", '{"metric": "val_loss", "value": 0.94}', 0.94),
    ("val_loss", "metric=val_loss value=0.94", 0.94),
    ("val_loss", '{"level":"info","msg":"val_loss: 0.94"}', 0.94),
    ("val_loss", '{\n  "val_loss": 0.94,\n  "steps": 3\n}', 0.94),
    ("val_loss", '{"val_loss": "0.94"}', 0.94),
    ("eval.loss", '{"train": {"loss": 0.5}, "eval": {"loss": 0.94}}', 0.94),
    ("eval_loss", '{"train": {"loss": 0.5}, "eval": {"loss": 0.94}}', 0.94),
    ("loss", '{"loss": 0.94, "parts": {"loss": 0.1}}', 0.94),
    ("acc", "|hellaswag|      1|none  |     0|acc     |↑  |0.5|±  |0.01|", 0.5),
    ("val_loss", "val_loss | 0.94 | val_acc | 0.3", 0.94),
    ("ep_rew_mean", "|    ep_rew_mean     | 200      |", 200.0),
    (
        "valid_loss",
        "epoch     train_loss  valid_loss  accuracy  time\n0         2.1   0.97  0.8  00:12\n"
        "1         2.0   0.94  0.8  00:12",
        0.94,
    ),
    (
        "mIoU",
        "+-------+-------+\n|  mIoU |  mAcc |\n+-------+-------+\n| 45.67 | 55.1  |\n+---+",
        45.67,
    ),
    ("val_loss", "epoch,train_loss,val_loss\n1,0.5,0.94", 0.94),
    # numbers
    ("val_loss", "val_loss: 9.4e-01", 0.94),
    ("val_loss", "val_loss: 9.4E-1", 0.94),
    ("val_loss", "val_loss: 9.4×10^-1", 0.94),
    ("val_loss", "val_loss: np.float64(0.94)", 0.94),
    ("val_loss", "val_loss: array(0.94, dtype=float32)", 0.94),
    ("val_loss", "val_loss: <tf.Tensor: shape=(), dtype=float32, numpy=0.94>", 0.94),
    ("val_loss", "val_loss: [0.94]", 0.94),
    ("val_loss", "val_loss: 0.94 ± 0.01", 0.94),
    ("val_loss", "val_loss: −0.94", -0.94),
    ("val_loss", "val_loss: .94", 0.94),
    ("throughput", "throughput: 12,345.6 tok/s", 12345.6),
    ("throughput", "throughput: 12.345,6", 12345.6),
    ("throughput", "throughput: 12'345.6", 12345.6),
    ("throughput", "throughput: 12\u202f345,6", 12345.6),
    ("throughput", "throughput: 12 345 678", 12345678.0),
    ("throughput", "throughput: 12.3k", 12300.0),
    ("throughput", "throughput: 1,234", 1234.0),
    ("val_loss", "val_loss: 0,9400\nval_loss: 1,234", 1.234),
    ("Accuracy", "Average loss: 0.0264, Accuracy: 9912/10000 (99%)", 0.9912),
    ("time", "fft/8   time:   [2.6780 s 2.6811 s 2.6845 s]", 2.6811),
    ("time", "fft/8   time:   [998.10 µs 1.0021 ms 1.0052 ms]", 1.0021e-3),
    ("time", "fft/8   time:   [12.1 ns 12.4 ns 12.9 ns]\n  change: [-1.2% -1.1% -0.9%]", 1.24e-8),
    ("val_loss", "val_loss: 0.94\nval_loss: nan", math.nan),
    ("val_loss", "val_loss: inf", math.inf),
]


@pytest.mark.parametrize(("metric", "text", "value"), SIBLINGS)
def test_forms_of_the_same_kinds_are_read(metric: str, text: str, value: float) -> None:
    assert read(metric, f"before\n{text}\nafter\n").metric_value == pytest.approx(
        value, rel=1e-12, nan_ok=True
    )


REFUSED = [
    ("val_loss", "Best val_loss: 0.4", "`Best val_loss` is another figure"),
    ("val_loss", "best: val_loss=0.3", "`best val_loss` is another figure"),
    ("val_loss", "target val_loss: 0.5", "`target val_loss` is another figure"),
    ("loss", " Accuracy: 63.0%, Avg loss: 2.0", "`Avg loss` is another figure"),
    ("loss", "router loss: 0.3", "`router loss` is another figure"),
    ("f1", "f1 (macro): 0.8", "`f1 (macro)` is another figure"),
    ("loss", "train: loss 0.5\nval: loss 0.4", '--metric "val loss"'),
    ("acc", "Epoch 3 | Train: loss 0.5 acc 0.9 | Val: loss 0.4 acc 0.8", '--metric "val acc"'),
    ("acc", "Validation: acc: 0.9\nEvaluation: acc: 0.8", '--metric "eval acc"'),
    ("acc", "Epoch(train) [1] acc: 0.9\nEpoch(val) [1] acc: 0.8", '--metric "train acc"'),
    ("BLEU-4", "Validation BLEU: BLEU-4 33.4\nDev BLEU: BLEU-4 33.8", '--metric "dev BLEU-4"'),
    ("iou", "cat: iou: 0.9\ndog: iou: 0.8", '--metric "cat iou"'),
    ("val_loss", "mean `val_loss = 2.2`", "`mean val_loss` is another figure"),
    ("val_loss", "Epoch 3 best (val_loss 0.4)", "`best val_loss` is another figure"),
    ("loss", '{"train": {"loss": 0.5}, "eval": {"loss": 0.4}}', "--metric-from json:eval.loss"),
    ("val_loss", "val_loss: 0.5 -> 0.4", "is a change"),
    ("val_loss", "Epoch 3: val_loss improved from 0.50000 to 0.45000", "is not a number"),
    ("val_loss", "val_loss: [0.9, 0.8]", "a list of numbers"),
    ("val_loss", "{'val_loss': [0.9, 0.8]}", "a list of 2 values"),
    ("val_loss", "val_loss: 0.9 0.8 0.7", "several numbers follow"),
    ("val_loss", "│ val_loss │ 0.94 │ 0.95 │", "several numbers"),
    ("val_loss", "val_loss: N/A", "is not a number"),
    ("val_loss", "val_loss: 12:30:01", "a time, a date, a code or a list"),
    ("val_loss", "val_loss: 2026-11-28", "a time, a date, a code or a list"),
    ("val_loss", "val_loss: 0x1f", "a time, a date, a code or a list"),
    ("val_loss", "val_loss: 1.2.3", "a time, a date, a code or a list"),
    ("loss", "the loss 2 improved", "reads like a sentence"),
    ("val_loss", "saving the model with the best val_loss\n", "another figure"),
    ("val_loss", "python train.py --val_loss=0.3", "no line names val_loss"),
    ("val_loss", "old_val_loss: 5\nval_loss_ema: 7\nval_loss/best: 3", "no line names val_loss"),
]


@pytest.mark.parametrize(("metric", "text", "reason"), REFUSED)
def test_a_line_that_is_not_clear_is_refused_with_the_reason(
    metric: str, text: str, reason: str
) -> None:
    choice = read(metric, f"{text}\n").choice
    assert choice.value is None
    assert reason in choice.reason


def test_the_exact_name_counts_before_other_spellings() -> None:
    log = read("loss", "loss: 0.3\nLoss: 0.5\n")
    assert log.metric_value == 0.3
    assert [o.line for o in log.choice.counted] == [1]


@pytest.mark.parametrize(
    ("pick", "direction", "value"),
    [
        ("last", Direction.MIN, 3.0),
        ("first", Direction.MIN, 4.0),
        ("best", Direction.MIN, 1.0),
        ("best", Direction.MAX, 5.0),
        ("mean of last 2", Direction.MIN, 4.0),
        ("mean of last 99", Direction.MIN, 3.25),
    ],
)
def test_a_rule_says_which_of_several_values_counts(
    pick: str, direction: Direction, value: float
) -> None:
    log = RunLog(MetricRule(name="x", direction=direction, pick=pick))
    log.feed(b"x: 4\nx: 1\nx: 5\nx: 3\n")
    log.finish()
    assert log.metric_value == value
    assert "4 values" in log.choice.reason


def test_not_a_number_is_never_the_best_and_percents_are_not_compared_with_shares() -> None:
    assert read("x", "x: nan\nx: 2\nx: nan\n", pick="best").metric_value == 2.0
    assert read("x", "x: 0.5\nx: 60%\nx: 70%\n", pick="best").metric_value == 60.0
    assert read("x", "x: 60%\nx: 0.5\nx: 0.7\n", pick="mean of last 3").metric_value == 0.6


@pytest.mark.parametrize(
    ("text", "value", "stray"),
    [
        ("v_x: 3\nnote v_x: 1\n", 3.0, 1.0),
        ("note v_x: 1\nv_x: 3\n", 3.0, None),
        ("v_x: 3\nnote v_x: 3\n", 3.0, None),
        ("v_x: 3\nV_X: 1\n", 3.0, None),
        ("12:30 [5%] v_x: 3\nnote v_x: 1\n", 3.0, 1.0),
        ("Epoch 1 v_x: 3\nnote v_x: 1\n", 1.0, None),
        ("{'v_x': 3}\nnote v_x: 1\n", 1.0, None),
    ],
)
def test_lines_like_that_of_the_baseline_count_before_others(
    text: str, value: float, stray: float | None
) -> None:
    log = RunLog(MetricRule(name="v_x", lead=""))
    log.feed(text.encode())
    log.finish()
    choice = log.choice
    assert choice.value == value
    assert (choice.stray.value.number if choice.stray else None) == stray


def test_the_words_before_the_name_are_the_same_at_every_step_and_time() -> None:
    line = "2026-11-28 20:50:5{0},299 INFO step {0}0/90 train_loss:0.{0} val_bpb:1.{0}"
    assert {read("val_bpb", line.format(n)).lead for n in range(9)} == {"info step train loss"}
    assert read("val_bpb", "  val_bpb: 1").lead == ""
    assert read("val_bpb", "nothing").lead is None
    assert read("val_bpb", "val_bpb: 1", source="re:(1)").lead is None


@pytest.mark.parametrize(
    ("source", "text", "value"),
    [
        (r"re:bpb of (\S+) in", "it has a bpb of 0.94 in the end", 0.94),
        (r"re:(?P<value>[\d.]+) bits( each)?", "0.94 bits each", 0.94),
        (r"re:nothing (\d)", "x: 0.94", None),
        (r"re:x: (\w+)", "x: abc", None),
        ("json:val.bpb", 'INFO {"val": {"bpb": 0.94}}', 0.94),
        ("json:history.-1.bpb", '{"history": [{"bpb": 2}, {"bpb": 0.94}]}', 0.94),
        ("json:acc,none", '{"acc,none": 0.94}', 0.94),
        ("json:a.b.c", '{"a.b": {"c": 0.94}}', 0.94),
        ("json:bpb", '{"bpb": [3, 0.94]}', 0.94),
        ("json:bpb", '{"val": {"bpb": 2}}', None),
        ("json:0.bpb", '[{"bpb": 0.94}]', 0.94),
    ],
)
def test_an_expression_or_a_path_of_keys_finds_what_no_form_does(
    source: str, text: str, value: float | None
) -> None:
    log = read("x", f"before\n{text}\nafter\n", source=source)
    assert log.metric_value == value
    assert value is not None or log.choice.reason


@pytest.mark.parametrize(
    ("source", "text", "value"),
    [
        ("results.json:val.bpb", '{"val": {"bpb": 0.94}}', 0.94),
        ("results.json", '{"x": 0.94}', 0.94),
        ("out/metrics.jsonl:x", '{"x": 2}\n{"y": 1}\n{"x": 0.94}\n', 0.94),
        ("metrics.csv:x", "step,x,y\n1,2.0,\n2,,7\n3,0.94,\n", 0.94),
        ("metrics.tsv:x", "step\tx\n1\t0.94\n", 0.94),
        ("metrics.csv:z", "step,x\n1,2.0\n", None),
        ("results.json:val.bpb", '{"val": {"bpb": null}}', None),
        ("results.json:val.bpb", '{"val": [1', None),
        ("results.json:val.bpb", "", None),
        ("results.json:x", '{"x": NaN}', math.nan),
    ],
)
def test_a_file_is_read_as_its_name_or_content_says(
    source: str, text: str, value: float | None
) -> None:
    log = RunLog(MetricRule(name="x", source=source))
    log.feed(b"x: 77\n")
    log.metric_reader.read_file(text)
    assert log.choice.value == pytest.approx(value, nan_ok=True)
    assert value is not None or log.choice.reason


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([": ", "=", " -> ", "\t"]))
def test_any_number_that_python_prints_is_read_back(number: float, separator: str) -> None:
    assert read("val_loss", f"val_loss{separator}{number!r}\n").metric_value == number
    assert read("val_loss", f"{{'val_loss': {number!r}}}\n").metric_value == number


@given(st.integers(0, 10**15), st.sampled_from([",", "_", " ", "'", "\u202f"]))
def test_any_grouped_integer_is_read_back(number: int, group: str) -> None:
    assert parse_number(f"{number:,}".replace(",", group)) == number


@pytest.mark.parametrize(
    "line",
    [
        f"step{' ' * 16_000}%",
        f"val_loss |{' ' * 16_000}x",
        f"val_loss of the {' ' * 16_000}x",
        "val_loss | " * 1_500,
        "[1/2] " * 2_600 + "%",
        "assertion " * 1_600,
        "{'val_loss': " * 1_200,
        f"val_loss: {'[' * 15_000}",
        f"val_loss: {'-' * 15_000}1",
    ],
)
def test_no_line_takes_more_than_a_moment(line: str) -> None:
    # A pattern that backtracks would not end before the suite is stopped.
    log = read("val_loss", f"{line}\nval_loss: 0.94\n")
    assert log.metric_value == 0.94


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_text_around_the_name_makes_the_parser_fail(before: str, after: str) -> None:
    log = read("val_loss", f"{before}val_loss{after}\n{after}\n{before}\n")
    assert log.choice.reason
    value = read_value(after)
    if not isinstance(value, str):
        assert 0 < value.end <= len(after)


@given(
    st.lists(
        st.sampled_from(["val_loss", "loss", "epoch", "best", "---", "%|", f"{HEAD}\n"])
        | st.sampled_from(":= |{}'[],%\n\r1")
        | st.just("0.5"),
        max_size=30,
    ),
    st.lists(st.integers(0, 200), max_size=6),
)
def test_it_does_not_matter_where_a_log_of_such_lines_is_cut(
    pieces: list[str], cuts: list[int]
) -> None:
    data, whole = "".join(pieces).encode(), RunLog("val_loss")
    whole.feed(b"-----" + data)
    whole.finish()
    cut, last = RunLog("val_loss"), 0
    cut.feed(b"-----")
    for at in [*sorted(cuts), len(data)]:
        cut.feed(data[last:at])
        last = max(last, at)
    cut.finish()
    assert cut.choice == whole.choice
    assert (cut.summary, cut.traceback, cut.tail) == (whole.summary, whole.traceback, whole.tail)
