"""Accuracy against its cost: seconds of training, and parameters that only training needs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterator
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from cmkd_bench.report.board import Column
from cmkd_bench.report.plots.limits import Limits, axis_limits, is_outside, off_scale, plot_arrow
from cmkd_bench.report.plots.picture import Picture, Refusal, file_stem, new_figure
from cmkd_bench.report.plots.plot_data import PlotData, not_done
from cmkd_bench.report.plots.style import GRAY, SMALL, styled

QUANTITIES = {"seconds": "training time (s)", "extra_parameters": "extra parameters while training"}
Bars = dict[str, tuple[float, float]]  # by method: mean and standard deviation


def plot(data: PlotData) -> Iterator[Picture | Refusal]:
    """Plot a picture per direction, with one panel for time and one for parameters."""
    for column in data.columns:
        name = file_stem("cost", column.stem, column.teacher_modality, column.student_modality)
        entries = {method: data.entry(method, column) for method in data.roles}
        bars = {method: (one.mean, one.deviation or 0.0) for method, one in entries.items() if one.mean is not None}
        if bars:
            yield _plot_picture(data, column, bars, name)
        else:
            yield Refusal(name, f"no run of '{column.block}', {column.direction} is done.")


@styled()
def _plot_picture(data: PlotData, column: Column, bars: Bars, name: str) -> Picture:
    metric = data.metric(column.block)
    title = data.title(f"{metric[0].upper()}{metric[1:]} against cost", column.block, column)
    limits = axis_limits((data.roles[one], (mean, mean - sd, mean + sd)) for one, (mean, sd) in bars.items())
    legend = {method: data.styles[method].handle() for method in bars}
    figure, body = new_figure(title, _note(data, bars, limits), 2.2, legend=legend)
    axes: Any = body.subplots(1, len(QUANTITIES), sharey=True)
    for ax, (quantity, label) in zip(axes, QUANTITIES.items()):
        _plot_panel(ax, data, column, bars, quantity, limits)
        ax.set_xlabel(label)
    axes[0].set_ylabel(f"test {metric} (%)")
    return Picture(name, title, figure)


def _plot_panel(ax: Axes, data: PlotData, column: Column, bars: Bars, quantity: str, limits: Limits) -> None:
    ax.grid()
    ax.set_ylim(limits)
    costs = {method: cost for method in bars if (cost := _cost(data, method, column, quantity)) is not None}
    for method, cost in costs.items():
        (mean, deviation), style = bars[method], data.styles[method]
        if is_outside(mean, limits):
            plot_arrow(ax, cost, mean, limits, style, method, is_numbered=False)
        else:
            ax.errorbar([cost], [mean], yerr=deviation or None, elinewidth=0.8, label=method, **style.mark)
    if costs:
        _scale(ax, quantity, costs.values())
    else:
        ax.text(0.5, 0.5, "not recorded", transform=ax.transAxes, fontsize=SMALL, color=GRAY, ha="center")
        ax.set_xticks([])


def _cost(data: PlotData, method: str, column: Column, quantity: str) -> float | None:
    """Return the mean over all runs that recorded it; None if none did, as in older versions."""
    values = [run[quantity] for _, run in data.runs(method, column)]
    known = [float(value) for value in values if value is not None and value == value]
    return statistics.fmean(known) if known else None


def _scale(ax: Axes, quantity: str, costs: Collection[float]) -> None:
    """Make the x-axis logarithmic, with a place for 0 parameters."""
    if quantity == "seconds":
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.xaxis.set_major_formatter("{x:g}")
    elif powers := [math.log10(cost) for cost in costs if cost > 0]:
        first, last = math.floor(min(powers)), math.ceil(max(powers))
        ax.set_xscale("symlog", linthresh=10.0**first, linscale=0.5)
        ax.set_xticks([0.0, *(10.0**power for power in range(first, last + 1))])
        ax.xaxis.set_major_formatter(EngFormatter(sep=""))
    else:
        ax.set_xticks([0.0])
    ax.xaxis.set_minor_formatter(NullFormatter())


def _note(data: PlotData, bars: Bars, limits: Limits) -> str:
    return (
        f"Upper left is better. Markers: means over {data.seeds}; bars: ± 1 standard deviation. Training time is as "
        "measured: compare it only where the machine and its load were the same. Extra parameters are not needed at "
        f"inference.{off_scale({row: [mean] for row, (mean, _) in bars.items()}, limits, 'a mean')}"
        f"{not_done(data.roles, bars)}"
    )
