"""The metric of a script is found in the texts that it prints."""

from __future__ import annotations

import pytest

from engine.core.errors import UsageError
from engine.setup.detect_metric import find_metric


@pytest.mark.parametrize(
    ("source", "metric"),
    [
        ('print(f"val_loss: {x:.4f}")', "val_loss"),
        ('print("val_loss:", x)', "val_loss"),
        ('print("val_bpb: 1.0")\nprint("root:", r)', "val_bpb"),
        ('print("test_acc = %.3f" % x)', "test_acc"),
        ('print("tokens_per_s: %f" % t)', "tokens_per_s"),
        ('print("val_loss={:.3f}".format(x))', "val_loss"),
        ('print("val_loss: " + str(x))', "val_loss"),
        ('print(f"METRIC val_loss={x}")', "val_loss"),
        ('print(f"step:{s}/{n} val_loss:{v:.4f} val_bpb:{b:.4f} step_avg:{a}ms")', "val_bpb"),
        ('print(f"step {s}: train loss {t:.4f}, val loss {v:.4f}")', "val loss"),
        ("print({'eval_loss': x, 'eval_runtime': t, 'epoch': e})", "eval_loss"),
        ("print(json.dumps({'val_loss': x, 'lr': lr}))", "val_loss"),
        ("logger.info('epoch %d: loss %.3f, val_acc: %.3f', e, l, a)", "val_acc"),
        ('print(f"│        val_loss        │   {x:.6f}   │")', "val_loss"),
        ('"""Prints\n\ntest_loss: x\n"""\nprint(f"val_loss: {v}")', "val_loss"),
        ('print(f"loss: {l}"); print(f"val_loss: {v}")', "val_loss"),
        ('print(f"ndcg@10: {v}")', "ndcg@10"),
        ('print(f"[rank0]: val_loss: {v}")', "val_loss"),
        ('print(f"epoch {e} | train_loss {t:.3f} | val_loss: {v:.3f}")', "val_loss"),
    ],
)
def test_a_printed_metric_is_found(source: str, metric: str) -> None:
    assert find_metric({"train.py": f"{source}\n"}) == (metric, "printed by train.py")


def test_a_shell_scripts_metric_line_is_found() -> None:
    found = find_metric({"run.sh": '#!/bin/bash\nset -e\necho "METRIC val_loss=$LOSS"\n'})
    assert found == ("val_loss", "printed by run.sh")


def test_the_usual_metric_comes_first() -> None:
    texts = {"train.py": 'print(f"val_loss: {v}")', "prepare.py": 'print(f"val_bpb: {v}")'}
    assert find_metric(texts) == ("val_bpb", "printed by prepare.py")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('print(f"a_loss: {x}")\nprint(f"b_loss: {y}")', "It prints: a_loss, b_loss."),
        ("x = 1", "No `name: value` is printed."),
        ('"""Returns:\n    loss: the loss\n"""', "No `name: value` is printed."),
    ],
)
def test_the_user_names_a_metric_that_is_not_clear(source: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        find_metric({"train.py": source})
    assert error.value.why == said


@pytest.mark.parametrize(
    ("source", "metric"),
    [
        ('print(f"val loss {v:.4f}")\nwandb.log({"val/loss": v, "train/loss": t})', "val loss"),
        ('print(f"{prefix}win_loss_ratio: {x}")\nprint(f"min_test_pnl: {y}")', "min_test_pnl"),
        ('print("{}loss: {}".format(p, x))\nprint(f"val_acc: {y}")', "val_acc"),
        ('print(f"{Fore.RED}val_loss: {x}{Style.RESET_ALL}")', "val_loss"),
        ('print(f"loss: {x}")\nprint(f"val_sharpe: {y}")', "val_sharpe"),
        ('print(f"Epoch {e} | train loss={a:.4f} acc={b} | test loss={c}")', "test loss"),
    ],
)
def test_a_name_counts_where_it_is_printed_as_it_stands(source: str, metric: str) -> None:
    assert find_metric({"train.py": f"{source}\n"}) == (metric, "printed by train.py")


def test_a_name_that_only_a_tracker_gets_is_the_last_choice() -> None:
    found = find_metric({"train.py": 'wandb.log({"test/acc": a, "lr": lr})'})
    assert found == ("test/acc", "logged by train.py")
    both = 'print(f"a_loss: {x}")\nprint(f"b_loss: {y}")\nwandb.log({"val/acc": a})'
    with pytest.raises(UsageError):
        find_metric({"train.py": both})


PRINTS = 'for name in names:\n    pass\nprint(f"win_rate: {a}")\nprint(f"test_sharpe: {b}")\n'
PRINTS += 'print(f"score: {s}")\n'
PRINTS += 'print(f"total_pnl: {c}")\nprint(f"val_bpb: {d}")\n'


@pytest.mark.parametrize(
    ("document", "metric", "reason"),
    [
        ("The goal: maximize `total_pnl`.", "total_pnl", 'says "The goal: maximize `total_pnl`."'),
        ("**Maximise the win_rate** (not the loss).", "win_rate", "says"),
        ("Read it:\n\n    grep '^test_sharpe:' run.log\n", "test_sharpe", "reads it from the log"),
        ('`grep -E "^win_rate=" run.log`', "win_rate", "reads it from the log"),
        ("```\ncommit\ttotal_pnl\tstatus\tdescription\n```", "total_pnl", "table in"),
        ("commit,win_rate,status", "win_rate", "table in"),
        ("Get the highest `score`. Higher is better.", "score", "says"),
        ('grep "^score:" run.log', "score", "reads it from the log"),
        ("commit\tscore\tstatus", "score", "table in"),
    ],
)
def test_the_goal_of_a_document_is_the_metric(document: str, metric: str, reason: str) -> None:
    found, why = find_metric({"train.py": PRINTS}, {"program.md": document})
    assert found == metric
    assert "program.md" in why
    assert reason in why


@pytest.mark.parametrize(
    "document",
    [
        "Minimize the loss, maximize everything_else.",
        'grep "^win_rate:\\|^total_pnl:" run.log',
        "win_rate (higher is better), total_pnl (higher is better)",
        "Never maximize total_pnl.",
        "Get the highest score.",
    ],
)
def test_a_document_that_does_not_tell_decides_nothing(document: str) -> None:
    assert find_metric({"train.py": PRINTS}, {"program.md": document})[0] == "val_bpb"


@pytest.mark.parametrize(
    "text",
    [
        'input("Enter the command string: ")',
        'parser.add_argument("--lr", help="the loss: %f" % x)',
        'raise ValueError(f"bad loss: {x}")',
        'assert ok, f"val_loss: {x}"',
    ],
)
def test_a_text_that_is_not_printed_holds_no_metric(text: str) -> None:
    with pytest.raises(UsageError) as error:
        find_metric({"menu.py": f"{text}\n"})
    assert error.value.why == "No `name: value` is printed."


def test_names_that_may_be_the_metric_are_listed_first() -> None:
    source = 'print(f"vocab_size: {n}")\nprint(f"train_loss: {a}")\nprint(f"f_loss: {b}")\n'
    with pytest.raises(UsageError) as error:
        find_metric({"train.py": source})
    assert error.value.why == "It prints: train_loss, f_loss, vocab_size."


def test_names_of_two_words_that_are_no_metric_are_not_listed() -> None:
    source = (
        'print(f"Number of {n}")\nprint(f"bars across {n}")\nprint(f"a loss: {a}, b loss: {b}")\n'
    )
    with pytest.raises(UsageError) as error:
        find_metric({"fit.py": source})
    assert error.value.why == "It prints: loss, a loss, b loss."
    assert "fit.py" in str(error.value)


@pytest.mark.parametrize(
    ("source", "metric"),
    [
        (
            'print(f"Step {s} | Validation bpb: {b}")\nwandb_run.log({"val/bpb": b})',
            "Validation bpb",
        ),
        ('print(f"Test_Acc: {a}")\nprint(f"test_acc: {a}, loss: {x}")', "Test_Acc"),
        ('print(f"scored: {n}")\nprint(f"total: {n}")\nprint(f"f1: {x}")', "f1"),
    ],
)
def test_variants_of_a_name_are_one_metric(source: str, metric: str) -> None:
    assert find_metric({"train.py": source})[0] == metric
