"""Accuracy against what it costs: seconds of training, and parameters that only training needs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from cmkd_bench.report.leaderboard import Column
from cmkd_bench.report.plots.material import Material, Result
from cmkd_bench.report.plots.page import Picture, Refusal, file_stem, sheet, shorten
from cmkd_bench.report.plots.ranges import arrow, is_outside, view
from cmkd_bench.report.plots.style import GREY, NORMAL, SMALL, Look, styled

QUANTITIES = {"seconds": "training time (s)", "extra_parameters": "extra parameters while training"}
NAME = 1.6  # inches that a name in the legend may take


def draw(material: Material) -> Iterator[Picture | Refusal]:
    """One sheet per direction: a panel for time, one for parameters."""
    for dataset, columns in material.datasets.items():
        for column in columns:
            name = file_stem("cost", dataset, column.teacher_modality, column.student_modality)
            results = [material.result(method, column) for method in material.roles]
            done = [result for result in results if result.mean is not None]
            if not done:
                yield Refusal(name, f"no run of '{dataset}', {column.direction} is done.")
                continue
            with styled():
                yield _sheet(material, column, done, name)


def _sheet(material: Material, column: Column, results: Sequence[Result], name: str) -> Picture:
    title = material.title("Accuracy against cost", column.dataset, column)
    if (metric := material.metric(column.dataset)) != "accuracy":
        title = material.title(f"{metric} against cost", column.dataset, column)
    missing = [method for method in material.roles if method not in {result.method for result in results}]
    limits = _limits(results)
    has_arrow = any(is_outside(result.mean, limits) for result in results if result.mean is not None)
    figure, body = sheet(title, _note(material, missing, has_arrow), max(2.2, 0.16 * len(results) + 0.6))
    axes = body.subplots(1, len(QUANTITIES), sharey=True)
    for ax, (quantity, label) in zip(axes, QUANTITIES.items()):
        costs = {result.method: _cost(material, result, quantity) for result in results}
        known = [cost for cost in costs.values() if cost is not None]
        for result in results:
            if (cost := costs[result.method]) is not None:
                _point(ax, cost, result, material.looks[result.method], limits)
        if known:
            _scale(ax, quantity, known)
        else:
            ax.text(0.5, 0.5, "not recorded", transform=ax.transAxes, fontsize=SMALL, color=GREY, ha="center")
            ax.set_xticks([])
        ax.set_xlabel(label)
        ax.grid()
    # Labels as wide however many ticks there are: the layout measures them while the panels are smaller.
    axes[0].yaxis.set_major_formatter("{x:.1f}")
    axes[0].set_ylabel(f"test {material.metric(column.dataset)} (%)")
    _legend(body, results, material.looks)
    return Picture(name, title, figure)


def _limits(results: Sequence[Result]) -> tuple[float, float]:
    """The range of accuracies; a control may lie outside."""
    drawn = [(one.role, one.mean, one.deviation or 0.0) for one in results if one.mean is not None]
    bars = [(role, [mean, mean - deviation, mean + deviation]) for role, mean, deviation in drawn]
    inner = [value for role, bar in bars if role != "control" for value in bar]
    return view(inner, [bar for role, bar in bars if role == "control"])


def _cost(material: Material, result: Result, quantity: str) -> float | None:
    """The mean over all runs of a method in a direction; None where none recorded it, as older versions did not."""
    values = [run[quantity] for _, run in material.runs(result.method, result.column)]
    known = [float(value) for value in values if value is not None and value == value]
    return statistics.fmean(known) if known else None


def _point(ax: Axes, cost: float, result: Result, look: Look, limits: tuple[float, float]) -> None:
    assert result.mean is not None
    if is_outside(result.mean, limits):
        arrow(ax, cost, result.mean, limits, look, "y", result.method)
        return
    ax.errorbar([cost], [result.mean], yerr=result.deviation, elinewidth=0.8, label=result.method, **look.mark)
    ax.set_ylim(limits)


def _scale(ax: Axes, quantity: str, costs: Sequence[float]) -> None:
    """Logarithmic; where something may cost nothing, there is a place for 0."""
    if quantity == "seconds":
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    elif positive := [cost for cost in costs if cost > 0]:
        first, last = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
        ax.set_xscale("symlog", linthresh=10.0**first, linscale=0.5)
        ax.set_xlim(-0.4 * 10.0**first, 1.6 * 10.0**last)
        ax.set_xticks([0.0, *(10.0**power for power in range(first, last + 1))])
    else:
        ax.set_xticks([0.0])
    ax.xaxis.set_major_formatter(FuncFormatter(_number))
    ax.xaxis.set_minor_formatter(NullFormatter())


def _number(value: float, _position: int | None = None) -> str:
    """With the prefixes of the SI, as 10M is read at a glance and 10000000 is not."""
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:g}{letter}"
    return f"{value:g}"


def _legend(body: SubFigure, results: Sequence[Result], looks: dict[str, Look]) -> None:
    handles = [Line2D([], [], linestyle="", **one.mark) for one in (looks[result.method] for result in results)]
    labels = [shorten(result.method, NAME) for result in results]
    body.legend(handles, labels, loc="outside right upper", fontsize=NORMAL - 1)


def _note(material: Material, missing: Sequence[str], has_arrow: bool) -> str:
    far = "; an arrow points to a control off the scale" if has_arrow else ""
    left_out = f" Nothing is done of: {', '.join(missing)}." if missing else ""
    return (
        f"Upper left is better. Markers: means over {material.seeds_text()}; bars: ± 1 standard deviation{far}. Time "
        "is as measured: it compares methods only where the machine and its load were the same. Extra parameters are "
        f"gone at inference.{left_out}"
    )
