"""What a failed run's log says about the failure: the error that matters, and all of it."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core.enums import Outcome
from engine.core.outcome import Classified, classify, ending_of
from engine.core.run_log.reader import RunLog

HEAD = "Traceback (most recent call last):"
FRAMES = '  File "train.py", line 3, in <module>\n    main()\n    ~~~~^^\n'


def trace(error: str, frames: str = FRAMES) -> str:
    return f"{HEAD}\n{frames}{error}\n"


def prefixed(prefix: str, text: str) -> str:
    return "".join(f"{prefix}{line}\n" for line in text.splitlines())


def parse(text: str) -> RunLog:
    log = RunLog("val_bpb")
    log.feed(text.encode())
    log.finish()
    return log


def ended(text: str, **facts: Any) -> Classified:
    """Classify a run that exited with 1, by its log, except for what is given."""
    given: dict[str, Any] = {
        "exit_code": 1,
        "signal": None,
        "killed_by": None,
        "base_works": True,
    }
    return classify(ending_of(parse(text), **{**given, **facts}))


CUDA = """RuntimeError: CUDA error: device-side assert triggered
CUDA kernel errors might be asynchronously reported at some other API call.
For debugging consider passing CUDA_LAUNCH_BLOCKING=1

Compile with `TORCH_USE_CUDA_DSA` to enable device-side assertions."""


def test_a_message_of_several_lines_is_kept_whole() -> None:
    detail = ended(trace(CUDA)).detail
    for line in filter(None, CUDA.splitlines()):
        assert line in detail
    state = "RuntimeError: Error(s) in loading state_dict for GPT:\n\tMissing key(s): wte.weight"
    assert ended(trace(state)).detail.endswith("Missing key(s): wte.weight")


def test_a_message_ends_where_the_log_goes_on() -> None:
    text = trace("ValueError: bad\nwith a second line")
    for after in ("wandb: Synced 5 files", "2026-11-28 20:50:57,299 INFO x", "step 5 loss: 2.5"):
        detail = ended(f"{text}{after}\nmore\n").detail
        assert detail.endswith("ValueError: bad\nwith a second line")


DURING = "\nDuring handling of the above exception, another exception occurred:\n\n"
CAUSED = "\nThe above exception was the direct cause of the following exception:\n\n"


@pytest.mark.parametrize("link", [DURING, CAUSED])
@pytest.mark.parametrize("prefix", ["", "[rank0]: "])
def test_of_chained_exceptions_the_first_cause_and_the_last_are_kept(
    link: str, prefix: str
) -> None:
    middle = "".join(link + trace(f"RuntimeError: middle {n}") for n in range(3))
    text = trace("KeyError: 'first'") + middle + link + trace("ValueError: last")
    detail = ended(prefixed(prefix, text)).detail
    assert "KeyError: 'first'" in detail
    assert detail.endswith("ValueError: last")
    assert "middle" not in detail
    assert detail.index("first") < detail.index("which led to:") < detail.rindex("last")


def test_two_exceptions_that_are_not_chained_are_not_joined() -> None:
    detail = ended(trace("KeyError: 'first'") + "retrying\n" + trace("ValueError: last")).detail
    assert "first" not in detail


@pytest.mark.parametrize(
    "prefix",
    ["[rank0]: ", "[default0]:", "(RayTrainWorker pid=812) ", "worker-1  | ", "train: "],
)
def test_a_traceback_with_a_prefix_before_each_line_is_kept(prefix: str) -> None:
    detail = ended("loading\n" + prefixed(prefix, trace("ValueError: bad")) + "cleanup\n").detail
    assert 'File "train.py", line 3' in detail
    assert "ValueError: bad" in detail


def test_a_time_in_the_prefix_may_change_from_line_to_line() -> None:
    lines = trace("ValueError: bad").splitlines()
    text = "".join(f"2026-11-28T20:50:{n:02d}.123Z {line}\n" for n, line in enumerate(lines))
    assert ended(text).detail.endswith("ValueError: bad")


def test_a_traceback_behind_a_progress_line_is_found() -> None:
    text = (
        f"\rstep 00008 (0.0%) | loss: 7.5 | remaining: 300s    {trace('RuntimeError: no memory')}"
    )
    assert parse(text).progress.step == 8
    assert ended(text).detail.endswith("RuntimeError: no memory")


LOST = "torch.distributed.DistBackendError: NCCL communicator was aborted"
CHILD = "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: "


def test_of_several_ranks_the_first_to_fail_is_the_reason() -> None:
    one, two = trace("ValueError: the reason").splitlines(), trace(LOST).splitlines()
    mixed = "".join(f"[rank1]: {b}\n[rank0]: {a}\n" for a, b in zip(one, two, strict=True))
    text = f"{mixed}E1128 20:50:57.299000 1 torch/api.py:869] failed (exitcode: 1)\n{trace(CHILD)}"
    detail = ended(text).detail
    assert detail.splitlines()[-1] == "ValueError: the reason"
    assert "NCCL" not in detail


@pytest.mark.parametrize(
    "after",
    [
        "Exception ignored in: <function _Pool.__del__ at 0x7f>\n" + trace("AttributeError: x"),
        "Exception ignored in: <_io.TextIOWrapper>\nBrokenPipeError: [Errno 32] x\n",
        "Error in atexit._run_exitfuncs:\n" + trace("AttributeError: x"),
        "Exception in thread Thread-3 (_pin_memory_loop):\n" + trace("ConnectionResetError: x"),
        "--- Logging error ---\n" + trace("TypeError: x"),
        "Task exception was never retrieved\nfuture: <Task done>\n" + trace("OSError: x"),
        trace(f"{CHILD}\n=====\ntrain.py FAILED"),
        trace("subprocess.CalledProcessError: Command '['python', 'train.py']' returned 1"),
    ],
)
def test_what_follows_from_a_failure_does_not_hide_it(after: str) -> None:
    for text in (trace("ValueError: real") + after, trace("ValueError: real\n more") + after):
        detail = ended(text).detail
        assert "ValueError: real" in detail.splitlines()
        assert 'File "train.py"' in detail
    assert "Error" in ended(after).detail


GCC = """[1/2] c++ -MMD -c main.cpp -o main.o
FAILED: main.o
main.cpp:12:5: error: 'foo' was not declared in this scope
   12 |     foo(x);
      |     ^~~
main.cpp:13:5: warning: unused variable 'y'
ninja: build stopped: subcommand failed.
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GCC, "main.cpp:12:5: error: 'foo' was not declared in this scope\n   12 |     foo(x);"),
        ('k.cu(7): error: identifier "x" is undefined\n', 'identifier "x" is undefined'),
        ("nvcc fatal   : Unsupported gpu architecture 'compute_90a'\n", "nvcc fatal"),
        ("ptxas error   : Entry function uses too much shared data\n", "ptxas error"),
        ("main.o: undefined reference to `bar'\nld returned 1 exit status\n", "undefined ref"),
        ("terminate called after throwing 'std::runtime_error'\n  what():  bad\n", "what():  bad"),
        ("train: main.cpp:3: main: Assertion `n > 0' failed.\n", "Assertion `n > 0' failed"),
        ("thread 'main' panicked at src/main.rs:3:5:\nboom\n", "panicked at"),
        ("ERROR: LoadError: UndefVarError: `x` not defined\n", "LoadError: UndefVarError"),
        ("error[E0425]: cannot find value `x` in this scope\n", "E0425"),
        ("make: *** [Makefile:3: train] Error 2\n", "Error 2"),
        ("Error: Cannot find module './x'\n    at require (node:1:2)\n", "Cannot find module"),
        ("tests FAILED\nTypeError: x is not a function\n    at f (a.js:1:2)\n", "TypeError: x"),
    ],
)
def test_an_error_of_a_compiler_or_another_language_is_kept(text: str, says: str) -> None:
    noise = "".join(f"cleaning {n}\n" for n in range(90))
    detail = ended(text + noise).detail
    assert says in detail
    assert ended(text).outcome is Outcome.CODE_CRASH


def test_a_syntax_error_shows_its_place_before_it() -> None:
    text = '  File "train.py", line 2\n    def f(:\n          ^\nSyntaxError: invalid syntax\n'
    assert ended(f"loading\n{text}").detail == f"exit 1\nloading\n{text}".rstrip()


def test_the_error_of_a_compiler_is_kept_beside_the_traceback_that_reports_it() -> None:
    text = GCC + trace("RuntimeError: Error building extension 'k'")
    detail = ended(text).detail
    assert "error: 'foo' was not declared" in detail
    assert "RuntimeError: Error building extension 'k'" in detail


def test_a_long_message_of_a_build_shows_its_first_error() -> None:
    build = "".join(f"[{n}/90] c++ file{n}.cpp\n" for n in range(90))
    text = trace(f"RuntimeError: Error building extension 'k': {build}") + GCC
    assert "error: 'foo' was not declared" in ended(text).detail


def test_a_traceback_that_the_program_survived_is_not_the_reason() -> None:
    text = trace("ZeroDivisionError: x") + "val_bpb: 0.9\n" + "the budget is used up\n"
    detail = ended(text).detail
    assert detail.startswith("exit 1\n")
    assert "the budget is used up" in detail
    assert "Before that, and survived:" in detail
    assert "ZeroDivisionError: x" in detail
    noise = "".join(f"line {n}\n" for n in range(120))
    assert ended(trace("ZeroDivisionError: x") + noise).detail.startswith("exit 1\nline 115")


def test_the_detail_of_a_very_long_failure_stays_short() -> None:
    frames = "".join(f'  File "m.py", line {n}, in f\n    f()\n' for n in range(900))
    links = "".join(DURING + trace(f"RuntimeError: {n}", frames) for n in range(50))
    detail = ended(trace("KeyError: 1", frames) + links + "x\n" * 500).detail
    assert len(detail.splitlines()) < 110
    assert "KeyError: 1" in detail
    assert "RuntimeError: 49" in detail


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("", {"exit_code": None, "signal": 15}),
        ("", {"exit_code": 143}),
        ("", {"exit_code": 129}),
        (trace("KeyboardInterrupt"), {}),
        (prefixed("[rank0]: ", trace("KeyboardInterrupt")), {}),
        (
            trace(f"{CHILD}").replace(CHILD, "torch.api.SignalException: Process 7 got signal: 15"),
            {},
        ),
        ("Received SIGTERM: 15\n" + trace("lightning.exceptions.SIGTERMException"), {}),
        ("slurmstepd: error: *** JOB 7 ON n1 CANCELLED AT 2026-11-28T20:50:57 ***\n", {}),
        ("slurmstepd: error: *** JOB 7 CANCELLED DUE TO TIME LIMIT ***\n", {}),
        ("Terminated\n", {"exit_code": 1}),
    ],
)
def test_a_signal_from_outside_is_an_interruption_and_no_crash_of_the_code(
    text: str, facts: dict[str, Any]
) -> None:
    assert ended(text, **facts).outcome is Outcome.INTERRUPTED


def test_words_about_a_signal_long_before_the_end_interrupt_nothing() -> None:
    noise = "".join(f"line {n}\n" for n in range(50))
    assert ended("Received SIGTERM\n" + noise).outcome is Outcome.CODE_CRASH
    assert ended("handler for SIGTERM set\nValueError: x\n").outcome is Outcome.CODE_CRASH


def test_a_run_without_a_value_says_what_was_found_instead() -> None:
    found = ended("Best val_bpb: 0.4\n", exit_code=0)
    assert found.outcome is Outcome.CODE_CRASH
    assert "without a value of val_bpb" in found.detail
    assert "line 1" in found.detail
    assert "`Best val_bpb` is another figure" in found.detail
