"""What a printed metric is computed from: bindings that come later, outside a loop, are not."""

from __future__ import annotations

import pytest

from engine.core.finding import Weight
from engine.core.risk.assessment import assess
from engine.core.risk.context import RiskContext

RESUMED = """\
import torch
from model import GPT
learning_rate = 6e-4
n_layer = 12
eval_iters = 200
model_args = dict(n_layer=n_layer)
iter_num = 0
if init_from == "resume":
    checkpoint = torch.load("ckpt.pt")
    iter_num = checkpoint["iter_num"]
model = GPT(**model_args)
model.train()
optimizer = model.configure_optimizers(learning_rate)


def estimate_loss():
    return sum(model(*get_batch("val"))[1].item() for _ in range(eval_iters)) / eval_iters


while True:
    if iter_num % 250 == 0:
        loss = estimate_loss()
        print(f"step {iter_num}: val loss {loss:.4f}")
        checkpoint = {"optimizer": optimizer.state_dict(), "args": model_args, "iter_num": iter_num}
        torch.save(checkpoint, "ckpt.pt")
    optimizer.step()
    iter_num += 1
"""


def blocked(before: str, after: str) -> bool:
    assert before in RESUMED
    context = RiskContext(metric="val loss")
    findings = assess(RESUMED, RESUMED.replace(before, after), context)
    return any(f.rule == "metric-value" and f.weight is Weight.BLOCK for f in findings)


@pytest.mark.parametrize(
    ("before", "after"),
    [("6e-4", "3e-4"), ("n_layer = 12", "n_layer = 10"), ("optimizer.step()", "optimizer.step(2)")],
)
def test_settings_that_only_a_checkpoint_holds_are_free(before: str, after: str) -> None:
    assert not blocked(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("eval_iters = 200", "eval_iters = 2"),
        ("loss = estimate_loss()", "loss = estimate_loss() / 2"),
        ("    iter_num += 1", "    iter_num += 1\n    eval_iters = 1"),  # in the loop, so it counts
        ("\n\nwhile", "\neval_iters = 1\n\nwhile"),
        ("    optimizer.step()", "    optimizer.step()\n    estimate_loss = lambda: 0.0"),
    ],
)
def test_what_the_metric_comes_from_is_not(before: str, after: str) -> None:
    assert blocked(before, after)
