"""Curves with intervals, and published numbers beside them, as PNG and SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cmkd_bench.evidence.intervals import mean_interval

MARKERS = ("o", "s", "^", "D")
# curves may coincide; then both are seen
LINES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))


@dataclass(frozen=True)
class Picture:
    """What is drawn.

    Attributes:
        title: above the axes.
        axis: below them.
        quantity: beside them.
        places: the names of the points.
        x: where they stand; None spaces them evenly.
        curves: by row, (points, draws).
        published: by source and row, one number per point or None.
        zero: whether zero is marked.
    """

    title: str
    axis: str
    quantity: str
    places: Sequence[str]
    x: Sequence[float] | None
    curves: Mapping[str, np.ndarray]
    published: Mapping[str, Mapping[str, Sequence[float | None]]] = field(default_factory=dict)
    zero: bool = False


def draw(picture: Picture, path: Path) -> None:
    """Write the picture as `path` with .png and .svg; the same input gives the same bytes."""
    import matplotlib as mpl
    import seaborn as sns
    from matplotlib.figure import Figure

    style = {**sns.axes_style("whitegrid"), "svg.hashsalt": "cmkd-bench", "svg.fonttype": "none"}
    with mpl.rc_context(style):
        figure = Figure(figsize=(7.5, 4.5), layout="constrained")
        axes = figure.add_subplot()
        colours = dict(zip(picture.curves, sns.color_palette("colorblind", len(picture.curves)), strict=True))
        for number, (row, curve) in enumerate(picture.curves.items()):
            _curve(axes, picture, row, curve, number, colours[row])
        for (source, rows), marker in zip(picture.published.items(), MARKERS, strict=False):
            _published(axes, picture, source, rows, colours, marker)
        if picture.zero:
            axes.axhline(0, color="black", linewidth=0.8)
        if picture.x is None:
            axes.set_xticks(range(len(picture.places)), [place.replace(" ", "\n") for place in picture.places])
        axes.set(title=picture.title, xlabel=picture.axis, ylabel=picture.quantity)
        axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
        figure.savefig(path.with_suffix(".png"), dpi=150, metadata={"Software": None})
        figure.savefig(path.with_suffix(".svg"), metadata={"Date": None, "Creator": None})


def _curve(axes: Any, picture: Picture, row: str, curve: np.ndarray, number: int, colour: Any) -> None:
    """A line with a band along numbers; bars with whiskers, side by side, at names."""
    means = [mean_interval(draws) for draws in curve]
    middle = np.array([one.value for one in means])
    low, high = np.array([one.low for one in means]), np.array([one.high for one in means])
    if picture.x is not None:
        axes.plot(picture.x, middle, color=colour, linestyle=LINES[number % len(LINES)], label=row)
        axes.fill_between(picture.x, low, high, color=colour, alpha=0.2, linewidth=0)
        return
    offset = _offset(number, len(picture.curves))
    whiskers = np.nan_to_num(np.stack([middle - low, high - middle]))
    axes.errorbar(np.arange(len(middle)) + offset, middle, whiskers, fmt="_", markersize=12, color=colour, label=row)


def _published(
    axes: Any,
    picture: Picture,
    source: str,
    rows: Mapping[str, Sequence[float | None]],
    colours: Mapping[str, Any],
    marker: str,
) -> None:
    # the shape says whose number it is, the colour which row
    axes.scatter([], [], marker=marker, facecolors="none", edgecolors="dimgrey", label=source)
    for row, values in rows.items():
        offset = 0.0 if picture.x is not None else _offset(list(picture.curves).index(row), len(picture.curves))
        places = picture.x if picture.x is not None else range(len(values))
        known = [(place + offset, value) for place, value in zip(places, values, strict=True) if value is not None]
        if not known:
            continue
        axes.scatter(*zip(*known, strict=True), marker=marker, facecolors="none", edgecolors=[colours[row]])


def _offset(number: int, rows: int) -> float:
    return 0.6 * ((number + 0.5) / rows - 0.5)
