"""matplotlib, as far as the report uses it: figures of their own, never pyplot, nothing global."""

from __future__ import annotations

import contextlib
import functools
import io
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from engine.core.errors import EnvironmentProblem
from engine.report.plot import Shape

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INSTALL = 'pip install "autoresearch-tui[report]"'
_FALLBACKS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Micro Hei"),
    *("WenQuanYi Zen Hei", "PingFang SC", "Microsoft YaHei", "Noto Sans", "Noto Emoji"),
)
_lock = threading.Lock()


class ChartColours(NamedTuple):
    """The colours of a picture. After Okabe and Ito (2008): apart in every kind of colour
    blindness.
    """

    paper: str
    text: str
    quiet: str
    line: str
    grid: str
    keep: str
    discard: str
    crash: str
    other: str
    again: str


LIGHT = ChartColours(
    paper="#ffffff",
    text="#1d2430",
    quiet="#667080",
    line="#0b4a78",
    grid="#e6e9ee",
    keep="#0072b2",
    discard="#9aa3b0",
    crash="#d55e00",
    other="#b0588c",
    again="#b8860b",
)
DARK = ChartColours(
    paper="#10141b",
    text="#eef1f5",
    quiet="#97a1b0",
    line="#8ccaf0",
    grid="#232a35",
    keep="#56b4e9",
    discard="#667080",
    crash="#ee7733",
    other="#cc79a7",
    again="#e0b64a",
)
MARKERS: dict[Shape, str] = {
    Shape.KEEP: "o",
    Shape.DISCARD: "d",
    Shape.CRASH: "X",
    Shape.OTHER: "s",
    Shape.AGAIN: "*",
}


def colour(ink: ChartColours, shape: Shape) -> str:
    """What a mark is painted with."""
    return {
        Shape.KEEP: ink.keep,
        Shape.DISCARD: ink.discard,
        Shape.CRASH: ink.crash,
        Shape.OTHER: ink.other,
        Shape.AGAIN: ink.again,
    }[shape]


@contextlib.contextmanager
def drawing_room() -> Iterator[None]:
    """matplotlib with its own defaults, whatever a person's matplotlibrc says; one at a time.

    Raises:
        EnvironmentProblem: It is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise EnvironmentProblem(
            "matplotlib is not installed; pictures need it.", "", f"Install it: {INSTALL}"
        ) from None
    with _lock, matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {"svg.hashsalt": "autoresearch-tui", "font.family": _families(), "text.usetex": False}
        )
        yield


@functools.cache
def _families() -> list[str]:
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in _FALLBACKS if name in installed)]


@functools.cache
def _letters() -> frozenset[int]:
    """Every letter that some font here can draw."""
    from matplotlib import font_manager

    found: set[int] = set()
    for family in _families():
        path = font_manager.findfont(family)
        found.update(font_manager.get_font(path).get_charmap())
    return frozenset(found)


def drawable(text: str) -> str:
    """Text with a box for each letter that no font here has."""
    known = _letters()
    return "".join(c if ord(c) in known else "□" for c in text)


def words(target: Any, x: float, y: float, text: str, **style: Any) -> Any:
    """Text in a picture; a dollar sign in it is one, and no formula."""
    return target.text(x, y, drawable(text), parse_math=False, **style)


def fitted(
    target: Any, x: float, y: float, text: str, width: float, smallest: float = 1.0, **style: Any
) -> Any:
    """Text that is no wider than so many pixels: smaller letters first, then fewer.

    Args:
        target: A figure or axes.
        x: In the target's own measure.
        y: Likewise.
        text: Untrusted.
        width: In pixels.
        smallest: To what share of their size the letters may shrink.
        style: As matplotlib has it.
    """
    made = words(target, x, y, text, **style)
    figure = target if not hasattr(target, "figure") or target.figure is None else target.figure
    renderer = figure.canvas.get_renderer()
    least = made.get_fontsize() * smallest
    while made.get_fontsize() > least and made.get_window_extent(renderer).width > width:
        made.set_fontsize(max(least, 0.96 * made.get_fontsize()))
    cut = text
    while len(cut) > 1 and made.get_window_extent(renderer).width > width:
        cut = cut[: max(1, int(len(cut) * 0.94) - 1)].rstrip()
        made.set_text(drawable(f"{cut}…"))
    return made


def as_png(figure: Figure, dpi: float) -> bytes:
    """The figure as PNG, without the time it was made."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=dpi, facecolor=figure.get_facecolor())
    return out.getvalue()


def as_svg(figure: Figure) -> bytes:
    """The figure as SVG; its letters are outlines, so that it looks the same everywhere."""
    out = io.BytesIO()
    figure.savefig(
        out,
        format="svg",
        facecolor=figure.get_facecolor(),
        metadata={"Date": None, "Creator": None},
    )
    return out.getvalue()
