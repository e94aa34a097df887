"""Repositories whose files try to run a program, or to stop or mislead the one that reads them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from engine.core.config_toml import render_config
from tests.engine.past_session import Past
from tests.git.hostile_repositories import HOSTILE as OF_GIT
from tests.git.hostile_repositories import Repository
from tests.world import git

HOME = ".autoresearch"
PROGRAMS = (
    *("git", "nvidia-smi", "claude", "codex", "gemini", "opencode", "uv", "tmux", "python"),
    *("python3", "systemd-run", "loginctl", "ps", "sh", "less", "vi", "ssh", "cat", "true"),
)
"""Programs that the command looks for on the PATH, or that git may start."""
MODULES = (
    *("sitecustomize", "usercustomize", "torch", "git", "msgspec", "click", "textual", "json"),
    *("engine", "tui", "themes", "harness", "platformdirs", "psutil", "dotenv", "apprise"),
)
READ_FILES = (
    *("results.tsv", "program.md", "run.log", ".env", "train.py", "prepare.py", "constants.py"),
    *(f"{HOME}/config.toml", f"{HOME}/notify.toml", f"{HOME}/engine.lock", f"{HOME}/engine.log"),
    *(f"{HOME}/engine.out", f"{HOME}/t/journal.jsonl", f"{HOME}/t/opening.json"),
    *(f"{HOME}/t/suggestions.json", f"{HOME}/t/experiments/0001/patch.diff"),
    *(f"{HOME}/t/experiments/0001/reasoning.md", ".venv/pyvenv.cfg"),
)
"""Files that the command reads before anything is confirmed."""


def _session(r: Repository) -> None:
    """Add a session whose config runs the program, as a clone may have it."""
    past = Past(r.path, "t")
    past.keep("DEPTH = 4", "DEPTH = 6", 0.9)
    past.journal.close()
    config = render_config(past.session.config)
    config = config.replace("python train.py", str(r.program))
    assert str(r.program) in config
    (r.path / HOME / "config.toml").write_text(config)
    journal = past.journal.path.read_text()
    past.journal.path.write_text(journal.replace("python train.py", str(r.program)))


def _tracked_session(r: Repository) -> None:
    _session(r)
    git(r.path, "add", "-f", HOME)
    git(r.path, "commit", "-qm", "theirs")


def _ended_session(r: Repository) -> None:
    _session(r)
    journal = r.path / HOME / "t/journal.jsonl"
    count = len(journal.read_text().splitlines())
    end = {"type": "SessionEnded", "seq": count + 1, "at": "2026-11-21T00:00:00Z", "reason": "x"}
    with open(journal, "a") as file:
        file.write(json.dumps(end) + "\n")


def _config_alone(r: Repository) -> None:
    (r.path / HOME).mkdir()
    (r.path / HOME / "config.toml").write_text(f'tag = "t"\ncommand = "{r.program}"\n')


def _virtual_environment(r: Repository) -> None:
    (r.path / ".venv/bin").mkdir(parents=True)
    for name in ("python", "python3", "pip", "uv"):
        shutil.copy(r.program, r.path / ".venv/bin" / name)
    (r.path / ".venv/pyvenv.cfg").write_text(f"home = {r.path / '.venv/bin'}\n")
    source = r.path / "train.py"
    source.write_text(f"import torch\n{source.read_text()}")
    git(r.path, "commit", "-qam", "torch")


def _modules(r: Repository) -> None:
    text = f"import os\nos.system({str(r.program)!r})\n"
    for name in MODULES:
        (r.path / f"{name}.py").write_text(text)
        (r.path / name).mkdir()
        (r.path / name / "__init__.py").write_text(text)


def _programs(r: Repository) -> None:
    for name in PROGRAMS:
        shutil.copy(r.program, r.path / name)
    _session(r)


def _env_file(r: Repository) -> None:
    library = r.path / "evil.so"
    library.write_bytes(b"not a library")
    (r.path / ".env").write_text(
        f"LD_PRELOAD={library}\nNODE_OPTIONS=--require=/x\nHTTPS_PROXY=http://localhost:9\n"
        "ANTHROPIC_BASE_URL=http://localhost:9\nANTHROPIC_API_KEY=theirs\n"
        f"GIT_SSH_COMMAND={r.program}\nPATH={r.path}\nEDITOR={r.program}\n"
    )
    git(r.path, "add", "-f", ".env")
    git(r.path, "commit", "-qm", "env")
    _session(r)
    config = r.path / HOME / "config.toml"
    config.write_text(config.read_text().replace('agent = "search"', 'agent = "llm"'))
    with open(config, "a") as file:
        file.write('model = "anthropic/claude-sonnet-4-5"\n')


def _coding_agent(r: Repository) -> None:
    _session(r)
    config = r.path / HOME / "config.toml"
    text = config.read_text().replace('agent = "search"', 'agent = "acp"')
    config.write_text(text.replace('cli = ""', f'cli = "{r.program}"'))


def _addresses(r: Repository) -> None:
    _session(r)
    (r.path / HOME / "notify.toml").write_text('urls = ["json://localhost:9/theirs"]\n')


def _start_request(r: Repository) -> None:
    _config_alone(r)
    (r.path / HOME / "t").mkdir()
    (r.path / HOME / "t/opening.json").write_text(
        '{"base": "--upload-pack=x", "first_hypothesis": "\\u001b[2J", "adopts": true}'
    )


def _options_for_commits(r: Repository) -> None:
    _session(r)
    journal = r.path / HOME / "t/journal.jsonl"
    head = git(r.path, "rev-parse", "HEAD")
    journal.write_text(journal.read_text().replace(head, f"--output={r.marker}"))


def _odd_tag(r: Repository) -> None:
    _session(r)
    config = r.path / HOME / "config.toml"
    config.write_text(config.read_text().replace('tag = "t"', 'tag = "../../t"'))
    for name in ("-x", "a\nb", "..x", "\x1b[2J"):
        shutil.copytree(r.path / HOME / "t", r.path / HOME / name)


def _instead(replace: Callable[[Path], None]) -> Callable[[Repository], None]:
    """Return a function that puts something else in the place of each file that is read."""

    def build(r: Repository) -> None:
        _session(r)
        for name in READ_FILES:
            path = r.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            replace(path)

    return build


def _one_instead(name: str, replace: Callable[[Path], None]) -> Callable[[Repository], None]:
    """Return a function that puts something else in the place of one file that is read."""

    def build(r: Repository) -> None:
        _session(r)
        path = r.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        replace(path)

    return build


def _huge(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(2**36)  # a hole, which takes no space


def _nested(path: Path) -> None:
    path.write_text("[" * 200_000)


def _binary(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 16)


def _link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _linked_home(r: Repository) -> None:
    _session(r)
    (r.path / HOME).rename(r.path.parent / "elsewhere")
    (r.path / HOME).symlink_to(r.path.parent / "elsewhere")


def _linked_session(r: Repository) -> None:
    _session(r)
    (r.path / HOME / "t").rename(r.path.parent / "elsewhere")
    (r.path / HOME / "t").symlink_to(r.path.parent / "elsewhere")


OF_FILES: dict[str, Callable[[Repository], None]] = {
    "session": _session,
    "session that git tracks": _tracked_session,
    "session that ended": _ended_session,
    "config alone": _config_alone,
    "virtual environment": _virtual_environment,
    "modules": _modules,
    "programs": _programs,
    "env file": _env_file,
    "coding agent": _coding_agent,
    "addresses": _addresses,
    "start request": _start_request,
    "options for commits": _options_for_commits,
    "odd tag": _odd_tag,
    "linked home": _linked_home,
    "linked session": _linked_session,
    "pipes": _instead(os.mkfifo),
    "directories": _instead(Path.mkdir),
    "links": _instead(_link),
    "links to an endless device": _instead(_endless),
    "links to themselves": _instead(_loop),
    "huge files": _instead(_huge),
    "nested brackets": _instead(_nested),
    "binary files": _instead(_binary),
}
OF_FILES |= {
    f"{kind} as {name}": _one_instead(name, replace)
    for name in READ_FILES
    for kind, replace in (("pipe", os.mkfifo), ("huge file", _huge), ("brackets", _nested))
}
"""Functions that make a workspace hostile by what lies in it, by name."""

HOSTILE = OF_FILES | {f"git: {name}": build for name, build in OF_GIT.items()}
