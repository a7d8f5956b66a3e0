"""A figure with a title above its panels and a note below, split over several files where the panels need them."""

from __future__ import annotations

import hashlib
import io
import itertools
import math
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.textpath import TextToPath

from cmkd_bench.errors import UnknownName
from cmkd_bench.experiment.trials import TUNED
from cmkd_bench.report.plots.style import COLUMN, GRAY, LARGE, NORMAL, PAGE, SMALL, styled
from cmkd_bench.terminal import visible

FORMATS = ("png", "svg", "pdf")
LONGEST = 80  # characters of a part of a file's name, of which file systems allow 255
CHARACTERS = {SMALL: 16, LARGE: 11.5}  # per inch, fewer than of an average text; in bold the second
NARROW_LEGEND = 16  # entries that a picture of one column has room for
_TUNED_MARK = "+tuned"  # of a tuned row in a file's name
_METADATA: dict[str, dict[str, Any]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


@dataclass(frozen=True)
class Picture:
    """A picture that can be saved: the stem of its file, what it shows (also a part of it), and the figure itself."""

    name: str
    title: str
    figure: Figure


@dataclass(frozen=True)
class Refusal:
    """A picture that cannot be plotted: the stem of the file that it would have, and the reason as a sentence."""

    name: str
    reason: str


def new_figure(
    title: str, note: str, height: float, width: float = PAGE, legend: Mapping[str, Artist] | None = None
) -> tuple[Figure, SubFigure]:
    """Return an empty figure, and the part of it for panels.

    Args:
        height: of the part for panels, in inches.
        width: of the whole figure, in inches.
        legend: by label, what stands beside it, above the panels.
    """
    title, note = (textwrap.fill(text, int(width * CHARACTERS[size])) for text, size in ((title, LARGE), (note, SMALL)))
    labels = shorten_apart(list(legend or ()), 1.6 if len(legend or ()) > 6 else width / 2 - 0.6)
    columns = int(width / (max((text_width(label, SMALL) for label in labels), default=0.0) + 0.55)) or 1
    text = 0.18 * (title.count("\n") + 1) + 0.14 * (note.count("\n") + 1) + 0.17 * math.ceil(len(labels) / columns)
    figure = Figure(figsize=(width, height + text), layout="constrained")
    figure.suptitle(title, x=0.06 / width, ha="left")
    figure.supxlabel(note, x=0.06 / width, ha="left", fontsize=SMALL, color=GRAY)
    body: Any = figure.subfigures()
    if legend:
        body.legend([*legend.values()], labels, loc="outside upper left", ncols=columns)
    return figure, body


def plot_panels(
    name: str,
    title: str,
    note: str,
    panels: Mapping[str, Callable[[Axes], object]],
    *,
    height: float,
    across: int,
    most: int,
    width: float | None = None,
    margin: float = 0.5,
    sharex: bool = True,
    sharey: bool = True,
    xlabel: str = "",
    ylabel: str = "",
    legend: Mapping[str, Artist] | None = None,
) -> Iterator[Picture]:
    """Plot panels in a grid, by default with common axes, in as many numbered pictures as they need.

    Args:
        panels: by title, what plots into the axes of a panel; at least one.
        height: of a panel, in inches.
        most: panels per picture.
        width: of a picture, in inches; by default one column for one panel with a short legend, and two for more.
        margin: inches at the left of the panels.
    """
    pictures = math.ceil(len(panels) / most)
    each = math.ceil(len(panels) / pictures)
    is_narrow = len(panels) == 1 and len(legend or ()) <= NARROW_LEGEND
    size = width or (COLUMN if is_narrow else PAGE)
    for number in range(pictures):
        part = list(panels.items())[number * each : (number + 1) * each]
        rows, columns = grid(len(part), across)
        headings = dict(zip(panels, shorten_apart([*panels], (size - margin) / columns - 0.1, NORMAL)))
        with styled():
            figure, body = new_figure(title, note, rows * height + 0.3, size, legend)
            axes = body.subplots(rows, columns, sharex=sharex, sharey=sharey, squeeze=False)
            for ax, (heading, plot) in zip(axes.flat, part):
                plot(ax)
                ax.set_title(headings[heading])
            _hide_rest(axes, len(part))
            body.supxlabel(xlabel)
            if rows == 1:
                axes[0, 0].set_ylabel(ylabel)  # beside the panels; the legend is part of the figure's height
            else:
                body.supylabel(ylabel)
        yield Picture(f"{name}-{number + 1}" if pictures > 1 else name, title, figure)


def grid(panels: int, across: int) -> tuple[int, int]:
    """Return rows and columns for some panels, at most so many side by side, with the last row as full as possible."""
    rows = math.ceil(panels / across)
    return rows, math.ceil(panels / rows)


def _hide_rest(axes: Any, used: int) -> None:
    """Hide the panels of a grid that are left over, and label the ticks of those above them instead."""
    for place in range(used, axes.size):
        axes.flat[place].set_visible(False)
        axes.flat[place - axes.shape[1]].tick_params(labelbottom=True)


def render(figure: Figure, file_format: str) -> bytes:
    """Return the content of a figure's file.

    Raises:
        UnknownName: for an unknown format.
    """
    if file_format not in FORMATS:
        raise UnknownName("format", file_format, FORMATS)
    file = io.BytesIO()
    for text in figure.findobj(Text):
        text.set_text(visible(text.get_text()))
    with styled():
        if engine := figure.get_layout_engine():  # once for all formats; saving would do it twice for each
            engine.execute(figure)
            figure.set_layout_engine(None)
        figure.savefig(file, format=file_format, metadata=_METADATA[file_format])
    return file.getvalue()


@lru_cache(maxsize=4096)
def text_width(text: str, size: float) -> float:
    """Return the width of a line in inches."""
    font = FontProperties(family="DejaVu Sans", size=size)
    return float(TextToPath().get_text_width_height_descent(text, font, ismath=False)[0]) / 72


def shorten(name: str, width: float, size: float = SMALL, front: float = 0.5) -> str:
    """Return a name that fits into a width in inches, without its middle if it is too long.

    Args:
        front: share of the characters left that are those before the middle.
    """
    cuts = ((math.ceil(front * kept), math.floor((1 - front) * kept)) for kept in range(len(name) - 1, 1, -1))
    cut = (f"{name[:before]}…{name[len(name) - after :]}" for before, after in cuts)
    return next((one for one in itertools.chain([name], cut) if text_width(one, size) <= width), f"{name[:1]}…")


def shorten_apart(names: Sequence[str], width: float, size: float = SMALL) -> list[str]:
    """Return names that fit into a width, no two of them alike: variants often differ in one place only."""
    for front in (0.5, 0.25, 0.75, 0.0, 1.0):
        found = [shorten(name, width, size, front) for name in names]
        if len(set(found)) == len(set(names)):
            return found
    return [shorten(f"{number}: {name}", width, size, front=0.75) for number, name in enumerate(names, start=1)]


def file_stem(*parts: str) -> str:
    """Return the stem of a file's name: it stays within its folder, and no other parts have the same.

    In a part, `-` is escaped, because it separates parts. The `+` of a composite modality stays, except where it would
    read like the mark of a tuned row. The end of a long part is replaced by a digest behind `=`, which is escaped
    elsewhere.
    """
    escaped = [_bounded(_escaped(part.removesuffix(TUNED))) for part in parts]
    return "-".join(stem + _TUNED_MARK * part.endswith(TUNED) for stem, part in zip(escaped, parts))


def _escaped(part: str) -> str:
    found = quote(part, safe="+").replace("-", "%2D")
    return found.removesuffix(_TUNED_MARK) + quote(_TUNED_MARK) if found.endswith(_TUNED_MARK) else found


def _bounded(part: str) -> str:
    digest = hashlib.blake2b(part.encode(), digest_size=6).hexdigest()
    return part if len(part) <= LONGEST else f"{part[: LONGEST - len(digest) - 1]}={digest}"
