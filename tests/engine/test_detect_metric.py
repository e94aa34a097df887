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
