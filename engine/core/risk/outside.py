"""Risk rules about what is outside the training file: modules, files, processes, network."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from engine.core.finding import Weight
from engine.core.risk.edit import Edit, Fact, lines_of, quote
from engine.core.risk.folding import TEXT, fold, literal
from engine.core.risk.rule import Rule, RuleHit, rule
from engine.core.risk.source import ParsedSource

_HARMLESS = frozenset(
    (
        "torch",
        "numpy",
        "math",
        "cmath",
        "functools",
        "itertools",
        "dataclasses",
        "typing",
        "typing_extensions",
        "collections",
        "time",
        "sys",
        "os",
        "gc",
        "re",
        "enum",
        "abc",
        "copy",
        "operator",
        "random",
        "statistics",
        "string",
        "textwrap",
        "warnings",
        "contextlib",
        "types",
        "bisect",
        "heapq",
        "json",
        "decimal",
        "fractions",
        "numbers",
        "datetime",
        "argparse",
        "logging",
        "pprint",
        "__future__",
        "triton",
        "einops",
    )
)
_WEIGHTS = re.compile(
    r"^(torch\.(load|jit\.load|hub\.\w+|package\.\w+|from_file|utils\.model_zoo\.\w+)"
    r"|(np|numpy)\.(load|loadtxt|genfromtxt|fromfile|memmap|lib\.format\.open_memmap)"
    r"|safetensors\..*|huggingface_hub\..*|(pickle|dill|joblib|cloudpickle)\.loads?"
    r"|torch\.distributed\.checkpoint\.load\w*|torchvision\.models\..*|timm\.create_model)$"
    r"|(^|\.)(from_pretrained|load_checkpoint|hf_hub_download|snapshot_download"
    r"|load_file|load_model|from_file|load_state_dict_from_url)$"
)
_PROCESS = re.compile(
    r"^(subprocess|multiprocessing|threading|_thread|concurrent|pty|sched)(\.|$)"
    r"|^asyncio\.(create_)?subprocess"
    r"|^os\.(system|popen|fork|forkpty|exec\w*|spawn\w*|posix_spawn\w*|kill|killpg|nice|setsid"
    r"|sched_\w+|setpriority|register_at_fork)$|^torch\.multiprocessing(\.|$)"
)
_NETWORK = re.compile(
    r"^(socket|ssl|urllib|http|ftplib|smtplib|requests|httpx|aiohttp|websockets?|paramiko|wandb"
    r"|xmlrpc|telnetlib|boto3|comet_ml|neptune|mlflow|kernels)(\.|$)|^torch\.hub\.download"
)
_FILES = re.compile(
    r"^(open|io\.open|io\.FileIO|codecs\.open|input)$|^(pathlib|shutil|tempfile|glob|fileinput|mmap"
    r"|sqlite3|shelve|zipfile|tarfile|h5py|pyarrow|pandas)(\.|$)"
    r"|^os\.(open|read|write|pwrite|remove|unlink|rename|replace|rmdir|removedirs|mkdir|makedirs"
    r"|listdir|scandir|walk|chmod|chown|link|symlink|truncate|chdir|fdopen|path\.(exists|isfile"
    r"|isdir|getsize|getmtime|expanduser|realpath)|stat|fwalk|dup|dup2|pipe|mkfifo|utime)$"
    r"|^(torch\.save|numpy\.save\w*|torch\.jit\.save|torch\.distributed\.checkpoint\.save\w*)$"
    r"|^sys\.(argv|stdin)$|^__file__$"
)
_DYNAMIC = re.compile(
    r"^(eval|exec|compile|__import__|globals|locals|vars|__builtins__)$"
    r"|^(ctypes|cffi|pickle|marshal|dill|cloudpickle|importlib|builtins|inspect|code|codeop|imp|runpy"
    r"|pkgutil|unittest|mock|base64|zlib|binascii|bytecode|dis|types|faulthandler)(\.|$)"
    r"|^sys\.(modules|meta_path|path|path_hooks|settrace|setprofile|_getframe|monitoring|gettrace"
    r"|addaudithook|excepthook|unraisablehook)(\.|$)"
    r"|^gc\.(get_objects|get_referrers|get_referents)$|^torch\.utils\.cpp_extension(\.|$)"
)
_INTERNALS = re.compile(
    r"^__(code|globals|closure|defaults|kwdefaults|builtins|subclasses|mro|bases|wrapped|loader|spec"
    r"|getattribute|setattr|reduce|reduce_ex|import|dict|class)__$|^(f_globals|f_locals|f_back|gi_frame)$"
)
_OWN_ENVIRONMENT = re.compile(
    r"^(PYTORCH_(?!TEST)|TORCH(_|INDUCTOR|DYNAMO)|CUDA_(?!VISIBLE)|TRITON_|OMP_|MKL_|KMP_|CUBLAS_"
    r"|NVIDIA_TF32|TOKENIZERS_|HF_HUB_DISABLE)"
)
_LARGE_TEXT = 2000
_LARGE_LIST = 400


def _uses(source: ParsedSource, pattern: re.Pattern[str]) -> Iterator[Fact]:
    """Yield the dotted paths a text reads or imports that match a pattern, each with its node."""
    for path, node in source.paths:
        if pattern.search(path):
            parent = source.parents.get(node)
            if isinstance(parent, ast.Attribute) and pattern.search(source.path(parent)):
                continue
            yield path, node


def _use_hits(edit: Edit, pattern: re.Pattern[str], why: str) -> Iterator[RuleHit]:
    seen = set()
    for node in edit.added(lambda source: _uses(source, pattern)):
        lines = lines_of(edit.candidate.statement(node))[:1]
        if lines not in seen:
            seen.add(lines)
            yield lines_of(node), f"The edit uses {quote(edit.candidate.code(node))}: {why}"


@rule("outside-weights", Weight.BLOCK)
def outside_weights(edit: Edit) -> Iterable[RuleHit]:
    """Weights or arrays loaded from a file, a hub or a pickle: what was learned outside the budget
    is not a result of this experiment.
    """
    yield from _use_hits(edit, _WEIGHTS, "weights from outside were not trained within the budget.")

    def methods(source: ParsedSource) -> Iterator[Fact]:
        for call in source.calls:
            if (
                isinstance(call.func, ast.Attribute)
                and not source.path(call.func)
                and _WEIGHTS.search(f".{call.func.attr}")
            ):
                yield call.func.attr, call

    for node in edit.added(methods):
        yield lines_of(node), "The edit loads weights that were not trained within the budget."


@rule("new-import", Weight.ASK)
def new_import(edit: Edit) -> Iterable[RuleHit]:
    """A module the base does not import, other than torch, numpy and harmless standard ones, or a
    star import: it may be missing, or have any effect.
    """

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for node in source.nodes_of(ast.Import, ast.ImportFrom, ast.Call):
            match node:
                case ast.Import(names=names):
                    for a in names:
                        yield a.name.partition(".")[0], node
                case ast.ImportFrom(module=module, names=names, level=level):
                    star = " *" if any(a.name == "*" for a in names) else ""
                    yield ("." if level else (module or "").partition(".")[0]) + star, node
                case ast.Call(func=function, args=[name, *_]) if re.search(
                    r"(^|\.)(import_module|__import__)$", source.code(function)
                ):
                    yield literal(source, name).partition(".")[0] or "?", node

    have = {key for key, _ in facts(edit.base)}
    reported: set[str] = set()
    for key, node in facts(edit.candidate):
        if key in have | reported | _HARMLESS or edit.harness.match(key):
            continue
        reported.add(key)
        yield lines_of(node), f"The edit imports {quote(key)}, which this file did not need before."


@rule("process", Weight.ASK)
def process(edit: Edit) -> Iterable[RuleHit]:
    """Processes and threads: work done there may outlive the run or escape its clock."""
    yield from _use_hits(edit, _PROCESS, "work in other processes or threads may escape the clock.")


@rule("network", Weight.ASK)
def network(edit: Edit) -> Iterable[RuleHit]:
    """Network access: nothing should be sent or received during an experiment."""
    yield from _use_hits(edit, _NETWORK, "an experiment should not need the network.")


@rule("file-system", Weight.ASK)
def file_system(edit: Edit) -> Iterable[RuleHit]:
    """Files read or written by the training file itself: data comes from the harness, and a file
    written by one run could be read by another.
    """
    yield from _use_hits(edit, _FILES, "files can carry something from one run to another.")


@rule("dynamic-code", Weight.ASK)
def dynamic_code(edit: Edit) -> Iterable[RuleHit]:
    """Code or names built while running (`eval`, `exec`, `getattr` with an unknown name,
    `__dict__`, frames, ctypes, pickle): its effect cannot be seen in the file.
    """
    yield from _use_hits(edit, _DYNAMIC, "its effect cannot be seen in the file.")

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for node in source.nodes_of(ast.Attribute, ast.Call, ast.FunctionDef):
            match node:
                case ast.Attribute(attr=attr) if _INTERNALS.match(attr):
                    if not _is_own_class_name(source, node):
                        yield attr, node
                case ast.Call(
                    func=ast.Name(id="getattr" | "setattr" | "delattr" as name),
                    args=[owner, key, *_],
                ):
                    text = fold(source, key)
                    # getattr(self, f"cos_{i}") names one of a plain family of attributes.
                    own = isinstance(owner, ast.Name) and owner.id not in source.aliases
                    if _INTERNALS.match(text) or not (own and re.match(r"[A-Za-z]", text)):
                        if TEXT not in text and not _INTERNALS.match(text):
                            continue
                        yield f"{name} {source.code(key)}", node
                case ast.FunctionDef(name="__getattribute__" | "__setattr__" | "__class_getitem__"):
                    yield node.name, node

    for node in edit.added(facts):
        shown = quote(edit.candidate.code(node), 40)
        yield (
            lines_of(node),
            f"The edit uses internals of Python ({shown}), so its effect cannot be seen.",
        )


def _is_own_class_name(source: ParsedSource, node: ast.Attribute) -> bool:
    parent = source.parents.get(node)
    return (
        node.attr == "__class__" and isinstance(parent, ast.Attribute) and parent.attr == "__name__"
    )


@rule("environment", Weight.ASK)
def environment(edit: Edit) -> Iterable[RuleHit]:
    """Environment variables, other than settings of torch, CUDA and the thread pools: the engine
    passes the time budget and the device in them.
    """

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for node in source.nodes_of(ast.Attribute, ast.Name):
            path = ""
            if isinstance(node, ast.Attribute | ast.Name):
                path = source.path(node)
            if path not in ("os.environ", "os.getenv", "os.putenv", "os.unsetenv", "os.environb"):
                continue
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                continue
            name = _variable_name(source, node)
            if not _OWN_ENVIRONMENT.match(name):
                yield f"{path} {name}", node

    for node in edit.added(facts):
        shown = quote(edit.candidate.code(edit.candidate.statement(node)))
        yield lines_of(node), f"The edit reads or sets the environment: {shown}."


def _variable_name(source: ParsedSource, node: ast.AST) -> str:
    """Return the environment variable accessed through `os.environ` or the like; empty: unknown.

    Args:
        source: The parsed text.
        node: The expression `os.environ` or `os.getenv`.
    """
    parent = source.parents.get(node)
    if isinstance(parent, ast.Subscript):
        return literal(source, parent.slice)
    if isinstance(parent, ast.Attribute):  # os.environ.get(NAME)
        parent = source.parents.get(parent)
    if isinstance(parent, ast.Call) and parent.args:
        return literal(source, parent.args[0])
    return ""


@rule("large-literal", Weight.ASK)
def large_literal(edit: Edit) -> Iterable[RuleHit]:
    """A text of over 2,000 characters or a list of over 400 values in the code: it could contain
    data or weights.
    """

    def facts(source: ParsedSource) -> Iterator[Fact]:
        for node in source.nodes_of(ast.Constant, ast.List, ast.Tuple, ast.Set, ast.Dict):
            match node:
                case ast.Constant(value=str() | bytes() as value) if len(value) > _LARGE_TEXT:
                    yield str(hash(value)), node
                case ast.Constant(value=int() as value) if value.bit_length() > 4 * _LARGE_TEXT:
                    yield str(value.bit_length()), node
                case ast.List(elts=elts) | ast.Tuple(elts=elts) | ast.Set(elts=elts):
                    if sum(isinstance(n, ast.Constant) for n in source.within(node)) > _LARGE_LIST:
                        yield f"list of {len(elts)}", node
                case ast.Dict(keys=keys) if len(keys) > _LARGE_LIST:
                    yield f"dict of {len(keys)}", node

    for node in edit.added(facts):
        yield lines_of(node), "The edit adds a large literal, which could contain data or weights."


RULES: tuple[Rule, ...] = (
    outside_weights,
    new_import,
    process,
    network,
    file_system,
    dynamic_code,
    environment,
    large_literal,
)
