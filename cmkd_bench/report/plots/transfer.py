"""Which modality teaches which: a matrix of gains per method."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes

from cmkd_bench.composite import JOINT, parts_of
from cmkd_bench.report.board import Column
from cmkd_bench.report.plots.heat import TEXT, plot_gains
from cmkd_bench.report.plots.picture import Picture, Refusal, file_stem, plot_panels, shorten
from cmkd_bench.report.plots.plot_data import PlotData, not_done
from cmkd_bench.report.plots.style import GRAY, PAGE, TALLEST

CELL = 0.44  # inches, enough for a signed number with one decimal
NAME = 0.75  # inches that a modality's name may take
LINES = 3  # of a name that fit beside a row
WIDE = 7  # characters of a name that fit below a column
Sides = tuple[Sequence[str], Sequence[str]]  # what teachers see, by row, and what students see, by column


def plot(data: PlotData) -> Iterator[Picture | Refusal]:
    """Plot a matrix per method for each dataset with more than one pair of modalities."""
    for dataset, columns in data.datasets.items():
        name = file_stem("transfer", data.stem(dataset))
        sides = _sides(columns)
        matrices = {method: _matrix(data, method, columns, sides) for method in data.methods}
        gains = {method: matrix for method, matrix in matrices.items() if not np.isnan(matrix).all()}
        if len({frozenset((one.teacher_modality, one.student_modality)) for one in columns}) < 2:
            yield Refusal(name, f"'{dataset}' has one pair of modalities here; a matrix needs two.")
        elif not gains:
            yield Refusal(name, f"no seed of '{dataset}' has both a method and '{data.baseline}' done.")
        else:
            yield from _plot_matrices(data, dataset, sides, gains)


def _sides(columns: Sequence[Column]) -> Sides:
    """Return what teachers and students see: first what students see, then the rest."""
    every = dict.fromkeys(one for c in columns for one in (c.teacher_modality, c.student_modality))
    seen = {one.student_modality for one in columns}
    students = [one for one in every if one in seen]
    others = sorted((one for one in every if one not in seen), key=lambda one: len(parts_of(one)))
    return [*students, *others], students


def _matrix(data: PlotData, method: str, columns: Sequence[Column], sides: Sides) -> np.ndarray:
    """Return gains by the teacher's and student's modalities; NaN where there is none."""
    teachers, students = sides
    matrix = np.full((len(teachers), len(students)), np.nan)
    for one in columns:
        place = teachers.index(one.teacher_modality), students.index(one.student_modality)
        matrix[place] = data.entry(method, one).gain  # None becomes NaN
    return matrix


def _plot_matrices(data: PlotData, dataset: str, sides: Sides, gains: Mapping[str, np.ndarray]) -> Iterator[Picture]:
    metric, baseline = data.metric(dataset), data.baseline
    alone = {column.student_modality: data.entry(baseline, column).mean for column in data.datasets[dataset]}
    # The darkest color is for the largest gain of a method, because a control may be far off.
    sizes = {method: float(np.nanmax(np.abs(matrix))) for method, matrix in gains.items()}
    reach = max([size for method, size in sizes.items() if data.roles[method] == "method"] or sizes.values()) or 1.0
    tall, wide = (CELL * len(side) for side in sides)
    names = NAME if _are_upright(sides) else 0.15  # inches below the matrices
    beside = NAME * max(map(_parts_per_line, sides[0]))
    across = max(1, int((PAGE - beside - 0.2) / (wide + 0.15)))
    down = max(1, int((TALLEST - names) / (tall + 0.3)))
    return plot_panels(
        file_stem("transfer", data.stem(dataset)),
        data.title(f"Gain over the student alone ('{baseline}') by teacher and student", dataset),
        f"Mean gain in test {metric} in percentage points, n = {data.seeds}; purple helps, brown harms, darkest at "
        f"{reach:.1f} or more. On the diagonal in gray: the modality alone, {metric} in percent. Hatched: not run, not "
        f"defined, or not done.{not_done(data.methods, gains)}",
        {method: partial(_plot_panel, sides, matrix, alone, reach) for method, matrix in gains.items()},
        height=tall + 0.3 + names / min(down, math.ceil(len(gains) / across)),
        across=across,
        most=across * down,
        width=max(3.4, min(PAGE, beside + 0.35 + min(across, len(gains)) * (wide + 0.15))),
        margin=beside + 0.35,
        xlabel="student's modality",
        ylabel="teacher's modality",
    )


def _plot_panel(sides: Sides, matrix: np.ndarray, alone: Mapping[str, float | None], reach: float, ax: Axes) -> None:
    teachers, students = sides
    empty = [(i, j) for i, j in np.argwhere(np.isnan(matrix)).tolist() if teachers[i] != students[j]]
    plot_gains(ax, matrix, reach, _in_lines(students), _in_lines(teachers), empty)
    for i, j in np.argwhere(np.isnan(matrix)).tolist():
        if teachers[i] == students[j] and (mean := alone.get(teachers[i])) is not None:
            ax.text(j + 0.5, i + 0.5, f"{mean:.1f}", color=GRAY, **TEXT)
    ax.set_anchor("W")  # where its title begins
    ax.tick_params(axis="x", rotation=90 if _are_upright(sides) else 0)


def _are_upright(sides: Sides) -> bool:
    """Return whether the names below a matrix are too long to stand side by side."""
    return any(len(one) > WIDE for one in sides[1])


def _in_lines(modalities: Sequence[str]) -> list[str]:
    """Return names that fit beside a matrix, with the parts of a composite modality on several lines."""
    return [_lines(name) for name in modalities]


def _lines(modality: str) -> str:
    parts, per = [shorten(one, NAME) for one in parts_of(modality)], _parts_per_line(modality)
    return f"{JOINT}\n".join(JOINT.join(parts[start : start + per]) for start in range(0, len(parts), per))


def _parts_per_line(modality: str) -> int:
    return math.ceil(len(parts_of(modality)) / LINES)
