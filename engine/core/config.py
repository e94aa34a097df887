"""Declares the research config: every setting of a session, with its default and its help."""

from __future__ import annotations

import typing
from functools import cache
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from engine.core.end_time import end_time_mismatch
from engine.core.enums import Autonomy, Direction, EarlyStop
from engine.core.guardrail import guardrails_mismatch
from engine.core.run_log.metric_rule import MetricRule, pick_mismatch, source_mismatch
from engine.core.setting import (
    Setting,
    command_mismatch,
    data_mismatch,
    metric_mismatch,
    path_mismatch,
    paths_mismatch,
    rule_mismatch,
)

_TAG = r"^(?!.*\.\.)(?!.*\.lock$)[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?\Z"
_SECONDS = Meta(gt=0, lt=10**8)
CONFIRM, GREEDY, MIN_DELTA = "confirm", "greedy", "min_delta"
"""The names of the keep rules that come with the program."""


class ResearchConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a session, in the order of config.toml. Times in seconds, sizes in bytes."""

    tag: Annotated[
        str,
        Setting(
            "name of the session; its kept commits are on branch autoresearch/<tag>",
            flag="--tag",
            bounds=Meta(pattern=_TAG),
            expected="letters, digits, . _ - (at most 64), with no .. and no . or .lock at the end",
            fixed=True,
            label="tag",
            line=13,
        ),
    ] = "run1"
    file: Annotated[
        str,
        Setting(
            "the file an agent may edit",
            flag="--file",
            metavar="train.py",
            check=path_mismatch,
            fixed=True,
            label="editable file",
            line=1,
            answer="the file an agent may edit, or several, separated by commas",
        ),
    ] = "train.py"
    more_files: Annotated[
        tuple[str, ...],
        Setting(
            "more files that an agent may edit, together with that file, as one edit",
            flag="--file",
            extends="file",
            check=paths_mismatch,
            fixed=True,
        ),
    ] = ()
    locked: Annotated[
        tuple[str, ...],
        Setting(
            "files, or globs of them, that no run may change because they define the metric",
            flag="--locked",
            metavar="GLOB",
            check=paths_mismatch,
            fixed=True,
            label="locked files",
            line=2,
            answer="files no run may change, or globs of them, separated by commas; or none",
        ),
    ] = ("prepare.py", "constants.py")
    metric: Annotated[
        str,
        Setting(
            "the metric's name, as the run prints it with its value",
            flag="--metric",
            metavar="NAME",
            check=metric_mismatch,
            fixed=True,
            label="metric",
            line=3,
        ),
    ] = "val_bpb"
    metric_from: Annotated[
        str,
        Setting(
            "where the metric is read: empty, any usual form in the log; json:val.bpb, the log's "
            "JSON lines; results.json:val.bpb, a file that the run writes (JSON, JSON Lines, CSV); "
            "re:REGEX, the first group of a regular expression, in each line of the log",
            flag="--metric-from",
            metavar="WHERE",
            check=source_mismatch,
            fixed=True,
            label="metric read from",
            line=15,
            answer="none for the log, json:val.bpb, results.json:val.bpb, or re: and a regular "
            "expression with a group",
        ),
    ] = ""
    metric_pick: Annotated[
        str,
        Setting(
            'which of several values counts: "last", "best", "first" or "mean of last 5"',
            flag="--metric-pick",
            metavar="WHICH",
            check=pick_mismatch,
            fixed=True,
            label="value that counts",
            line=16,
            answer="last, best, first, or mean of last 5",
        ),
    ] = "last"
    direction: Annotated[
        Direction,
        Setting(
            '"min": lower is better, "max": higher is better; needed where nothing tells',
            flag="--direction",
            fixed=True,
            label="direction",
            line=4,
            answer="min (lower is better) or max",
        ),
    ] = Direction.MIN
    command: Annotated[
        str,
        Setting(
            "how a run is started, in a worktree of its own; written as in a terminal: a shell is "
            "used only where one is needed",
            flag="--command",
            metavar="'CMD'",
            check=command_mismatch,
            fixed=True,
            label="run command",
            line=5,
        ),
    ] = "python train.py"
    budget_seconds: Annotated[
        float | None,
        Setting(
            "training time per run; leave it out if the script decides itself",
            flag="--budget",
            bounds=_SECONDS,
            fixed=True,
            label="time budget",
            line=6,
            answer="seconds of training per run, or 5 min; none if the script decides",
        ),
    ] = None
    rule: Annotated[
        str,
        Setting(
            '"confirm": an improvement is kept once repeated runs show that it is not noise; '
            '"greedy": any improvement is kept; "min_delta": only one of at least min_delta',
            flag="--rule",
            metavar="confirm|greedy|min_delta",
            check=rule_mismatch,
            fixed=True,
            label="keep rule",
            line=7,
            answer="confirm repeats what looks better before it keeps it; greedy keeps any "
            "improvement; min_delta 0.001 only one of at least 0.001",
        ),
    ] = CONFIRM
    false_keeps: Annotated[
        float,
        Setting(
            "share of edits without any effect that the rule confirm may keep",
            flag="--false-keeps",
            metavar="SHARE",
            bounds=Meta(ge=0.001, le=0.2),
            fixed=True,
        ),
    ] = 0.025
    repeats: Annotated[
        int,
        Setting(
            "how often the rule confirm repeats a candidate's run at most",
            flag="--repeats",
            bounds=Meta(ge=1, le=20),
        ),
    ] = 3
    calibrate: Annotated[
        int,
        Setting(
            "runs of the baseline, from which the rule confirm learns the noise of the metric",
            flag="--calibrate",
            metavar="RUNS",
            bounds=Meta(ge=1, le=50),
        ),
    ] = 3
    closing: Annotated[
        int,
        Setting(
            "fresh runs of the baseline and of the final version each, when the session ends with "
            "the rule confirm; 0 for none",
            flag="--closing",
            metavar="RUNS",
            bounds=Meta(ge=0, le=50),
        ),
    ] = 2
    min_delta: Annotated[
        float,
        Setting(
            "smallest gain that the rule min_delta keeps, in metric units",
            flag="--min-delta",
            bounds=Meta(ge=0),
            fixed=True,
        ),
    ] = 0.0
    guards: Annotated[
        tuple[str, ...],
        Setting(
            "limits of other figures of the run's summary, which a keep may not break: "
            "peak_vram_mb <= 39000, or tokens_per_second >= 0.95x (x: of the best so far)",
            flag="--guard",
            metavar="'FIGURE <= LIMIT'",
            check=guardrails_mismatch,
            label="guardrails",
            line=17,
            answer="peak_vram_mb <= 39000, or tokens_per_second >= 0.95x (x: of the best so far); "
            "several, separated by commas; or none",
        ),
    ] = ()
    agent: Annotated[
        str,
        Setting(
            '"search": a statistical search over knobs, needs no key; "llm": a '
            'language model; "acp": a coding-agent CLI; "mix": search and one of these in turn',
            flag="--agent",
            metavar="NAME",
            label="agent",
            line=9,
            answer="search, a model (anthropic/…, openai/…, ollama_chat/…), or a coding-agent CLI "
            "(claude, codex, gemini, opencode)",
        ),
    ] = "search"
    max_experiments: Annotated[
        int | None,
        Setting(
            "stop after so many experiments, the baseline counted; leave it out to go "
            "on until stopped",
            flag="--max",
            bounds=Meta(ge=1),
            label="ends",
            line=10,
            answer="200 (experiments, the baseline counted), 07:30, 8h, target 0.97 or patience 20 "
            "(experiments without a keep), or several, separated by commas; none goes on until "
            "stopped",
        ),
    ] = None
    until: Annotated[
        str,
        Setting(
            "end at this time, after the run under way: 07:30 (the next one of this machine's "
            "clock), or a date and time such as 2026-11-30T07:30",
            flag="--until",
            metavar="07:30",
            check=end_time_mismatch,
        ),
    ] = ""
    for_seconds: Annotated[
        float | None,
        Setting(
            "end this long after the session was started or continued, after the run under way; "
            "pauses count",
            flag="--for",
            metavar="8h",
            bounds=_SECONDS,
        ),
    ] = None
    target: Annotated[
        float | None,
        Setting("end once the metric of the best is this good, or better", flag="--target"),
    ] = None
    patience: Annotated[
        int | None,
        Setting(
            "end after so many experiments in a row without a keep",
            flag="--patience",
            bounds=Meta(ge=1),
        ),
    ] = None
    results_file: Annotated[
        str,
        Setting(
            "table to which a row per experiment is appended",
            flag="--results-file",
            metavar="NAME",
            check=path_mismatch,
            fixed=True,
            label="results file",
            line=14,
        ),
    ] = "results.tsv"
    report_every: Annotated[
        int, Setting("a progress report after so many experiments; 0: only the summary at the end")
    ] = 10
    suggest: Annotated[
        bool,
        Setting("whether the language model, if there is one, is asked for next steps at the end"),
    ] = True
    probe: Annotated[
        bool,
        Setting(
            "before the baseline, run the command once with an unusable editable file: it must "
            "fail, which proves that the edited file is the one that runs",
            flag="--probe",
        ),
    ] = True
    link: Annotated[
        tuple[str, ...],
        Setting(
            "untracked data that runs get: paths or globs of them, also outside the workspace; "
            '"auto": all of the repository but secrets, caches, environments and outputs',
            flag="--link",
            metavar="PATH",
            check=data_mismatch,
        ),
    ] = ("auto",)
    # torch.compile has been seen to take 13 minutes.
    startup_seconds: Annotated[
        float, Setting("longest time for imports, data and compiling", bounds=_SECONDS)
    ] = 900.0
    evaluation_seconds: Annotated[
        float, Setting("longest time for the evaluation after training", bounds=_SECONDS)
    ] = 900.0
    silence_seconds: Annotated[
        float, Setting("a training run whose log is silent for this long hangs", bounds=_SECONDS)
    ] = 600.0
    timeout_seconds: Annotated[
        float | None,
        Setting(
            "hard end of a run; left out: start-up + 2 x budget + evaluation, or 1 h "
            "without a budget",
            bounds=_SECONDS,
        ),
    ] = None
    early_stop: Annotated[
        EarlyStop,
        Setting(
            'what happens to a run whose loss is further behind than any run recovered from: "off" '
            'nothing, "advise" you are told, "kill" it is stopped and discarded',
            flag="--early-stop",
        ),
    ] = EarlyStop.ADVISE
    log_cap_bytes: Annotated[
        int, Setting("of a larger log only the head and the tail are kept", bounds=Meta(ge=2**20))
    ] = 64 * 2**20
    pass_env: Annotated[
        tuple[str, ...],
        Setting(
            "environment variables that a run gets although they may be secret, such as HF_TOKEN",
            flag="--pass-env",
            metavar="NAME",
        ),
    ] = ()
    model: Annotated[
        str,
        Setting(
            "language model of the agent llm, as LiteLLM names it (anthropic/…, "
            "openai/…, ollama_chat/…); its key comes from the environment or from .env",
            flag="--model",
            metavar="NAME",
        ),
    ] = ""
    api_base: Annotated[
        str,
        Setting(
            "address of your own model server (vLLM, llama.cpp, LM Studio, Ollama)",
            flag="--api-base",
            metavar="URL",
        ),
    ] = ""
    cli: Annotated[
        str,
        Setting(
            "coding-agent CLI of the agent acp: claude, codex, gemini, opencode, or a "
            "command of your own that implements the Agent Client Protocol on its standard input "
            "and output",
            flag="--cli",
            metavar="NAME",
        ),
    ] = ""
    autonomy: Annotated[
        Autonomy,
        Setting(
            'which edits wait for your approval: "auto": only those no autonomy lets '
            'through, "ask-risky": those the risk check questions too, "ask-all": every one',
            flag="--autonomy",
            label="autonomy",
            line=8,
            answer="auto, ask-risky (what the risk check finds questionable waits) or ask-all",
        ),
    ] = Autonomy.ASK_RISKY
    review_timeout_seconds: Annotated[
        float,
        Setting(
            "a question without an answer is parked after this long, never approved",
            flag="--review-timeout",
            bounds=Meta(gt=0),
        ),
    ] = 600.0
    most_parked: Annotated[
        int, Setting("number of parked proposals at which the loop pauses", bounds=Meta(ge=1))
    ] = 20
    scope: Annotated[
        str,
        Setting(
            'what the agent may change, in words, such as "only the optimizer"; empty: '
            "what program.md allows",
            flag="--scope",
            metavar="TEXT",
            label="scope of edits",
            line=11,
            answer="what the agent may change, in words, such as: only the optimizer; none for "
            "anything",
        ),
    ] = ""
    lookahead: Annotated[
        int,
        Setting(
            "how many proposals are drafted while a run still trains; 0: none",
            flag="--lookahead",
            bounds=Meta(ge=0, le=8),
        ),
    ] = 1
    # None in journals of earlier versions: the provider's default for all.
    temperature: Annotated[
        float | None,
        Setting(
            "sampling temperature of the model's first candidate; below 0: the "
            "provider's default for all candidates",
            flag="--temperature",
            bounds=Meta(le=2),
        ),
    ] = 0.9
    temperature_step: Annotated[
        float, Setting("added for each candidate in a row that brought no improvement")
    ] = 0.1
    temperature_max: Annotated[
        float, Setting("the highest temperature; models that allow less get less")
    ] = 1.2
    mix_every: Annotated[
        int,
        Setting(
            "agent mix: every k-th proposal comes from mix_with, the rest from search",
            flag="--mix-every",
            bounds=Meta(ge=1),
        ),
    ] = 3
    mix_with: Annotated[
        str,
        Setting(
            'agent mix: "llm" or "acp" proposes beside the search',
            flag="--mix-with",
            choices=("llm", "acp"),
        ),
    ] = "llm"
    context_tokens: Annotated[
        int,
        Setting(
            "longest prompt; 0: half of the model's context, or 32,000 if LiteLLM does not know it"
        ),
    ] = 0
    answer_tokens: Annotated[int, Setting("longest answer, reasoning included")] = 8000
    idle_seconds: Annotated[
        float, Setting("a stream that is silent for this long is cancelled")
    ] = 120.0
    answer_seconds: Annotated[float, Setting("longest time for a whole answer")] = 900.0
    max_dollars: Annotated[
        float | None,
        Setting(
            "cap on the session's language-model cost; the loop pauses there",
            flag="--max-dollars",
            bounds=Meta(ge=0),
        ),
    ] = None
    max_tokens: Annotated[
        int | None,
        Setting(
            "cap on the session's language-model tokens, prompt and answer together; "
            "the loop pauses there",
            flag="--max-tokens",
            bounds=Meta(ge=0),
        ),
    ] = None
    dollars_per_million: Annotated[
        tuple[float, float] | None,
        Setting("[prompt, answer]: price of a model that LiteLLM knows no price of"),
    ] = None
    seed: Annotated[int, Setting("seed of the search agent's random numbers", flag="--seed")] = 0
    policy: Annotated[
        str,
        Setting(
            'how the search agent searches: "bandit", "tpe" (needs the extra optuna) or "random"',
            flag="--policy",
            choices=("bandit", "tpe", "random"),
        ),
    ] = "bandit"

    @property
    def metric_rule(self) -> MetricRule:
        """The rule by which the metric of a run is read."""
        return MetricRule(
            name=self.metric,
            direction=self.direction,
            source=self.metric_from,
            pick=self.metric_pick,
        )

    @property
    def files(self) -> tuple[str, ...]:
        """Return the names of all editable files."""
        return (self.file, *self.more_files)

    @property
    def file_names(self) -> str:
        """Return the names of all editable files, separated by commas."""
        return ", ".join(self.files)

    @property
    def deadline_seconds(self) -> float:
        """Seconds after its start at which a run's whole process tree is killed.

        `timeout_seconds` if set, else start-up + 2 x budget + evaluation; 3600 without a budget.
        """
        if self.timeout_seconds is not None:
            return self.timeout_seconds
        if self.budget_seconds is None:
            return 3600.0
        return self.startup_seconds + 2 * self.budget_seconds + self.evaluation_seconds


@cache
def settings() -> dict[str, Setting]:
    """Return the declarations of all `ResearchConfig` fields by name, ordered as in config.toml."""
    hints = typing.get_type_hints(ResearchConfig, include_extras=True)
    return {
        name: replace(hint.__metadata__[0], name=name, annotation=hint.__origin__)
        for name, hint in ((name, hints[name]) for name in ResearchConfig.__struct_fields__)
    }
