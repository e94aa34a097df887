"""Collects the `key: value` lines of a log, and recognises the summary at the end of a run."""

from __future__ import annotations

import re

_LINE = re.compile(r"^\s*([A-Za-z][\w./ -]{0,63}?)\s*[:=]\s+(\S.{0,255})$")
_MOST_KEYS = 200
_BLOCK_LINES = 40
_FIGURE = re.compile(
    r"training_seconds|total_seconds|peak_vram_mb|mfu_percent|total_tokens_m|num_steps|num_params_m"
    r"|depth",
    re.IGNORECASE,
)
"""Matches keys of the summary of karpathy/autoresearch, which tell it from a heading."""


class SummaryReader:
    """Collects figures from the lines of a log.

    A line `---` begins a summary where figures such as `training_seconds` follow it. A rule of
    dashes below a heading, in a table or between epochs is not one.
    """

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        """Values of `key: value` lines since the last summary began, by key, the newest 200."""
        self.blocks: list[dict[str, str]] = []
        """The values of each summary, at most 100."""
        self.count = 0
        """The number of summaries."""
        self._open: dict[str, str] | None = None
        self._lines = 0

    def read(self, line: str) -> bool:
        """Collect the figure of a line; return True where it shows that a summary has begun."""
        if line.strip() == "---":
            self._open, self._lines = {}, 0
            return False
        match = _LINE.match(line)
        if self._open is not None:
            self._lines += 1
            if (match is None and not self._open) or self._lines > _BLOCK_LINES:
                self._open = None
        if match is None:
            return False
        key, value = match[1].strip(), match[2]
        self.values.pop(key, None)
        self.values[key] = value
        if len(self.values) > _MOST_KEYS:
            del self.values[next(iter(self.values))]
        if self._open is None:
            return False
        began = any(map(_FIGURE.fullmatch, self._open))
        self._open.setdefault(key, value)
        if began or not _FIGURE.fullmatch(key):
            return False
        self.count += 1
        self.values = dict(self._open)
        self.blocks = [*self.blocks[-99:], self._open]
        return True
