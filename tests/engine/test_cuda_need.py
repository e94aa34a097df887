"""Whether a script needs CUDA, or only uses it where there is a GPU."""

from __future__ import annotations

import pytest

from engine.setup.cuda_need import needs_cuda


@pytest.mark.parametrize(
    "source",
    [
        'device = torch.device("cuda")',
        "device = 'cuda'  # 'cpu', 'cuda', 'cuda:0'",
        'if not torch.cuda.is_available():\n    raise SystemExit("no GPU")\nmodel.to("cuda:0")',
        'torch.device(f"cuda:{rank}")',
        'ctx = torch.amp.autocast(device_type="cuda", dtype=torch.bfloat16)',
        "device = 'cuda'\nprint 'Python 2'",
    ],
)
def test_a_device_that_is_named_without_a_choice_is_needed(source: str) -> None:
    assert needs_cuda(source)


@pytest.mark.parametrize(
    "source",
    [
        'device = "cuda" if torch.cuda.is_available() else "cpu"',
        'if torch.cuda.is_available():\n    device = "cuda"\nelse:\n    device = "cpu"',
        'if device.type == "cuda":\n    ctx = torch.amp.autocast(device_type="cuda")',
        'parser.add_argument("--device", choices=["auto", "cuda", "cpu"], default="auto")',
        'is_cuda = device.type == "cuda"\nctx = autocast("cuda") if is_cuda else nullcontext()',
        '"""Runs on cuda."""\nimport torch\ndevice = "cpu"',
        "import numpy",
    ],
)
def test_a_device_that_is_used_where_there_is_one_is_not_needed(source: str) -> None:
    assert not needs_cuda(source)
