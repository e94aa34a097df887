"""Draws a horizontal bar as text, in a filled and an empty part."""

from __future__ import annotations

_FULL = "━"
_HALF = "╸"
_EMPTY = "─"


def gauge(share: float, width: int) -> tuple[str, str]:
    """Return the filled and the empty part of a bar, exact to half a cell: `━━╸` and `───`.

    Args:
        share: The filled fraction; values outside 0 to 1 are clamped, NaN counts as 0.
        width: Cells of the whole bar.
    """
    if width <= 0:
        return "", ""
    share = min(max(share, 0.0), 1.0) if share == share else 0.0
    halves = round(share * width * 2)
    if 0 < share < 1:
        halves = min(max(halves, 1), 2 * width - 1)
    full, half = divmod(halves, 2)
    filled = _FULL * full + _HALF * half
    return filled, _EMPTY * (width - full - half)
