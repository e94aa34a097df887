"""Splits a command line into the words and operators of a POSIX shell, without running anything."""

from __future__ import annotations

import re

import msgspec

_OPERATOR = re.compile(
    r"\d*(?:<<<|<<-?|<>|<&|<|>>|>\||>&|>)|&>>|&>|&&|\|\||\|&|;;|[|&;()\n]",
)
_BLANK = re.compile(r"(?:[ \t\r]|\\\r?\n)+")
_COMMENT = re.compile(r"#[^\n]*")
_HOME = re.compile(r"\$HOME\b|\$\{HOME\}")
_TILDE = re.compile(r"~(?=[/\s:]|\Z)")
_EXPANSION = re.compile(r"\$(?=[A-Za-z_0-9({@*#?!$-])")
_ANSI_QUOTES = re.compile(r"\$(?=['\"])")
_WORD_END = re.compile(r"[ \t\r\n|&;()<>]")


class Token(msgspec.Struct, frozen=True):
    """A word or an operator of a command line."""

    text: str
    """The word without its quotes, or the operator such as `&&` or `2>`."""
    start: int
    end: int
    is_operator: bool = False
    expansion: str = ""
    """What only a shell can expand in the word, such as `$LR` or `*`; empty: nothing."""


def shell_tokens(text: str, home: str = "") -> list[Token]:
    """Return the words and operators of a command line; blanks and comments are left out.

    Args:
        text: The command line.
        home: The directory that replaces `~` and `$HOME`; empty: they count as expansions.

    Raises:
        ValueError: A quote, a substitution or a last backslash is left open.
    """
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        if skipped := _BLANK.match(text, at) or _COMMENT.match(text, at):
            at = skipped.end()
        elif operator := _OPERATOR.match(text, at):
            tokens.append(Token(operator[0], at, operator.end(), is_operator=True))
            at = operator.end()
        else:
            tokens.append(_Word(text, at, home).token())
            at = tokens[-1].end
    return tokens


class _Word:
    """Reads the word of a text that begins at a position."""

    def __init__(self, text: str, start: int, home: str) -> None:
        self.text = text
        self.start = self.at = start
        self.home = home
        self.parts: list[str] = []
        self.expansion = ""

    def token(self) -> Token:
        while self.at < len(self.text) and not _WORD_END.match(self.text, self.at):
            self._part(quoted=False)
        return Token("".join(self.parts), self.start, self.at, expansion=self.expansion)

    def _part(self, *, quoted: bool) -> None:
        """Read the next character, or the next quotation or expansion, of the word."""
        character = self.text[self.at]
        follower = self.text[self.at + 1 : self.at + 2]
        if character == "\\":
            if not follower:
                raise ValueError("No escaped character")
            kept = quoted and follower not in '$`"\\\n'
            self._take(("\\" if kept else "") + follower.replace("\n", ""), self.at + 2)
        elif character == '"':
            self.at += 1
            if not quoted:
                self._double_quotes()
        elif character == "'" and not quoted:
            end = self._find("'", self.at + 1, "No closing quotation")
            self._take(self.text[self.at + 1 : end], end + 1)
        elif self.home and (home := self._home_end(quoted=quoted)):
            self._take(self.home, home)
        elif character == "`":
            self._expand(self._find("`", self.at + 1, "No closing `") + 1)
        elif _EXPANSION.match(self.text, self.at) or (
            not quoted and _ANSI_QUOTES.match(self.text, self.at)
        ):
            self._expand(self._expansion_end())
        elif not quoted and (character in "*?" or (character == "~" and self._may_be_home())):
            self._expand(self.at + 1)
        else:
            self._take(character, self.at + 1)

    def _double_quotes(self) -> None:
        while self.at < len(self.text) and self.text[self.at] != '"':
            self._part(quoted=True)
        if self.at >= len(self.text):
            raise ValueError("No closing quotation")
        self.at += 1

    def _home_end(self, *, quoted: bool) -> int:
        """Return the end of the `~` or `$HOME` that begins at the position; 0 where none does."""
        match = _HOME.match(self.text, self.at)
        if match is None and not quoted and self._may_be_home():
            match = _TILDE.match(self.text, self.at)
        return match.end() if match is not None else 0

    def _may_be_home(self) -> bool:
        return self.at == self.start or self.text[self.at - 1] in "=:"

    def _expansion_end(self) -> int:
        """Return the end of the `$NAME`, `${…}` or `$(…)` that begins at the position."""
        opening = self.text[self.at + 1]
        if opening in "'\"":
            return self._find(opening, self.at + 2, "No closing quotation") + 1
        if opening not in "({":
            name = re.compile(r"\w+|.").match(self.text, self.at + 1)
            return name.end() if name is not None else self.at + 2
        closing, depth = ")" if opening == "(" else "}", 0
        for position in range(self.at + 1, len(self.text)):
            depth += {opening: 1, closing: -1}.get(self.text[position], 0)
            if not depth:
                return position + 1
        raise ValueError(f"No closing {closing}")

    def _find(self, character: str, start: int, error: str) -> int:
        position = self.text.find(character, start)
        if position < 0:
            raise ValueError(error)
        return position

    def _expand(self, end: int) -> None:
        self.expansion = self.expansion or self.text[self.at : end]
        self._take(self.text[self.at : end], end)

    def _take(self, text: str, end: int) -> None:
        self.parts.append(text)
        self.at = end
