"""What each method gains over the student alone, with its interval, direction by direction."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from matplotlib.axes import Axes

from cmkd_bench.report.leaderboard import Column
from cmkd_bench.report.plots.material import Material, Result
from cmkd_bench.report.plots.page import Picture, Refusal, file_stem, grid, hide_rest, sheet, shorten, width_of
from cmkd_bench.report.plots.ranges import arrow, is_outside, view_of_gains
from cmkd_bench.report.plots.style import BLACK, GREY, NORMAL, SMALL, TALLEST, Look, styled
from cmkd_bench.statistics.paired import FEWEST_SEEDS

ROW, GAP = 0.2, 0.8  # inches per method; rows between methods and controls
BELOW = 0.33  # rows between a mean and its seeds
NAME = 1.25  # inches that a name may take
ACROSS = 3  # panels side by side


def draw(material: Material) -> Iterator[Picture | Refusal]:
    """One sheet per dataset, a panel per direction."""
    for dataset, columns in material.datasets.items():
        name = file_stem("gains", dataset)
        if all(row.gain is None for column in columns for row in material.compared(column)):
            yield Refusal(name, f"no method and '{material.baseline}' are both done for one seed of '{dataset}'.")
            continue
        sheets = _split(columns, _height(_places(material.compared(columns[0]))))
        limits = view_of_gains([result for column in columns for result in material.compared(column)])
        for number, part in enumerate(sheets, 1):
            many = len(sheets) > 1
            with styled():
                yield _sheet(material, dataset, part, limits, f"{name}-{number}" if many else name)


def _sheet(
    material: Material, dataset: str, columns: Sequence[Column], limits: tuple[float, float], name: str
) -> Picture:
    rows = [material.compared(column) for column in columns]
    places = _places(rows[0])
    width = width_of(len(columns))
    down, across = grid(len(columns), ACROSS)
    title = material.title(f"Gain over the student alone ('{material.baseline}')", dataset)
    figure, body = sheet(title, _note(material, rows, limits), down * _height(places) + 0.35, width)
    axes = body.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    for ax, column, results in zip(axes.flat, columns, rows):
        _panel(ax, results, places, material, limits)
        ax.set_title(shorten(column.direction, (width - NAME) / across - 0.1, NORMAL), loc="left")
    hide_rest(axes, len(columns))
    unit = f"gain in test {material.metric(dataset)} (percentage points)"
    body.supxlabel(unit, fontsize=NORMAL)
    return Picture(name, title, figure)


def _places(results: Sequence[Result]) -> list[float]:
    """Where the rows stand, from the top: controls apart."""
    return [i + (GAP if result.role == "control" and i else 0.0) for i, result in enumerate(results)]


def _height(places: Sequence[float]) -> float:
    """Of a panel, in inches."""
    return ROW * (max(places) + 1.2) + 0.3


def _split(columns: Sequence[Column], height: float) -> list[Sequence[Column]]:
    """The directions of each sheet, about as many on each."""
    sheets = math.ceil(len(columns) / (ACROSS * max(1, int(TALLEST / height))))
    most = math.ceil(len(columns) / sheets)
    return [columns[start : start + most] for start in range(0, len(columns), most)]


def _panel(
    ax: Axes,
    results: Sequence[Result],
    places: Sequence[float],
    material: Material,
    limits: tuple[float, float],
) -> None:
    ax.grid(axis="x")
    ax.axvline(0, color=BLACK, linewidth=0.8)
    for result, y in zip(results, places, strict=True):
        if result.gain is None:
            text = result.problem or "student alone is missing"
            ax.text(0.02, y, text, transform=ax.get_yaxis_transform(), **_small(), ha="left")
        else:
            _row(ax, result, y, result.gain, material.looks[result.method], limits)
    ax.set_xlim(limits)
    ax.set_yticks(places, [shorten(result.method, NAME) for result in results])
    ax.set_ylim(max(places) + 0.6, -0.6)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0, pad=6)


def _row(ax: Axes, result: Result, y: float, gain: float, look: Look, limits: tuple[float, float]) -> None:
    if is_outside(gain, limits):
        arrow(ax, y, gain, limits, look, "x", result.method)
        return
    seeds = list(result.gains.values())
    ax.plot(seeds, [y + BELOW] * len(seeds), ".", color=look.colour, markersize=2.5, label="_seeds")
    ax.errorbar([gain], [y], xerr=result.reach, elinewidth=1.3, label=result.method, **look.mark)
    if result.problem:
        ax.text(1, y, f"n = {len(seeds)}", transform=ax.get_yaxis_transform(), **_small(), ha="right")


def _note(material: Material, rows: Sequence[Sequence[Result]], limits: tuple[float, float]) -> str:
    has_interval = any(result.interval is not None for results in rows for result in results)
    gains = [result.gain for results in rows for result in results if result.gain is not None]
    far = "; an arrow points to one off the scale" if any(is_outside(gain, limits) for gain in gains) else ""
    interval = (
        "bar: 95 % interval for new seeds and test samples, not corrected for the number of methods"
        if has_interval
        else f"no interval with fewer than {FEWEST_SEEDS} seeds"
    )
    return (
        f"Right of 0 is better. Marker: mean of paired differences, n = {material.seeds_text()}; dots below: single "
        f"seeds; {interval}. Grey: controls{far}."
    )


def _small() -> dict[str, Any]:
    """Legible on top of the grid and of the line at 0."""
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
    return {"fontsize": SMALL, "color": GREY, "va": "center", "bbox": box}
