"""Defines every error that the program raises on purpose, as one tree with exit codes.

AutoresearchError            what happened, why, what to do next; an exit code
├── UsageError               2  invalid flag or argument
├── WorkspaceError           3  the repository cannot be used as it is
│   ├── NoRepositoryError       a directory is not in a git repository
│   ├── GitError                git answered a command with an error
│   └── GitBusyError            git was killed, or the machine or another program is in its way
├── ConfigError              4  invalid .autoresearch/config.toml: which line, what was expected
├── EngineBusyError          5  another engine holds this workspace
├── EngineGoneError          6  no engine answers
│   └── EngineRefusedError      the engine takes no commands from this process
├── EnvironmentProblem       7  a missing command, a full disk: no evidence about an idea
│   └── GitMissingError         git is not installed, or cannot be started
├── JournalError             8  the journal cannot be trusted or written
├── TerminalError            9  this terminal cannot show the screen
└── AgentError              10  the agent could not propose
    ├── BadKeyError             the provider refuses the key, or there is none
    ├── NoSuchModelError        the provider does not know the model
    ├── RateLimitedError        too many requests; says when to try again, if known
    ├── OverloadedError         the provider or the connection failed; trying again may help
    ├── ContextTooLongError     the prompt does not fit into the model's context
    ├── BudgetSpentError        the session's cap on dollars or tokens is reached
    ├── CliMissingError         the coding agent's command is not installed, or will not start
    ├── AllInQuestionError      nothing is left to propose before the user answers questions
    └── UnusableAnswerError     the answer holds no edit that can be applied
"""

from __future__ import annotations


class AutoresearchError(Exception):
    """The base of all errors raised on purpose, explained in sentences for the user.

    Args:
        what: What happened, as a full sentence.
        why: The cause; empty if it is unknown.
        todo: What the user can do next; may be empty.
    """

    exit_code = 1

    def __init__(self, what: str, why: str = "", todo: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.todo = todo

    def __str__(self) -> str:
        """Return the what, why and todo sentences joined into one paragraph."""
        return " ".join(part for part in (self.what, self.why, self.todo) if part)


class UsageError(AutoresearchError):
    """A command-line flag or argument is invalid."""

    exit_code = 2


def unknown_direction(metric: str, why: str) -> UsageError:
    """Return the error for a command that needs the direction of a metric from the user.

    Args:
        metric: The metric's name.
        why: Why the direction is unknown, as a sentence.
    """
    return UsageError(
        f"Which way {metric} improves is unknown.",
        why,
        "Add --direction min if a lower value is better, or --direction max if a higher one is.",
    )


class WorkspaceError(AutoresearchError):
    """The workspace's git repository cannot be used in its present state."""

    exit_code = 3


class NoRepositoryError(WorkspaceError):
    """A directory is not in a git repository."""


class GitError(WorkspaceError):
    """Git answered a command with an error, which trying again does not cure."""


class GitBusyError(WorkspaceError):
    """Git was killed, the machine refused what it needs, or another program holds a lock.

    Trying again may help.
    """


class ConfigError(AutoresearchError):
    """The research config or .autoresearch/config.toml is invalid."""

    exit_code = 4


class EngineBusyError(AutoresearchError):
    """Another engine process is already running in this workspace."""

    exit_code = 5


class EngineGoneError(AutoresearchError):
    """No engine process answers on the workspace's socket."""

    exit_code = 6


class EngineRefusedError(EngineGoneError):
    """The engine takes no commands from this process, because a run or an agent started it."""


class EnvironmentProblem(AutoresearchError):
    """The machine, not the idea, is at fault (missing command, full disk): the loop pauses.

    No experiment is used up.
    """

    exit_code = 7


class GitMissingError(EnvironmentProblem):
    """The command `git` is not installed, or cannot be started."""


class JournalError(AutoresearchError):
    """The session's journal is damaged, inconsistent or cannot be written."""

    exit_code = 8


class TerminalError(AutoresearchError):
    """The terminal lacks what the full-screen interface needs."""

    exit_code = 9


class AgentError(AutoresearchError):
    """The agent failed to propose an edit; the base of the provider's and the answer's errors."""

    exit_code = 10


class BadKeyError(AgentError):
    """The model provider refuses the API key, or no key is set."""


class NoSuchModelError(AgentError):
    """The model provider does not know the configured model."""


class RateLimitedError(AgentError):
    """The model provider refused a call because of too many requests; it is tried again.

    Args:
        what: What happened, as a full sentence.
        seconds: How long to wait according to the provider; None if it does not say.
    """

    def __init__(self, what: str, seconds: float | None = None) -> None:
        super().__init__(what, "", "It is tried again automatically.")
        self.seconds = seconds


class OverloadedError(AgentError):
    """The model provider, or the connection to it, failed temporarily."""


class ContextTooLongError(AgentError):
    """The prompt does not fit into the language model's context."""


class BudgetSpentError(AgentError):
    """The session's cap on language-model dollars or tokens is reached."""


class CliMissingError(AgentError):
    """The coding agent's command is not installed, or does not start."""


class AllInQuestionError(AgentError):
    """The agent has nothing to propose before the user answers open questions."""


class UnusableAnswerError(AgentError):
    """The agent's answer holds no edit that can be applied to the editable file."""
