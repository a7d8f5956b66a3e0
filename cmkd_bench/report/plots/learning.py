"""How the accuracy that selects the epoch rises while a method trains, with the spread of the seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cmkd_bench.experiment.trials import TUNED
from cmkd_bench.report.leaderboard import Column
from cmkd_bench.report.plots.material import Material
from cmkd_bench.report.plots.page import Picture, Refusal, file_stem, grid, hide_rest, paired, sheet, shorten
from cmkd_bench.report.plots.ranges import arrow, is_outside, view
from cmkd_bench.report.plots.style import GREY, NORMAL, PAGE, SMALL, Look, styled

MOST_ACROSS, MOST = 4, 20
TUNED_LINE = (0, (4, 1.5))
MARKS = 4  # on a tuned row's curve, about


def draw(material: Material) -> Iterator[Picture | Refusal]:
    """One sheet per direction, a panel per method and its tuned row, with the student alone behind them."""
    for dataset, columns in material.datasets.items():
        for column in columns:
            name = file_stem("learning", dataset, column.teacher_modality, column.student_modality)
            curves = {method: curve(material, method, column) for method in material.roles}
            drawn = {method: values for method, values in curves.items() if len(values)}
            if not drawn:
                yield Refusal(name, f"no finished run of '{dataset}', {column.direction} measured an epoch.")
                continue
            panels = paired(material.methods or [material.baseline])
            parts = [panels[start : start + MOST] for start in range(0, len(panels), MOST)]
            for number, part in enumerate(parts, 1):
                with styled():
                    yield _sheet(material, column, part, curves, f"{name}-{number}" if len(parts) > 1 else name)


def curve(material: Material, method: str, column: Column) -> pd.DataFrame:
    """The selecting accuracy in percent by `epoch` and `seed`, the mean over folds; empty where nothing is."""
    records = [
        {"seed": cell.seed, "epoch": record["epoch"], "value": record["selection"]}
        for cell, run in material.runs(method, column)
        for record in material.history(str(run["run_id"]))
        if record.get("selection") is not None
    ]
    frame = pd.DataFrame(records, columns=["seed", "epoch", "value"])
    return frame.groupby(["seed", "epoch"])["value"].mean().reset_index()


def _sheet(
    material: Material, column: Column, panels: Sequence[Sequence[str]], curves: dict[str, pd.DataFrame], name: str
) -> Picture:
    metric = material.metric(column.dataset)
    down, across = grid(len(panels), MOST_ACROSS)
    title = material.title("Learning curves", column.dataset, column)
    rows = [row for panel in panels for row in panel]
    limits = _limits(material, {row: curves[row] for row in (material.baseline, *rows)})
    figure, body = sheet(title, _note(material, rows), 0.35 + 1.3 * down, PAGE)
    axes = body.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    axes.flat[0].xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))  # which all panels share
    axes.flat[0].set_ylim(limits)
    for ax, panel in zip(axes.flat, panels):
        _panel(ax, material, panel, column, curves)
        for row in panel:
            _arrow(ax, curves[row], limits, material.looks[row])
        ax.set_title(shorten(panel[0], PAGE / across - 0.3, NORMAL), loc="left")
    hide_rest(axes, len(panels))
    body.supxlabel("epoch", fontsize=NORMAL)
    body.supylabel(f"{_part(material, column)} {metric} (%)", fontsize=NORMAL)
    return Picture(name, title, figure)


def _panel(ax: Axes, material: Material, rows: Sequence[str], column: Column, curves: dict[str, pd.DataFrame]) -> None:
    ax.grid()
    alone, drawn = curves[material.baseline], [row for row in rows if len(curves[row])]
    if len(alone) and material.baseline not in rows:
        mean = alone.groupby("epoch")["value"].mean()
        ax.plot(mean.index, mean.to_numpy(), color=GREY, linestyle=(0, (2, 1)), linewidth=0.9, label=material.baseline)
    for row in drawn:
        _curve(ax, curves[row], material.looks[row], row)
    if drawn:
        first, row = min((int(curves[row]["epoch"].min()), row) for row in drawn)
        _unmeasured(ax, material, row, column, first)
    else:
        problem = material.result(rows[0], column).problem or "no epoch was measured"
        ax.text(0.5, 0.5, problem, transform=ax.transAxes, fontsize=SMALL, color=GREY, ha="center", va="center")


def _curve(ax: Axes, values: pd.DataFrame, look: Look, row: str) -> None:
    seeds = values.groupby("epoch")["value"].agg(["mean", "min", "max"])
    style: dict[str, Any] = {"linestyle": "-", "marker": "o" if len(seeds) == 1 else "", "color": look.colour}
    if row.endswith(TUNED):
        step = max(1, len(seeds) // MARKS)
        style = {
            "linestyle": TUNED_LINE,
            "markersize": 3.5,
            "markeredgewidth": 0.8,
            "markevery": (step // 2, step),
            **look.mark,
        }
    ax.fill_between(seeds.index, seeds["min"], seeds["max"], color=look.colour, alpha=0.2, linewidth=0)
    ax.plot(seeds.index, seeds["mean"], label=row, **style)


def _limits(material: Material, curves: dict[str, pd.DataFrame]) -> tuple[float, float]:
    """The range of the student alone and of the second half of all curves, where they come close to each other.

    They may begin outside; a control may end there, too.
    """
    inner = [curves[material.baseline]["value"]]
    outer = []
    for row, curve in curves.items():
        later = curve.loc[curve["epoch"] >= curve["epoch"].median(), "value"]
        if material.roles[row] != "control":
            inner.append(later)
        elif len(later):
            outer.append([later.iloc[-1], *later])
    return view(pd.concat(inner), outer)


def _arrow(ax: Axes, values: pd.DataFrame, limits: tuple[float, float], look: Look) -> None:
    """Say where a curve ends that is off the scale there."""
    if len(values):
        last = values["epoch"].max()
        end = float(values.loc[values["epoch"] == last, "value"].mean())
        if is_outside(end, limits):
            arrow(ax, last, end, limits, look, "y", "_outside", side="left")


def _unmeasured(ax: Axes, material: Material, method: str, column: Column, first: int) -> None:
    """Shade the phases in which the student is not selected."""
    _, run = material.runs(method, column)[0]
    phases = [str(one["phase"]) for one in material.history(str(run["run_id"]))]
    before = list(dict.fromkeys(phases[: first - 1]))
    if before and before != [phases[first - 1]]:
        ax.axvspan(0.5, first - 0.5, color="#eeeeee", linewidth=0)
        text = shorten(f"phase {', '.join(before)}", 0.9)
        back = {"facecolor": "#eeeeee", "edgecolor": "none", "pad": 0.5}  # the student alone goes through it
        place: dict[str, Any] = {"rotation": 90, "ha": "center", "va": "center", "bbox": back}
        ax.text(first / 2, 0.5, text, transform=ax.get_xaxis_transform(), fontsize=SMALL, color=GREY, **place)


def _part(material: Material, column: Column) -> str:
    for method in material.roles:
        for _, run in material.runs(method, column):
            return str(run.get("selected_on", "validation"))
    return "validation"


def _note(material: Material, rows: Sequence[str]) -> str:
    are_tuned = any(row.endswith(TUNED) for row in rows)
    tuned = " (solid: with its defaults; dashed with markers: tuned)" if are_tuned else ""
    return (
        f"Line: mean over {material.seeds_text()}{tuned}; band: from the lowest to the highest seed. Dotted grey: the "
        f"student alone ('{material.baseline}'). Grey area: a phase in which no epoch is measured. Curves may "
        "begin off the scale; an arrow points to the end of a control's that ends there."
    )
