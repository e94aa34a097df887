"""Tests how the run command is parsed: as one program where it is one, else for a shell."""

from __future__ import annotations

import pytest

from engine.core.command_line import CommandLine, mangled_path, parse_command

_PLAIN = ("python", "train.py")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("python train.py", CommandLine(argv=_PLAIN)),
        (
            "python 'my train.py' \"a $\" b\\ c",
            CommandLine(argv=("python", "my train.py", "a $", "b c")),
        ),
        ("python train.py # as in the notes", CommandLine(argv=_PLAIN)),
        ("python \\\n  train.py\n", CommandLine(argv=_PLAIN)),
        (
            "python train.py model.layers=[1,2] +x=a#b",
            CommandLine(argv=(*_PLAIN, "model.layers=[1,2]", "+x=a#b")),
        ),
        (
            "CUDA_VISIBLE_DEVICES=0 NAME='a b' python train.py --lr=3",
            CommandLine(
                assignments=(("CUDA_VISIBLE_DEVICES", "0"), ("NAME", "a b")),
                argv=(*_PLAIN, "--lr=3"),
            ),
        ),
        ("env A=1 python train.py", CommandLine(assignments=(("A", "1"),), argv=_PLAIN)),
        ("cd . && python train.py", CommandLine(directory=".", argv=_PLAIN)),
        ("cd a; cd b && python train.py", CommandLine(directory="a/b", argv=_PLAIN)),
        (
            "cd a && cd /b && A= python train.py",
            CommandLine(directory="/b", assignments=(("A", ""),), argv=_PLAIN),
        ),
        ("python train.py > run.log 2>&1", CommandLine(argv=_PLAIN, outputs=("run.log",))),
        ("python train.py &>> run.log", CommandLine(argv=_PLAIN, outputs=("run.log",))),
        (
            "python train.py 2>err.log >run.log",
            CommandLine(argv=_PLAIN, outputs=("err.log", "run.log")),
        ),
        ("python train.py 2>&1 | tee -a run.log", CommandLine(argv=_PLAIN, outputs=("run.log",))),
        ("python train.py |& tee run.log", CommandLine(argv=_PLAIN, outputs=("run.log",))),
        (
            "cd x && A=1 nohup python train.py > run.log 2>&1 &",
            CommandLine(
                directory="x",
                assignments=(("A", "1"),),
                argv=_PLAIN,
                outputs=("run.log",),
                ignored=("&", "nohup"),
            ),
        ),
        ("time python train.py", CommandLine(argv=_PLAIN, ignored=("time",))),
        ("python ~/a/train.py", CommandLine(argv=("python", "/home/u/a/train.py"))),
        (
            'A="$HOME/a":~/b python',
            CommandLine(assignments=(("A", "/home/u/a:/home/u/b"),), argv=("python",)),
        ),
        ("python '~/a' \"~/b\" c~", CommandLine(argv=("python", "~/a", "~/b", "c~"))),
    ],
)
def test_one_program_needs_no_shell(text: str, expected: CommandLine) -> None:
    assert parse_command(text, "/home/u") == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("python train.py --lr=$LR", "$LR"),
        ('python train.py --lr="${LR:-3}"', "${LR:-3}"),
        ("python train.py --lr $(cat lr.txt | head -1)", "$(cat lr.txt | head -1)"),
        ("python train.py `cat flags`", "`cat flags`"),
        ("python train.py *.yaml", "*"),
        ("python prepare.py && python train.py", "&&"),
        ("source venv/bin/activate; python train.py", ";"),
        ("python train.py | grep -v Warning", "|"),
        ("python train.py < input.txt", "<"),
        ("( python train.py )", "("),
        ("export A=1", "export"),
        ("cd $DIR && python train.py", "$DIR"),
    ],
)
def test_everything_else_is_left_to_a_shell(text: str, reason: str) -> None:
    command = parse_command(text, "/home/u")
    assert (command.argv, command.shell_reason, command.shell_text) == ((), reason, text)
    assert command.arguments("/bin/bash") == ["/bin/bash", "-c", text]


@pytest.mark.parametrize(
    ("text", "shell_text", "file"),
    [
        (
            "cd x && python train.py > run.log 2>&1 && grep '^val_bpb:' run.log",
            "python train.py   2>&1 | tee run.log && grep '^val_bpb:' run.log",
            "run.log",
        ),
        (
            "for s in 1 2; do python train.py >> out/s$s.log; done",
            "for s in 1 2; do python train.py  2>&1 | tee -a out/s$s.log; done",
            "out/s$s.log",
        ),
        (
            "( python a.py; python b.py ) > my.log",
            "( python a.py; python b.py )  2>&1 | tee my.log",
            "my.log",
        ),
    ],
)
def test_output_that_a_shell_sends_to_a_log_file_is_copied_to_the_log_of_the_run(
    text: str, shell_text: str, file: str
) -> None:
    command = parse_command(text)
    assert (command.shell_text, command.copied_outputs) == (shell_text, (file,))
    assert command.arguments("/bin/bash")[1:] == ["-o", "pipefail", "-c", shell_text]


@pytest.mark.parametrize(
    "text", ["echo a > config.yaml; b", "a > run.log | b", "cat <<E > run.log\na && b\nE"]
)
def test_output_to_other_files_stays_as_it_is(text: str) -> None:
    command = parse_command(text)
    assert (command.shell_text, command.copied_outputs) == (text, ())


@pytest.mark.parametrize(
    "blank", ["\xa0", "\v", "\f", "\x1c", "\x85", "\u2003", "\u2028", "\u3000"]
)
def test_only_the_blanks_of_a_shell_end_a_word(blank: str) -> None:
    words = parse_command(f"python a{blank}b {blank} c").argv
    assert words == ("python", f"a{blank}b", blank, "c")


def test_conda_activate_is_defined_before_it_is_used() -> None:
    text = parse_command("conda activate ml && python train.py").shell_text
    assert text.startswith('eval "$(')
    assert text.endswith(" && conda activate ml && python train.py")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "cd x &&",
        "A=1",
        "# note",
        "python 'x",
        'python "x',
        "python $(x",
        "x\\",
        "a `b",
        "a &&",
        "a | b |",
        "a >",
    ],
)
def test_text_without_a_command_is_invalid(text: str) -> None:
    with pytest.raises(ValueError, match="No "):
        parse_command(text)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (r"python .\train.py", r".\train.py"),
        (r"C:\Python\python.exe train.py", r"C:\Python"),
        (r"grep a\.b '.\train.py' x\ y", ""),
    ],
)
def test_paths_with_backslashes_are_found(text: str, path: str) -> None:
    assert mangled_path(text) == path
