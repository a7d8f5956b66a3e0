"""What a method logged while it trained, by epoch: a keep rate, a mean rank correlation, whatever it reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from cmkd_bench.report.leaderboard import Column
from cmkd_bench.report.plots.material import Material
from cmkd_bench.report.plots.page import Picture, Refusal, file_stem, grid, hide_rest, sheet, shorten
from cmkd_bench.report.plots.style import NORMAL, PAGE, Look, look, styled

MOST = 6  # directions on one sheet, as many as there are colours
MARKS = 8  # on a line, about


def draw(material: Material) -> Iterator[Picture | Refusal]:
    """One sheet per dataset and method that logs something, a panel per quantity, a line per direction."""
    found = False
    for dataset, columns in material.datasets.items():
        for method in material.roles:
            frame = curves(material, method, columns)
            drawn = [column for column in columns if (frame["direction"] == column.direction).any()]
            parts = [drawn[start : start + MOST] for start in range(0, len(drawn), MOST)]
            for number, part in enumerate(parts, 1):
                found = True
                name = file_stem("logged", method, dataset, *([str(number)] if len(parts) > 1 else []))
                with styled():
                    yield _sheet(material, dataset, method, part, frame, name)
    if not found:
        yield Refusal("logged", "no method of this experiment reports a quantity while it trains.")


def curves(material: Material, method: str, columns: Sequence[Column]) -> pd.DataFrame:
    """`value` of each `quantity` by `direction`, `epoch` and `seed`, the mean over folds."""
    names = ["direction", "quantity", "seed", "epoch"]
    records = [
        (column.direction, quantity, cell.seed, record["epoch"], value)
        for column in columns
        for cell, run in material.runs(method, column)
        for record in material.history(str(run["run_id"]))
        for quantity, value in record["logged"].items()
    ]
    frame = pd.DataFrame(records, columns=[*names, "value"])
    return frame.groupby(names)["value"].mean().reset_index()


def _sheet(
    material: Material, dataset: str, method: str, columns: Sequence[Column], frame: pd.DataFrame, name: str
) -> Picture:
    quantities = sorted(frame["quantity"].unique())
    down, across = grid(len(quantities), 2)
    title = material.title(f"What {method} logs while training", dataset)
    legend_rows = -(-len(columns) // 2)
    width = PAGE if across > 1 else 3.4
    figure, body = sheet(title, _note(material), 0.3 + 1.6 * down + 0.17 * legend_rows, width)
    axes = body.subplots(down, across, sharex=True, squeeze=False)
    looks = {column.direction: look(i) for i, column in enumerate(columns)}
    for ax, quantity in zip(axes.flat, quantities):
        _panel(ax, frame[frame["quantity"] == quantity], looks)
        ax.set_ylabel(quantity.replace("_", " "))
    hide_rest(axes, len(quantities))
    _legend(body, looks, width)
    return Picture(name, title, figure)


def _panel(ax: Axes, values: pd.DataFrame, looks: dict[str, Look]) -> None:
    ax.grid()
    for direction, one in looks.items():
        part = values[values["direction"] == direction]
        if len(part):
            every = max(1, int(part["epoch"].max()) // MARKS)
            sns.lineplot(
                data=part, x="epoch", y="value", errorbar=("pi", 100), ax=ax, color=one.colour, linestyle=one.line,
                marker=one.marker, markersize=4, markevery=every, markeredgewidth=0, label=direction, legend=False,
                err_kws={"alpha": 0.15, "linewidth": 0},
            )  # fmt: skip
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("epoch")


def _legend(body: SubFigure, looks: dict[str, Look], width: float) -> None:
    handles = [Line2D([], [], color=one.colour, linestyle=one.line, marker=one.marker) for one in looks.values()]
    labels = [shorten(direction, width / 2 - 0.6) for direction in looks]
    body.legend(handles, labels, loc="outside upper left", ncols=2, fontsize=NORMAL - 1)


def _note(material: Material) -> str:
    return (
        f"Mean over the steps of an epoch. Line: mean over {material.seeds_text()}; band: from the lowest to the "
        "highest seed. Directions are written teacher → student."
    )
