"""The model and the optimizer of train.py."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import constants
import device
import prepare
import pytest
import torch
import train

VOCABULARY = prepare.Tokenizer.bytelevel().vocab_size


def cpu() -> device.Device:
    """The CPU, without changing this process's niceness and threads."""
    row = constants.DEVICE_ADJUSTMENTS["cpu"]
    return device.Device(torch.device("cpu"), "test", torch.float32, 1e12, row)


def make_model(scale: float = 0.3) -> train.GPT:
    """A model none of whose weights is zero: a fresh one ignores its blocks."""
    torch.manual_seed(0)
    model = train.GPT(train.build_model_config(VOCABULARY))
    model.init_weights(torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(scale * torch.randn_like(parameter))
    return model


SHAPES: list[dict[str, object]] = [
    {},
    {"WINDOW_PATTERN": "L"},
    {"WINDOW_PATTERN": "S", "SHORT_WINDOW": 0.1},
    {"KV_GROUP": 3},
    {"VALUE_EMBED_EVERY": 0},
    {"VALUE_EMBED_EVERY": 1, "MLP_RATIO": 2.5, "DEPTH": 3},
]


@pytest.mark.parametrize("knobs", SHAPES, ids=str)
def test_no_token_sees_the_future(
    knobs: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Changing a token changes logits from there on, and none before."""
    for name, value in knobs.items():
        monkeypatch.setattr(train, name, value)
    model = make_model()
    tokens = torch.randint(0, 256, (2, 96))
    changed = tokens.clone()
    changed[:, 40] = (changed[:, 40] + 1) % 256
    with torch.no_grad():
        before, after = model(tokens), model(changed)
    assert torch.allclose(before[:, :40], after[:, :40], atol=1e-5)
    assert not torch.allclose(before[:, 40:], after[:, 40:], atol=1e-3)


def test_a_short_window_sees_no_further_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """One layer looking back 10 tokens; the last layer of a model always sees everything."""
    monkeypatch.setattr(train, "WINDOW_PATTERN", "S")
    monkeypatch.setattr(train, "SHORT_WINDOW", 10 / constants.MAX_SEQ_LEN)
    model = make_model()
    assert model.windows == [10, 10, 10, constants.MAX_SEQ_LEN]
    block = model.blocks[0]
    assert isinstance(block, train.Block)
    attention = block.attn
    x = torch.randn(1, 64, model.config.n_embd)
    ve = torch.zeros(1, 64, model.config.n_embd)
    moved = x.clone()
    moved[:, 20] += 1.0
    rotary = model.cos[:, :64], model.sin[:, :64]
    with torch.no_grad():
        difference = attention(x, ve, *rotary, model.short_mask) - attention(
            moved, ve, *rotary, model.short_mask
        )
    seen = difference.abs().amax(dim=(0, 2)) > 1e-6
    assert seen.nonzero().flatten().tolist() == list(range(20, 31))


def test_shared_key_value_heads_equal_repeated_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model with one key/value head is one with three equal heads."""
    monkeypatch.setattr(train, "VALUE_EMBED_EVERY", 0)
    full = make_model()
    monkeypatch.setattr(train, "KV_GROUP", 3)
    shared = make_model()
    state = shared.state_dict()
    for name in list(state):
        if name.endswith(("c_k.weight", "c_v.weight")):
            state[name] = state[name].repeat(3, 1)
    full.load_state_dict(state)
    tokens = torch.randint(0, 256, (1, 50))
    with torch.no_grad():
        assert torch.allclose(full(tokens), shared(tokens), atol=1e-4)


def test_rotary_positions_are_relative() -> None:
    """The product of a rotated query and key depends on their distance alone."""
    model = make_model()
    q, k = torch.randn(1, 1, 1, train.HEAD_DIM), torch.randn(1, 1, 1, train.HEAD_DIM)

    def product(i: int, j: int) -> float:
        rotated_q = train.rotate(q, model.cos[:, i : i + 1], model.sin[:, i : i + 1])
        rotated_k = train.rotate(k, model.cos[:, j : j + 1], model.sin[:, j : j + 1])
        return float((rotated_q * rotated_k).sum())

    assert product(17, 5) == pytest.approx(product(112, 100), abs=1e-4)
    assert product(17, 5) != pytest.approx(product(17, 9), abs=1e-2)


def test_logits_are_capped() -> None:
    """However large the weights."""
    with torch.no_grad():
        logits = make_model(scale=30.0)(torch.randint(0, 256, (2, 64)))
    assert logits.abs().max() <= train.SOFTCAP
    assert logits.abs().max() > 0.9 * train.SOFTCAP
    assert logits.dtype == torch.float32


def test_the_cpu_model_has_half_a_million_parameters() -> None:
    """Small enough for two cores."""
    model = train.GPT(train.build_model_config(VOCABULARY))
    assert 0.45e6 < model.num_params() < 0.6e6


def test_a_fresh_model_predicts_uniformly() -> None:
    """Its loss is the logarithm of the vocabulary's size."""
    model = train.GPT(train.build_model_config(VOCABULARY))
    model.init_weights(torch.float32)
    tokens = torch.randint(0, 256, (4, 64))
    with torch.no_grad():
        assert model(tokens, tokens).item() == pytest.approx(math.log(VOCABULARY), abs=0.02)


def test_training_lowers_the_loss_and_reaches_every_parameter() -> None:
    """Twenty steps on one batch."""
    torch.manual_seed(0)
    model = train.GPT(train.build_model_config(VOCABULARY))
    model.init_weights(torch.float32)
    optimizer = train.build_optimizer(model, cpu())
    start = {name: p.detach().clone() for name, p in model.named_parameters()}
    tokens = torch.randint(97, 110, (4, 65))
    losses = []
    for step in range(20):
        loss = model(tokens[:, :-1], tokens[:, 1:])
        loss.backward()
        train.set_schedules(optimizer, step, 0.1)
        optimizer.step()
        model.zero_grad(set_to_none=True)
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]
    still = [name for name, p in model.named_parameters() if torch.equal(p, start[name])]
    assert still == []


def test_muon_makes_updates_orthogonal() -> None:
    """Singular values of an update come out nearly equal, however unequal the gradient's are."""
    for rows, columns in ((64, 64), (96, 32), (32, 96)):
        torch.manual_seed(4)
        grads = torch.randn(1, rows, columns)
        u, _, v = torch.linalg.svd(grads, full_matrices=False)
        grads = u @ torch.diag_embed(torch.logspace(0, -1.5, u.size(-1))[None]) @ v
        params = torch.zeros(1, rows, columns)
        square = params[..., :1] if rows >= columns else params[..., :1, :]
        buffer, square = torch.zeros_like(params), torch.zeros_like(square)
        train.muon_update(params, grads, buffer, square, 0.9, 0.95, 1.0, 0.0, False)
        before, after = torch.linalg.svdvals(grads[0]), torch.linalg.svdvals(params[0])
        assert before.max() / before.min() > 30
        assert after.max() / after.min() < 2
        assert (params * grads).sum() < 0  # downhill


def test_adamw_against_pytorch() -> None:
    """The same numbers as torch's own AdamW without weight decay."""
    torch.manual_seed(5)
    ours = torch.randn(7, 3)
    theirs = torch.nn.Parameter(ours.clone())
    reference = torch.optim.AdamW([theirs], lr=0.1, betas=(0.8, 0.95), eps=1e-10, weight_decay=0.0)
    mean, square = torch.zeros_like(ours), torch.zeros_like(ours)
    for step in range(1, 6):
        grad = torch.randn(7, 3)
        theirs.grad = grad.clone()
        reference.step()
        train.adamw_update(ours, grad, mean, square, step, 0.1, 0.8, 0.95)
    assert torch.allclose(ours, theirs.detach(), atol=1e-6)


def test_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up, level, down; its corners."""
    for name, value in {"WARMUP_RATIO": 0.1, "WARMDOWN_RATIO": 0.4, "FINAL_LR_FRAC": 0.2}.items():
        monkeypatch.setattr(train, name, value)
    points = {0.0: 0.0, 0.05: 0.5, 0.1: 1.0, 0.59: 1.0, 0.6: 1.0, 0.8: 0.6, 1.0: 0.2}
    for progress, expected in points.items():
        assert train.lr_multiplier(progress) == pytest.approx(expected)


def test_compiled_functions_have_no_graph_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What CUDA compiles is traced here too, with tensors for the changing numbers."""
    monkeypatch.setattr(train, "DEPTH", 2)  # each layer is traced by itself
    torch._dynamo.reset()
    model = make_model()
    tokens = torch.randint(0, 256, (2, constants.MAX_SEQ_LEN))
    traced: Callable[..., torch.Tensor] = torch.compile(model, backend="eager", fullgraph=True)
    with torch.no_grad():
        assert torch.allclose(traced(tokens), model(tokens), atol=1e-5)
    assert traced(tokens, tokens).requires_grad

    row = dataclasses.replace(constants.DEVICE_ADJUSTMENTS["cpu"], compile=True)
    optimizer = train.build_optimizer(model, dataclasses.replace(cpu(), adjustments=row))
    optimizer.adamw = torch.compile(train.adamw_update, backend="eager", fullgraph=True)
    optimizer.muon = torch.compile(train.muon_update, backend="eager", fullgraph=True)
    other = make_model()
    reference = train.build_optimizer(other, cpu())
    for step in range(3):
        for ours, theirs in zip(model.parameters(), other.parameters(), strict=True):
            ours.grad = torch.randn_like(ours)
            theirs.grad = ours.grad.clone()
        for used in (optimizer, reference):
            train.set_schedules(used, step, 0.3 * step)
            used.step()
    for ours, theirs in zip(model.parameters(), other.parameters(), strict=True):
        # One element's sign at the edge of cautious decay may differ by rounding: not more.
        apart = (ours - theirs).abs()
        assert apart.mean() < 1e-6
        assert apart.max() < 2e-3
    torch._dynamo.reset()


def test_knobs_that_do_not_fit_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a sentence, not by a shape error deep inside."""
    monkeypatch.setattr(train, "KV_GROUP", 2)
    with pytest.raises(ValueError, match="KV_GROUP 2 does not divide 3 heads"):
        train.build_model_config(VOCABULARY)
    monkeypatch.setattr(train, "KV_GROUP", 1)
    monkeypatch.setattr(train, "WINDOW_PATTERN", "SXL")
    with pytest.raises(ValueError, match="WINDOW_PATTERN"):
        make_model()
