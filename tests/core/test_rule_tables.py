"""Lines that each risk rule asks about or blocks, and lines beside them that it lets pass."""

from __future__ import annotations

import pytest

from engine.core.finding import Finding, Weight
from engine.core.risk import RULES, RiskContext, assess

BASE = """import os
import sys
import torch
import torch.nn as nn
import prepare
from prepare import TIME_BUDGET, Tokenizer, evaluate_bpb

tokenizer = Tokenizer.from_directory()
DEPTH = 4
BATCH_SIZE = 8


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 8)

    def forward(self, x, targets=None):
        return self.head(x)


model = Net()
value = evaluate_bpb(model)
print("---")
print(f"val_bpb: {value:.6f}")
"""
LINE = 11
"""Where the added lines begin: after the settings."""
WEIGHTS = {rule.name: rule.weight for rule in RULES}


def findings(rule: str, lines: str, context: RiskContext | None = None) -> list[Finding]:
    """Assess lines that are added to the script at module level."""
    place = "BATCH_SIZE = 8\n"
    candidate = BASE.replace(place, f"{place}{lines}\n")
    found = assess(BASE, candidate, context or RiskContext())
    return [f for f in found if f.rule == rule]


CAUGHT = {
    "outside-weights": [
        "w = torch.load('w.pt')",
        "from safetensors.torch import load_file\nw = load_file('w')",
        "import numpy as np\nw = np.load('w.npy')",
        "m = Net.from_pretrained('x')",
        "m = torch.hub.load('a', 'b')",
        "Net().load_checkpoint('x')",
        "f()[0].from_pretrained('x')",
        "import pickle\nw = pickle.load(f)",
    ],
    "new-import": [
        "import scipy",
        "from scipy import stats",
        "import scipy.stats as stats",
        "from math import *",
        "from . import sibling",
        "m = __import__('scipy')",
        "import importlib\nm = importlib.import_module('scipy')",
    ],
    "process": [
        "import subprocess\nsubprocess.run(['x'])",
        "from threading import Thread\nThread()",
        "os.system('x')",
        "os.fork()",
        "import torch.multiprocessing as mp\nmp.spawn(f)",
    ],
    "network": [
        "import socket\nsocket.socket()",
        "import urllib.request\nurllib.request.urlopen('x')",
        "import wandb\nwandb.init()",
    ],
    "file-system": [
        "open('x')",
        "from pathlib import Path\nPath('x')",
        "os.listdir('.')",
        "os.path.exists('x')",
        "torch.save(1, 'x')",
        "print(sys.argv)",
    ],
    "dynamic-code": [
        "eval('1')",
        "exec('1')",
        "globals()['x'] = 1",
        "f.__code__ = g.__code__",
        "getattr(torch, name)",
        "getattr(f, '__globals__')",
        "setattr(f(), key, 1)",
        "sys.settrace(f)",
        "class A:\n    def __setattr__(self, k, v):\n        pass",
        "import ctypes\nctypes.CDLL('x')",
    ],
    "environment": [
        "x = os.environ['HOME']",
        "os.environ['CUDA_VISIBLE_DEVICES'] = '1'",
        "x = os.environ.get('AUTORESEARCH_TIME_BUDGET')",
        "x = os.getenv('HOME')",
        "os.environ[name] = '1'",
        "os.environ.update(x)",
    ],
    "large-literal": [
        f"x = {'a' * 2001!r}",
        f"x = {b'a' * 2001!r}",
        f"x = [{'1, ' * 401}]",
        f"x = ({'1, ' * 401})",
        f"x = {{{', '.join(f'{n}: 1' for n in range(401))}}}",
        f"x = {hex(1 << 8001)}",
    ],
    "harness-write": [
        "prepare.TIME_BUDGET = 1",
        "setattr(prepare, 'TIME_BUDGET', 1)",
        "prepare.__dict__['x'] = 1",
        "vars(prepare)['x'] = 1",
        "prepare.X.update({'a': 1})",
        "del prepare.TIME_BUDGET",
        "sys.modules['prepare'] = 1",
        "prepare.evaluate_bpb.__code__ = 1",
        "globals().update(x=1)",
        "import importlib\nimportlib.reload(prepare)",
        "object.__setattr__(prepare, 'x', 1)",
        "evaluate_bpb.__defaults__",
        "prepare.CONFIG.update(a=1)",
        "prepare.CONFIG.update({'a': 1})",
        "prepare.CONFIG.setdefault('a', 1)",
        "prepare.CONFIG |= {'a': 1}",
        "prepare.CONFIG.pop('a')",
        "prepare.CONFIG.popitem()",
        "prepare.CONFIG.clear()",
        "prepare.CONFIG.__setitem__('a', 1)",
        "prepare.CONFIG.__delitem__('a')",
        "prepare.CONFIG.__ior__({'a': 1})",
        "prepare.CONFIG['a'] = 1",
        "prepare.CONFIG['a'] += 1",
        "prepare.CONFIG['a']['b'] = 1",
        "prepare.CONFIG['a'].update(b=1)",
        "prepare.CONFIG.a.b = 1",
        "prepare.TABLE[:] = 0",
        "del prepare.CONFIG['a']",
        "prepare.NAMES.append(1)",
        "prepare.NAMES += [1]",
        "prepare.NAMES.extend([1])",
        "prepare.NAMES.insert(0, 1)",
        "prepare.NAMES.remove(1)",
        "prepare.NAMES.sort()",
        "prepare.NAMES.reverse()",
        "prepare.SET.add(1)",
        "prepare.SET.discard(1)",
        "prepare.TABLE.fill_(0)",
        "prepare.TABLE.copy_(x)",
        "prepare.TABLE.fill(0)",
        "setattr(prepare, 'X', 1)",
        "setattr(prepare.CONFIG, 'X', 1)",
        "delattr(prepare, 'X')",
        "vars(prepare).update(a=1)",
        "vars(prepare).update({'a': 1})",
        "vars(prepare)['a'] = 1",
        "prepare.__dict__['a'] = 1",
        "prepare.__dict__.update(a=1)",
        "prepare.__dict__ |= {'a': 1}",
        "prepare.__setattr__('a', 1)",
        "object.__setattr__(prepare, 'a', 1)",
        "types.ModuleType.__setattr__(prepare, 'a', 1)",
        "type(prepare).__setattr__(prepare, 'a', 1)",
        "dict.update(prepare.CONFIG, a=1)",
        "dict.__setitem__(prepare.CONFIG, 'a', 1)",
        "list.append(prepare.NAMES, 1)",
        "import operator\noperator.setitem(prepare.CONFIG, 'a', 1)",
        "from operator import setitem\nsetitem(prepare.CONFIG, 'a', 1)",
        "import operator\noperator.ior(prepare.CONFIG, {})",
        "c = prepare.CONFIG\nc.update(a=1)",
        "c = prepare.CONFIG\nc['a'] = 1",
        "getattr(prepare, 'CONFIG').update(a=1)",
        "getattr(prepare, 'CONFIG')['a'] = 1",
        "sys.modules['prepare'].CONFIG.update(a=1)",
        "sys.modules['prepare'].__dict__.update(a=1)",
        "sys.modules.update(prepare=1)",
        "sys.modules.pop('prepare')",
        "sys.modules.setdefault('prepare', 1)",
        "globals().update({'TIME_BUDGET': 1})",
        "globals().setdefault('x', 1)",
        "globals().__setitem__('TIME_BUDGET', 1)",
        "import builtins\nbuiltins.setattr(prepare, 'x', 1)",
        "s = setattr\ns(prepare, 'x', 1)",
        "import functools\nfunctools.partial(setattr, prepare)('x', 1)",
        "map(setattr, [prepare], ['x'], [1])",
        "for prepare.X in y:\n    pass",
        "with y as prepare.X:\n    pass",
        "prepare.CONFIG.update(**d)",
        "f = prepare.CONFIG.update\nf(a=1)",
        "(prepare.CONFIG).update(a=1)",
        "evaluate_bpb.__globals__['X'] = 1",
        "evaluate_bpb.__globals__.update(X=1)",
        "evaluate_bpb.__kwdefaults__ = {}",
        "evaluate_bpb.__kwdefaults__['x'] = 1",
        "evaluate_bpb.__dict__.update(x=1)",
        "evaluate_bpb.__wrapped__ = 1",
        "evaluate_bpb.x = 1",
        "(c := prepare.CONFIG).update(a=1)",
        "prepare.CONFIG = 1",
        "prepare.CONFIG: int = 1",
        "[prepare.NAMES.append(x) for x in y]",
        "torch.nn.init.zeros_(prepare.TABLE)",
        "exec('x', vars(prepare))",
    ],
    "harness-shadowed": [
        "TIME_BUDGET = 1",
        "def evaluate_bpb(m):\n    return 0",
        "for TIME_BUDGET in x:\n    pass",
        "from other import TIME_BUDGET",
        "y = [TIME_BUDGET for TIME_BUDGET in x]",
        "def f(evaluate_bpb):\n    pass",
        "import other as TIME_BUDGET",
    ],
    "harness-object": [
        "tokenizer.vocab = 1",
        "tokenizer = Tokenizer()",
        "setattr(tokenizer, 'x', 1)",
    ],
    "patched-module": [
        "torch.matmul = f",
        "import time\ntime.time = f",
        "setattr(torch, 'matmul', f)",
        "setattr(torch.nn, 'Linear', f)",
        "setattr(torch, name, f)",
        "delattr(nn, 'Linear')",
        "def torch():\n    pass",
        "type(model).forward = f",
        "class M(torch.overrides.TorchFunctionMode):\n    pass",
    ],
    "harness-import": [
        "from prepare import load_shard",
        "import prepare as other",
        "m = __import__('prepare')",
    ],
    "output-replaced": [
        "sys.stdout = f",
        "import contextlib\nwith contextlib.redirect_stdout(f):\n    pass",
        "os.dup2(1, 2)",
        "sys.stdout.reconfigure(x=1)",
        "x = '/dev/stdout'",
    ],
    "shadowed-builtin": [
        "def print(*a):\n    pass",
        "round = f",
        "float = f",
        "import builtins\nbuiltins.print = f",
        "def f():\n    print = g",
    ],
    "number-disguised": [
        "class F(float):\n    pass",
        "class F(int):\n    pass",
        "class F(str):\n    pass",
        "F.__format__ = f",
        "class F:\n    def __format__(self, s):\n        return ''",
        "class F:\n    def __float__(self):\n        return 0.0",
    ],
    "computed-text": [
        "print(''.join(parts))",
        "print(raw.decode())",
        "print(chr(code) + name)",
        "print(bytes(numbers))",
        "print(bytearray.fromhex(x))",
        "text = f('abc')\nprint(text)",
    ],
    "output-handed-on": [
        "p = print",
        "f(print)",
        "f(sys.stdout)",
        "out = sys.stdout",
    ],
    "replaced-forward": [
        "Net.forward = f",
        "model.register_forward_hook(f)",
        "import types\nx = types.MethodType(f, model)",
        "class B(nn.Module):\n    def eval(self):\n        pass",
        "class B(nn.Module):\n    def __call__(self, x):\n        pass",
    ],
    "memory": ["BATCH_SIZE = 24", "DEPTH = 12"],
}

PASSED = {
    "outside-weights": ["w = torch.zeros(3)", "w = loader.load()", "state = model.state_dict()"],
    "new-import": [
        "import math",
        "from torch import optim",
        "import numpy as np",
        "import torch.nn.functional as F",
        "import sys",
        "m = __import__('math')",
    ],
    "process": ["os.cpu_count()", "threads = 4", "torch.set_num_threads(2)"],
    "network": ["sockets = 1", "https = 2"],
    "file-system": ["opened = 1", "os.getpid()", "os.path.join('a', 'b')"],
    "dynamic-code": [
        "getattr(cfg, 'depth')",
        "getattr(cfg, f'cos_{i}')",
        "name = self.__class__.__name__",
        "evaluate(1)",
        "class A:\n    def __init__(self):\n        pass",
    ],
    "environment": [
        "os.environ['OMP_NUM_THREADS'] = '2'",
        "x = os.environ.get('PYTORCH_CUDA_ALLOC_CONF')",
        "x = os.getenv('TORCH_LOGS')",
        "os.environ.setdefault('TOKENIZERS_PARALLELISM', 'false')",
        "environ = 1",
    ],
    "large-literal": [
        f"x = {'a' * 2000!r}",
        f"x = [{'1, ' * 400}]",
        f"x = [{'y, ' * 500}]",
        f"x = {{{', '.join(f'{n}: 1' for n in range(200))}}}",
        f"x = {hex(1 << 7990)}",
    ],
    "harness-write": [
        "x = prepare.TIME_BUDGET",
        "other.TIME_BUDGET = 1",
        "vars(other)",
        "d.update(x=1)",
        "x = prepare.CONFIG['a']",
        "x = prepare.CONFIG.get('a')",
        "x = prepare.CONFIG.copy()",
        "d.update(prepare.CONFIG)",
        "x = {**prepare.CONFIG}",
        "names.append(prepare.NAME)",
        "x = dict(prepare.CONFIG)",
        "x = sorted(prepare.NAMES)",
        "c = prepare.CONFIG.copy()\nc.update(a=1)",
        "c = dict(prepare.CONFIG)\nc['a'] = 1",
        "for n in prepare.NAMES:\n    seen.add(n)",
        "x = operator.getitem(prepare.CONFIG, 'a')",
        "x = prepare.NAMES.index(1)",
        "x = prepare.NAMES.count(1)",
        "loader.update(prepare.X)",
        "x = self.cache.setdefault(prepare.X, 1)",
        "x = y[prepare.X]",
        "y[prepare.X] = 1",
        "del y[prepare.X]",
        "x = prepare.TABLE.sum()",
        "x = prepare.TABLE.to('cuda')",
        "setattr(self, 'x', prepare.X)",
        "globals() | {}",
        "c = {}\nc.update(a=prepare.X)",
    ],
    "harness-shadowed": [
        "budget = TIME_BUDGET",
        "from prepare import TIME_BUDGET",
        "x.evaluate_bpb",
    ],
    "harness-object": ["n = tokenizer.vocab", "other = Tokenizer", "tokens = 1"],
    "patched-module": ["x = torch.matmul", "import torch", "self.torch = 1"],
    "harness-import": ["import math", "m = __import__('math')"],
    "output-replaced": ["sys.stdout.flush()", "x = '/dev/null'"],
    "shadowed-builtin": ["minimum = min(1, 2)", "def f():\n    total = sum([1])"],
    "number-disguised": [
        "class F:\n    pass",
        "def __format__(s):\n    return ''",
        "class F(nn.Module):\n    def forward(self):\n        pass",
    ],
    "computed-text": [
        "print('depth: ' + name)",
        "print(count)",
        "print(f'depth {x}')",
        "print(len(parts))",
    ],
    "output-handed-on": ["print('x')", "sys.stdout.flush()", "print('x', file=sys.stdout)"],
    "replaced-forward": [
        "class B(nn.Module):\n    def forward(self, x):\n        return x",
        "class B:\n    def eval(self):\n        pass",
        "model.register_buffer('x', y)",
    ],
    "memory": ["BATCH_SIZE = 16", "DEPTH = 6", "BATCH_SIZE = 4"],
}


@pytest.mark.parametrize(
    ("name", "lines"), [(name, lines) for name, all_lines in CAUGHT.items() for lines in all_lines]
)
def test_the_rule_sees_these_lines(name: str, lines: str) -> None:
    found = findings(name, lines)
    assert found
    count = lines.count("\n") + 1
    for finding in found:
        assert finding.weight is WEIGHTS[name] is not Weight.NOTE
        assert finding.message
        assert all(LINE <= line < LINE + count for line in finding.lines)


@pytest.mark.parametrize(
    ("name", "lines"), [(name, lines) for name, all_lines in PASSED.items() for lines in all_lines]
)
def test_the_rule_lets_these_lines_pass(name: str, lines: str) -> None:
    assert findings(name, lines) == []


@pytest.mark.parametrize("name", [name for name in CAUGHT if name not in ("memory",)])
def test_what_the_base_has_already_is_not_reported_again(name: str) -> None:
    lines = CAUGHT[name][0]
    base = BASE.replace("BATCH_SIZE = 8\n", f"BATCH_SIZE = 8\n{lines}\n")
    candidate = base.replace("DEPTH = 4", "DEPTH = 5")
    assert [f for f in assess(base, candidate, RiskContext()) if f.rule == name] == []


# ---- memory


@pytest.mark.parametrize(
    ("lines", "used", "limit", "asked"),
    [
        ("BATCH_SIZE = 16", 40.0, 80.0, True),  # 80 of 80
        ("BATCH_SIZE = 16", 30.0, 80.0, False),  # 60 of 80
        ("BATCH_SIZE = 24", 20.0, 80.0, False),  # 60 of 80, though three times as much
        ("BATCH_SIZE = 9", 79.0, 80.0, False),  # hardly more than it used
        ("BATCH_SIZE = 24", None, 80.0, True),
        ("BATCH_SIZE = 16", None, None, False),
    ],
)
def test_memory_is_compared_with_the_device_where_it_is_known(
    lines: str, used: float | None, limit: float | None, asked: bool
) -> None:
    context = RiskContext(memory_gb=used, memory_limit_gb=limit)
    found = findings("memory", lines, context)
    assert bool(found) is asked
    if asked and used is not None:
        assert "80 GB" in found[0].message
        assert "2.0 times" in found[0].message


# ---- size


@pytest.mark.parametrize(
    ("length", "changed", "asked"),
    [
        (400, 79, False),
        (100, 79, False),
        (100, 80, True),
        (160, 80, False),
        (159, 80, True),
        (1000, 300, False),
        (1000, 301, True),
    ],
)
def test_an_edit_is_too_large_by_its_lines_or_its_share(
    length: int, changed: int, asked: bool
) -> None:
    base = "".join(f"x{n} = {n}\n" for n in range(length))
    candidate = base
    for n in range(changed):
        candidate = candidate.replace(f"x{n} = {n}\n", f"x{n} = {n}.5\n", 1)
    found = [f for f in assess(base, candidate, RiskContext()) if f.rule == "large-diff"]
    assert bool(found) is asked
    if asked:
        assert f"changes {changed} lines and removes {changed} of {length}" in found[0].message


def test_blank_lines_and_comments_do_not_make_an_edit_large() -> None:
    base = "".join(f"x{n} = {n}\n" for n in range(50))
    assert not [
        f for f in assess(base, base + "# note\n\n" * 400, RiskContext()) if f.rule == "large-diff"
    ]


def test_a_class_that_becomes_another_kind_of_number_is_reported() -> None:
    base = BASE + "\n\nclass F(float):\n    pass\n"
    found = assess(base, base.replace("F(float)", "F(int)"), RiskContext())
    assert [f.rule for f in found if f.rule == "number-disguised"]
    renamed = assess(base, base.replace("F(float)", "G(float)"), RiskContext())
    assert [f.rule for f in renamed if f.rule == "number-disguised"]


@pytest.mark.parametrize(
    ("line", "noted"),
    [
        ("assert value > 0", True),
        ("raise ValueError", True),
        ("sys.exit(1)", True),
        ("exit()", True),
        ("quit()", True),
        ("math.isfinite(value)", True),
        ("value.check()", False),
        ("value = 1", False),
    ],
)
def test_a_check_that_is_removed_is_noted(line: str, noted: bool) -> None:
    base = f"import sys, math\nvalue = 2\nif value > 9:\n    print(1)\n    {line}\nx = 1\n"
    found = assess(base, base.replace(f"    {line}\n", ""), RiskContext())
    checks = [f for f in found if f.rule == "removed-check"]
    assert bool(checks) is noted
    assert all(f.weight is Weight.NOTE and "removes a check" in f.message for f in checks)
