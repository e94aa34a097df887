"""A user who decides from the command line, as over SSH from a phone, on real engines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from engine.client.request import send_command
from engine.client.sessions import engine_pid
from engine.core.enums import QueueState
from engine.core.errors import AutoresearchError
from engine.core.layout import Layout
from engine.core.session import Session
from engine.core.text import short_id
from engine.protocol import commands, messages
from engine.store.program_file import read_program
from tests.journals import read_session
from tests.model_server import Answer, ModelServer, knob_edit
from tests.terminal import Window
from tests.world import (
    COMMAND,
    DEADLINE_SECONDS,
    Gate,
    git,
    make_repository,
    one_run_each,
    wait_for,
)
from tui.commands.verbs import cli

pytestmark = pytest.mark.usefixtures("engines", "usual_signals", "warm_engines")


class CommandLine:
    """A user's shell in a workspace."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace

    def run(self, *words: str | Path, stdin: str | bytes = "") -> Result:
        """Run a verb and return its result."""
        where = [] if words[0] in ("start", "watch") else ["-C", str(self.workspace)]
        at = [str(self.workspace)] if words[0] in ("start", "watch") else []
        given = one_run_each([*map(str, words)])
        result = CliRunner().invoke(cli, [*given, *where, *at], input=stdin)
        assert result.exception is None or isinstance(
            result.exception, AutoresearchError | SystemExit
        ), repr(result.exception)
        return result

    def succeed(self, *words: str | Path, stdin: str | bytes = "") -> str:
        """Run a verb that succeeds and return its output."""
        result = self.run(*words, stdin=stdin)
        assert result.exit_code == 0, repr(result.exception)
        return result.stdout

    def ask(self, *words: str | Path) -> Any:
        """Run a verb and return its JSON."""
        return json.loads(self.succeed(*words, "--json"))

    def refused(self, *words: str | Path, says: str, code: int | None = None) -> str:
        """Run a verb that fails and check its one paragraph."""
        error = self.run(*words).exception
        assert isinstance(error, AutoresearchError), repr(error)
        assert says in str(error), str(error)
        assert code is None or error.exit_code == code
        return str(error)

    def start(self, *flags: str) -> None:
        """Start an engine."""
        self.succeed("start", "--yes", "--tag", "t", "--budget", "0.05", *flags)

    @property
    def session(self) -> Session:
        """Return the session of the journal."""
        return read_session(self.workspace)

    def waits(self, question: Callable[[Session], Any], what: str) -> Session:
        """Return the session once a condition holds."""
        return wait_for(lambda: s if question(s := self.session) else None, what)

    def ends(self) -> None:
        """Wait until the engine has ended."""
        wait_for(lambda: engine_pid(self.workspace) is None, "the engine's end")

    def asked(self, many: int = 1) -> list[str]:
        """Return the patches in question once there are that many."""
        session = self.waits(lambda s: len(s.asked) >= many, "a question")
        return [q.proposal.patch_id for q in session.asked]


@pytest.fixture
def shell(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    # Texts that are kept for the user are here, and are deleted with the test.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    (repository / "program.md").write_text("# Charter\nBe bold.\n")
    git(repository, "add", "program.md")
    git(repository, "commit", "-qm", "charter")
    return CommandLine(repository)


def editor(tmp_path: Path, script: str) -> str:
    """Return an $EDITOR that does what a script says to the file in $1."""
    path = tmp_path / "editor.sh"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_a_proposal_runs_when_it_is_approved_and_never_when_it_is_vetoed(
    shell: CommandLine,
) -> None:
    shell.start("--autonomy", "ask-all")
    first = shell.asked()[0]
    facts = shell.ask("queue")
    assert facts["autonomy"] == "ask-all"
    assert facts["waiting"][0]["patch_id"] == first
    assert facts["waiting"][0]["state"] == "asked"
    assert short_id(first) in shell.succeed("queue")
    story = shell.succeed("queue", first[:5])
    assert "every edit" in story and "@@" in story
    assert shell.ask("queue", "show", first)["diff"].startswith("--- a/train.py")

    shell.refused("veto", first, says="--reason", code=2)
    shell.refused("veto", first, "--reason", "  ", says="--reason", code=2)
    shell.refused("approve", "0123456789ab", says="0123456789ab", code=1)
    assert "next" in shell.succeed("approve", first[:6])
    session = shell.waits(lambda s: len(s.experiments) > 1, "the approved experiment")
    assert session.experiment(2).proposal.patch_id == first
    shell.refused("veto", first, "--reason", "late", says="already")

    second = shell.asked()[0]
    answer = shell.ask("veto", second, "--reason", "no \x1b[31mdepth, please")
    assert answer["ok"] is True and answer["message"]
    shell.refused("approve", second, says="vetoed already")
    told = shell.run("approve", second, "--json")
    assert json.loads(told.stdout)["ok"] is False and told.exit_code
    audit = shell.ask("decisions")["decisions"]
    found = {(d["what"], d["by"], d["patch_id"], d["experiment"]) for d in audit}
    assert ("approved", "command line", first, 2) in found
    assert ("vetoed", "command line", second, None) in found
    assert any("depth, please" in d["reason"] for d in audit)
    assert "\x1b" not in shell.succeed("decisions")
    assert all(second != e.proposal.patch_id for e in shell.session.experiments)


def test_of_two_simultaneous_decisions_one_is_refused(shell: CommandLine) -> None:
    shell.start("--autonomy", "ask-all")
    patch = shell.asked()[0]
    replies: list[messages.Reply] = []

    def decide(command: commands.AnyCommand) -> None:
        replies.append(send_command(shell.workspace, command))

    both = [
        threading.Thread(target=decide, args=(command,))
        for command in (
            commands.ApproveProposal(patch_id=patch),
            commands.VetoProposal(patch_id=patch, reason="no"),
        )
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    told = [d for d in shell.ask("decisions")["decisions"] if d["what"] in ("approved", "vetoed")]
    if told[0]["what"] == "vetoed":
        assert sorted(reply.ok for reply in replies) == [False, True]
        assert "already" in next(reply.message for reply in replies if not reply.ok)
        assert len(told) == 1
    else:  # approved first: the veto may still arrive before the run
        assert replies[0].ok or replies[1].ok


def test_an_edit_comes_from_a_file_a_diff_or_an_editor(
    shell: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.start("--autonomy", "ask-all")
    patch = shell.asked()[0]
    shell.refused("edit", patch, says="$EDITOR", code=2)
    monkeypatch.setenv("EDITOR", "/nowhere/editor")
    shell.refused("edit", patch, says="cannot be started")
    monkeypatch.setenv("EDITOR", editor(tmp_path, "echo 'mine = 1' >> $1; exit 3"))
    text = shell.refused("edit", patch, says="exit code 3")
    kept = Path(text.split("is kept in ")[1].rstrip("."))
    assert kept.read_text().endswith("mine = 1\n")
    assert kept.stat().st_mode & 0o077 == 0 or kept.parent.stat().st_mode & 0o077 == 0
    monkeypatch.setenv("EDITOR", editor(tmp_path, "echo 'mine = (' >> $1"))
    text = shell.refused("edit", patch, says="line ")
    assert "never closed" in text
    assert Path(text.rsplit(" ", 1)[1].rstrip("`.")).read_text().endswith("mine = (\n")
    monkeypatch.setenv("EDITOR", "true")
    assert "nothing" in shell.succeed("edit", patch)

    diff = tmp_path / "other.diff"
    diff.write_text(shell.succeed("queue", patch, "--diff").replace("train.py", "prepare.py"))
    shell.refused("edit", patch, "--from", diff, says="prepare.py", code=2)
    shell.refused("edit", patch, "--from", tmp_path / "none", says="no file", code=2)
    assert shell.asked()[0] == patch  # none of these changed anything

    mine = (shell.workspace / "train.py").read_text().replace("DEPTH = 4", "DEPTH = 6")
    whole = tmp_path / "mine.py"
    whole.write_text(mine)
    shell.succeed("edit", patch, "--from", whole)
    session = shell.waits(
        lambda s: any(d.kind == "edited" for q in s.asked for d in q.decisions), "the edit"
    )
    edited = next(q for q in session.asked if any(d.kind == "edited" for d in q.decisions))
    assert edited.proposal.patch_id != patch
    shell.refused("approve", patch, says=short_id(patch))  # the old name approves nothing
    shell.succeed("approve", edited.proposal.patch_id)
    session = shell.waits(lambda s: len(s.experiments) > 1, "the edited experiment")
    session = shell.waits(lambda s: s.experiment(2).commit, "its commit")
    assert git(shell.workspace, "show", f"{session.experiment(2).commit}:train.py") == (
        mine.rstrip("\n")
    )
    assert git(shell.workspace, "status", "--porcelain") == ""


def test_pins_bans_notes_and_autonomy(shell: CommandLine) -> None:
    shell.start("--autonomy", "ask-all")
    shell.asked()
    shell.succeed("pause")
    assert shell.succeed("autonomy").strip() == "ask-all"
    pinned = shell.ask("pin", "MATRIX_LR=0.05")
    assert pinned["ok"] is True
    shell.succeed("pin", "-", stdin="DEPTH=6\n")
    shell.succeed("pin", "WARMDOWN_RATIO=0.7")
    shell.succeed("pin", "--move", "3", "1")
    shell.succeed("pin", "--edit", "3", "WARMDOWN_RATIO=0.6")
    shell.succeed("pin", "--remove", "2")
    pins = shell.ask("pin", "--list")["pins"]
    waiting = [p["text"] for p in pins if p["waits"] or p["experiment"]]
    assert set(waiting) == {"WARMDOWN_RATIO=0.6", "MATRIX_LR=0.05"}
    huge = "\x1b[2J\x07escape " * 9000
    assert len(huge) > 100_000
    result = shell.run("pin", "-", stdin=huge)
    assert isinstance(result.exception, AutoresearchError)
    assert "characters" in str(result.exception)
    shell.refused("pin", "--edit", "1", says="TEXT", code=2)
    shell.refused("pin", "text", "--remove", "1", says="Only one request", code=2)
    assert isinstance(shell.run("pin", "-", stdin=b"\xff").exception, AutoresearchError)

    shell.succeed("ban", "no", "deeper", "models")
    shell.succeed("note", "the \x1b[31mGPU is shared")
    assert "no deeper models" in shell.succeed("ban", "--list")
    assert "\x1b" not in shell.succeed("note", "--list")
    assert shell.ask("note")["notes"][0]["note"] == 1
    shell.refused("ban", "--lift", "7", says="no ban 7")
    shell.succeed("ban", "--lift", "1")
    shell.succeed("note", "--remove", "1")
    assert "no bans" in shell.succeed("ban", "--list")
    shell.succeed("autonomy", "auto")
    assert shell.ask("autonomy") == {"autonomy": "auto"}


def test_program_md_is_written_kept_in_versions_and_nothing_else_is_touched(
    shell: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.start("--autonomy", "ask-all")
    session = shell.waits(lambda s: s.programs, "the first version")
    assert shell.succeed("program").startswith("# Charter")
    new = tmp_path / "new.md"
    new.write_text("# Charter\nOnly the optimizer.\n")
    assert "in force" in shell.succeed("program", "--set", new)
    session = shell.waits(lambda s: len(s.programs) > 1, "the second version")
    assert session.programs[-1].added == 1
    assert "+Only the optimizer." in shell.succeed("program", "--diff")
    assert "first" in shell.succeed("program", "--diff", "1")
    shell.refused("program", "--diff", "9", says="no version 9", code=2)
    facts = shell.ask("program")
    assert [v["version"] for v in facts["versions"]] == [1, 2]
    assert facts["text"] == new.read_text()

    monkeypatch.setenv(
        "EDITOR", editor(tmp_path, f"echo theirs >> {shell.workspace}/program.md; echo mine >> $1")
    )
    text = shell.refused("program", "--edit", says="changed by another program")
    assert Path(text.split("kept in ")[1].split(";")[0]).read_text().endswith("mine\n")
    assert read_program(shell.workspace).text.endswith("theirs\n")
    monkeypatch.setenv("EDITOR", editor(tmp_path, "echo mine >> $1"))
    shell.succeed("program", "--edit")
    assert read_program(shell.workspace).text.endswith("theirs\nmine\n")
    (shell.workspace / "program.md").write_bytes(b"\xff\xfe")
    shell.refused("program", "--set", new, says="not UTF-8 text")
    shell.succeed("program")
    assert git(shell.workspace, "status", "--porcelain").split() == ["M", "program.md"]


def test_the_past_is_overruled_revived_and_confirmed_and_a_run_is_killed(
    shell: CommandLine,
) -> None:
    shell.start("--autonomy", "auto", "--max", "60", "--lookahead", "0")
    session = shell.waits(lambda s: s.counts.discard >= 1 and s.counts.keep >= 2, "a discard")
    shell.succeed("pause")
    session = shell.waits(_rests, "the pause")
    discard = next(e.number for e in session.experiments if e.verdict == "discard")
    shell.refused("overrule", str(discard), "keep", says="--reason", code=2)
    shell.refused("overrule", "1", "discard", "--reason", "x", says="baseline")
    shell.refused("revive", "999", says="999")
    shell.refused("kill", says="No run is active", code=2)
    shell.refused("kill", "1", says="not running", code=1)
    best = session.incumbent
    assert best is not None and best > 1
    shell.succeed("overrule", str(best), "discard", "--reason", "not trusted")
    assert shell.session.experiment(best).effective_verdict == "discard"
    shell.succeed("confirm", "1")
    entries = shell.ask("decisions")["decisions"]
    assert {d["what"] for d in entries} >= {"overruled: discard", "asked for another run of #1"}
    reasons = [d["reason"] for d in entries if d["experiment"] == best]
    assert "not trusted" in reasons


def test_a_running_experiment_is_vetoed(shell: CommandLine, tmp_path: Path) -> None:
    gate = Gate(shell.workspace, tmp_path / "gate")
    gate.let_pass(1)
    shell.succeed("start", "--yes", "--budget", "0.05", "--autonomy", "auto", "--lookahead", "0")
    shell.waits(lambda s: len(s.experiments) > 1 and s.running, "the second run")
    shell.refused("veto", "--run", "1", "--reason", "no", says="not running", code=1)
    shell.refused("veto", "aaaa", "--run", "2", "--reason", "no", says="not both", code=2)
    shell.succeed("veto", "--run", "2", "--reason", "not \x1b[31mthis way")
    session = shell.waits(lambda s: s.experiment(2).verdict, "its end")
    assert session.experiment(2).outcome == "interrupted"
    assert session.vetoed[-1].reason.endswith("this way")
    audit = shell.ask("decisions")["decisions"]
    assert [d["what"] for d in audit if d["experiment"] == 2] == ["vetoed while it ran"]


def test_a_session_continues_with_another_autonomy_than_was_set_during_it(
    shell: CommandLine,
) -> None:
    shell.start("--autonomy", "ask-all")
    shell.asked()
    shell.succeed("autonomy", "auto")
    shell.succeed("stop", "--now")
    shell.ends()
    shell.succeed("start", "--yes", "--autonomy", "ask-all", "--review-timeout", "77")
    assert shell.session.autonomy == "ask-all"
    assert shell.session.config.review_timeout_seconds == 77
    shell.refused("start", "--yes", "--metric", "x", says="already")


def test_without_an_engine_verbs_show_the_journal_and_decide_nothing(shell: CommandLine) -> None:
    shell.refused("queue", says="no session", code=3)
    shell.refused("approve", "aaaa", says="autoresearch-tui start", code=6)
    shell.start("--autonomy", "ask-all")
    patch = shell.asked()[0]
    shell.succeed("pin", "DEPTH=6")
    shell.succeed("stop", "--now")
    shell.ends()
    before = shell.session.seq
    for words in (
        *(["approve", patch], ["veto", patch, "--reason", "no"], ["edit", patch], ["kill"]),
        *(["pin", "x"], ["ban", "x"], ["note", "x"], ["autonomy", "auto"], ["confirm", "1"]),
        *(["revive", "1"], ["overrule", "1", "keep", "--reason", "x"]),
    ):
        shell.refused(*words, says="autoresearch-tui start", code=6)
    assert short_id(patch) in shell.succeed("queue") and "start" in shell.succeed("queue")
    assert "DEPTH=6" in shell.succeed("pin", "--list")
    assert "asked" in shell.succeed("decisions")
    assert shell.succeed("program").startswith("# Charter")
    assert shell.session.seq == before
    assert [q.proposal.patch_id for q in shell.session.queue if q.state is QueueState.ASKED]


def test_the_first_hypothesis_becomes_the_first_experiment(shell: CommandLine) -> None:
    shell.start("--first-hypothesis", "MATRIX_LR=0.05", "--autonomy", "auto", "--max", "2")
    session = shell.waits(lambda s: s.ended, "the end")
    assert session.pins[0].text == "MATRIX_LR=0.05"
    assert session.pins[0].experiment == 2
    assert session.experiment(2).proposal.knobs == {"MATRIX_LR": ("0.04", "0.05")}
    assert not list(shell.workspace.glob(".autoresearch/t/opening.json"))
    shell.ends()
    shell.refused("start", "--yes", "--first-hypothesis", "x", says="pin TEXT", code=2)


def test_watch_streams_the_journal_across_a_restart_of_the_engine(shell: CommandLine) -> None:
    shell.start("--autonomy", "ask-all")
    shell.asked()
    watching = subprocess.Popen(
        [str(COMMAND), "watch", "--json", "--all", str(shell.workspace)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    first = watching.stdout.readline()
    assert json.loads(first)["type"] == "SessionStarted"
    pid = engine_pid(shell.workspace)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: engine_pid(shell.workspace) is None, "the engine's death")
    shell.succeed("start", "--yes")
    shell.succeed("stop", "--now")
    rest = watching.stdout.read()
    assert watching.wait(DEADLINE_SECONDS) == 0
    assert watching.stderr is not None
    assert "Traceback" not in watching.stderr.read()
    watching.stdout.close()
    watching.stderr.close()
    assert first + rest == Layout(shell.workspace, "t").journal.read_text()


def test_watch_ends_with_ctrl_c_and_with_its_reader(shell: CommandLine) -> None:
    shell.start("--autonomy", "ask-all")
    shell.asked()
    for as_json in (True, False):
        words = [str(COMMAND), "watch", "--all", *(["--json"] if as_json else [])]
        watching = subprocess.Popen(
            [*words, str(shell.workspace)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert watching.stdout is not None and watching.stderr is not None
        assert watching.stdout.readline()
        if as_json:
            watching.send_signal(signal.SIGINT)
        else:
            watching.stdout.close()
        assert watching.wait(DEADLINE_SECONDS) == (130 if as_json else 0)
        assert b"Traceback" not in watching.stderr.read()
        watching.stdout.close()
        watching.stderr.close()


def test_a_reason_reaches_the_agents_next_prompt(shell: CommandLine) -> None:
    edit = (
        "HYPOTHESIS: a deeper model [bold]learns[/] more.\nCATEGORY: architecture\n"
        "RATIONALE: because\nEXPECTED: a gain\n\n"
        "<<<<<<< SEARCH\nDEPTH = 4  # layers\n=======\nDEPTH = 9  # layers\n>>>>>>> REPLACE\n"
    )
    (shell.workspace / ".env").write_text("OPENAI_API_KEY=sk-of-a-test\n")
    with ModelServer([Answer(text=edit), knob_edit]) as server:
        shell.start(
            *("--model", "openai/test", "--api-base", server.openai, "--autonomy", "ask-all"),
            *("--lookahead", "0", "--temperature", "-1", "--scope", "only the optimizer"),
        )
        patch = shell.asked()[0]
        assert "[bold]learns[/]" in shell.succeed("queue", patch)
        shell.succeed("veto", patch, "--reason", "nine layers do not fit the budget")
        wait_for(
            lambda: any("nine layers do not fit" in r.prompt for r in server.requests),
            "the reason in a briefing",
        )
        assert "only the optimizer" in server.requests[0].prompt
        shell.succeed("stop", "--now")


def test_a_line_of_the_research_config_is_changed_before_the_start(repository: Path) -> None:
    window = Window("start", repository, "--budget", "0.05", columns=80, rows=30)
    shown = window.wait_for("Start with it?")
    for text in (
        *("editable file", "prepare.py", "val_bpb", "lower is better", "train.py", "0.05 s"),
        *("greedy", "ask-risky", "search", "when you stop it", "the whole file", "results.tsv"),
        *("first hypothesis", "tag", "machine", "adjustments", "as you said", "needs no key"),
    ):
        assert text in shown, text
    window.press("8\rnever\r")
    window.wait_for("not one of auto, ask-risky, ask-all")
    window.press("autonomy\rask-all\r")
    window.wait_for("each edit waits")
    window.press("first\rDEPTH=6\r")
    window.wait_for("DEPTH=6")
    window.press("ends\r1\r")
    window.wait_for("after 1 experiment")
    window.press("\r")
    window.wait_for("runs session")
    assert window.wait_for_end()[0] == 0
    session = wait_for(lambda: _ended(repository), "the end")
    assert session.config.autonomy == "ask-all"
    assert session.config.max_experiments == 1
    assert [p.text for p in session.pins] == ["DEPTH=6"]


def _rests(session: Session) -> bool:
    """Return whether the session is paused and nothing is left to run or to record."""
    if session.pause is None or not session.experiments:
        return False
    last = session.experiments[-1]
    if last.verdict is None:
        return last.run is None
    return last.row_written and (last.verdict != "keep" or last.advanced)


def _ended(workspace: Path) -> Session | None:
    session = read_session(workspace)
    return session if session.ended else None


def test_declining_the_research_config_starts_nothing(repository: Path) -> None:
    window = Window("start", repository, columns=80, rows=30)
    window.wait_for("Start with it?")
    window.press("n\r")
    code, shown = window.wait_for_end()
    assert code == 130
    assert "Nothing was started" in shown
    assert not (repository / ".autoresearch").exists()


def test_an_unknown_direction_is_asked_for_and_never_assumed(tmp_path: Path) -> None:
    workspace = make_repository(tmp_path / "w", {"train.py": 'print("D_geomean: 1.5")\n'})
    message = CommandLine(workspace).refused(
        "start", "--yes", says="Which way D_geomean improves is unknown.", code=2
    )
    assert "--direction min" in message
    assert "--direction max" in message
    assert not (workspace / ".autoresearch").exists()
    window = Window("start", workspace, columns=80, rows=30)
    shown = window.wait_for("now:")
    assert "unknown" in shown
    assert "min (lower is better) or max" in shown
    window.press("sideways\r")
    window.wait_for("not one of min, max")
    window.press("higher\r")
    window.wait_for("max: higher is better")
    window.wait_for("Start with it?")
    window.press("n\r")
    assert window.wait_for_end()[0] == 130
