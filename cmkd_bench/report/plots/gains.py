"""Gain of each method over the student alone, with its interval, direction by direction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from matplotlib.axes import Axes

from cmkd_bench.report.board import Column
from cmkd_bench.report.plots.limits import Limits, is_outside, plot_arrow
from cmkd_bench.report.plots.picture import Picture, Refusal, file_stem, plot_panels, shorten_apart
from cmkd_bench.report.plots.plot_data import PlotData, error
from cmkd_bench.report.plots.style import BLACK, GRAY, SMALL, TALLEST
from cmkd_bench.statistics.paired import FEWEST_SEEDS

ROW, GAP = 0.2, 0.8  # inches per method; rows between methods and controls
BELOW = 0.33  # rows between a mean and its seeds
NAME, ACROSS = 1.5, 3  # inches of a name; panels side by side


def plot(data: PlotData) -> Iterator[Picture | Refusal]:
    """Plot a panel per direction, a dataset at a time."""
    for dataset, columns in data.datasets.items():
        name = file_stem("gains", data.stem(dataset))
        if not any(data.gains(method, column) for method in data.methods for column in columns):
            yield Refusal(name, f"no seed of '{dataset}' has both a method and '{data.baseline}' done.")
            continue
        limits = data.gain_limits(columns)
        height = ROW * (len(data.methods) + GAP + 0.2) + 0.3
        yield from plot_panels(
            name,
            data.title(f"Gain over the student alone ('{data.baseline}')", dataset),
            _note(data, columns, limits),
            {column.direction: partial(_plot_panel, data, column, limits) for column in columns},
            height=height,
            margin=NAME,
            across=ACROSS,
            most=ACROSS * max(1, int(TALLEST / height)),
            xlabel=f"gain in test {data.metric(dataset)} (percentage points)",
        )


def _plot_panel(data: PlotData, column: Column, limits: Limits, ax: Axes) -> None:
    ax.grid(axis="x")
    ax.axvline(0, color=BLACK, linewidth=0.8)
    places = [i + GAP * (data.roles[method] == "control" and i > 0) for i, method in enumerate(data.methods)]
    for y, method in zip(places, data.methods):
        _plot_row(ax, data, method, column, y, limits)
    ax.set(xlim=limits, ylim=(max(places) + 0.6, -0.6))
    ax.set_yticks(places, shorten_apart(data.methods, NAME))
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0, pad=6)


def _plot_row(ax: Axes, data: PlotData, method: str, column: Column, y: float, limits: Limits) -> None:
    back = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}  # legible on the grid and the line at 0
    text: dict[str, Any] = {"fontsize": SMALL, "color": GRAY, "va": "center", "bbox": back}
    text["transform"] = ax.get_yaxis_transform()
    entry, seeds, style = data.entry(method, column), list(data.gains(method, column).values()), data.styles[method]
    if entry.gain is None:
        ax.text(0.02, y, entry.problem or "student alone is missing", ha="left", **text)
    elif is_outside(entry.gain, limits):
        plot_arrow(ax, y, entry.gain, limits, style, method, axis="x")
    else:
        ax.plot(seeds, [y + BELOW] * len(seeds), ".", color=style.color, markersize=2.5, label="_seeds")
        ax.errorbar([entry.gain], [y], xerr=error(entry), elinewidth=1.3, label=method, **style.mark)
        if entry.problem:
            ax.text(1.01, y, f"n = {len(seeds)}", ha="left", **text)  # outside: a bar may reach the edge


def _note(data: PlotData, columns: Sequence[Column], limits: Limits) -> str:
    entries = [data.entry(method, column) for method in data.methods for column in columns]
    far = any(entry.gain is not None and is_outside(entry.gain, limits) for entry in entries)
    arrow = "; an arrow points to a control off the scale" if far else ""
    interval = f"no interval with fewer than {FEWEST_SEEDS} seeds"
    if any(error(entry) for entry in entries):
        interval = "bar: 95 % interval over new seeds and test samples, not corrected for the number of methods"
    return (
        f"Right of 0 is better. Marker: mean of paired differences, n = {data.seeds}; dots below: single seeds; "
        f"{interval}. Gray: controls{arrow}."
    )
