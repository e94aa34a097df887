"""One-line bars, as text: a fraction of the width in one piece, the rest in another."""

from __future__ import annotations

_FULL = "━"
_HALF = "╸"
_EMPTY = "─"


def gauge(share: float, width: int) -> tuple[str, str]:
    """Split a bar at `share`, to half a cell.

    Args:
        share: 0 to 1; anything outside (NaN too) is clamped.
        width: Cells of the whole bar.

    Returns:
        The filled and the empty part, together `width` cells.
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
