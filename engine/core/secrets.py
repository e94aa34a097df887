"""Tells environment variables that may hold a secret from harmless ones, and redacts secrets.

A training run gets only variables that are known to be harmless: a list of secret-looking names
would always miss some.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from urllib.parse import quote

SHORTEST_SECRET = 6
"""Characters of the shortest value that is redacted; shorter ones may be ordinary words."""

_HARMLESS_NAMES = """
PATH HOME USER LOGNAME SHELL SHLVL PWD OLDPWD _ HOST HOSTNAME HOSTTYPE OSTYPE MACHTYPE LANG
LANGUAGE TZ TZDIR TMPDIR TMP TEMP TERM TERM_PROGRAM TERM_PROGRAM_VERSION TERMINFO COLORTERM
COLORFGBG COLUMNS LINES NO_COLOR FORCE_COLOR CLICOLOR CLICOLOR_FORCE LS_COLORS LESS PAGER EDITOR
VISUAL MAIL MANPATH INFOPATH CI SYSTEMROOT XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME
XDG_STATE_HOME XDG_DATA_DIRS XDG_CONFIG_DIRS LD_LIBRARY_PATH LD_PRELOAD LD_AUDIT LD_BIND_NOW
LIBRARY_PATH CPATH C_INCLUDE_PATH CPLUS_INCLUDE_PATH PKG_CONFIG_PATH CC CXX CPP AR FC CFLAGS
CXXFLAGS CPPFLAGS LDFLAGS MAKEFLAGS MAX_JOBS GLIBC_TUNABLES ASAN_OPTIONS TSAN_OPTIONS
UBSAN_OPTIONS LSAN_OPTIONS HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY SSL_CERT_FILE
SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE VIRTUAL_ENV VIRTUAL_ENV_PROMPT PYENV_ROOT
PYENV_VERSION PYENV_SHELL PIPENV_ACTIVE POETRY_ACTIVE HF_HOME HF_HUB_CACHE HF_XET_CACHE
HF_ASSETS_CACHE HF_DATASETS_CACHE HF_METRICS_CACHE HF_MODULES_CACHE HF_EVALUATE_CACHE
HF_ENDPOINT HF_HUB_OFFLINE HF_DATASETS_OFFLINE HF_EVALUATE_OFFLINE HF_HUB_ENABLE_HF_TRANSFER
HF_XET_HIGH_PERFORMANCE HF_HUB_DISABLE_PROGRESS_BARS HF_HUB_DISABLE_TELEMETRY
HF_HUB_DISABLE_SYMLINKS_WARNING HF_HUB_DISABLE_XET HF_HUB_DOWNLOAD_TIMEOUT HF_HUB_ETAG_TIMEOUT
HF_HUB_VERBOSITY HF_DATASETS_TRUST_REMOTE_CODE HF_DATASETS_IN_MEMORY_MAX_SIZE
HUGGINGFACE_HUB_CACHE SENTENCE_TRANSFORMERS_HOME TIKTOKEN_CACHE_DIR NLTK_DATA
TOKENIZERS_PARALLELISM MPLBACKEND MPLCONFIGDIR MLFLOW_TRACKING_URI MLFLOW_EXPERIMENT_NAME
MLFLOW_EXPERIMENT_ID RANK LOCAL_RANK GROUP_RANK NODE_RANK ROLE_RANK WORLD_SIZE LOCAL_WORLD_SIZE
GROUP_WORLD_SIZE ROLE_WORLD_SIZE MASTER_ADDR MASTER_PORT OMPI_COMM_WORLD_RANK MODULEPATH
MODULESHOME LOADEDMODULES _LMFILES_ _CE_CONDA _CE_M DS_ACCELERATOR TF_DETERMINISTIC_OPS
"""
_HARMLESS_STARTS = """
LC_ AUTORESEARCH_ COVERAGE_ PYTHON CONDA_ MAMBA_ PIXI_ UV_ PIP_ CUDA NVIDIA_ NVCC_ NVTE_ NV_
NVRTC_ CUDNN_ CUBLAS CUTLASS_ NCCL_ GLOO_ OMP_ GOMP_ KMP_ MKL_ OPENBLAS_ BLIS_ GOTO_ VECLIB_
ACCELERATE_ NUMEXPR_ NUMBA_ TORCH PYTORCH_ AOT_ TRITON_ INDUCTOR_ XFORMERS_ FLASH_ATTENTION_
BITSANDBYTES_ BNB_ DEEPSPEED_ XLA_ JAX_ TPU_ LIBTPU_ KERAS_ ROCM ROCR_ ROC_ HSA_ HCC_ MIOPEN_
RCCL_ AMD_ AMDGPU_ ONEAPI_ SYCL_ ZE_ DNNL_ ONEDNN_ IPEX_ MTL_ METAL_ MALLOC_ TCMALLOC_ UCX_
OMPI_ PMI_ PMIX_ MPICH_ I_MPI_ FI_ SLURM_ SLURMD_ PBS_ LSB_ LMOD_ CMAKE_ CCACHE_ TRANSFORMERS_
DIFFUSERS_ WANDB_ DYLD_ GPU_ TF_CPP_ TF_XLA_ TF_GPU_ TF_FORCE_ TF_ENABLE_ TF_NUM_ TF_CUDNN_
TF_USE_ DS_BUILD_ DS_SKIP_ HIP_ HIPCC_
"""
_HARMLESS = frozenset(_HARMLESS_NAMES.split())
_HARMLESS_PREFIXES = tuple(_HARMLESS_STARTS.split())
_SECRET_NAME = re.compile(
    r"KEY|SECRET|TOKEN|PASSW|PASSPHRASE|PASS$|PASS_|CREDENTIAL|COOKIE|AUTH(?!OR|_SOCK)|AUTHORIZ|JWT"
    r"|BEARER|_PWD$|_PAT$|_DSN$|_PSK$|WEBHOOK|CONNECTION_?STRING|^BW_SESSION$|^AUTORESEARCH_NOTIFY$",
    re.IGNORECASE,
)
_ORDINARY_NAME = re.compile(
    r"TOKENIZERS_PARALLELISM|MAX_TOKENS|KEYBOARD|KEYMAP|KEYTIMEOUT|ASKPASS|BYPASS", re.IGNORECASE
)
_URL_PASSWORD = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")
"""Matches an address that contains a password, such as `https://user:password@host`."""
_SECRET_VALUE = re.compile(
    r"://[^/\s@]{16,}@"  # a token in place of the user's name
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\b(?:Bearer|Basic) [\w+/=.-]{16,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\."  # JSON web tokens
    r"|\b(?:sk|pk|rk|hf|gh[oprsu]|github_pat|glpat|npm|pypi|xox[abeprs])[-_](?=[\w-]*\d)[\w-]{16,}"
    r"|\bya29\.|\bAIza[\w-]{30}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
)
_PLAIN_VALUE = re.compile(r"[/.~].*|[\d.,:-]*|[a-z]*|[A-Z]*", re.DOTALL)
"""Matches a path, a number or a word: not to be redacted wherever it occurs."""
_GPU_ID = re.compile(r"(?:(?:GPU|MIG)-)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:/\d+)*")
_RANDOM_TEXT = re.compile(
    r"[0-9a-fA-F]{32,}|(?=.*[a-z])(?=.*[A-Z])(?=.*\d)(?![/.~])[\w+/=.-]{32,}", re.ASCII
)


@lru_cache(maxsize=4096)  # asked of the whole environment for each git command
def is_harmless(name: str, value: str) -> bool:
    """Return whether an environment variable is known to hold no secret."""
    known = name in _HARMLESS or name.upper() in _HARMLESS or name.startswith(_HARMLESS_PREFIXES)
    return known and not has_secret_name(name) and not has_secret_value(value)


def has_secret_name(name: str) -> bool:
    """Return whether the name of an environment variable indicates a secret."""
    return _SECRET_NAME.search(name) is not None and _ORDINARY_NAME.search(name) is None


def has_secret_value(value: str) -> bool:
    """Return whether a value looks like a key, a token, or an address with a password."""
    if _URL_PASSWORD.search(value) or _SECRET_VALUE.search(value):
        return True
    words = re.split(r"[,;:\s]", value)
    return any(_RANDOM_TEXT.fullmatch(word) and not _GPU_ID.fullmatch(word) for word in words)


def secret_values(variables: Mapping[str, str], passed: Collection[str] = ()) -> list[str]:
    """Return the values, and the passwords in them, of the variables that may hold a secret.

    Args:
        variables: Environment variables by name.
        passed: Names of variables that the user passes to the runs although they may be secret.
    """
    found = [
        value
        for name, value in variables.items()
        if has_secret_name(name) or (name in passed and not _PLAIN_VALUE.fullmatch(value))
    ]
    return found + [
        match[1] for value in variables.values() for match in _URL_PASSWORD.finditer(value)
    ]


def redacted_forms(secrets: Iterable[str]) -> list[str]:
    """Return the secrets of at least 6 characters, each plain and URL-encoded, longest first.

    In this order, no secret is replaced within another, which would leave the rest of that.
    """
    known = {secret.strip() for secret in secrets}
    forms = known | {quote(secret, safe="") for secret in known}
    return sorted((f for f in forms if len(f) >= SHORTEST_SECRET), key=lambda f: (-len(f), f))


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return the text with `***` for each secret of at least 6 characters, plain or URL-encoded."""
    for form in redacted_forms(secrets):
        text = text.replace(form, "***")
    return text


class RedactedStream:
    """Redacts secrets in a text that arrives in pieces, which may divide a secret.

    Args:
        secrets: The secrets to redact.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._forms = redacted_forms(secrets)
        self._held = ""

    def feed(self, piece: str) -> str:
        """Return the text up to where a secret may have begun that the next piece completes."""
        text = self._held + piece
        for form in self._forms:
            text = text.replace(form, "***")
        cut = min((_beginning(text, form) for form in self._forms), default=len(text))
        self._held = text[cut:]
        return text[:cut]

    def finish(self) -> str:
        """Return the text held back last; call it once, after the last piece."""
        return self._held


def _beginning(text: str, form: str) -> int:
    """Return the index at which the text's end is a beginning of `form`; its length if nowhere."""
    start = text.find(form[0], max(0, len(text) - len(form) + 1))
    while start >= 0 and not form.startswith(text[start:]):
        start = text.find(form[0], start + 1)
    return start if start >= 0 else len(text)
