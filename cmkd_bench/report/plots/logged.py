"""What a method logged while it trained, by epoch: a keep rate, a mean rank correlation, whatever it reports."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cmkd_bench.report.plots.learning import plot_band
from cmkd_bench.report.plots.picture import Picture, Refusal, file_stem, plot_panels
from cmkd_bench.report.plots.plot_data import PlotData
from cmkd_bench.report.plots.style import COLORS, nth_style

MARKS = 8  # about as many on a line
NAMES = ["quantity", "direction", "seed", "epoch"]


def plot(data: PlotData) -> Iterator[Picture | Refusal]:
    """Plot a picture per dataset and method that logs something: a panel per quantity, a line per direction."""
    found = False
    for dataset in data.datasets:
        for method in data.roles:
            values = curves(data, dataset, method)
            directions, most = list(values["direction"].unique()), len(COLORS)
            for start in range(0, len(directions), most):
                found = True
                number = [str(start // most + 1)] if len(directions) > most else []
                name, part = file_stem("logged", method, data.stem(dataset), *number), directions[start : start + most]
                yield from _plot_directions(data, dataset, method, part, values, name)
    if not found:
        yield Refusal("logged", data.no_history or "no method of this experiment reports a quantity while it trains.")


def curves(data: PlotData, dataset: str, method: str) -> pd.DataFrame:
    """Return the `value` of each quantity by direction, epoch, and seed, the mean over folds; may be empty."""
    records = [
        (quantity, column.direction, seed, epoch["epoch"], value)
        for column in data.datasets[dataset]
        for seed, epoch in data.epochs(method, column)
        for quantity, value in epoch["logged"].items()
    ]
    return pd.DataFrame(records, columns=[*NAMES, "value"]).groupby(NAMES, as_index=False, sort=False).mean()


def _plot_directions(
    data: PlotData, dataset: str, method: str, directions: list[str], values: pd.DataFrame, name: str
) -> Iterator[Picture]:
    styles = [nth_style(i) for i in range(len(directions))]
    quantities = sorted(values["quantity"].unique())
    return plot_panels(
        name,
        data.title(f"What {method} logs while training", dataset),
        f"Mean over the steps of an epoch. Line: mean over {data.seeds}; band: from the lowest to the highest seed. "
        "Directions are written teacher → student.",
        {
            quantity.replace("_", " "): partial(_plot_panel, values[values["quantity"] == quantity], directions)
            for quantity in quantities
        },
        height=1.6,
        across=2,
        most=10,
        sharey=False,
        xlabel="epoch",
        legend={direction: style.handle(style.line) for direction, style in zip(directions, styles)},
    )


def _plot_panel(values: pd.DataFrame, directions: list[str], ax: Axes) -> None:
    ax.grid()
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    for i, direction in enumerate(directions):
        curve, style = values[values["direction"] == direction], nth_style(i)
        if len(curve):
            every = max(1, int(curve["epoch"].max()) // MARKS)
            plot_band(ax, curve, direction, linestyle=style.line, markersize=4, markevery=every, **style.mark)
