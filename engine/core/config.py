"""The research config: what the person confirmed before the ratchet may turn.

Pure: text in, text out. Where the file lies and how it is written is the store's matter.
"""

from __future__ import annotations

import difflib
import re
import shlex
from typing import Any

import msgspec
import tomlkit
import tomlkit.exceptions

from engine.core.enums import Autonomy, Direction, KeepRule
from engine.core.errors import ConfigError


class ResearchConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the ratchet must know about one session. Times in seconds, sizes in bytes."""

    tag: str = "run1"
    """Names the session and its branch `autoresearch/<tag>`."""
    file: str = "train.py"
    """The one file an agent may edit, relative to the workspace."""
    locked: tuple[str, ...] = ("prepare.py", "constants.py")
    """Globs of files hashed before and after each run, because they define what the metric
    means.
    """
    metric: str = "val_bpb"
    """The name before the colon in the line the run prints at its end."""
    direction: Direction = Direction.MIN
    command: str = "python train.py"
    """Split as a shell would, but run without one."""
    budget_seconds: float | None = None
    """Training time per run, told to it in `AUTORESEARCH_TIME_BUDGET`. None: the script decides."""
    rule: KeepRule = KeepRule.GREEDY
    min_delta: float = 0.0
    """With `min_delta`: the smallest gain, in metric units, that keeps an edit."""
    agent: str = "search"
    max_experiments: int | None = None
    """Stop after so many experiments, the baseline among them. None: until stopped."""
    results_file: str = "results.tsv"
    report_every: int = 10
    """A progress report is written after so many experiments; 0: only the summary at the end."""
    suggest: bool = True
    """Whether a session's language model is asked for next steps when it ends."""
    link: tuple[str, ...] = ("auto",)
    """Untracked paths linked into the worktree. `auto`: all but caches, secrets and
    environments.
    """
    startup_seconds: float = 900.0
    """Import, data loading and compiling may take so long; torch.compile has been seen to take 13
    min.
    """
    evaluation_seconds: float = 900.0
    silence_seconds: float = 600.0
    """While training, a log that stays silent for so long means the run hangs."""
    timeout_seconds: float | None = None
    """The hard end of a run. None: start-up + 2 x budget + evaluation, or 1 h without a budget."""
    log_cap_bytes: int = 64 * 2**20
    """Of a larger log only the head and the tail stay on the disk."""
    pass_env: tuple[str, ...] = ()
    """Variables that look like secrets and are passed to the run all the same (HF_TOKEN, say)."""
    seed: int = 0
    """Of the search agent's random numbers."""
    model: str = ""
    """Of the agent `llm`, as LiteLLM names it: `anthropic/…`, `openai/…`, `ollama_chat/…`."""
    api_base: str = ""
    """Address of a server of your own that speaks the model's protocol."""
    cli: str = ""
    """Of the agent `acp`: `claude`, `codex`, `gemini`, `opencode`, or a command of your own that
    speaks the Agent Client Protocol on its standard input and output."""
    autonomy: Autonomy = Autonomy.ASK_RISKY
    """`auto`, `ask-risky` or `ask-all`; can be changed at any time."""
    review_timeout_seconds: float = 600.0
    """A question nobody answers is parked after so long; it is never answered yes by itself."""
    most_parked: int = 20
    """With so many parked proposals the loop pauses: somebody should look."""
    scope: str = ""
    """What the agent may change, in words; empty: whatever program.md allows."""
    lookahead: int = 1
    """How many proposals are drafted while a run still trains; 0: none."""
    temperature: float | None = 0.9
    """Of the first candidate from a frontier; below 0, or None in journals of old: the provider's
    default, for all."""
    temperature_step: float = 0.1
    """Added for each further candidate that brought nothing, as racing set-ups do."""
    temperature_max: float = 1.2
    mix_every: int = 3
    """Agent `mix`: every k-th proposal is `mix_with`'s, the others are the knob search's."""
    mix_with: str = "llm"
    """Agent `mix`: who proposes beside the search, `llm` or `acp`."""
    context_tokens: int = 0
    """How long a prompt may be; 0: half of what LiteLLM knows of the model, else 32,000."""
    answer_tokens: int = 8000
    """Longest answer, reasoning included."""
    idle_seconds: float = 120.0
    """A stream that says nothing for so long is broken off."""
    answer_seconds: float = 900.0
    """The longest an answer may take as a whole."""
    max_dollars: float | None = None
    """Of language models, for the session; reached, the loop pauses before the next call."""
    max_tokens: int | None = None
    """Likewise, prompt and answer tokens together."""
    dollars_per_million: tuple[float, float] | None = None
    """Price of a million prompt and answer tokens, for a model LiteLLM knows no price of."""
    policy: str = "bandit"
    """How the search agent searches: `bandit`, `tpe` (needs the extra `optuna`) or `random`."""

    @property
    def deadline_seconds(self) -> float:
        """After this many seconds the run's whole process tree is killed."""
        if self.timeout_seconds is not None:
            return self.timeout_seconds
        if self.budget_seconds is None:
            return 3600.0
        return self.startup_seconds + 2 * self.budget_seconds + self.evaluation_seconds


_SECTIONS: tuple[tuple[str, str], ...] = (
    ("tag", "names the session; its kept commits are on the branch autoresearch/<tag>"),
    ("file", "the one file an agent may edit"),
    ("locked", "files that define the metric: hashed before and after each run"),
    ("metric", "the name in the line `name: value` that the run prints at its end"),
    ("direction", '"min": lower is better, "max": higher is better'),
    ("command", "how a run is started, in a worktree of its own"),
    ("budget_seconds", "training time per run; leave it out if the script decides itself"),
    ("rule", '"greedy": any improvement is kept; "min_delta": only one of at least min_delta'),
    ("min_delta", "in metric units, for the rule min_delta"),
    (
        "agent",
        '"search": a statistical search over knobs, needs no key; "llm": a language model; '
        '"acp": a coding-agent CLI; "mix": search and one of these in turn',
    ),
    (
        "max_experiments",
        "stop after so many, the baseline counted; leave out to go on until stopped",
    ),
    ("results_file", "where the five-column table is appended"),
    ("report_every", "a progress report after so many experiments; 0: only the summary at the end"),
    ("suggest", "at the end the language model, if there is one, is asked once for next steps"),
    ("link", 'untracked data the run needs beside it; ["auto"] links all but caches and secrets'),
    ("startup_seconds", "longest time for imports, data and compiling"),
    ("evaluation_seconds", "longest time for the evaluation after training"),
    ("silence_seconds", "a training run whose log is silent for so long hangs"),
    ("timeout_seconds", "hard end of a run; left out: start-up + 2 x budget + evaluation"),
    ("log_cap_bytes", "of a larger log only head and tail are kept"),
    ("pass_env", "secret-looking environment variables the run gets all the same"),
    ("model", "for the agent llm, as LiteLLM names it"),
    ("api_base", "for a model server of your own (vLLM, llama.cpp, LM Studio, Ollama)"),
    ("cli", "for the agent acp: claude, codex, gemini, opencode, or a command of your own"),
    ("autonomy", '"auto", "ask-risky" or "ask-all": which edits wait for your word'),
    ("review_timeout_seconds", "a question nobody answers is parked after so long, never approved"),
    ("most_parked", "with so many parked proposals the loop pauses"),
    ("scope", 'what the agent may change, in words, such as "only the optimizer"; empty: anything'),
    ("lookahead", "how many proposals are drafted while a run still trains; 0: none"),
    ("temperature", "of the model's first candidate; below 0: the provider's default"),
    ("temperature_step", "added for each candidate in a row that brought nothing"),
    ("temperature_max", "the highest it rises to; models that allow less get less"),
    ("mix_every", "agent mix: every k-th proposal comes from mix_with, the rest from search"),
    ("mix_with", 'agent mix: "llm" or "acp"'),
    ("context_tokens", "longest prompt; 0: half of the model's context"),
    ("answer_tokens", "longest answer, reasoning included"),
    ("idle_seconds", "a stream that is silent for so long is broken off"),
    ("answer_seconds", "longest time for a whole answer"),
    ("max_dollars", "cap on language-model cost of the session; the loop pauses there"),
    ("max_tokens", "cap on language-model tokens of the session"),
    ("dollars_per_million", "[prompt, answer]: price of a model that LiteLLM knows no price of"),
    ("seed", "of the search agent"),
    ("policy", '"bandit", "tpe" or "random": how the search agent searches'),
)

_EXPECTED: dict[str, str] = {
    "direction": '"min" or "max"',
    "autonomy": '"auto", "ask-risky" or "ask-all"',
    "rule": '"greedy" or "min_delta"',
    "policy": '"bandit", "tpe" or "random"',
}


def render_config(config: ResearchConfig) -> str:
    """The config as TOML with a comment at each line, fit to be edited by hand."""
    doc = tomlkit.document()
    doc.add(tomlkit.comment("The research config of autoresearch-tui. Edit it between sessions."))
    values = msgspec.to_builtins(config)
    for name, why in _SECTIONS:
        value = values[name]
        doc.add(tomlkit.nl())
        doc.add(tomlkit.comment(why))
        if value is None:
            doc.add(tomlkit.comment(f"{name} ="))
        else:
            doc.add(name, tomlkit.item(list(value) if isinstance(value, tuple) else value))
    return tomlkit.dumps(doc)


def _line_of(text: str, key: str) -> int:
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
            return number
    return 1


def parse_config(text: str, where: str = "config.toml") -> ResearchConfig:
    """Read a config, or say which line is wrong and what was expected there.

    Args:
        text: TOML.
        where: The name to give the file in an error.

    Raises:
        ConfigError: Not TOML, an unknown key, or a value of the wrong kind.
    """
    try:
        raw: dict[str, Any] = tomlkit.parse(text).unwrap()
    except tomlkit.exceptions.ParseError as error:
        raise ConfigError(
            f"{where}, line {error.line}: this is not valid TOML.",
            f"{error}.",
            "Correct that line, or delete the file to have it written anew.",
        ) from None
    except tomlkit.exceptions.TOMLKitError as error:
        raise ConfigError(
            f"{where} is not valid TOML.", f"{error}.", "Correct it, or delete the file."
        ) from None
    known = ResearchConfig.__struct_fields__
    for key, value in raw.items():
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"Did you mean `{close[0]}`?" if close else f"Known keys: {', '.join(known)}."
            raise ConfigError(
                f"{where}, line {_line_of(text, key)}: there is no setting `{key}`.", "", hint
            )
        _check_one(text, where, key, value)
    config = msgspec.convert(raw, ResearchConfig, strict=False)
    check_config(config, where)
    return config


def _check_one(text: str, where: str, key: str, value: object) -> None:
    try:
        msgspec.convert({key: value}, ResearchConfig)
    except msgspec.ValidationError as error:
        expected = _EXPECTED.get(key, str(error).split(" - ")[0].replace("`", ""))
        raise ConfigError(
            f"{where}, line {_line_of(text, key)}: `{key} = {value!r}` cannot be.",
            f"Expected: {expected}.",
            "Correct that line and start again.",
        ) from None


def check_config(config: ResearchConfig, where: str = "the research config") -> None:
    """Refuse values that no session could run with.

    Raises:
        ConfigError: Naming the setting and what it needs.
    """

    def refuse(what: str, need: str) -> ConfigError:
        return ConfigError(f"{where}: {what}.", f"Expected: {need}.", "Correct it and start again.")

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", config.tag) or ".." in config.tag:
        raise refuse(
            f"the tag {config.tag!r} cannot name a branch", "letters, digits, . _ - (at most 64)"
        )
    if config.tag.endswith((".lock", ".")):
        raise refuse(f"the tag {config.tag!r} cannot name a branch", "no ending in .lock or a dot")
    try:
        words = shlex.split(config.command)
    except ValueError as error:
        raise refuse(
            f"the command {config.command!r} cannot be read ({error})", "balanced quotes"
        ) from None
    if not words:
        raise refuse("the command is empty", 'a command such as "python train.py"')
    if not config.metric.strip() or "\t" in config.metric or "\n" in config.metric:
        raise refuse(
            f"the metric {config.metric!r} cannot be", "the name the run prints, such as val_bpb"
        )
    for name in ("budget_seconds", "timeout_seconds"):
        value = getattr(config, name)
        if value is not None and not 0 < value < 10**8:
            raise refuse(f"{name} is {value}", "a positive number of seconds")
    for name in ("startup_seconds", "evaluation_seconds", "silence_seconds"):
        if not 0 < getattr(config, name) < 10**8:
            raise refuse(f"{name} is {getattr(config, name)}", "a positive number of seconds")
    if config.max_experiments is not None and config.max_experiments < 1:
        raise refuse(f"max_experiments is {config.max_experiments}", "at least 1 (the baseline)")
    if not 0 <= config.lookahead <= 8:
        raise refuse(f"lookahead is {config.lookahead}", "0 (off) to 8")
    if config.review_timeout_seconds <= 0:
        raise refuse(f"review_timeout_seconds is {config.review_timeout_seconds}", "more than 0")
    if config.most_parked < 1:
        raise refuse(f"most_parked is {config.most_parked}", "1 or more")
    if config.mix_every < 1:
        raise refuse(f"mix_every is {config.mix_every}", "1 or more")
    if config.min_delta < 0:
        raise refuse(f"min_delta is {config.min_delta}", "0 or more")
    if config.log_cap_bytes < 2**20:
        raise refuse(f"log_cap_bytes is {config.log_cap_bytes}", "at least 1048576 (1 MiB)")
    for pattern in (*config.locked, *config.link):
        if not pattern.strip() or pattern.startswith("/") or ".." in pattern.split("/"):
            raise refuse(
                f"the pattern {pattern!r} leaves the workspace", "one inside the workspace"
            )
    for name in (config.file, config.results_file):
        if name.startswith("/") or ".." in name.split("/") or not name:
            raise refuse(f"the path {name!r} leaves the workspace", "a path inside the workspace")
