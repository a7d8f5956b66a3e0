"""Does a better teacher's modality mean a larger gain? The gap between the modalities against what a method gains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D

from cmkd_bench.report.plots.material import Material, Result
from cmkd_bench.report.plots.page import Picture, Refusal, grid, hide_rest, sheet, shorten
from cmkd_bench.report.plots.ranges import arrow, is_outside, minus, view_of_gains
from cmkd_bench.report.plots.style import BLACK, GREY, NORMAL, PAGE, SMALL, Look, look, styled

MOST_ACROSS, MOST = 4, 20
FEWEST_DIRECTIONS = 2


def draw(material: Material) -> Iterator[Picture | Refusal]:
    """One sheet, a panel per method, a point per direction."""
    points = {method: [(gap, result) for result, gap in _results(material, method)] for method in material.methods}
    most = max((len(values) for values in points.values()), default=0)
    if most < FEWEST_DIRECTIONS:
        yield Refusal("gap", f"{most} direction has teacher, student alone and a method done, and two are the fewest.")
        return
    methods = list(points)
    parts = [methods[start : start + MOST] for start in range(0, len(methods), MOST)]
    for number, part in enumerate(parts, 1):
        with styled():
            yield _sheet(material, {m: points[m] for m in part}, f"gap-{number}" if len(parts) > 1 else "gap")


def _results(material: Material, method: str) -> Iterator[tuple[Result, float]]:
    for column in material.columns:
        result = material.result(method, column)
        teacher, alone = material.teacher(column).mean, material.alone(column).mean
        if result.gain is not None and teacher is not None and alone is not None:
            yield result, teacher - alone


def _sheet(material: Material, points: dict[str, list[tuple[float, Result]]], name: str) -> Picture:
    title = material.title_of_all("Gap between the modalities against the gain of each method")
    down, across = grid(len(points), MOST_ACROSS)
    looks = {dataset: look(i) for i, dataset in enumerate(material.datasets)}
    legend_rows = -(-len(looks) // 4)
    limits = view_of_gains([result for values in points.values() for _, result in values])
    gains = [result.gain for values in points.values() for _, result in values if result.gain is not None]
    has_arrow = any(is_outside(gain, limits) for gain in gains)
    figure, body = sheet(title, _note(material, has_arrow), 0.4 + 1.4 * down + 0.17 * legend_rows, PAGE)
    axes = body.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    for ax, (method, values) in zip(axes.flat, points.items()):
        _panel(ax, values, looks, limits)
        ax.set_title(shorten(method, PAGE / across - 0.6, NORMAL), loc="left")
    hide_rest(axes, len(points))
    body.supxlabel("teacher minus student alone (percentage points)", fontsize=NORMAL)
    body.supylabel("gain (percentage points)", fontsize=NORMAL)
    _legend(body, looks)
    return Picture(name, title, figure)


def _panel(
    ax: Axes, values: Sequence[tuple[float, Result]], looks: dict[str, Look], limits: tuple[float, float]
) -> None:
    ax.grid()
    ax.set_ylim(limits)
    ax.axhline(0, color=BLACK, linewidth=0.8)
    ax.axvline(0, color=BLACK, linewidth=0.8, linestyle=(0, (1, 2)))
    far = [result.gain for _, result in values if result.gain is not None and is_outside(result.gain, limits)]
    if not values or far:
        text = (
            f"off the scale: {minus(f'{min(far):.1f}')} to {minus(f'{max(far):.1f}')}" if far else "nothing to compare"
        )
        ax.text(0.5, 0.3, text, transform=ax.transAxes, fontsize=SMALL, color=GREY, ha="center", va="center")
    for gap, result in values:
        if result.gain is not None:
            _point(ax, gap, result, result.gain, looks[result.column.dataset], limits)


def _point(ax: Axes, gap: float, result: Result, gain: float, look: Look, limits: tuple[float, float]) -> None:
    if is_outside(gain, limits):
        arrow(ax, gap, gain, limits, look, "y", result.column.dataset, with_number=False)
        return
    label = result.column.dataset
    ax.errorbar([gap], [gain], yerr=result.reach, elinewidth=0.7, markersize=3.8, label=label, **look.mark)


def _legend(body: SubFigure, looks: dict[str, Look]) -> None:
    handles = [Line2D([], [], linestyle="", **one.mark) for one in looks.values()]
    labels = [shorten(dataset, PAGE / 4 - 0.4) for dataset in looks]
    body.legend(handles, labels, loc="outside upper left", ncols=4, fontsize=NORMAL - 1)


def _note(material: Material, has_arrow: bool) -> str:
    far = "; an arrow points to a control off the scale" if has_arrow else ""
    return (
        "One point per direction. Right of the dotted line the teacher is better than the student alone; above the "
        f"line the method helps{far}. Means over {material.seeds_text()}; bars: 95 % intervals of the gain for new "
        "seeds and test samples."
    )
