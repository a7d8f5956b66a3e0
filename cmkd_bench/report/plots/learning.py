"""Learning curves: how the accuracy that selects the epoch rises while a method trains, with the range of the seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cmkd_bench.experiment.trials import TUNED
from cmkd_bench.report.board import Column
from cmkd_bench.report.plots.gap import paired
from cmkd_bench.report.plots.limits import Limits, axis_limits, is_outside, plot_arrow
from cmkd_bench.report.plots.picture import Picture, Refusal, file_stem, plot_panels, shorten
from cmkd_bench.report.plots.plot_data import PlotData
from cmkd_bench.report.plots.style import DOTTED, GRAY, SMALL

MARKS = 4  # about as many on the curve of a tuned row
AREA = "#eeeeee"
Curves = Mapping[str, pd.DataFrame]  # by row


def plot(data: PlotData) -> Iterator[Picture | Refusal]:
    """Plot a picture per direction: a panel per method and its tuned row, with the student alone behind them."""
    for column in data.columns:
        name = file_stem("learning", column.stem, column.teacher_modality, column.student_modality)
        curves = {method: curve(data, method, column) for method in data.roles}
        if all(one.empty for one in curves.values()):
            yield Refusal(
                name, data.no_history or f"no finished run of '{column.block}', {column.direction} measured an epoch."
            )
            continue
        limits = _limits(data, curves)
        _, run = next(run for method in data.roles for run in data.runs(method, column))
        yield from plot_panels(
            name,
            data.title("Learning curves", column.block, column),
            _note(data),
            {
                rows[0]: partial(_plot_panel, data, rows, column, curves, limits)
                for rows in paired(data.methods or [data.baseline])
            },
            height=1.3,
            across=4,
            most=20,
            xlabel="epoch",
            ylabel=f"{run.get('selected_on', 'validation')} {data.metric(column.block)} (%)",
        )


def curve(data: PlotData, method: str, column: Column) -> pd.DataFrame:
    """Return the selecting accuracy in percent by `epoch` and `seed`, the mean over folds; may be empty."""
    epochs = [(seed, epoch) for seed, epoch in data.epochs(method, column) if epoch.get("selection") is not None]
    values = [(seed, epoch["epoch"], epoch["selection"]) for seed, epoch in epochs]
    frame = pd.DataFrame(values, columns=["seed", "epoch", "value"])
    return frame.groupby(["seed", "epoch"], as_index=False).mean()


def plot_band(ax: Axes, curve: pd.DataFrame, label: str, **line: Any) -> None:
    """Plot the mean over seeds of a curve, with a band from the lowest to the highest."""
    seeds = curve.groupby("epoch")["value"].agg(["mean", "min", "max"])
    ax.fill_between(seeds.index, seeds["min"], seeds["max"], color=line["color"], alpha=0.2, linewidth=0)
    ax.plot(seeds.index, seeds["mean"], label=label, **line)


def _plot_panel(data: PlotData, rows: Sequence[str], column: Column, curves: Curves, limits: Limits, ax: Axes) -> None:
    ax.grid()
    ax.set_ylim(limits)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    if data.baseline not in rows:
        mean = curves[data.baseline].groupby("epoch")["value"].mean()
        ax.plot(mean.index, mean, color=GRAY, linestyle=DOTTED, linewidth=0.9, label=data.baseline)
    if plotted := [row for row in rows if len(curves[row])]:
        for row in plotted:
            _plot_curve(ax, data, row, curves[row], limits)
        _shade_unmeasured(ax, data, min(plotted, key=lambda row: curves[row]["epoch"].min()), column)
    else:
        problem = data.entry(rows[0], column).problem or "no epoch was measured"
        ax.text(0.5, 0.5, problem, transform=ax.transAxes, fontsize=SMALL, color=GRAY, ha="center", va="center")


def _plot_curve(ax: Axes, data: PlotData, row: str, curve: pd.DataFrame, limits: Limits) -> None:
    """Plot a curve, and an arrow to its end if that is off the scale."""
    style, last, epochs = data.styles[row], curve["epoch"].max(), curve["epoch"].nunique()
    line: dict[str, Any] = {"color": style.color, "marker": "o" if epochs == 1 else ""}
    if row.endswith(TUNED):
        step = max(1, epochs // MARKS)
        line = {"linestyle": (0, (4, 1.5)), "markersize": 3.5, "markevery": (step // 2, step), **style.mark}
    plot_band(ax, curve, row, markeredgewidth=0.8, **line)
    end = float(curve.loc[curve["epoch"] == last, "value"].mean())
    if is_outside(end, limits):
        plot_arrow(ax, last, end, limits, style)


def _limits(data: PlotData, curves: Curves) -> Limits:
    """Return limits with the student alone and the second half of all curves, where they are close to each other.

    Curves may begin outside; a control may end there, too.
    """
    later = {row: curve.loc[curve["epoch"] >= curve["epoch"].median(), "value"] for row, curve in curves.items()}
    rows = [(data.roles[row], values.tolist()[::-1]) for row, values in later.items()]
    return axis_limits([*rows, ("baseline", list(curves[data.baseline]["value"]))])


def _shade_unmeasured(ax: Axes, data: PlotData, method: str, column: Column) -> None:
    """Shade the phases in which the student is not selected."""
    _, run = data.runs(method, column)[0]
    history = data.history(str(run["run_id"]))
    first = next((i for i, epoch in enumerate(history) if epoch.get("selection") is not None), 0)
    phases = dict.fromkeys(str(epoch["phase"]) for epoch in history[:first])
    if phases and list(phases) != [history[first]["phase"]]:
        ax.axvspan(0.5, first + 0.5, color=AREA, linewidth=0)
        back = {"facecolor": AREA, "edgecolor": "none", "pad": 0.5}  # the student alone passes through it
        ax.text(
            (first + 1) / 2, 0.5, shorten(f"phase {', '.join(phases)}", 0.9), transform=ax.get_xaxis_transform(),
            fontsize=SMALL, color=GRAY, rotation=90, ha="center", va="center", bbox=back,
        )  # fmt: skip


def _note(data: PlotData) -> str:
    are_tuned = any(row.endswith(TUNED) for row in data.methods)
    tuned = " (solid: default hyper-parameters; dashed with markers: tuned)" if are_tuned else ""
    return (
        f"Line: mean over {data.seeds}{tuned}; band: from the lowest to the highest seed. Dotted gray: the student "
        f"alone ('{data.baseline}'). Gray area: a phase in which no epoch is measured. Curves may begin off the scale; "
        "an arrow points to the end of a control's curve that is off the scale."
    )
