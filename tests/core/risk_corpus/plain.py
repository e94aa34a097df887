"""Edits that a researcher would make: the risk check may add notes to them, and asks nothing."""

from __future__ import annotations

from tests.core.risk_edits import Change

Case = tuple[str, str, tuple[Change, ...]]
"""The name of an edit, the script it changes, and the places it replaces."""

# ---- places in the bundled file ----------------------------------------------------------------
H_LOSS = "        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())"
H_TAIL = "        if targets is None:\n            return logits\n" + H_LOSS
H_BLOCK = "            x = block(x, ve, cos, sin, self.short_mask)\n"
H_STEP = "        optimizer.step()\n"
H_OPTIMIZER = "def build_optimizer("
H_RETURN_OPTIMIZER = "    return MuonAdamW(groups, device)"
H_LEVEL = "        return 1.0\n    left"
H_BATCHES = "    run = train(model, compiled, optimizer, batches, device)\n"
H_RELU = "F.relu(self.c_fc(x)).square()"
H_CONFIG = "        self.config = config\n"
H_PASSES = "        for _ in range(passes):\n"
H_MLP_INIT = "        self.mlp = MLP(config)\n"
H_MLP_CALL = "        return x + self.mlp(norm(x))"
# ---- places in the public one's stand-in -------------------------------------------------------
K_LOSS = """            loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1),
                                   ignore_index=-1, reduction=reduction)
            return loss
        return logits
"""
K_CALL = """F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1),
                                   ignore_index=-1, reduction=reduction)"""
K_CONFIG = "        self.config = config\n"
K_BLOCK = "            x = block(x, cos_sin, self.window_sizes[i])\n"
K_STEP = "    optimizer.step()\n"
K_SCHEDULE = "    elif progress < 1.0 - WARMDOWN_RATIO:\n        return 1.0\n"
K_LOADER = 'train_loader = make_dataloader(tokenizer, DEVICE_BATCH_SIZE, MAX_SEQ_LEN, "train")\n'
K_COMPILE = "model = torch.compile(model, dynamic=False)"
K_MICRO = "    for micro_step in range(grad_accum_steps):\n"
# ---- places in the script that evaluates itself ------------------------------------------------
N_LOSS = (
    "            loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))\n"
    "        return logits, loss\n"
)
N_STEP = "    optimizer.step()\n"


def before(place: str, lines: str) -> Change:
    """Insert lines before a place."""
    return place, lines + place


def after(place: str, lines: str) -> Change:
    """Insert lines after a place."""
    return place, place + lines


_SOAP = """class Signed(torch.optim.Optimizer):
    def __init__(self, groups):
        super().__init__(groups, defaults={"lr": 1e-3})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    state = self.state[p]
                    mean = state.setdefault("mean", torch.zeros_like(p))
                    update = mean.mul(0.9).add(p.grad, alpha=0.1).sign()
                    p.add_(update, alpha=-group["lr"])
                    mean.lerp_(p.grad, 0.01)


"""
_TRAINER = """class Trainer:
    def __init__(self, model, optimizer):
        self.model, self.optimizer = model, optimizer

    def accumulate(self, loss, passes):
        (loss / passes).backward()

    def update(self):
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()


"""
_STRAIGHT = """class RoundThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, grad):
        return grad


"""

PLAIN: tuple[Case, ...] = (
    # ---- knobs
    (
        "three rates",
        "harness",
        (
            ("MATRIX_LR = 0.04", "MATRIX_LR = 0.03"),
            ("SCALAR_LR = 0.5", "SCALAR_LR = 0.4"),
            ("UNEMBEDDING_LR = 0.004", "UNEMBEDDING_LR = 0.006"),
        ),
    ),
    (
        "shallow and wide",
        "karpathy",
        (("DEPTH = 8", "DEPTH = 6"), ("ASPECT_RATIO = 64", "ASPECT_RATIO = 80")),
    ),
    ("half the batch", "karpathy", (("TOTAL_BATCH_SIZE = 2**19", "TOTAL_BATCH_SIZE = 2**18"),)),
    ("pattern of windows", "karpathy", (('WINDOW_PATTERN = "SSSL"', 'WINDOW_PATTERN = "SL"'),)),
    ("quarter windows", "karpathy", (("long_window // 2", "long_window // 4"),)),
    ("deeper", "nano", (("n_layer = 4", "n_layer = 6"),)),
    ("a dropout rate", "nano", (("dropout = 0.0", "dropout = 0.1"),)),
    ("betas", "nano", (("betas=(0.9, 0.95)", "betas=(0.9, 0.98)"),)),
    # ---- optimizers
    (
        "a signed optimizer",
        "harness",
        (before(H_OPTIMIZER, _SOAP), (H_RETURN_OPTIMIZER, "    return Signed(groups)")),
    ),
    ("fused AdamW", "nano", (("betas=(0.9, 0.95))", "betas=(0.9, 0.95), fused=True)"),)),
    (
        "SGD with momentum",
        "nano",
        (
            (
                "torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.95))",
                "torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True)",
            ),
        ),
    ),
    (
        "a trainer class",
        "harness",
        (
            before("def train(\n", _TRAINER),
            before("    last_line = -math.inf\n", "    trainer = Trainer(model, optimizer)\n"),
            (
                "            (loss / passes).backward()",
                "            trainer.accumulate(loss, passes)",
            ),
            (H_STEP, "        trainer.update()\n"),
        ),
    ),
    (
        "a closure that updates",
        "karpathy",
        (
            (K_STEP, "    update()\n"),
            before(
                "while True:\n    torch",
                "def update():\n    torch.nn.utils.clip_grad_norm_("
                "model.parameters(), 1.0)\n    optimizer.step()\n\n\n",
            ),
        ),
    ),
    (
        "a bound method kept for speed",
        "karpathy",
        (
            before("while True:\n    torch", "take_step = optimizer.step\n"),
            (K_STEP, "    take_step()\n"),
        ),
    ),
    (
        "sharpness-aware second pass",
        "nano",
        (
            (
                N_STEP,
                "    rho = 0.05\n    for p in model.parameters():\n"
                "        if p.grad is not None:\n            p.data.add_(p.grad, alpha=rho)\n"
                "    model(xb, yb)[1].backward()\n" + N_STEP,
            ),
        ),
    ),
    (
        "gradient penalty inside the step",
        "nano",
        (
            (
                "    loss.backward()\n",
                "    grads = torch.autograd.grad(loss, model.lm_head.weight, "
                "create_graph=True)\n    loss = loss + 1e-3 * grads[0].square().sum()\n"
                "    loss.backward()\n",
            ),
        ),
    ),
    (
        "gradient noise",
        "karpathy",
        (
            (
                K_STEP,
                "    for p in model.parameters():\n        if p.grad is not None:\n"
                "            p.grad.add_(torch.randn_like(p.grad), alpha=1e-4)\n" + K_STEP,
            ),
        ),
    ),
    (
        "clip",
        "karpathy",
        ((K_STEP, "    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n" + K_STEP),),
    ),
    (
        "two optimizers by turns",
        "karpathy",
        (
            (
                "optimizer = model.setup_optimizer(",
                "second = torch.optim.SGD(model.lm_head.parameters()"
                ", lr=1e-3)\noptimizer = model.setup_optimizer(",
            ),
            (K_STEP, K_STEP + "    if step % 2 == 0:\n        second.step()\n"),
        ),
    ),
    (
        "a scheduler of torch",
        "nano",
        (
            before(
                "training_seconds = 0.0\nstep",
                "scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5000)\n",
            ),
            (N_STEP, N_STEP + "    scheduler.step()\n"),
        ),
    ),
    # ---- schedules
    (
        "cosine",
        "karpathy",
        (
            (
                "        return cooldown * 1.0 + (1 - cooldown) * FINAL_LR_FRAC",
                "        return 0.5 * (1 - math.cos(math.pi * cooldown))",
            ),
        ),
    ),
    ("linear from the start", "karpathy", ((K_SCHEDULE, ""),)),
    (
        "cycles",
        "harness",
        ((H_LEVEL, "        return 0.75 + 0.25 * math.cos(20 * progress)\n    left"),),
    ),
    (
        "warm-up in steps",
        "harness",
        (
            (
                '        group["lr"] = group["initial_lr"] * multiplier\n',
                '        group["lr"] = group["initial_lr"] * multiplier * min(1.0, (step + 1) / 50)\n',
            ),
        ),
    ),
    (
        "decay by time",
        "nano",
        (
            (
                N_STEP,
                "    rate = learning_rate * (1 - training_seconds / MAX_SECONDS)\n"
                '    for group in optimizer.param_groups:\n        group["lr"] = rate\n' + N_STEP,
            ),
        ),
    ),
    # ---- batches
    (
        "fewer passes at first",
        "harness",
        ((H_PASSES, "        for _ in range(1 if run.steps < 200 else passes):\n"),),
    ),
    (
        "batch grows with time",
        "karpathy",
        (
            (
                K_MICRO,
                "    micro_steps = max(1, int(grad_accum_steps * min(1.0, 2 * "
                "total_training_time / TIME_BUDGET)))\n    for micro_step in range(micro_steps):\n",
            ),
        ),
    ),
    (
        "batch shrinks late",
        "karpathy",
        (
            (
                K_MICRO,
                "    late = total_training_time > 0.8 * TIME_BUDGET\n    for micro_step in range("
                "grad_accum_steps // 2 if late else grad_accum_steps):\n",
            ),
        ),
    ),
    (
        "passes by a function",
        "karpathy",
        (
            before(
                "smooth_train_loss = 0\n",
                "def passes_at(step):\n    if step < 100:\n"
                "        return max(1, grad_accum_steps // 4)\n    return grad_accum_steps\n\n\n",
            ),
            (K_MICRO, "    for micro_step in range(passes_at(step)):\n"),
        ),
    ),
    (
        "rows reversed",
        "harness",
        (before(H_BATCHES, "    batches = ((x.flip(0), y.flip(0), n) for x, y, n in batches)\n"),),
    ),
    (
        "order by a generator",
        "harness",
        (
            before(
                "def main() -> None:\n",
                "def paired(batches):\n    for x, y, n in batches:\n"
                "        order = x.float().std(dim=1).argsort()\n"
                "        yield x[order], y[order], n\n\n\n",
            ),
            before(H_BATCHES, "    batches = paired(batches)\n"),
        ),
    ),
    (
        "short sequences at first",
        "karpathy",
        (
            (
                "            loss = model(x, y)\n",
                "            length = MAX_SEQ_LEN // 2 if step < 500 else MAX_SEQ_LEN\n"
                "            loss = model(x[:, :length], y[:, :length])\n",
            ),
        ),
    ),
    (
        "token dropout in training",
        "nano",
        (
            (
                "    logits, loss = model(xb, yb)\n",
                "    noisy = torch.where(torch.rand(xb.shape, device=device) < 0.05, 0, xb)\n"
                "    logits, loss = model(noisy, yb)\n",
            ),
        ),
    ),
    # ---- activations and architecture
    ("GELU", "karpathy", (("        x = F.relu(x).square()\n", "        x = F.gelu(x)\n"),)),
    ("leaky squared", "harness", ((H_RELU, "F.leaky_relu(self.c_fc(x), 0.1).square()"),)),
    (
        "gated MLP",
        "karpathy",
        (
            (
                "        self.c_fc = nn.Linear(config.n_embd, 4 * config.n_embd, bias=False)\n",
                "        self.c_fc = nn.Linear(config.n_embd, 4 * config.n_embd, bias=False)\n"
                "        self.gate = nn.Linear(config.n_embd, 4 * config.n_embd, bias=False)\n",
            ),
            (
                "        x = self.c_fc(x)\n        x = F.relu(x).square()\n",
                "        x = F.silu(self.gate(x)) * self.c_fc(x)\n",
            ),
        ),
    ),
    (
        "RMS norm",
        "nano",
        (("nn.LayerNorm(n_embd)\n        self.attn", "nn.RMSNorm(n_embd)\n        self.attn"),),
    ),
    (
        "tied weights",
        "nano",
        (
            after(
                "        self.lm_head = nn.Linear(n_embd, 256, bias=False)\n",
                "        self.lm_head.weight = self.wte.weight\n",
            ),
        ),
    ),
    (
        "parallel block",
        "nano",
        (
            (
                "        x = x + self.attn(self.ln_1(x))\n        x = x + self.mlp(self.ln_2(x))\n",
                "        x = x + self.attn(self.ln_1(x)) + self.mlp(self.ln_2(x))\n",
            ),
        ),
    ),
    (
        "torch's attention",
        "nano",
        (
            (
                "        att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))\n"
                '        att = att.masked_fill(self.bias[:, :, :T, :T] == 0, float("-inf"))\n'
                "        att = F.softmax(att, dim=-1)\n        y = att @ v\n",
                "        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)\n",
            ),
        ),
    ),
    (
        "tokens shifted right",
        "karpathy",
        (
            (
                "        x = norm(x)\n        for i, block",
                "        x = norm(x)\n        x = x + 0.1 * F.pad(x[:, :-1], (0, 0, 1, 0))\n"
                "        for i, block",
            ),
        ),
    ),
    (
        "causal convolution",
        "nano",
        (
            after(
                "        self.ln_f = nn.LayerNorm(n_embd)\n",
                "        self.conv = nn.Conv1d(n_embd, n_embd, 4, groups=n_embd, padding=3)\n",
            ),
            before(
                "        for block in self.h:\n",
                "        x = x + self.conv(x.transpose(1, 2))[..., : idx.size(1)].transpose(1, 2)\n",
            ),
        ),
    ),
    (
        "a wider window of the last layer",
        "harness",
        (("max(1, int(length * SHORT_WINDOW))", "max(1, int(length * SHORT_WINDOW) // 2)"),),
    ),
    (
        "learned softcap",
        "karpathy",
        (
            after(K_CONFIG, "        self.cap = nn.Parameter(torch.tensor(15.0))\n"),
            ("        softcap = 15\n", "        softcap = self.cap\n"),
        ),
    ),
    (
        "skip connections",
        "karpathy",
        (
            (
                "        for i, block in enumerate(self.transformer.h):\n",
                "        skips = []\n        for i, block in enumerate(self.transformer.h):\n"
                "            if i < len(self.transformer.h) // 2:\n                skips.append(x)\n"
                "            elif skips:\n                x = x + 0.5 * skips.pop()\n",
            ),
        ),
    ),
    (
        "attention temperature",
        "harness",
        (("attn_mask=mask, is_causal=full)", "attn_mask=mask, is_causal=full, scale=0.15)"),),
    ),
    (
        "rotary tables kept for a length",
        "karpathy",
        (
            after(K_CONFIG, "        self.cached_length = 0\n"),
            (
                "        cos_sin = self.cos[:, :T], self.sin[:, :T]\n",
                "        if T != self.cached_length:\n            self.cached_length = T\n"
                "            self.cached = self.cos[:, :T], self.sin[:, :T]\n"
                "        cos_sin = self.cached\n",
            ),
        ),
    ),
    (
        "routed MLP with its loss stored",
        "nano",
        (
            (
                "        return self.c_proj(F.gelu(self.c_fc(x)))\n",
                "        h = F.gelu(self.c_fc(x))\n        self.load = h.abs().mean()\n"
                "        return self.c_proj(h)\n",
            ),
            (
                "    optimizer.zero_grad(",
                "    loss = loss + 1e-4 * sum(b.mlp.load for b in model.h)\n"
                "    optimizer.zero_grad(",
            ),
        ),
    ),
    (
        "quantized activations",
        "harness",
        (
            before("class MLP(nn.Module):\n", _STRAIGHT),
            (H_RELU, "RoundThrough.apply(8 * F.relu(self.c_fc(x)).square()) / 8"),
        ),
    ),
    # ---- initial weights
    ("small output head", "karpathy", (("std=0.001", "std=0.02"),)),
    (
        "orthogonal",
        "nano",
        (
            after(
                "model = GPT().to(device)\n",
                "for p in model.parameters():\n    if p.dim() == 2:\n"
                "        nn.init.orthogonal_(p)\n",
            ),
        ),
    ),
    (
        "scaled by depth",
        "karpathy",
        (
            (
                "            torch.nn.init.zeros_(block.mlp.c_proj.weight)\n",
                "            torch.nn.init.normal_(block.mlp.c_proj.weight, std=0.02 / math.sqrt(2 * "
                "self.config.n_layer))\n",
            ),
        ),
    ),
    (
        "init by a method",
        "nano",
        (
            after(
                "        self.lm_head = nn.Linear(n_embd, 256, bias=False)\n",
                "        self.apply(self._init_weights)\n\n    def _init_weights(self, module):\n"
                "        if isinstance(module, nn.Linear):\n"
                "            nn.init.normal_(module.weight, std=0.02)\n",
            ),
        ),
    ),
    # ---- auxiliary losses
    (
        "z-loss in training",
        "harness",
        (
            (
                H_LOSS,
                "        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())\n"
                "        if self.training:\n"
                "            loss = loss + 1e-4 * torch.logsumexp(logits, dim=-1).square().mean()\n"
                "        return loss",
            ),
        ),
    ),
    (
        "z-loss in training, guarded loss",
        "karpathy",
        (
            (
                "            return loss\n",
                "            if self.training:\n"
                "                z = logits.logsumexp(dim=-1).square().mean()\n"
                "                loss = loss + 1e-4 * z\n            return loss\n",
            ),
        ),
    ),
    (
        "z-loss as an expression",
        "karpathy",
        (
            (
                "            return loss\n",
                "            z = logits.logsumexp(-1).square().mean() if "
                "self.training else 0.0\n            return loss + 1e-4 * z\n",
            ),
        ),
    ),
    (
        "label smoothing in training",
        "karpathy",
        (
            (
                "reduction=reduction)",
                "reduction=reduction,\n"
                "                                   label_smoothing=0.1 if self.training else 0.0)",
            ),
        ),
    ),
    (
        "label smoothing by a name",
        "karpathy",
        (
            before(
                "            loss = F.cross",
                "            smooth = 0.05 if self.training else 0.0\n",
            ),
            ("reduction=reduction)", "reduction=reduction, label_smoothing=smooth)"),
        ),
    ),
    (
        "loss returned directly",
        "karpathy",
        ((K_LOSS, f"            return {K_CALL}\n        return logits\n"),),
    ),
    (
        "loss returned last",
        "harness",
        ((H_TAIL, "        if targets is not None:\n    " + H_LOSS + "\n        return logits"),),
    ),
    (
        "logits returned first",
        "karpathy",
        (
            (
                "        if targets is not None:\n" + K_LOSS,
                "        if targets is None:\n            return logits\n"
                f"        return {K_CALL}\n",
            ),
        ),
    ),
    (
        "loss kept in a name",
        "harness",
        (
            (
                H_LOSS,
                "        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())\n"
                "        return loss",
            ),
        ),
    ),
    (
        "prediction of two tokens",
        "karpathy",
        (
            after(K_CONFIG, "        self.second = nn.Linear(config.n_embd, config.vocab_size)\n"),
            (
                "            return loss\n",
                "            if self.training:\n"
                "                ahead = self.second(x[:, :-1]).float()\n"
                "                aux = F.cross_entropy(ahead.flatten(0, 1), targets[:, 1:].flatten())\n"
                "                loss = loss + 0.3 * aux\n            return loss\n",
            ),
        ),
    ),
    (
        "prediction of two tokens, early return",
        "harness",
        (
            after(H_CONFIG, "        self.second = nn.Linear(config.n_embd, config.vocab_size)\n"),
            (
                H_LOSS,
                "        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())\n"
                "        if not self.training:\n            return loss\n"
                "        ahead = self.second(norm(x)[:, :-1]).float()\n"
                "        aux = F.cross_entropy(ahead.flatten(0, 1), targets[:, 1:].flatten())\n"
                "        return loss + 0.3 * aux",
            ),
        ),
    ),
    (
        "z-loss in the loop",
        "nano",
        (
            (
                "    optimizer.zero_grad(",
                "    loss = loss + 1e-4 * logits.logsumexp(-1).square().mean()\n"
                "    optimizer.zero_grad(",
            ),
        ),
    ),
    (
        "smoothing in training",
        "nano",
        (
            (
                "targets.view(-1))\n        return logits",
                "targets.view(-1), "
                "label_smoothing=0.1 if self.training else 0.0)\n        return logits",
            ),
        ),
    ),
    (
        "noise in training",
        "karpathy",
        (
            (
                "        x = norm(x)\n        for i, block",
                "        x = norm(x)\n"
                "        if self.training:\n            x = x + 0.01 * torch.randn_like(x)\n"
                "        for i, block",
            ),
        ),
    ),
    (
        "layers left out in training",
        "nano",
        (
            (
                "            x = block(x)\n",
                "            if self.training and torch.rand(()) < 0.1:\n"
                "                continue\n            x = block(x)\n",
            ),
        ),
    ),
    # ---- checkpointing and compilation
    (
        "checkpointing in training",
        "harness",
        (
            (
                H_BLOCK,
                "            if self.training:\n"
                "                x = torch.utils.checkpoint.checkpoint(block, x, ve, cos, sin, "
                "self.short_mask, use_reentrant=False)\n            else:\n    " + H_BLOCK,
            ),
        ),
    ),
    (
        "checkpointing as an expression",
        "karpathy",
        (
            (
                "from kernels import",
                "from torch.utils.checkpoint import checkpoint\nfrom kernels import",
            ),
            (
                K_BLOCK,
                "            x = checkpoint(block, x, cos_sin, self.window_sizes[i], "
                "use_reentrant=False) if self.training else block(x, cos_sin, self.window_sizes[i])\n",
            ),
        ),
    ),
    (
        "checkpointing of every second block",
        "nano",
        (
            (
                "        for block in self.h:\n            x = block(x)\n",
                "        for i, block in enumerate(self.h):\n"
                "            if self.training and i % 2:\n"
                "                x = torch.utils.checkpoint.checkpoint(block, x, use_reentrant=False)\n"
                "            else:\n                x = block(x)\n",
            ),
        ),
    ),
    (
        "always checkpointed",
        "nano",
        (
            (
                "            x = block(x)\n",
                "            x = torch.utils.checkpoint.checkpoint("
                "block, x, use_reentrant=False)\n",
            ),
        ),
    ),
    (
        "autotuned",
        "karpathy",
        ((K_COMPILE, 'model = torch.compile(model, mode="max-autotune-no-cudagraphs")'),),
    ),
    (
        "a named back-end",
        "karpathy",
        ((K_COMPILE, 'model = torch.compile(model, backend="inductor", dynamic=False)'),),
    ),
    (
        "compiled here",
        "nano",
        (after("model = GPT().to(device)\n", "model = torch.compile(model)\n"),),
    ),
    (
        "options of the compiler",
        "karpathy",
        ((K_COMPILE, 'model = torch.compile(model, options={"epilogue_fusion": True})'),),
    ),
    (
        "faster products",
        "nano",
        (before("model = GPT().to(device)\n", 'torch.set_float32_matmul_precision("high")\n'),),
    ),
    # ---- averages, logs, order of code
    (
        "average during training",
        "karpathy",
        (
            before(
                "while True:\n    torch", "ema = [p.detach().clone() for p in model.parameters()]\n"
            ),
            (
                K_STEP,
                K_STEP + "    torch._foreach_lerp_(ema, list(model.parameters()), 0.01)\n"
                "    if progress > 0.95:\n        with torch.no_grad():\n"
                "            torch._foreach_copy_(list(model.parameters()), ema)\n",
            ),
        ),
    ),
    (
        "windows that grow in training",
        "harness",
        (
            (
                H_STEP,
                H_STEP + "        for block in model.blocks[:-1]:\n"
                "            block.attn.window = max(8, int(block.attn.window * min(1.0, 0.5 + progress)))\n",
            ),
        ),
    ),
    ("log line", "karpathy", (("| remaining: {remaining:.0f}s    ", "| left: {remaining:.0f}s "),)),
    (
        "constants for a deep model",
        "karpathy",
        (after("DEPTH = 8\n", "if DEPTH > 10:\n    HEAD_DIM = 64\n"),),
    ),
    (
        "evaluation switched by torch's own words",
        "nano",
        (("    model.eval()\n", "    model.eval()  # no dropout\n"),),
    ),
)
