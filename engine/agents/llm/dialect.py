"""Learns from refusals which requests a model's server accepts, and remembers it.

Servers of the same protocol differ in the parameters and roles that they know, and in the length
of prompt and answer together. What a refusal names is left out, renamed or made smaller.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

Messages = list[dict[str, Any]]

MOST_CHANGES = 8
"""The most changes of one request, after which its refusal is an error."""
LEAST_ANSWER_TOKENS = 1_000
"""The shortest answer that can hold an edit; below it, the prompt has to be shortened."""
_CHARACTERS_PER_TOKEN = 2.5
"""Characters per token of a prompt for code, from below; as long as no server has counted one."""
_MARGIN_TOKENS = 64

_REFUSED = re.compile(
    r"unsupported|not supported|n[o']t support|unrecogni[sz]ed|unknown|unexpected|not permitted"
    r"|not allowed|invalid|forbidden|extra (?:inputs|fields)|no longer|deprecated|disabled|must not"
    r"|only .{0,40}(?:supported|allowed)|cannot be (?:set|used)",
    re.I,
)
_NO_SYSTEM = re.compile(
    r"system.{0,10}(?:role|message|prompt|instruction)s?.{0,40}(?:support|allow|enabled)"
    r"|(?:support|unknown|invalid|unexpected).{0,40}system.{0,3}(?:role|message|prompt|instruction)"
    r"|(?:unsupported|invalid|unknown|unexpected).{0,20}role.{0,10}system"
    r"|only user and assistant roles",
    re.I,
)
_ALTERNATE = re.compile(
    r"roles? must alternate|alternate user/assistant|consecutive .{0,20}role", re.I
)
_LIMIT = re.compile(
    r"limit: *\d+ *\+ *\d+ *> *(\d+)"
    r"|(?:context (?:length|window|size)|max_model_len|n_ctx|must be <=)"
    r"(?: of this model)?\W{0,3}(?:is|of)?(?: only)?\W{0,3}(\d[\d,_]*)",
    re.I,
)
_PROMPT = re.compile(
    r"(\d[\d,_]*) (?:in the (?:messages|prompt)|(?:input|prompt|`?inputs`?) tokens|`inputs`)"
    r"|(?:prompt|input)(?:_tokens| contains| has| is|: )\D{0,20}(\d[\d,_]*)"
    r"|limit: *(\d+) *\+",
    re.I,
)
_ANSWER_LIMIT = re.compile(
    r"at most (\d[\d,_]*) (?:completion|output)|less than or equal to [`'\"]?(\d[\d,_]*)"
    r"|> (\d[\d,_]*), which is the maximum allowed|\[\d+, ?(\d[\d,_]*)\]"
    r"|max(?:imum)?[ _](?:completion|output)[ _]tokens\D{0,30}?(\d[\d,_]*)",
    re.I,
)
_ANSWER_NAMED = re.compile(
    r"max_(?:completion_|new_|output_)?tokens|completion tokens|in the completion"
)
_STREAMING = re.compile(r"\bstream(?:ing)?\b", re.I)


class Dialect:
    """What one model's server has refused so far, and how requests are changed for it."""

    def __init__(self) -> None:
        self.streams = True
        """False where the server sends an answer only as a whole."""
        self._left_out: set[str] = set()
        self._renamed: dict[str, str] = {}
        self._no_system = self._alternates = False
        self._most_answer: int | None = None
        self._context: int | None = None
        self._characters_per_token = _CHARACTERS_PER_TOKEN

    @property
    def context_tokens(self) -> int | None:
        """The most tokens of prompt and answer together; None as long as no refusal named them."""
        return self._context

    def adapt(
        self, messages: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any]
    ) -> tuple[Messages, dict[str, Any]]:
        """Return the messages and arguments of a call as the server accepts them."""
        changed = {
            self._renamed.get(name, name): value
            for name, value in arguments.items()
            if name not in self._left_out
        }
        changed["stream"] = self.streams
        if not self.streams:
            changed.pop("stream_options", None)
        name = self._answer_name(changed)
        if name and (most := self._answer_tokens(messages)) is not None:
            changed[name] = min(changed[name], max(most, LEAST_ANSWER_TOKENS))
        return self._with_roles(messages), changed

    def learn(
        self, error: Exception, messages: Sequence[Mapping[str, Any]], sent: Mapping[str, Any]
    ) -> str:
        """Learn from a refusal.

        Args:
            error: The error that LiteLLM raised.
            messages: The messages before they were adapted.
            sent: The arguments as they were sent.

        Returns:
            A sentence on what is changed from now on; empty where nothing can be.
        """
        status, text = getattr(error, "status_code", None), str(error)
        if status not in (400, 413, 422, 500):
            return ""
        if _NO_SYSTEM.search(text) and not self._no_system:
            self._no_system = self._alternates = True
            return "It accepts no system message: the rules are sent with the request."
        if _ALTERNATE.search(text) and not self._alternates:
            self._alternates = True
            return "It accepts no two messages of one role in a row: they are sent as one."
        if status == 500:
            return ""  # a template that fails is one; all else is the server's own fault
        return self._shorten(text, messages, sent) or self._leave_out(error, text, sent)

    def learn_whole_answers(self) -> str:
        """Learn that the server streamed nothing; return a sentence on what is changed."""
        self.streams = False
        return "It does not stream: each answer is shown once it is complete."

    def _shorten(
        self, text: str, messages: Sequence[Mapping[str, Any]], sent: Mapping[str, Any]
    ) -> str:
        """Make the answer shorter where a refusal names a limit of its length."""
        name = self._answer_name(sent)
        if not name:
            return ""
        before = int(sent[name])
        answer = _number(_ANSWER_LIMIT, text)
        context, prompt = _number(_LIMIT, text), _number(_PROMPT, text)
        if context is not None and context > LEAST_ANSWER_TOKENS:
            self._context = context
            if prompt:
                self._characters_per_token = min(
                    self._characters_per_token, _characters(messages) / prompt
                )
        elif answer is not None and _ANSWER_NAMED.search(text):
            self._most_answer = answer
        most = self._answer_tokens(messages)
        if most is None or most >= before or most < LEAST_ANSWER_TOKENS:
            return ""
        return f"It accepts {most:,} tokens of answer at most for this prompt, not {before:,}."

    def _leave_out(self, error: Exception, text: str, sent: Mapping[str, Any]) -> str:
        """Leave out, or rename, the parameter that a refusal names."""
        given = str(getattr(error, "param", None) or "")
        optional = [n for n in ("stream_options", "temperature", *_ANSWER_NAMES) if n in sent]
        named = [n for n in optional if given == n] or [
            n for n in optional if re.search(rf"\b{n}\b", text) and _REFUSED.search(text)
        ]
        if not named:
            if self.streams and _STREAMING.search(text) and _REFUSED.search(text):
                return self.learn_whole_answers()
            return ""
        name = named[0]
        if name == "max_tokens" and "max_tokens" not in self._renamed:
            self._renamed["max_tokens"] = "max_completion_tokens"
            return "It does not accept max_tokens: max_completion_tokens is sent in its place."
        self._left_out |= {name, *(old for old, new in self._renamed.items() if new == name)}
        return f"It does not accept {name}: that is left out."

    def _answer_name(self, arguments: Mapping[str, Any]) -> str:
        return next((name for name in _ANSWER_NAMES if name in arguments), "")

    def _answer_tokens(self, messages: Sequence[Mapping[str, Any]]) -> int | None:
        """Return the most tokens of an answer to a prompt; None where no limit is known."""
        limits = [] if self._most_answer is None else [self._most_answer]
        if self._context is not None:
            prompt = _characters(messages) / self._characters_per_token
            limits.append(int(self._context - prompt - _MARGIN_TOKENS))
        return max(min(limits), 1) if limits else None

    def _with_roles(self, messages: Sequence[Mapping[str, Any]]) -> Messages:
        """Return the messages with the roles that the server accepts."""
        result: Messages = []
        for message in messages:
            role, content = message["role"], message["content"]
            if role == "system" and self._no_system:
                role = "user"
            if self._alternates and result and result[-1]["role"] == role:
                result[-1] = {"role": role, "content": f"{result[-1]['content']}\n\n{content}"}
            else:
                result.append({**message, "role": role})
        return result


_ANSWER_NAMES = ("max_tokens", "max_completion_tokens")


def _characters(messages: Sequence[Mapping[str, Any]]) -> int:
    return sum(len(str(message["content"])) for message in messages)


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    """Return the number that a pattern finds in a message; None where it finds none."""
    found = pattern.search(text)
    digits = next(filter(None, found.groups()), "") if found is not None else ""
    return int(digits.replace(",", "").replace("_", "")) if digits else None
