"""Draws text and figures with matplotlib, without pyplot and without the user's settings."""

from __future__ import annotations

import contextlib
import functools
import io
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from engine.core.errors import EnvironmentProblem
from engine.report.palette import Palette

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INSTALL = 'pip install "autoresearch-tui[report]"'
_FALLBACKS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Micro Hei"),
    *("WenQuanYi Zen Hei", "PingFang SC", "Microsoft YaHei", "Noto Sans", "Noto Emoji"),
)
_lock = threading.Lock()


@contextlib.contextmanager
def matplotlib_defaults() -> Iterator[None]:
    """Run a block with matplotlib's defaults instead of the user's, in one thread at a time.

    Raises:
        EnvironmentProblem: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError:
        raise EnvironmentProblem(
            "matplotlib is not installed; PNG pictures need it.", "", f"Install it: {INSTALL}"
        ) from None
    with _lock, matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"font.family": _families(), "text.usetex": False})
        yield


@functools.cache
def _families() -> list[str]:
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in _FALLBACKS if name in installed)]


@functools.cache
def _drawable_characters() -> frozenset[int]:
    """Return the code points that an installed font can draw."""
    from matplotlib import font_manager

    found: set[int] = set()
    for family in _families():
        path = font_manager.findfont(family)
        found.update(font_manager.get_font(path).get_charmap())
    return frozenset(found)


def drawable(text: str) -> str:
    """Return a text with □ for each character that no installed font can draw."""
    known = _drawable_characters()
    return "".join(c if ord(c) in known else "□" for c in text)


def draw_text(target: Any, x: float, y: float, text: str, **style: Any) -> Any:
    """Draw a text without formulas (a dollar sign stays one) and return its artist.

    Args:
        target: A figure or axes.
        x: Horizontal position in the target's coordinates.
        y: Vertical position in the target's coordinates.
        text: Untrusted text.
        style: Keyword arguments of matplotlib's `text`.
    """
    return target.text(x, y, drawable(text), parse_math=False, **style)


def draw_fitted_text(
    target: Any, x: float, y: float, text: str, width: float, smallest: float = 1.0, **style: Any
) -> Any:
    """Draw a text within a width, in a smaller size or else shortened; return its artist.

    Args:
        target: A figure or axes.
        x: Horizontal position in the target's coordinates.
        y: Vertical position in the target's coordinates.
        text: Untrusted text.
        width: The width in pixels.
        smallest: Share of the font size that the text may shrink to; 1: it keeps its size.
        style: Keyword arguments of matplotlib's `text`.
    """
    artist = draw_text(target, x, y, text, **style)
    figure = target if not hasattr(target, "figure") or target.figure is None else target.figure
    renderer = figure.canvas.get_renderer()
    least = artist.get_fontsize() * smallest
    while artist.get_fontsize() > least and artist.get_window_extent(renderer).width > width:
        artist.set_fontsize(max(least, 0.96 * artist.get_fontsize()))
    cut = text
    while len(cut) > 1 and artist.get_window_extent(renderer).width > width:
        cut = cut[: max(1, int(len(cut) * 0.94) - 1)].rstrip()
        artist.set_text(drawable(f"{cut}…"))
    return artist


def new_figure(inches: tuple[float, float], dpi: float, palette: Palette) -> Figure:
    """Return an empty figure with the palette's background, drawn without a screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=inches, dpi=dpi, facecolor=palette.paper)
    FigureCanvasAgg(figure)
    return figure


def png_bytes(figure: Figure, dpi: float) -> bytes:
    """Return a figure as PNG; equal figures give equal bytes, as no date is included."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=dpi, facecolor=figure.get_facecolor())
    return out.getvalue()
