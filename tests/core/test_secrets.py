"""Which environment variables count as harmless, and how secrets are redacted."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.secrets import (
    RedactedStream,
    has_secret_value,
    is_harmless,
    redact,
    secret_values,
)

HARMLESS = {
    "PATH": "/usr/local/bin:/usr/bin:/home/ada/.pyenv/versions/3.11.9/bin",
    "HOME": "/home/ada",
    "LANG": "en_GB.UTF-8",
    "LC_ALL": "C",
    "TERM": "xterm-256color",
    "TZ": "Europe/Vienna",
    "TMPDIR": "/scratch/ada/4f0c9b1d8e7a6b5c4d3e2f1a0b9c8d7e",
    "CUDA_VISIBLE_DEVICES": "GPU-5f3a9e1c-12ab-34cd-56ef-7890abcdef12",
    "CUDA_HOME": "/usr/local/cuda-12.4",
    "CUDACXX": "/usr/local/cuda/bin/nvcc",
    "NVIDIA_VISIBLE_DEVICES": "MIG-5f3a9e1c-12ab-34cd-56ef-7890abcdef12,0",
    "NVIDIA_REQUIRE_CUDA": "cuda>=12.4 brand=tesla,driver>=470,driver<471",
    "NCCL_SOCKET_IFNAME": "eth0",
    "OMP_NUM_THREADS": "8",
    "MKL_NUM_THREADS": "8",
    "OPENBLAS_NUM_THREADS": "8",
    "TORCH_HOME": "/data/torch",
    "TORCHINDUCTOR_CACHE_DIR": "/data/inductor",
    "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True,max_split_size_mb:512",
    "TRITON_CACHE_DIR": "/data/triton",
    "XLA_FLAGS": "--xla_gpu_cuda_data_dir=/usr/local/cuda",
    "JAX_PLATFORMS": "cuda",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "HF_HOME": "/data/hf",
    "HF_DATASETS_CACHE": "/data/hf/datasets",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "UV_CACHE_DIR": "/data/uv",
    "VIRTUAL_ENV": "/home/ada/.cache/pypoetry/virtualenvs/net-Xy3fG7hJ-py3.11",
    "CONDA_PREFIX": "/opt/conda/envs/net",
    "LD_LIBRARY_PATH": "/usr/local/cuda/lib64:/usr/lib/x86_64-linux-gnu",
    "LD_PRELOAD": "/usr/lib/x86_64-linux-gnu/libtcmalloc.so.4",
    "XDG_CACHE_HOME": "/home/ada/.cache",
    "https_proxy": "http://proxy.example.org:3128",
    "NO_PROXY": "localhost,127.0.0.1",
    "SLURM_JOB_ID": "1234567",
    "SLURM_JOB_NODELIST": "node[01-04]",
    "ROCM_PATH": "/opt/rocm",
    "HIP_VISIBLE_DEVICES": "0",
    "HSA_OVERRIDE_GFX_VERSION": "10.3.0",
    "AUTORESEARCH_DATA_DIR": "/data/shards",
    "PYTHONPATH": "/home/ada/sk-learn-contrib-extensions:/opt/skimage",
    "PYTHONHASHSEED": "0",
    "WANDB_MODE": "offline",
    "MASTER_ADDR": "10.0.0.1",
    "RANK": "0",
}

SECRET = {
    "OPENAI_API_KEY": "sk-1",
    "ANTHROPIC_API_KEY": "x",
    "HF_TOKEN": "hf",
    "HUGGING_FACE_HUB_TOKEN": "hf",
    "WANDB_API_KEY": "w",
    "AWS_PROFILE": "prod",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AZURE_CLIENT_SECRET": "x",
    "GOOGLE_APPLICATION_CREDENTIALS": "/home/ada/key.json",
    "DB_PASS": "x",
    "DB_PASSWORD": "x",
    "PGPASSWORD": "x",
    "MYSQL_PWD": "x",
    "SSHPASS": "x",
    "BW_SESSION": "x",
    "OP_SESSION_my": "x",
    "DOCKER_AUTH_CONFIG": "{}",
    "AUTHORIZATION": "x",
    "JWT": "x",
    "SLURM_JWT": "x",
    "SLACK_WEBHOOK": "x",
    "SLACK_WEBHOOK_URL": "https://hooks.example.org/x",
    "AZURE_STORAGE_CONNECTION_STRING": "x",
    "DATABASE_URL": "postgres://db/x",
    "SENTRY_DSN": "x",
    "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/1000/bus",
    "XAUTHORITY": "/home/ada/.Xauthority",
    "DISPLAY": ":0",
    "WAYLAND_DISPLAY": "wayland-0",
    "XDG_RUNTIME_DIR": "/run/user/1000",
    "KRB5CCNAME": "FILE:/tmp/krb5cc_1000",
    "SSH_AUTH_SOCK": "/tmp/agent",
    "SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22",
    "GPG_AGENT_INFO": "x",
    "VAULT_ADDR": "https://vault.example.org",
    "KUBECONFIG": "/home/ada/.kube/config",
    "GIT_ASKPASS": "/usr/bin/ask",
    "GIT_DIR": "/x",
    "TF_VAR_database": "x",
    "TMUX": "/tmp/tmux-1000/default,1,0",
    "AUTORESEARCH_NOTIFY": "tgram://x",
    "UV_PUBLISH_TOKEN": "x",
    "UV_INDEX_LAB_PASSWORD": "x",
    "CONDA_TOKEN": "x",
    "MY_OWN_VARIABLE": "x",
    "": "x",
}

SECRET_VALUES = {
    "https_proxy": "http://ada:hunter22@proxy.example.org:3128",
    "UV_INDEX_URL": "https://ada:hunter22@pypi.example.org/simple",
    "PIP_INDEX_URL": "https://ghp_0123456789abcdefghij@pypi.example.org/simple",
    "PYTHONPATH": "sk-proj-abcdefghijklmn0pqrstuvwx",
    "WANDB_NAME": "0123456789abcdef0123456789abcdef01234567",
    "TORCH_LOGS": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    "NVIDIA_X": "AKIAIOSFODNN7EXAMPLE",
    "SLURM_EXPORT_ENV": "ALL,X=hf_abcdefghijklmn0pqrstuvwxyz",
    "CUDA_X": "-----BEGIN OPENSSH PRIVATE KEY-----\nabc",
    "HOME": "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY",
    "AUTORESEARCH_X": "Bearer abcdefghijklmnop1234",
}


def test_known_names_with_ordinary_values_are_harmless() -> None:
    assert [name for name, value in HARMLESS.items() if not is_harmless(name, value)] == []


def test_everything_else_is_not() -> None:
    assert [name for name, value in SECRET.items() if is_harmless(name, value)] == []


def test_a_harmless_name_with_a_secret_value_is_not() -> None:
    assert [name for name, value in SECRET_VALUES.items() if is_harmless(name, value)] == []


@given(st.text(), st.text())
def test_unknown_names_are_not_harmless(name: str, value: str) -> None:
    assert not is_harmless(f"Z{name}", value)


@given(
    st.sampled_from(sorted(HARMLESS)),
    st.sampled_from(sorted(SECRET_VALUES)),
    st.sampled_from([",", ";", ":", " "]),
)
def test_a_secret_beside_an_ordinary_value_is_noticed(
    harmless: str, secret: str, between: str
) -> None:
    assert has_secret_value(f"{HARMLESS[harmless]}{between}{SECRET_VALUES[secret]}")


def test_secrets_are_known_by_name_by_the_users_choice_and_as_passwords_of_addresses() -> None:
    names = ["OPENAI_API_KEY", "HF_TOKEN", "aws_secret_access_key", "DB_PASSWORD", "SSHPASS"]
    plain = ["HOME", "PATH", "TOKENIZERS_PARALLELISM", "OPENAI_API_BASE", "LLM_MAX_TOKENS"]
    plain += ["GIT_AUTHOR_NAME", "SSH_AUTH_SOCK", "DESKTOP_SESSION", "XKB_KEYMAP"]
    variables = {name: name for name in [*names, *plain]} | {"RUN_ID": "x1-y2-z3"}
    assert secret_values(variables, passed=["RUN_ID"]) == [*names, "x1-y2-z3"]
    ordinary = {"A": "/data/shards", "B": "12.5", "C": "offline"}
    assert secret_values(ordinary, passed=ordinary) == []
    assert secret_values({"https_proxy": "http://ada:hunter22@proxy:1"}) == ["hunter22"]


def test_redaction() -> None:
    assert redact("key sk-123456, again sk-123456.", ["sk-123456"]) == "key ***, again ***."
    assert redact("abcdefgh", ["abcdef", "abcdefgh"]) == "***"
    assert redact("a none b", ["none", ""]) == "a none b"
    assert redact("key sk-123456", ["sk-123456\n"]) == "key ***"
    assert redact("/?k=sk%2F123%2B456", ["sk/123+456"]) == "/?k=***"


@given(st.text(), st.text(), st.lists(st.text(st.characters(exclude_characters="*"), min_size=6)))
def test_no_secret_survives(before: str, after: str, secrets: list[str]) -> None:
    shown = redact(before + "".join(secrets) + after, secrets)
    assert not any(s.strip() in shown for s in secrets if len(s.strip()) >= 6)


@given(
    st.text("abc"),
    st.lists(st.text("abc", min_size=6, max_size=9), max_size=3),
    st.lists(st.integers(0, 40), max_size=9),
)
def test_no_secret_survives_in_pieces(text: str, secrets: list[str], cuts: list[int]) -> None:
    text = secrets[0].join((text, text)) if secrets else text
    stream, shown = RedactedStream(secrets), ""
    for start, stop in pairwise(sorted({0, *cuts, len(text)})):
        shown += stream.feed(text[start:stop])
    shown += stream.finish()
    assert not any(secret in shown for secret in secrets)
    if not any(secret in text for secret in secrets):
        assert shown == text


def test_only_a_possible_beginning_of_a_secret_is_held_back() -> None:
    stream = RedactedStream(["sk-123456"])
    pieces = ["the key is s", "k-", "12", "3456, the sky", " is blue, s"]
    assert [stream.feed(piece) for piece in pieces] == [
        *("the key is ", "", "", "***, the sky", " is blue, "),
    ]
    assert stream.finish() == "s"


@pytest.mark.parametrize("text", ["", "a", "sk", "0" * 31, "Aa1" * 10])
def test_short_texts_are_no_secrets(text: str) -> None:
    assert not has_secret_value(text)
