"""Trains a small GPT for a fixed time and prints how well it predicts: the file experiments edit.

Usage: python train.py

It reads top to bottom: knobs, model, optimizer, schedules, training. Data, device and the metric
are in prepare.py, which is locked. After nanochat and autoresearch by Andrej Karpathy (MIT).
"""

from __future__ import annotations

import os

# Read when torch is imported. Growing segments avoid fragmentation on CUDA; threads that sleep
# instead of spinning at a barrier lose little alone and much less on a machine with other work.
os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import gc
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn as nn
import torch.nn.functional as F

from constants import MAX_SEQ_LEN, TIME_BUDGET
from device import Device, flash_attention, setup_device
from prepare import DataNotFoundError, evaluate_bpb, load_tokenizer, make_dataloader

# ---------------------------------------------------------------------------
# Knobs
# ---------------------------------------------------------------------------

# Model
DEPTH = 4  # transformer layers
ASPECT_RATIO = 24  # model width = DEPTH * ASPECT_RATIO, rounded up to whole heads
HEAD_DIM = 32  # width of one attention head
KV_GROUP = 1  # query heads that share one key/value head; must divide the number of heads
MLP_RATIO = 4  # width of the MLP's hidden layer, in model widths
WINDOW_PATTERN = "SSSL"  # per layer, repeated: L = full context, S = short window; last is L
SHORT_WINDOW = 0.5  # short window as a share of the context
ROPE_BASE = 10000  # longest wavelength of the rotary positions, in tokens / 2 pi
SOFTCAP = 15.0  # logits are squashed smoothly into (-SOFTCAP, SOFTCAP)
VALUE_EMBED_EVERY = 2  # every how many layers, from the last down, have value embeddings; 0 = none
VALUE_GATE_CHANNELS = 32  # channels of the residual stream that gate the value embeddings
X0_LAMBDA = 0.1  # initial share of the token embedding mixed back in before each layer

# Batches
TOTAL_BATCH_SIZE = 2048  # tokens per optimizer step
DEVICE_BATCH_SIZE = 8  # rows per forward pass; lower it when memory runs out

# Optimizer
MATRIX_LR = 0.04  # learning rate of the matrices (Muon)
EMBEDDING_LR = 0.6  # learning rate of token and value embeddings (AdamW)
UNEMBEDDING_LR = 0.004  # learning rate of the output head (AdamW)
SCALAR_LR = 0.5  # learning rate of the per-layer scalars (AdamW)
WEIGHT_DECAY = 0.2  # cautious weight decay of the matrices, falling to 0 over the budget
ADAM_BETAS = (0.8, 0.95)  # AdamW's averaging of gradients and of their squares
MUON_MOMENTUM = 0.95  # Muon's momentum once warmed up
MUON_MOMENTUM_START = 0.85  # Muon's momentum at the first step
MUON_MOMENTUM_WARMUP = 300  # steps from the one to the other
MUON_BETA2 = 0.95  # averaging of the squared update per neuron (NorMuon)
MUON_ITERATIONS = 5  # orthogonalization steps, at most 5

# Schedule, in shares of the time budget
WARMUP_RATIO = 0.0  # learning rate rises from 0
WARMDOWN_RATIO = 0.5  # learning rate falls to FINAL_LR_FRAC
FINAL_LR_FRAC = 0.0  # final learning rate as a share of the initial one

SEED = 42  # of the initial weights; the order of the data is fixed in prepare.py

# ---------------------------------------------------------------------------
# Model
# ---------------------------------------------------------------------------


@dataclass
class GPTConfig:
    """Shape of the model."""

    sequence_len: int
    vocab_size: int
    n_layer: int
    n_head: int
    n_kv_head: int
    n_embd: int


def build_model_config(vocab_size: int) -> GPTConfig:
    """The shape the knobs ask for."""
    n_head = math.ceil(DEPTH * ASPECT_RATIO / HEAD_DIM)
    if n_head % KV_GROUP:
        raise ValueError(f"KV_GROUP {KV_GROUP} does not divide {n_head} heads")
    return GPTConfig(
        sequence_len=MAX_SEQ_LEN,
        vocab_size=vocab_size,
        n_layer=DEPTH,
        n_head=n_head,
        n_kv_head=n_head // KV_GROUP,
        n_embd=n_head * HEAD_DIM,
    )


def norm(x: torch.Tensor) -> torch.Tensor:
    """RMS norm without learned scale."""
    return F.rms_norm(x, (x.size(-1),))


def has_value_embedding(layer: int, n_layer: int) -> bool:
    """Every VALUE_EMBED_EVERY-th layer, the last always among them."""
    return VALUE_EMBED_EVERY > 0 and (n_layer - 1 - layer) % VALUE_EMBED_EVERY == 0


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary position embedding: pairs of channels turned by an angle that grows with position."""
    x1, x2 = x.chunk(2, dim=-1)
    return torch.cat([x1 * cos + x2 * sin, x2 * cos - x1 * sin], dim=-1)


class Attention(nn.Module):
    """Causal self-attention with rotary positions, normed queries and keys, value embeddings.

    Position i sees j where 0 <= i - j <= window. Key/value heads may be fewer than query heads.
    """

    def __init__(self, config: GPTConfig, layer: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.flash = flash_attention()
        self.head_dim = config.n_embd // config.n_head
        self.groups = config.n_head // config.n_kv_head
        kv_dim = config.n_kv_head * self.head_dim
        self.c_q = nn.Linear(config.n_embd, config.n_embd, bias=False)
        self.c_k = nn.Linear(config.n_embd, kv_dim, bias=False)
        self.c_v = nn.Linear(config.n_embd, kv_dim, bias=False)
        self.c_proj = nn.Linear(config.n_embd, config.n_embd, bias=False)
        self.gate_channels = min(VALUE_GATE_CHANNELS, config.n_embd)
        self.ve_gate: nn.Linear | None = None
        if has_value_embedding(layer, config.n_layer):
            self.ve_gate = nn.Linear(self.gate_channels, config.n_kv_head, bias=False)

    def forward(
        self,
        x: torch.Tensor,
        ve: torch.Tensor | None,
        cos: torch.Tensor,
        sin: torch.Tensor,
        short_mask: torch.Tensor,
    ) -> torch.Tensor:
        batch, length, width = x.shape
        q = self.c_q(x).view(batch, length, -1, self.head_dim)
        k = self.c_k(x).view(batch, length, -1, self.head_dim)
        v = self.c_v(x).view(batch, length, -1, self.head_dim)
        if ve is not None and self.ve_gate is not None:
            # Values learn a direct path from the token (ResFormer), gated per head; gate 1 at init.
            gate = 2 * torch.sigmoid(self.ve_gate(x[..., : self.gate_channels]))
            v = v + gate.unsqueeze(-1) * ve.view_as(v)
        # Normed queries and keys keep attention scores bounded whatever the learning rate does.
        q, k = norm(rotate(q, cos, sin)).to(v.dtype), norm(rotate(k, cos, sin)).to(v.dtype)
        if self.flash is not None and v.dtype == torch.bfloat16:
            y = self.flash(q, k, v, causal=True, window_size=(self.window, 0))
            y = y[0] if isinstance(y, tuple) else y
        else:
            q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
            if self.groups > 1:  # not every back-end knows shared heads
                k = k.repeat_interleave(self.groups, dim=1)
                v = v.repeat_interleave(self.groups, dim=1)
            full = self.window >= length
            mask = None if full else short_mask[:length, :length]
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=full)
            y = y.transpose(1, 2)
        return self.c_proj(y.reshape(batch, length, width))  # type: ignore[no-any-return]


class MLP(nn.Module):
    """Two matrices with a squared ReLU between."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.c_fc = nn.Linear(config.n_embd, int(MLP_RATIO * config.n_embd), bias=False)
        self.c_proj = nn.Linear(int(MLP_RATIO * config.n_embd), config.n_embd, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.c_proj(F.relu(self.c_fc(x)).square())  # type: ignore[no-any-return]


class Block(nn.Module):
    """Attention, then MLP, each on the normed stream and added to it."""

    def __init__(self, config: GPTConfig, layer: int, window: int) -> None:
        super().__init__()
        self.attn = Attention(config, layer, window)
        self.mlp = MLP(config)

    def forward(self, x: torch.Tensor, *attention_inputs: Any) -> torch.Tensor:
        x = x + self.attn(norm(x), *attention_inputs)
        return x + self.mlp(norm(x))  # type: ignore[no-any-return]


class GPT(nn.Module):
    """Decoder-only transformer."""

    cos: torch.Tensor
    sin: torch.Tensor
    short_mask: torch.Tensor

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.windows = self._windows()
        head_dim = config.n_embd // config.n_head
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.blocks = nn.ModuleList(Block(config, i, w) for i, w in enumerate(self.windows))
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self.value_embeds = nn.ModuleDict(
            {
                str(i): nn.Embedding(config.vocab_size, config.n_kv_head * head_dim)
                for i in range(config.n_layer)
                if has_value_embedding(i, config.n_layer)
            }
        )
        self.resid_lambdas = nn.Parameter(torch.ones(config.n_layer))
        self.x0_lambdas = nn.Parameter(torch.full((config.n_layer,), X0_LAMBDA))

        positions = torch.arange(config.sequence_len, dtype=torch.float32)
        frequencies = ROPE_BASE ** (-torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim)
        angles = torch.outer(positions, frequencies)[None, :, None, :]
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        distance = positions[:, None] - positions[None, :]
        mask = (distance >= 0) & (distance <= min(self.windows))
        self.register_buffer("short_mask", mask, persistent=False)

    @torch.no_grad()
    def init_weights(self, dtype: torch.dtype) -> None:
        """Fills the weights; embeddings and rotary tables are kept in the compute dtype."""
        bound = (3 / self.config.n_embd) ** 0.5  # uniform with standard deviation 1/sqrt(width)
        nn.init.normal_(self.wte.weight, std=1.0)
        nn.init.normal_(self.lm_head.weight, std=0.001)  # begins at a uniform prediction
        for embedding in self.value_embeds.parameters():
            embedding.uniform_(-bound, bound)
        for name, weight in self.blocks.named_parameters():
            if name.endswith(("c_proj.weight", "ve_gate.weight")):
                weight.zero_()  # every block begins as the identity
            else:
                weight.uniform_(-bound, bound)
        self.wte.to(dtype)
        self.value_embeds.to(dtype)
        self.cos, self.sin = self.cos.to(dtype), self.sin.to(dtype)

    def _windows(self) -> list[int]:
        """How far back each layer sees, in tokens; the last layer sees everything."""
        if not WINDOW_PATTERN or set(WINDOW_PATTERN) - set("SL"):
            raise ValueError(f"WINDOW_PATTERN must consist of S and L, not {WINDOW_PATTERN!r}")
        length = self.config.sequence_len
        sizes = {"L": length, "S": max(1, int(length * SHORT_WINDOW))}
        pattern = WINDOW_PATTERN * self.config.n_layer
        return [sizes[letter] for letter in pattern[: self.config.n_layer - 1]] + [length]

    def num_params(self) -> int:
        return sum(p.numel() for p in self.parameters())

    def flops_per_token(self) -> int:
        """Forward and backward: 6 per weight of a matrix product, 12 per attended channel."""
        matrices = sum(p.numel() for p in self.blocks.parameters()) + self.lm_head.weight.numel()
        attended = sum(min(window, self.config.sequence_len) for window in self.windows)
        return 6 * matrices + 12 * self.config.n_embd * attended

    def forward(self, idx: torch.Tensor, targets: torch.Tensor | None = None) -> torch.Tensor:
        """Mean loss when targets are given, else float32 logits of (batch, time, vocabulary)."""
        length = idx.size(1)
        cos, sin = self.cos[:, :length], self.sin[:, :length]
        x = norm(self.wte(idx))
        x0 = x
        for i, block in enumerate(self.blocks):
            x = self.resid_lambdas[i] * x + self.x0_lambdas[i] * x0
            ve = self.value_embeds[str(i)](idx) if str(i) in self.value_embeds else None
            x = block(x, ve, cos, sin, self.short_mask)
        logits = self.lm_head(norm(x)).float()
        logits = SOFTCAP * torch.tanh(logits / SOFTCAP)
        if targets is None:
            return logits
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


# ---------------------------------------------------------------------------
# Optimizer: Muon for matrices, AdamW for embeddings, head and scalars
# ---------------------------------------------------------------------------

# Coefficients of the five best odd polynomials for orthogonalization: Polar Express,
# arXiv 2505.16932, with the safety factor nanochat uses.
POLAR_EXPRESS = [
    (8.156554524902461, -22.48329292557795, 15.878769915207462),
    (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
]


def adamw_update(
    p: torch.Tensor,
    grad: torch.Tensor,
    mean: torch.Tensor,
    square: torch.Tensor,
    step: Any,
    lr: Any,
    beta1: Any,
    beta2: Any,
) -> None:
    """One AdamW step without weight decay, in place."""
    mean.mul_(beta1).add_(grad * (1 - beta1))
    square.mul_(beta2).add_(grad.square() * (1 - beta2))
    denominator = (square / (1 - beta2**step)).sqrt() + 1e-10
    p.sub_(lr * (mean / (1 - beta1**step)) / denominator)


def muon_update(
    params: torch.Tensor,
    grads: torch.Tensor,
    momentum_buffer: torch.Tensor,
    square: torch.Tensor,
    momentum: Any,
    beta2: Any,
    lr: Any,
    weight_decay: Any,
    low_precision: bool,
) -> None:
    """One Muon step of a stack of equal matrices (n, rows, columns), in place."""
    momentum_buffer.mul_(momentum).add_(grads * (1 - momentum))
    g = grads * (1 - momentum) + momentum_buffer * momentum  # Nesterov
    # The nearest orthogonal matrix, by polynomials in the Gram matrix of the shorter side.
    x = g.bfloat16() if low_precision else g
    x = x / (x.norm(dim=(-2, -1), keepdim=True) * 1.02 + 1e-6)
    tall = x.size(-2) > x.size(-1)
    for a, b, c in POLAR_EXPRESS[:MUON_ITERATIONS]:
        gram = x.mT @ x if tall else x @ x.mT
        polynomial = b * gram + c * (gram @ gram)
        x = a * x + (x @ polynomial if tall else polynomial @ x)
    g = x.float()
    # NorMuon: equal update size per neuron, the size of the whole update kept.
    side = -1 if g.size(-2) >= g.size(-1) else -2
    mean_square = g.square().mean(dim=side, keepdim=True)
    size = (mean_square.sum(dim=(-2, -1), keepdim=True) * g.size(side)).sqrt()
    square.mul_(beta2).add_(mean_square * (1 - beta2))
    scale = square.clamp_min(1e-10).rsqrt()
    scaled = mean_square * scale.square()
    new_size = (scaled.sum(dim=(-2, -1), keepdim=True) * g.size(side)).sqrt()
    g = g * scale * (size / new_size.clamp_min(1e-10))
    # Cautious: decay only where it does not work against the update.
    decay = weight_decay * params * ((g * params) >= 0)
    params.sub_(lr * (g + decay))


class MuonAdamW(torch.optim.Optimizer):
    """One optimizer, two rules: a group's `kind` says which."""

    def __init__(self, groups: list[dict[str, Any]], device: Device) -> None:
        super().__init__(groups, defaults={})
        self.low_precision = device.dtype == torch.bfloat16
        self.adamw: Callable[..., None] = adamw_update
        self.muon: Callable[..., None] = muon_update
        self.scalar: Callable[[float], Any] = float
        if device.adjustments.compile:
            self.adamw = torch.compile(adamw_update, dynamic=False, fullgraph=True)
            self.muon = torch.compile(muon_update, dynamic=False, fullgraph=True)
            self.scalar = torch.tensor  # a changed float would compile again, a tensor does not

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Updates every group."""
        for group in self.param_groups:
            if group["kind"] == "muon":
                self._step_muon(group)
            else:
                self._step_adamw(group)

    def _step_adamw(self, group: dict[str, Any]) -> None:
        beta1, beta2 = group["betas"]
        for p in group["params"]:
            if p.grad is None:
                continue
            state = self.state[p]
            if not state:
                state["step"] = 0
                state["mean"], state["square"] = torch.zeros_like(p), torch.zeros_like(p)
            state["step"] += 1
            numbers = (self.scalar(float(v)) for v in (state["step"], group["lr"], beta1, beta2))
            self.adamw(p, p.grad, state["mean"], state["square"], *numbers)

    def _step_muon(self, group: dict[str, Any]) -> None:
        params = [p for p in group["params"] if p.grad is not None]
        if not params:
            return
        rows, columns = params[0].shape
        stacked = torch.stack(params)
        state = self.state[params[0]]
        if not state:
            state["momentum"] = torch.zeros_like(stacked)
            along = stacked[..., :1] if rows >= columns else stacked[..., :1, :]
            state["square"] = torch.zeros_like(along)
        # A tall matrix's orthogonal update is small per weight: scale it up.
        lr = group["lr"] * max(1.0, rows / columns) ** 0.5
        values = (group["momentum"], MUON_BETA2, lr, group["weight_decay"])
        self.muon(
            stacked,
            torch.stack([p.grad for p in params]),
            state["momentum"],
            state["square"],
            *(self.scalar(float(value)) for value in values),
            self.low_precision,
        )
        torch._foreach_copy_(params, list(stacked.unbind(0)))


def build_optimizer(model: GPT, device: Device) -> MuonAdamW:
    """Groups the parameters by rule and learning rate."""
    # AdamW's rates were found at width 768; smaller models want more.
    scale = (model.config.n_embd / 768) ** -0.5

    def adamw(params: list[torch.Tensor], lr: float, betas: tuple[float, float]) -> dict[str, Any]:
        return {"kind": "adamw", "params": params, "lr": lr, "betas": betas}

    groups = [
        adamw([model.lm_head.weight], UNEMBEDDING_LR * scale, ADAM_BETAS),
        adamw([model.wte.weight], EMBEDDING_LR * scale, ADAM_BETAS),
        adamw(list(model.value_embeds.parameters()), EMBEDDING_LR * scale, ADAM_BETAS),
        # These multiply the whole stream: a hundredth of the rate keeps it stable.
        adamw([model.resid_lambdas], SCALAR_LR * 0.01, ADAM_BETAS),
        adamw([model.x0_lambdas], SCALAR_LR, (0.96, 0.95)),
    ]
    matrices = list(model.blocks.parameters())
    for shape in sorted({tuple(p.shape) for p in matrices}):
        same = [p for p in matrices if tuple(p.shape) == shape]
        groups.append({"kind": "muon", "params": same, "lr": MATRIX_LR})
    groups = [group for group in groups if group["params"]]
    for group in groups:
        group["initial_lr"] = group["lr"]
    return MuonAdamW(groups, device)


# ---------------------------------------------------------------------------
# Schedules: progress is the share of the time budget that is used up
# ---------------------------------------------------------------------------


def lr_multiplier(progress: float) -> float:
    """Up, level, down."""
    if progress < WARMUP_RATIO:
        return progress / WARMUP_RATIO
    if progress < 1 - WARMDOWN_RATIO:
        return 1.0
    left = (1 - progress) / WARMDOWN_RATIO
    return left + (1 - left) * FINAL_LR_FRAC


def set_schedules(optimizer: MuonAdamW, step: int, progress: float) -> float:
    """Sets rates, momentum and decay for this step; returns the rate's multiplier."""
    multiplier = lr_multiplier(progress)
    warmed = min(step / max(1, MUON_MOMENTUM_WARMUP), 1.0)
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * multiplier
        if group["kind"] == "muon":
            group["momentum"] = (1 - warmed) * MUON_MOMENTUM_START + warmed * MUON_MOMENTUM
            group["weight_decay"] = WEIGHT_DECAY * (1 - progress)
    return multiplier


# ---------------------------------------------------------------------------
# Training
# ---------------------------------------------------------------------------


@dataclass
class Progress:
    """What a training run has done so far."""

    steps: int = 0
    counted_steps: int = 0
    seconds: float = 0.0
    smooth_loss: float = 0.0

    def smoothed(self, loss: float, beta: float = 0.9) -> float:
        """Running mean of the loss, without the bias of its start at 0; call once per step."""
        self.smooth_loss = beta * self.smooth_loss + (1 - beta) * loss
        return self.smooth_loss / (1 - beta ** (self.steps + 1))


def train(
    model: GPT,
    compiled: Callable[..., torch.Tensor],
    optimizer: MuonAdamW,
    batches: Iterator[tuple[torch.Tensor, torch.Tensor, int]],
    device: Device,
) -> Progress:
    """Trains until the time budget is used up; ends the process with FAIL if the loss explodes."""
    tokens_per_pass = DEVICE_BATCH_SIZE * MAX_SEQ_LEN
    if TOTAL_BATCH_SIZE % tokens_per_pass:
        raise ValueError(f"TOTAL_BATCH_SIZE must be a multiple of {tokens_per_pass}")
    passes = TOTAL_BATCH_SIZE // tokens_per_pass
    print(f"Time budget: {TIME_BUDGET:g}s")
    print(f"Gradient accumulation steps: {passes}")

    flops_per_step = model.flops_per_token() * TOTAL_BATCH_SIZE
    run = Progress()
    last_line = -math.inf
    inputs, targets, epoch = next(batches)
    while True:
        device.synchronize()
        started = time.perf_counter()
        for _ in range(passes):
            with device.autocast():
                loss = compiled(inputs, targets)
            (loss / passes).backward()  # type: ignore[no-untyped-call]
            inputs, targets, epoch = next(batches)  # while the GPU still computes
        progress = min(run.seconds / TIME_BUDGET, 1.0)
        multiplier = set_schedules(optimizer, run.steps, progress)
        optimizer.step()
        model.zero_grad(set_to_none=True)

        loss_now = loss.item()
        if not loss_now <= 100:  # NaN too
            print("\nFAIL")
            sys.exit(1)
        smooth = run.smoothed(loss_now)
        device.synchronize()
        now = time.perf_counter()
        dt = now - started
        if run.steps >= device.adjustments.uncounted_steps:
            run.seconds += dt
            run.counted_steps += 1
        finished = run.seconds >= TIME_BUDGET

        if run.steps == 0 or finished or now - last_line >= 0.2:  # a log is read, not measured
            last_line = now
            mfu = 100 * flops_per_step / dt / device.peak_flops
            print(
                f"\rstep {run.steps:05d} ({100 * min(run.seconds / TIME_BUDGET, 1):.1f}%) "
                f"| loss: {smooth:.6f} | lrm: {multiplier:.2f} | dt: {dt * 1000:.0f}ms "
                f"| tok/sec: {int(TOTAL_BATCH_SIZE / dt):,} | mfu: {mfu:.1f}% "
                f"| epoch: {epoch} | remaining: {max(0, TIME_BUDGET - run.seconds):.0f}s    ",
                end="",
                flush=True,
            )
        if run.steps == 0:  # the collector would stall a step for half a second now and then
            gc.collect()
            gc.freeze()
            gc.disable()
        elif (run.steps + 1) % 5000 == 0:
            gc.collect()
        run.steps += 1
        if finished:
            print()
            return run


def main() -> None:
    """Trains, evaluates, prints the summary."""
    started = time.perf_counter()
    device = setup_device()
    torch.manual_seed(SEED)
    try:
        tokenizer = load_tokenizer()
    except DataNotFoundError as error:
        sys.exit(str(error))
    print(f"Vocab size: {tokenizer.vocab_size:,}")

    config = build_model_config(tokenizer.vocab_size)
    print(f"Model config: {asdict(config)}")
    model = GPT(config).to(device.torch_device)
    model.init_weights(device.dtype)
    print(f"Parameters: {model.num_params():,}")
    print(f"Estimated FLOPs per token: {model.flops_per_token():e}")
    optimizer = build_optimizer(model, device)
    compiled: Any = torch.compile(model, dynamic=False) if device.adjustments.compile else model

    batches = make_dataloader(
        tokenizer, DEVICE_BATCH_SIZE, MAX_SEQ_LEN, "train", device.torch_device
    )
    run = train(model, compiled, optimizer, batches, device)

    model.eval()
    evaluation_started = time.perf_counter()
    with device.autocast():
        val_bpb = evaluate_bpb(compiled, tokenizer, DEVICE_BATCH_SIZE)
    device.report_cpu_share()
    print(f"Evaluation: {time.perf_counter() - evaluation_started:.1f}s")
    if not math.isfinite(val_bpb):
        print("FAIL")
        sys.exit(1)

    flops = model.flops_per_token() * TOTAL_BATCH_SIZE * run.counted_steps
    print("---")
    print(f"val_bpb:          {val_bpb:.6f}")
    print(f"training_seconds: {run.seconds:.1f}")
    print(f"total_seconds:    {time.perf_counter() - started:.1f}")
    print(f"peak_vram_mb:     {device.peak_memory_mb():.1f}")
    print(f"mfu_percent:      {100 * flops / run.seconds / device.peak_flops:.2f}")
    print(f"total_tokens_M:   {run.steps * TOTAL_BATCH_SIZE / 1e6:.1f}")
    print(f"num_steps:        {run.steps}")
    print(f"num_params_M:     {model.num_params() / 1e6:.1f}")
    print(f"depth:            {DEPTH}")
    print(f"device:           {device.type}")


if __name__ == "__main__":
    main()
