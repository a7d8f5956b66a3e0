"""Accuracy against its cost: seconds of training, and parameters that only training needs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from cmkd_bench.report.board import Column
from cmkd_bench.report.plots.limits import Limits, axis_limits, is_outside, minus, plot_arrow
from cmkd_bench.report.plots.picture import Picture, Refusal, plot_panels
from cmkd_bench.report.plots.plot_data import PlotData
from cmkd_bench.report.plots.point_labels import label_points
from cmkd_bench.report.plots.style import BLACK, COLUMN, GRAY, PAGE, SMALL, TALLEST

QUANTITIES = {"seconds": "training time (s)", "extra_parameters": "extra parameters while training"}
NAMES = {"seconds": "cost-time", "extra_parameters": "cost-parameters"}
HEIGHT, PER_ROW = 1.5, 0.06  # inches of a panel, and for each label in it
Size = tuple[float, float]


@dataclass(frozen=True)
class CostPoint:
    """A row's scores on a dataset."""

    mean: float  # over directions and seeds
    deviation: float  # over seeds, of the mean over directions
    cost: float | None  # mean over all runs that recorded it; None if none did, as in older versions


Scores = Mapping[str, CostPoint]  # by row


def plot(data: PlotData) -> Iterator[Picture | Refusal]:
    """Plot a panel per dataset, for time and for parameters."""
    for quantity, name in NAMES.items():
        found = {block: _scores(data, columns, quantity) for block, columns in data.datasets.items()}
        known = {block: scores for block, scores in found.items() if scores}
        if known:
            yield from _plot_quantity(data, known, quantity, name)
        else:
            yield Refusal(name, "no run is done.")


def _scores(data: PlotData, columns: Sequence[Column], quantity: str) -> Scores:
    """Return the scores of rows that are done in all directions in which any row is."""
    used = [column for column in columns if any(data.entry(row, column).mean is not None for row in data.roles)]
    found = {}
    for row in data.roles:
        values = [data.entry(row, column).values for column in used]
        if seeds := sorted(set.intersection(*map(set, values))) if values else []:
            means = [statistics.fmean(one[seed] for one in values) for seed in seeds]
            costs = [run[quantity] for column in used for _, run in data.runs(row, column)]
            known = [float(cost) for cost in costs if cost is not None and cost == cost]
            deviation = statistics.stdev(means) if len(means) > 1 else 0.0
            found[row] = CostPoint(statistics.fmean(means), deviation, statistics.fmean(known) if known else None)
    return found


def _plot_quantity(data: PlotData, found: Mapping[str, Scores], quantity: str, name: str) -> Iterator[Picture]:
    height = HEIGHT + PER_ROW * len(data.roles)
    size = (COLUMN - 0.65 if len(found) == 1 else PAGE / 2 - 0.55, height - 0.45)  # inches without texts
    limits = {
        block: axis_limits(
            (data.roles[row], (one.mean, one.mean - one.deviation, one.mean + one.deviation))
            for row, one in scores.items()
        )
        for block, scores in found.items()
    }
    metric = " or ".join(dict.fromkeys(map(data.metric, found)))
    return plot_panels(
        name,
        data.title(f"{metric[0].upper()}{metric[1:]} against {QUANTITIES[quantity].removesuffix(' (s)')}"),
        _note(data, found, limits, quantity),
        {block: partial(_plot_panel, data, scores, limits[block], quantity, size) for block, scores in found.items()},
        height=height,
        across=2,
        most=2 * max(1, int(TALLEST / height)),
        sharex=False,
        sharey=False,
        xlabel=QUANTITIES[quantity],
        ylabel=f"test {metric} (%)",
    )


def _plot_panel(data: PlotData, scores: Scores, limits: Limits, quantity: str, size: Size, ax: Axes) -> None:
    ax.grid()
    ax.set_ylim(limits)
    known = {row: (one.cost, one) for row, one in scores.items() if one.cost is not None}
    if not known:
        ax.text(0.5, 0.5, "not recorded", transform=ax.transAxes, fontsize=SMALL, color=GRAY, ha="center")
        ax.set_xticks([])
        return
    points, colors = {}, {}
    for row, (cost, one) in known.items():
        style, name = data.styles[row], row
        if is_outside(one.mean, limits):
            plot_arrow(ax, cost, one.mean, limits, style, row, is_numbered=False)
            name = f"{row}: {minus(f'{one.mean:.1f}')}"
        else:
            bar = {"elinewidth": 0.6, "markersize": 3.8}
            ax.errorbar([cost], [one.mean], yerr=one.deviation or None, label=row, **{**style.mark, **bar})
        points[name] = (cost, min(max(one.mean, limits[0]), limits[1]))
        colors[name] = GRAY if data.roles[row] == "control" else BLACK
    _scale(ax, quantity, [cost for cost, _ in known.values()])
    label_points(ax, points, colors, size)


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


def _note(data: PlotData, found: Mapping[str, Scores], limits: Mapping[str, Limits], quantity: str) -> str:
    how = "Extra parameters are not needed at inference."
    if quantity == "seconds":
        how = "Training time is as measured: compare it only where the machine and its load were the same."
    is_far = any(is_outside(one.mean, limits[block]) for block, scores in found.items() for one in scores.values())
    arrow = " An arrow points to a mean off the scale, given beside it." if is_far else ""
    lost = {block: [row for row in data.roles if row not in scores] for block, scores in found.items()}
    missing = "; ".join(f"{', '.join(rows)} ({block})" for block, rows in lost.items() if rows)
    return (
        f"Upper left is better. Markers: means over {data.seeds} and the directions of a dataset; bars: ± 1 standard "
        f"deviation over seeds. {how}{arrow}{f' Not complete: {missing}.' if missing else ''}"
    )
