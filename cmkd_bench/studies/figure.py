"""Plot rows against an axis, with intervals and published numbers, in the style of all plots, as PNG and SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cmkd_bench.report.plots.picture import Picture, new_figure
from cmkd_bench.report.plots.save import DEFAULT_FORMATS, save
from cmkd_bench.report.plots.style import BLACK, GRAY, Style, styled, styles_of
from cmkd_bench.studies.intervals import mean_interval

SOURCES = tuple(Style(GRAY, marker, False, "") for marker in ("o", "s", "^", "D"))
MAIN, BELOW = 2.6, 1.5  # inches
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
    is_logarithmic: bool = False  # whether the x-axis is, for positive positions
    # by row of all plots of this kind, its role, so that a row has the same style in all of them; `curves` if empty
    known: Mapping[str, str] = field(default_factory=dict)


def draw(chart: Chart, path: Path) -> None:
    """Write the chart to `path` with the suffixes .png and .svg."""
    save(as_picture(chart, path.name), path.parent, DEFAULT_FORMATS)


def as_picture(chart: Chart, name: str) -> Picture:
    """Plot the chart without writing it to a file."""
    roles = {**chart.known, **{row: "method" for row in chart.curves if row not in chart.known}}
    styles = styles_of({**roles, chart.baseline: "baseline"})
    if chart.published:  # the marker's shape identifies the source
        styles = {row: replace(style, marker=".", is_filled=True) for row, style in styles.items()}
    legend = {row: styles[row].handle(_line(chart, styles[row])) for row in chart.curves}
    legend |= {source: style.handle() for source, style in zip(chart.published, SOURCES, strict=False)}
    heights = [MAIN, BELOW] if chart.below else [MAIN]
    with styled():
        figure, body = new_figure(chart.title, chart.note, sum(heights), legend=legend)
        grid = body.add_gridspec(len(heights), max(1, len(chart.below)), height_ratios=heights)
        axes = body.add_subplot(grid[0, :])
        _plot_rows(axes, chart, chart.quantity, chart.curves, styles)
        _plot_published(axes, chart, styles)
        if chart.zero:
            axes.axhline(0, color=BLACK, linewidth=0.8, zorder=1)
        for place, (quantity, curves) in enumerate(chart.below.items()):
            panel = body.add_subplot(grid[1, place])
            _plot_rows(panel, chart, quantity, curves, styles_of(dict.fromkeys(curves, "method")))
            if len(curves) > 1:
                panel.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return Picture(name, chart.title, figure)


def _line(chart: Chart, style: Style) -> Any:
    """Return the line between the points; names are not joined."""
    return "" if chart.x is None else style.line


def _plot_rows(
    axes: Any, chart: Chart, quantity: str, curves: Mapping[str, np.ndarray], styles: Mapping[str, Style]
) -> None:
    """Plot means with intervals, side by side; on a numeric axis, connect them with lines."""
    axes.grid()
    axes.set(xlabel=chart.axis, ylabel=quantity)
    if chart.x is None:
        axes.set_xticks(range(len(chart.places)), [place.replace(" ", "\n") for place in chart.places])
    elif chart.is_logarithmic:
        axes.set_xscale("log")
        axes.set_xticks(chart.x, chart.places)
        axes.minorticks_off()
    for row, curve in curves.items():
        means, style = [mean_interval(draws) for draws in curve], styles[row]
        reach = np.nan_to_num([one.value - one.low for one in means])
        line = {"linestyle": _line(chart, style), "elinewidth": 0.8, "label": row, **style.mark}
        axes.errorbar(_places(chart, row, curves), [one.value for one in means], reach, **line)


def _plot_published(axes: Any, chart: Chart, styles: Mapping[str, Style]) -> None:
    for (_, rows), source in zip(chart.published.items(), SOURCES, strict=False):
        for row, values in rows.items():
            numbers, color = np.array(values, dtype=np.float64), styles[row].color
            open_ = {"marker": source.marker, "facecolors": "none", "edgecolors": color, "s": 22, "zorder": 3}
            axes.scatter(_places(chart, row, chart.curves), numbers, **open_)


def _places(chart: Chart, row: str, curves: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the x-positions of a row's points, shifted so that equal rows do not hide each other."""
    places = np.arange(len(chart.places), dtype=np.float64) if chart.x is None else np.array(chart.x, dtype=np.float64)
    places = np.log(places) if chart.is_logarithmic else places
    gap = float(np.diff(np.sort(places)).min()) if len(places) > 1 else 1.0
    step = ASIDE * gap / len(curves)
    if chart.x is not None:
        step = min(step, STEP * float(np.ptp(places)))
    shifted = places + step * (list(curves).index(row) - (len(curves) - 1) / 2)
    return np.exp(shifted) if chart.is_logarithmic else shifted
