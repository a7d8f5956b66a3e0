"""Plot rows against an axis, with intervals and published numbers, in the style of all plots, as PNG and SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cmkd_bench.report.plots.picture import Picture, new_figure
from cmkd_bench.report.plots.save import DEFAULT_FORMATS, save
from cmkd_bench.report.plots.style import BLACK, GRAY, Style, styled, styles_of
from cmkd_bench.studies.intervals import mean_interval

SOURCES = ("o", "s", "^", "D")
MAIN, BELOW, LEGEND_ROW = 2.6, 1.5, 0.17  # inches
COLUMNS, ONE_ROW = 4, 5  # of a legend; the most entries in a single row
ASIDE = 0.6  # share of the space between two points that is used to place rows side by side
STEP = 0.013  # largest horizontal offset between neighboring rows, as a share of the axis


@dataclass(frozen=True)
class Chart:
    """The content of a plot."""

    title: str  # shown above the panels
    note: str  # shown below the panels; explains how to read them
    axis: str  # label of the x-axis
    quantity: str  # label of the first panel's y-axis
    places: Sequence[str]  # names of the points
    x: Sequence[float] | None  # positions of the points; None spaces them evenly
    curves: Mapping[str, np.ndarray]  # by row, (points, draws)
    baseline: str  # the row to draw in the style of the student alone
    # by source and row, one number or None per point
    published: Mapping[str, Mapping[str, Sequence[float | None]]] = field(default_factory=dict)
    zero: bool = False  # whether to draw a line at zero
    # by quantity, the curves of a smaller panel; for numeric axes
    below: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    # rows of all plots of this kind, so that a row has the same style in all of them; `curves` if empty
    known: Sequence[str] = ()


def draw(chart: Chart, path: Path) -> None:
    """Write the chart to `path` with the suffixes .png and .svg."""
    save(as_picture(chart, path.name), path.parent, DEFAULT_FORMATS)


def as_picture(chart: Chart, name: str) -> Picture:
    """Plot the chart without writing it to a file."""
    rows = dict.fromkeys([*chart.known, *chart.curves])
    styles = styles_of({row: "baseline" if row == chart.baseline else "method" for row in rows})
    entries = len(chart.curves) + len(chart.published)
    columns = entries if entries <= ONE_ROW else COLUMNS
    main = MAIN + LEGEND_ROW * math.ceil(entries / columns)
    with styled():
        figure, body = new_figure(chart.title, chart.note, main + BELOW * bool(chart.below))
        panels = max(1, len(chart.below))
        grid = body.add_gridspec(1 + bool(chart.below), panels, height_ratios=[main, BELOW][: 1 + bool(chart.below)])
        axes = body.add_subplot(grid[0, :])
        _rows(axes, chart, chart.curves, styles)
        _published(axes, chart, styles)
        if chart.zero:
            axes.axhline(0, color=BLACK, linewidth=0.8, zorder=1)
        _axis(axes, chart, chart.quantity)
        _legend(body, axes, columns)
        for place, (quantity, curves) in enumerate(chart.below.items()):
            _small_panel(body.add_subplot(grid[1, place]), chart, quantity, curves)
    return Picture(name, chart.title, figure)


def _small_panel(axes: Any, chart: Chart, quantity: str, curves: Mapping[str, np.ndarray]) -> None:
    _rows(axes, chart, curves, styles_of(dict.fromkeys(curves, "method")))
    _axis(axes, chart, quantity)
    if len(curves) > 1:
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def _legend(part: Any, axes: Any, columns: int) -> None:
    """Draw the legend: first the rows, then the sources of published numbers."""
    handles, labels = axes.get_legend_handles_labels()
    published = len([handle for handle in handles if hasattr(handle, "get_offsets")])
    order = [*range(published, len(handles)), *range(published)]
    part.legend([handles[i] for i in order], [labels[i] for i in order], loc="outside upper left", ncols=columns)


def _axis(axes: Any, chart: Chart, quantity: str) -> None:
    axes.grid()
    axes.set(xlabel=chart.axis, ylabel=quantity)
    if chart.x is None:
        axes.set_xticks(range(len(chart.places)), [place.replace(" ", "\n") for place in chart.places])


def _rows(axes: Any, chart: Chart, curves: Mapping[str, np.ndarray], styles: Mapping[str, Style]) -> None:
    """Plot means with intervals, side by side; on a numeric axis, connect them with lines."""
    for row, curve in curves.items():
        means = [mean_interval(draws) for draws in curve]
        middle = np.array([one.value for one in means])
        reach = np.nan_to_num(middle - np.array([one.low for one in means]))
        style = styles[row]
        # with published numbers, the marker's shape identifies the source
        mark = {**style.mark, **({"marker": ".", "markerfacecolor": style.color} if chart.published else {})}
        line = "" if chart.x is None else style.line
        axes.errorbar(_places(chart, row, curves), middle, reach, linestyle=line, elinewidth=0.8, label=row, **mark)


def _published(axes: Any, chart: Chart, styles: Mapping[str, Style]) -> None:
    for (source, rows), marker in zip(chart.published.items(), SOURCES, strict=False):
        open_ = {"marker": marker, "facecolors": "none", "zorder": 3}
        axes.scatter([], [], edgecolors=GRAY, label=source, **open_)
        for row, values in rows.items():
            numbers = np.array(values, dtype=np.float64)
            axes.scatter(_places(chart, row, chart.curves), numbers, edgecolors=styles[row].color, s=22, **open_)


def _places(chart: Chart, row: str, curves: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the x-positions of a row's points, shifted so that equal rows do not hide each other."""
    places = np.arange(len(chart.places), dtype=np.float64) if chart.x is None else np.array(chart.x, dtype=np.float64)
    gap = float(np.diff(np.sort(places)).min()) if len(places) > 1 else 1.0
    step = ASIDE * gap / len(curves)
    if chart.x is not None:
        step = min(step, STEP * float(np.ptp(places)))
    return places + step * (list(curves).index(row) - (len(curves) - 1) / 2)
