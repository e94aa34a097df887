"""Every error this program raises on purpose, in one tree.

AutoresearchError            what happened, why, what to do next; an exit code
├── UsageError               2  invalid flag or argument
├── WorkspaceError           3  the repository cannot be used as it is
├── ConfigError              4  invalid .autoresearch/config.toml: which line, what was expected
├── EngineBusyError          5  another engine holds this workspace
├── EngineGoneError          6  no engine answers
├── EnvironmentProblem       7  a missing command, a full disk: no evidence about an idea
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
    └── UnusableAnswerError     the answer holds no edit that can be applied
"""

from __future__ import annotations


class AutoresearchError(Exception):
    """An error explained in words for the user.

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
        """Return what happened, why and what to do as one paragraph."""
        return " ".join(part for part in (self.what, self.why, self.todo) if part)


class UsageError(AutoresearchError):
    """Invalid flag or argument."""

    exit_code = 2


class WorkspaceError(AutoresearchError):
    """The repository cannot be used as it is."""

    exit_code = 3


class ConfigError(AutoresearchError):
    """The research config is invalid."""

    exit_code = 4


class EngineBusyError(AutoresearchError):
    """Another engine holds this workspace."""

    exit_code = 5


class EngineGoneError(AutoresearchError):
    """No engine answers on the socket."""

    exit_code = 6


class EnvironmentProblem(AutoresearchError):
    """The machine, not the idea, is at fault: the loop pauses and no experiment is used up."""

    exit_code = 7


class JournalError(AutoresearchError):
    """The journal cannot be trusted or written."""

    exit_code = 8


class TerminalError(AutoresearchError):
    """This terminal cannot show the screen."""

    exit_code = 9


class AgentError(AutoresearchError):
    """The agent could not propose an edit."""

    exit_code = 10


class BadKeyError(AgentError):
    """The provider refuses the key, or there is none."""


class NoSuchModelError(AgentError):
    """The provider does not know the model."""


class RateLimitedError(AgentError):
    """Too many requests.

    Args:
        what: What happened, as a full sentence.
        seconds: How long to wait according to the provider; None if it does not say.
    """

    def __init__(self, what: str, seconds: float | None = None) -> None:
        super().__init__(what, "", "It is tried again automatically.")
        self.seconds = seconds


class OverloadedError(AgentError):
    """The provider, or the connection to it, failed temporarily."""


class ContextTooLongError(AgentError):
    """The prompt does not fit into the model's context."""


class BudgetSpentError(AgentError):
    """The session's cap on dollars or tokens is reached."""


class CliMissingError(AgentError):
    """The coding agent's command is not installed, or will not start."""


class UnusableAnswerError(AgentError):
    """The answer holds no edit that can be applied."""
