"""A sheet with a title above its panels and a note below, and its bytes."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath
from matplotlib.transforms import Bbox

from cmkd_bench.errors import UnknownName
from cmkd_bench.experiment.trials import TUNED
from cmkd_bench.report.plots.style import BLACK, COLUMN, GREY, LARGE, PAGE, SMALL, styled

FORMATS = ("png", "svg", "pdf")
_LINE = 1.35  # of the font's size
_MARGIN = 0.06  # inches
_DIGITS = 6  # of a place, as a share of the figure
# A date or the name of a program would change the bytes without a change of the picture.
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


@dataclass(frozen=True)
class Picture:
    """A picture that can be written.

    Attributes:
        name: stem of its file.
        title: what is seen; stands in the picture, too.
        figure: with a canvas, and no window.
    """

    name: str
    title: str
    figure: Figure


@dataclass(frozen=True)
class Refusal:
    """A picture that cannot be drawn.

    Attributes:
        name: stem of the file that it would have.
        reason: a sentence.
    """

    name: str
    reason: str


def sheet(title: str, note: str, height: float, width: float = PAGE) -> tuple[Figure, SubFigure]:
    """An empty figure, and the part of it for panels.

    Args:
        title: what is seen.
        note: how it is to be read; wrapped like the title.
        height: of the part for panels, in inches.
        width: of the whole, in inches.
    """
    lines = wrap(title, width - 2 * _MARGIN, LARGE, bold=True)
    notes = wrap(note, width - 2 * _MARGIN, SMALL)
    head, foot = (len(lines) * LARGE * _LINE / 72 + 0.08, len(notes) * SMALL * _LINE / 72 + 0.04)
    figure = Figure(figsize=(width, head + height + foot), layout="constrained")
    FigureCanvasAgg(figure)
    parts: Any = figure.subfigures(3, 1, height_ratios=[head, height, foot], hspace=0)
    top, body, bottom = parts
    place: dict[str, Any] = {"ha": "left", "va": "top", "linespacing": _LINE / 1.2}
    left = _MARGIN / width
    top.text(left, 1 - _MARGIN / head, "\n".join(lines), fontsize=LARGE, fontweight="bold", color=BLACK, **place)
    bottom.text(left, 1.0, "\n".join(notes), fontsize=SMALL, color=GREY, **place)
    return figure, body


def width_of(panels: int) -> float:
    """One column for one panel, two for more."""
    return COLUMN if panels == 1 else PAGE


def grid(panels: int, most: int) -> tuple[int, int]:
    """Rows and columns for some panels, so that the last row is as full as it can be.

    Args:
        panels: how many, at least one.
        most: how many fit side by side.
    """
    rows = math.ceil(panels / most)
    return rows, math.ceil(panels / rows)


def paired(rows: Sequence[str]) -> list[list[str]]:
    """The rows of each panel: a method and its tuned row share one."""
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.removesuffix(TUNED), []).append(row)
    return list(found.values())


def hide_rest(axes: Any, used: int) -> None:
    """Hide the panels of a grid that are left over, and number the axes above them instead.

    Args:
        axes: (rows, columns) of Axes.
        used: how many panels are filled.
    """
    rows, columns = axes.shape
    for place in range(used, rows * columns):
        axes.flat[place].set_visible(False)
        if place >= columns:
            axes.flat[place - columns].tick_params(labelbottom=True)


def render(figure: Figure, file_format: str) -> bytes:
    """The bytes of a figure, the same for the same figure.

    Raises:
        UnknownName: for a format that is not known.
    """
    if file_format not in FORMATS:
        raise UnknownName("format", file_format, FORMATS)
    file = io.BytesIO()
    with styled():
        _lay_out(figure)
        figure.savefig(file, format=file_format, metadata=_METADATA[file_format])
    return file.getvalue()


def _lay_out(figure: Figure) -> None:
    """Lay the figure out once for all formats.

    The solver of the layout goes through its constraints in the order of their addresses, so that places differ from
    call to call by the last bit of a float; clip paths are named after all bits.
    """
    engine = figure.get_layout_engine()
    if engine is None:
        return
    _pin_empty_labels(figure)
    engine.execute(figure)
    figure.set_layout_engine(None)  # instead of "none", which leaves an engine for which saving draws everything twice
    for part in figure.subfigs:
        box = part.bbox_relative
        box.p0, box.p1 = np.round(box.get_points(), _DIGITS)
        for ax in part.axes:
            ax.set_position(Bbox(np.round(ax.get_position(original=True).get_points(), _DIGITS)))


def _pin_empty_labels(figure: Figure) -> None:
    """Give a place to the labels of axes that have no text: finding one beside the ticks takes as long as drawing."""
    for part in figure.subfigs:
        for ax in part.axes:
            for axis in (ax.xaxis, ax.yaxis):
                if not axis.get_label_text():
                    axis.set_label_coords(0, 0)


@lru_cache(maxsize=4096)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """How wide a line is, in inches.

    Args:
        text: one line.
        size: of the font, in points.
        bold: whether it is printed so.
    """
    font = FontProperties(family="DejaVu Sans", size=size, weight="bold" if bold else "normal")
    return float(TextToPath().get_text_width_height_descent(text, font, ismath=False)[0]) / 72


def wrap(text: str, width: float, size: float, bold: bool = False) -> list[str]:
    """Break a text between words, so that no line is wider than it may be unless a word is."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, bold) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def shorten(name: str, width: float, size: float = SMALL) -> str:
    """A name that fits into a width, in inches: its middle gives way, as its ends tell it from others."""
    if text_width(name, size) <= width:
        return name
    kept = len(name)
    while kept > 2 and text_width(_ends(name, kept), size) > width:
        kept -= 1
    return _ends(name, kept)


def file_stem(*parts: str) -> str:
    """The parts as a file's name that cannot leave its folder, and that no other parts have.

    In a part, `-` and `+` are escaped: the one stands between parts, the other before what is said of a tuned row.
    """
    return "-".join(_escaped(part.removesuffix(TUNED)) + "+tuned" * part.endswith(TUNED) for part in parts)


def _escaped(part: str) -> str:
    return quote(part, safe="").replace("-", "%2D")


def _ends(name: str, kept: int) -> str:
    return f"{name[: (kept + 1) // 2]}…{name[len(name) - kept // 2 :]}"
