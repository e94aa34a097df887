"""Classifies why a training run ended, from its exit code, signal and log."""

from __future__ import annotations

import math
import re
import signal as signals
from dataclasses import dataclass

from engine.core.enums import Outcome
from engine.core.run_log.reader import RunLog

EARLY_STOP = "early stop"
"""Why a run was killed whose loss was too far behind the incumbent's."""
_OUT_OF_MEMORY = re.compile(
    r"CUDA out of memory|CUDA error: out of memory|CUBLAS_STATUS_ALLOC_FAILED|HIP out of memory"
    r"|torch\.(?:cuda\.)?OutOfMemoryError|MPS backend out of memory"
    r"|DefaultCPUAllocator: (?:can't allocate memory|not enough memory)|^\s*MemoryError\b"
    r"|RuntimeError: \[enforce fail at alloc_cpu",
    re.M,
)
_ENVIRONMENT = (
    (r"No space left on device|\[Errno 28\]", "the disk is full", "Free space, then resume."),
    (r"Disk quota exceeded", "the disk quota is used up", "Free space, then resume."),
    (
        r"\[Errno 30\] Read-only file system",
        "the disk is read-only",
        "Make it writable, then resume.",
    ),
    (r"Too many open files", "too many files are open", "Raise `ulimit -n`, then resume."),
    (
        r"data not found|No parquet files found|Run prepare\.py first",
        "the training data is missing",
        "Prepare the data (see the log for the command), then resume.",
    ),
    (
        r"no CUDA-capable device|CUDA driver version is insufficient|Found no NVIDIA driver"
        r"|CUDA-capable device\(s\) is/are busy or unavailable"
        r"|NVML: Driver/library version mismatch|uncorrectable ECC|GPU has fallen off the bus"
        r"|CUDA error: unknown error|CUDA initialization",
        "the GPU cannot be used",
        "See `nvidia-smi`; when it answers again, resume.",
    ),
)
_MISSING_MODULE = re.compile(r"(?:ModuleNotFoundError|ImportError): No module named '([\w.]+)'")
_MISSING_FILE = re.compile(r"FileNotFoundError: \[Errno 2\][^\n]*")
_NO_COMMAND = r"command not found|: not found$|[Pp]ermission denied"
_ERROR_LINES = 12
"""The last lines of a log that are shown whole if its errors are among them."""
_STOPPED = re.compile(
    r"SignalException: Process \d+ got signal: (?:1|2|15)\b|\bSIGTERMException\b"
    r"|^(?:.*[:\]] )?(?:[Rr]eceived|[Cc]aught) (?:signal )?SIG(?:TERM|INT|HUP)\b"
    r"|CANCELLED AT |DUE TO (?:TIME LIMIT|PREEMPTION|NODE FAILURE)|^Terminated$",
    re.M,
)
_INTERRUPTS = (signals.SIGINT, signals.SIGTERM, signals.SIGHUP, signals.SIGQUIT)


@dataclass(frozen=True, kw_only=True)
class Ending:
    """Everything known about a training run that ended: exit, log and limits, for `classify`."""

    exit_code: int | None
    signal: int | None
    killed_by: str | None
    """Why the engine killed the run: `deadline`, `silence`, `start-up`, `training`, `evaluation`,
    `request`, `early stop` or `log flood`; None: it ended by itself.
    """
    metric: float | None
    metric_name: str
    loss: float | None
    traceback: str
    tail: str
    """The last lines of the run's log."""
    saw_fail: bool
    base_works: bool
    """True where the session's baseline has a measurement, so that the environment once worked."""
    edit: str = ""
    """The experiment's patch; empty for the baseline."""
    disk_error: str = ""
    """Why its files could not be written when it ended; empty where they could."""
    error: str = ""
    """The errors in its log, with first causes and whole messages; empty: `traceback` is all."""
    error_is_old: bool = False
    """True where the program went on after the errors, so that something else ended it."""
    no_metric: str = ""
    """Why the log has no value of the metric; empty where it has one."""
    withheld: tuple[str, ...] = ()
    """Names of the engine's environment variables that the run did not get."""
    missing_data: str = ""
    """How to bring files that the run lacked and the user has; empty where it lacked none."""


@dataclass(frozen=True)
class Classified:
    """A run's outcome with its explanation.

    `detail` is what happened in words, or the traceback; `todo` is what the user can do about it.
    """

    outcome: Outcome
    detail: str
    todo: str = ""


def ending_of(
    log: RunLog,
    *,
    exit_code: int | None,
    signal: int | None,
    killed_by: str | None,
    base_works: bool,
    edit: str = "",
    disk_error: str = "",
    withheld: tuple[str, ...] = (),
    missing_data: str = "",
) -> Ending:
    """Return what is known about a run that ended, from its log and the fields of `Ending`."""
    choice = log.choice
    return Ending(
        exit_code=exit_code,
        signal=signal,
        killed_by=killed_by,
        metric=choice.value,
        metric_name=log.metric,
        loss=log.progress.loss,
        traceback=log.traceback,
        error=log.failure.text(),
        error_is_old=log.failure.is_stale,
        no_metric=choice.reason if choice.value is None else "",
        tail=log.tail,
        saw_fail=log.saw_fail,
        base_works=base_works,
        edit=edit,
        disk_error=disk_error,
        withheld=withheld,
        missing_data=missing_data,
    )


def is_evidence(outcome: Outcome, line: str) -> bool:
    """Return whether a line of a log is a reason to classify its run with an outcome."""
    match outcome:
        case Outcome.OUT_OF_MEMORY:
            return _OUT_OF_MEMORY.search(line) is not None
        case Outcome.NAN:
            return re.search(r"^\s*FAIL$|\bnan\b", line, re.I) is not None
        case Outcome.INTERRUPTED:
            return line.endswith("KeyboardInterrupt") or _STOPPED.search(line) is not None
        case Outcome.ENVIRONMENT:
            patterns = (_MISSING_MODULE.pattern, _MISSING_FILE.pattern, _NO_COMMAND)
            reasons = (*patterns, *(pattern for pattern, _, _ in _ENVIRONMENT))
            return any(re.search(pattern, line) for pattern in reasons)
        case _:
            return False


def classify(end: Ending) -> Classified:
    """Return the outcome of a run that ended, with its explanation and what the user can do."""
    text = f"{end.traceback}\n{end.error}\n{end.tail}"
    if end.killed_by is not None:
        return _killed(end.killed_by, text)
    if end.exit_code == 0 and end.metric is not None:
        if math.isfinite(end.metric):
            return Classified(Outcome.FINISHED, "")
        return Classified(Outcome.NAN, f"{end.metric_name} is {end.metric}")
    if end.disk_error:
        # Its output, and so the reason of its failure, may be lost.
        return Classified(
            Outcome.INTERRUPTED, f"nothing could be written when it ended: {end.disk_error}"
        )
    if end.missing_data and not end.base_works and not _OUT_OF_MEMORY.search(text):
        return Classified(
            Outcome.ENVIRONMENT, f"a file is missing\n{_last(text)}", end.missing_data
        )
    environment = _environment(end, text)
    if environment is not None:
        return environment
    if _OUT_OF_MEMORY.search(text):
        line = next((x for x in text.splitlines() if _OUT_OF_MEMORY.search(x)), "")
        return Classified(Outcome.OUT_OF_MEMORY, line.strip()[:500])
    if end.signal == signals.SIGKILL or end.exit_code == 137:
        return Classified(
            Outcome.OUT_OF_MEMORY, "killed with signal 9, as the kernel does when memory runs out"
        )
    if end.saw_fail or (end.loss is not None and not math.isfinite(end.loss)):
        return Classified(Outcome.NAN, "the loss became NaN or exploded")
    if end.signal in _INTERRUPTS or _was_interrupted(end, text):
        return Classified(Outcome.INTERRUPTED, "the training process was stopped from outside")
    if end.exit_code == 0:
        what = f"it ended without a line `{end.metric_name}: <number>`"
        if end.no_metric:
            what = f"it ended without a value of {end.metric_name}: {end.no_metric}"
        return Classified(Outcome.CODE_CRASH, f"{what}\n{_last(end.tail)}".strip())
    if end.signal is not None:
        return Classified(
            Outcome.CODE_CRASH, f"killed by {_signal_name(end.signal)}\n{_last(text)}"
        )
    todo = end.missing_data or _pass_variable(end, text)
    return Classified(Outcome.CODE_CRASH, _crash(end), todo)


def _crash(end: Ending) -> str:
    """Return the error of a run that failed, else its exit code and the end of its log."""
    error = end.error or end.traceback
    if end.traceback and not end.error_is_old:
        return error
    last = f"exit {end.exit_code}\n{_last(end.tail)}".rstrip()
    if error and not end.error_is_old:
        shown = set(error.splitlines())
        if shown.issubset(_last(end.tail, _ERROR_LINES).splitlines()):
            return f"exit {end.exit_code}\n{_last(end.tail, _ERROR_LINES)}"
        rest = [line for line in _last(end.tail).splitlines() if line not in shown]
        return "\n".join((f"exit {end.exit_code}", error, *(["…", *rest] if rest else [])))
    return f"{last}\n\nBefore that, and survived:\n{error}" if error else last


def _killed(by: str, text: str) -> Classified:
    if by == "request":
        return Classified(Outcome.INTERRUPTED, "killed by request")
    if by == EARLY_STOP:
        return Classified(Outcome.STOPPED_EARLY, "its loss was too far behind to recover")
    if by == "silence":
        return Classified(Outcome.HANG, "its log was silent for too long while it trained")
    if by == "log flood":
        return Classified(Outcome.CODE_CRASH, f"it flooded its log\n{_last(text)}")
    limit = {"deadline": "its hard deadline"}.get(by, f"the time for {by}")
    return Classified(Outcome.TIMEOUT, f"it ran past {limit}")


def _environment(end: Ending, text: str) -> Classified | None:
    if end.exit_code == 127 or end.exit_code == 126:
        why, todo = (
            ("was not found", "Install it, then resume; or start again with its directory in PATH")
            if end.exit_code == 127
            else (
                "may not be executed",
                "Start again with its interpreter before it",
            )
        )
        return Classified(
            Outcome.ENVIRONMENT,
            f"a command {why} (exit {end.exit_code})\n{_last(end.tail)}",
            f"{todo}, or with another `command` in .autoresearch/config.toml.",
        )
    # Where the baseline worked, only the last lines can name the reason, not a warning before.
    where = _last(text, 4) if end.base_works else text
    for pattern, what, todo in _ENVIRONMENT:
        if re.search(pattern, where):
            return Classified(Outcome.ENVIRONMENT, f"{what}\n{_last(text)}", todo)
    module = _MISSING_MODULE.search(text)
    if module is not None and not _adds(end.edit, module[1].split(".")[0]):
        return Classified(
            Outcome.ENVIRONMENT,
            f"the module {module[1]} is missing",
            f"Install {module[1]} in the environment of the run command, then resume.",
        )
    if not end.base_works and (todo := _pass_variable(end, text)):
        what = "an environment variable may be missing"
        return Classified(Outcome.ENVIRONMENT, f"{what}\n{_last(text)}", todo)
    if not end.base_works and _MISSING_FILE.search(text):
        return Classified(
            Outcome.ENVIRONMENT,
            f"a file is missing\n{_last(text)}",
            "Put it in place in the repository (untracked data is brought to runs), then resume.",
        )
    return None


def _pass_variable(end: Ending, text: str) -> str:
    """Return how to pass the variable that the log names and the run did not get; else empty."""
    last = _last(text, 8)
    named = [n for n in end.withheld if len(n) > 3 and re.search(rf"\b{re.escape(n)}\b", last)]
    if not named:
        return ""
    return (
        f"{' and '.join(named)} may be secret, so the run does not get it. To pass it, stop and "
        f"start again with {' '.join(f'--pass-env {name}' for name in named)}."
    )


def _adds(patch: str, word: str) -> bool:
    return any(
        line.startswith("+") and re.search(rf"\b{re.escape(word)}\b", line)
        for line in patch.splitlines()[2:]
    )


def _was_interrupted(end: Ending, text: str) -> bool:
    if end.exit_code in (129, 130, 143) or end.traceback.rstrip().endswith("KeyboardInterrupt"):
        return True
    return end.exit_code != 0 and _STOPPED.search(_last(text, 40)) is not None


def _last(text: str, lines: int = 5) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])


def _signal_name(number: int) -> str:
    try:
        return signals.Signals(number).name
    except ValueError:
        return f"signal {number}"
