"""Does a better teacher's modality mean a larger gain? The gap between the modalities against what a method gains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D

from cmkd_bench.experiment.trials import TUNED
from cmkd_bench.report.plots.material import Material, Result
from cmkd_bench.report.plots.page import Picture, Refusal, grid, hide_rest, paired, sheet, shorten
from cmkd_bench.report.plots.ranges import arrow, is_outside, minus, view_of_gains
from cmkd_bench.report.plots.style import BLACK, GREY, NORMAL, PAGE, SMALL, Look, look, styled

MOST_ACROSS, MOST = 4, 20
FEWEST_DIRECTIONS = 2
Points = Mapping[str, Sequence[tuple[float, Result]]]  # by row, each with the gap


def draw(material: Material) -> Iterator[Picture | Refusal]:
    """One sheet, a panel per method and its tuned row, a point per direction."""
    points = {method: [(gap, result) for result, gap in _results(material, method)] for method in material.methods}
    most = max((len(values) for values in points.values()), default=0)
    if most < FEWEST_DIRECTIONS:
        yield Refusal("gap", f"{most} direction has teacher, student alone and a method done, and two are the fewest.")
        return
    panels = paired(list(points))
    parts = [panels[start : start + MOST] for start in range(0, len(panels), MOST)]
    for number, part in enumerate(parts, 1):
        with styled():
            yield _sheet(material, part, points, f"gap-{number}" if len(parts) > 1 else "gap")


def _results(material: Material, method: str) -> Iterator[tuple[Result, float]]:
    for column in material.columns:
        result = material.result(method, column)
        teacher, alone = material.teacher(column).mean, material.alone(column).mean
        if result.gain is not None and teacher is not None and alone is not None:
            yield result, teacher - alone


def _sheet(material: Material, panels: Sequence[Sequence[str]], points: Points, name: str) -> Picture:
    title = material.title_of_all("Gap between the modalities against the gain of each method")
    down, across = grid(len(panels), MOST_ACROSS)
    looks = {dataset: look(i) for i, dataset in enumerate(material.datasets)}
    legend_rows = -(-len(looks) // 4)
    shown = {row: points[row] for panel in panels for row in panel}
    limits = view_of_gains([result for values in shown.values() for _, result in values])
    figure, body = sheet(title, _note(material, shown, limits), 0.4 + 1.4 * down + 0.17 * legend_rows, PAGE)
    axes = body.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    for ax, panel in zip(axes.flat, panels):
        _panel(ax, panel, points, looks, limits)
        ax.set_title(shorten(panel[0], PAGE / across - 0.6, NORMAL), loc="left")
    hide_rest(axes, len(panels))
    body.supxlabel("teacher minus student alone (percentage points)", fontsize=NORMAL)
    body.supylabel("gain (percentage points)", fontsize=NORMAL)
    _legend(body, looks)
    return Picture(name, title, figure)


def _panel(ax: Axes, rows: Sequence[str], points: Points, looks: dict[str, Look], limits: tuple[float, float]) -> None:
    ax.grid()
    ax.set_ylim(limits)
    ax.axhline(0, color=BLACK, linewidth=0.8)
    ax.axvline(0, color=BLACK, linewidth=0.8, linestyle=(0, (1, 2)))
    if not any(points[row] for row in rows):
        text = "nothing to compare"
        ax.text(0.5, 0.3, text, transform=ax.transAxes, fontsize=SMALL, color=GREY, ha="center", va="center")
    for row in rows:
        for gap, result in points[row]:
            of_dataset = looks[result.column.dataset]
            _point(ax, gap, result, replace(of_dataset, filled=not row.endswith(TUNED)), limits)


def _point(ax: Axes, gap: float, result: Result, look: Look, limits: tuple[float, float]) -> None:
    assert result.gain is not None, "a point has one"
    label = result.column.dataset
    if is_outside(result.gain, limits):
        arrow(ax, gap, result.gain, limits, look, "y", label, side=None)
        return
    ax.errorbar([gap], [result.gain], yerr=result.reach, elinewidth=0.7, markersize=3.8, label=label, **look.mark)


def _legend(body: SubFigure, looks: dict[str, Look]) -> None:
    handles = [Line2D([], [], linestyle="", **one.mark) for one in looks.values()]
    labels = [shorten(dataset, PAGE / 4 - 0.4) for dataset in looks]
    body.legend(handles, labels, loc="outside upper left", ncols=4, fontsize=NORMAL - 1)


def _note(material: Material, points: Points, limits: tuple[float, float]) -> str:
    tuned = ". Open markers: tuned" if any(row.endswith(TUNED) for row in points) else ""
    far = "; ".join(
        f"{row}, {minus(f'{min(beyond):.1f}')} to {minus(f'{max(beyond):.1f}')}"
        for row, values in points.items()
        if (beyond := [one.gain for _, one in values if one.gain is not None and is_outside(one.gain, limits)])
    )
    arrows = f" An arrow points to a gain off the scale: {far}." if far else ""
    return (
        "One point per direction. Right of the dotted line the teacher is better than the student alone; above the "
        f"line the method helps{tuned}. Means over {material.seeds_text()}; bars: 95 % intervals of the gain for new "
        f"seeds and test samples.{arrows}"
    )
