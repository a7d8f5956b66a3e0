"""Which modality teaches which: a matrix of gains per method."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.patches import Rectangle

from cmkd_bench.report.leaderboard import Column
from cmkd_bench.report.plots.material import Material
from cmkd_bench.report.plots.page import Picture, Refusal, file_stem, grid, hide_rest, sheet, shorten, text_width
from cmkd_bench.report.plots.ranges import minus
from cmkd_bench.report.plots.style import BLACK, GREY, NORMAL, PAGE, SMALL, TALLEST, styled

CELL = 0.44  # inches; a signed number with one decimal fits in
NAME = 0.75  # inches that a modality's name may take
COLOURS = "PuOr"  # its ends differ for every kind of colour vision, and the sign is printed


def draw(material: Material) -> Iterator[Picture | Refusal]:
    """One sheet per dataset with more than one pair, a matrix per method."""
    for dataset, columns in material.datasets.items():
        name = file_stem("transfer", dataset)
        pairs = {frozenset((column.teacher_modality, column.student_modality)) for column in columns}
        gains = {method: found for method in material.methods if (found := _gains(material, method, columns))}
        if len(pairs) < 2:
            yield Refusal(name, f"'{dataset}' has one pair of modalities here, and a matrix needs two.")
        elif not gains:
            yield Refusal(name, f"no method and '{material.baseline}' are both done for one seed of '{dataset}'.")
        else:
            with styled():
                yield from _sheets(material, dataset, gains, name)


def _gains(material: Material, method: str, columns: Sequence[Column]) -> dict[tuple[str, str], float]:
    found = {column: material.result(method, column).gain for column in columns}
    return {(one.teacher_modality, one.student_modality): gain for one, gain in found.items() if gain is not None}


def _sheets(
    material: Material, dataset: str, gains: dict[str, dict[tuple[str, str], float]], name: str
) -> Iterator[Picture]:
    columns = material.datasets[dataset]
    modalities = list(dict.fromkeys(side for c in columns for side in (c.teacher_modality, c.student_modality)))
    across = max(1, int((PAGE - NAME - 0.2) / (CELL * len(modalities) + 0.15)))
    methods = list(gains)
    most = across * max(1, int((TALLEST - _below(modalities)) / (CELL * len(modalities) + 0.3)))
    reach = _reach(material, gains)
    for start in range(0, len(methods), most):
        part = methods[start : start + most]
        stem = name if len(methods) <= most else f"{name}-{start // most + 1}"
        yield _sheet(material, dataset, modalities, {method: gains[method] for method in part}, reach, stem, across)


def _sheet(
    material: Material,
    dataset: str,
    modalities: Sequence[str],
    gains: dict[str, dict[tuple[str, str], float]],
    reach: float,
    name: str,
    most: int,
) -> Picture:
    down, across = grid(len(gains), most)
    title = material.title(f"Gain over the student alone ('{material.baseline}') by teacher and student", dataset)
    width = max(3.4, min(PAGE, NAME + 0.35 + across * (CELL * len(modalities) + 0.15)))
    height = down * (CELL * len(modalities) + 0.3) + _below(modalities) + 0.25
    figure, body = sheet(title, _note(material, dataset, reach), height, width)
    axes = body.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    alone = {c.student_modality: mean for c in material.datasets[dataset] if (mean := material.alone(c).mean)}
    for ax, (method, values) in zip(axes.flat, gains.items()):
        _panel(ax, modalities, values, reach, alone)
        ax.set_title(shorten(method, CELL * len(modalities) + 0.1, NORMAL), loc="left")
    hide_rest(axes, len(gains))
    _label(body)
    return Picture(name, title, figure)


def _panel(
    ax: Axes,
    modalities: Sequence[str],
    gains: dict[tuple[str, str], float],
    reach: float,
    alone: dict[str, float],
) -> None:
    matrix = np.array([[gains.get((teacher, student), math.nan) for student in modalities] for teacher in modalities])
    names = _names(modalities)
    # Not by seaborn's heatmap, which draws the whole sheet anew for each panel to see whether names overlap.
    mesh = ax.pcolormesh(np.ma.masked_invalid(matrix), cmap=COLOURS, vmin=-reach, vmax=reach, edgecolor="white", lw=0.5)
    for (row, column), gain in np.ndenumerate(matrix):
        if not math.isnan(gain):
            ink = "white" if _is_dark(mesh.to_rgba(gain)) else BLACK
            ax.text(column + 0.5, row + 0.5, _text(gain), fontsize=SMALL, color=ink, **_centre())
    ax.set(aspect="equal", xlim=(0, len(names)), ylim=(len(names), 0))
    ax.set_xticks(np.arange(len(names)) + 0.5, names)
    ax.set_yticks(np.arange(len(names)) + 0.5, names)
    ax.spines[:].set_visible(False)
    for place, modality in enumerate(modalities):
        for other, student in enumerate(modalities):
            if place == other and modality in alone:
                ax.text(place + 0.5, place + 0.5, f"{alone[modality]:.1f}", fontsize=SMALL, color=GREY, **_centre())
            elif place != other and (modality, student) not in gains:
                ax.add_patch(
                    Rectangle((other, place), 1, 1, fill=False, hatch="////", edgecolor="#bbbbbb", linewidth=0)
                )
    ax.tick_params(length=0)
    ax.tick_params(axis="y", rotation=0)
    ax.tick_params(axis="x", rotation=90 if _are_wide(names) else 0)


def _names(modalities: Sequence[str]) -> list[str]:
    return [shorten(modality, NAME) for modality in modalities]


def _are_wide(names: Sequence[str]) -> bool:
    """Whether names have to stand upright below their columns."""
    return any(text_width(name, SMALL) > CELL - 0.05 for name in names)


def _below(modalities: Sequence[str]) -> float:
    """What names take below a column, in inches."""
    names = _names(modalities)
    return max(text_width(name, SMALL) for name in names) if _are_wide(names) else 0.15


def _reach(material: Material, gains: dict[str, dict[tuple[str, str], float]]) -> float:
    """The gain of the darkest colour: the largest of a method, because a control may lie far off."""
    found = [(material.roles[method], abs(gain)) for method, values in gains.items() for gain in values.values()]
    of_methods = [size for role, size in found if role == "method"] or [size for _, size in found]
    return max(of_methods, default=0.0) or 1.0


def _is_dark(colour: Any) -> bool:
    """Whether white is read on it more easily than black, by the relative luminance that WCAG 2 defines."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3])
    return bool(0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.18)


def _text(gain: float) -> str:
    return minus(f"{gain:+.1f}") if abs(gain) >= 0.05 else "0.0"


def _centre() -> dict[str, Any]:
    return {"ha": "center", "va": "center"}


def _label(body: SubFigure) -> None:
    body.supxlabel("student's modality", fontsize=NORMAL)
    body.supylabel("teacher's modality", fontsize=NORMAL)


def _note(material: Material, dataset: str, reach: float) -> str:
    metric = material.metric(dataset)
    columns = material.datasets[dataset]
    missing = [method for method in material.methods if not _gains(material, method, columns)]
    left_out = f" Nothing is done of: {', '.join(missing)}." if missing else ""
    return (
        f"Mean gain in test {metric} in percentage points, n = {material.seeds_text()}; purple helps, brown harms, "
        f"the darkest by {reach:.1f} or more. On "
        f"the diagonal in grey: the modality alone, {metric} in percent. Hatched: not run, not defined, or not "
        f"done.{left_out}"
    )
