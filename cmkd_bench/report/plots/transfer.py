"""Which modality teaches which: a matrix of gains per method."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes

from cmkd_bench.report.board import Column
from cmkd_bench.report.plots.heat import TEXT, plot_gains
from cmkd_bench.report.plots.picture import Picture, Refusal, file_stem, plot_panels, shorten
from cmkd_bench.report.plots.plot_data import PlotData, not_done
from cmkd_bench.report.plots.style import GRAY, PAGE, TALLEST

CELL = 0.44  # inches, enough for a signed number with one decimal
NAME = 0.75  # inches that a modality's name may take
WIDE = 7  # characters of a name that fit below a column


def plot(data: PlotData) -> Iterator[Picture | Refusal]:
    """Plot a matrix per method for each dataset with more than one pair of modalities."""
    for dataset, columns in data.datasets.items():
        name = file_stem("transfer", data.stem(dataset))
        modalities = list(dict.fromkeys(one for c in columns for one in (c.teacher_modality, c.student_modality)))
        matrices = {method: _matrix(data, method, columns, modalities) for method in data.methods}
        gains = {method: matrix for method, matrix in matrices.items() if not np.isnan(matrix).all()}
        if len({frozenset((one.teacher_modality, one.student_modality)) for one in columns}) < 2:
            yield Refusal(name, f"'{dataset}' has one pair of modalities here; a matrix needs two.")
        elif not gains:
            yield Refusal(name, f"no seed of '{dataset}' has both a method and '{data.baseline}' done.")
        else:
            yield from _plot_matrices(data, dataset, modalities, gains)


def _matrix(data: PlotData, method: str, columns: Sequence[Column], modalities: Sequence[str]) -> np.ndarray:
    """Return gains by the teacher's and student's modalities; NaN where there is none."""
    matrix = np.full((len(modalities), len(modalities)), np.nan)
    for one in columns:
        place = modalities.index(one.teacher_modality), modalities.index(one.student_modality)
        matrix[place] = data.entry(method, one).gain  # None becomes NaN
    return matrix


def _plot_matrices(
    data: PlotData, dataset: str, modalities: Sequence[str], gains: Mapping[str, np.ndarray]
) -> Iterator[Picture]:
    metric, baseline = data.metric(dataset), data.baseline
    alone = {column.student_modality: data.entry(baseline, column).mean for column in data.datasets[dataset]}
    # The darkest color is for the largest gain of a method, because a control may be far off.
    sizes = {method: float(np.nanmax(np.abs(matrix))) for method, matrix in gains.items()}
    reach = max([size for method, size in sizes.items() if data.roles[method] == "method"] or sizes.values()) or 1.0
    names = NAME if any(len(one) > WIDE for one in modalities) else 0.15  # inches below the matrices
    side = CELL * len(modalities)
    across = max(1, int((PAGE - NAME - 0.2) / (side + 0.15)))
    down = max(1, int((TALLEST - names) / (side + 0.3)))
    return plot_panels(
        file_stem("transfer", data.stem(dataset)),
        data.title(f"Gain over the student alone ('{baseline}') by teacher and student", dataset),
        f"Mean gain in test {metric} in percentage points, n = {data.seeds}; purple helps, brown harms, darkest at "
        f"{reach:.1f} or more. On the diagonal in gray: the modality alone, {metric} in percent. Hatched: not run, not "
        f"defined, or not done.{not_done(data.methods, gains)}",
        {method: partial(_plot_panel, modalities, matrix, alone, reach) for method, matrix in gains.items()},
        height=side + 0.3 + names / min(down, math.ceil(len(gains) / across)),
        across=across,
        most=across * down,
        width=max(3.4, min(PAGE, NAME + 0.35 + min(across, len(gains)) * (side + 0.15))),
        margin=NAME + 0.35,
        xlabel="student's modality",
        ylabel="teacher's modality",
    )


def _plot_panel(
    modalities: Sequence[str], matrix: np.ndarray, alone: Mapping[str, float | None], reach: float, ax: Axes
) -> None:
    names = [shorten(one, NAME) for one in modalities]
    empty = [(row, column) for row, column in np.argwhere(np.isnan(matrix)).tolist() if row != column]
    plot_gains(ax, matrix, reach, names, names, empty)
    for place, modality in enumerate(modalities):
        if math.isnan(matrix[place, place]) and (mean := alone.get(modality)) is not None:
            ax.text(place + 0.5, place + 0.5, f"{mean:.1f}", color=GRAY, **TEXT)
    ax.set_anchor("W")  # where its title begins
    ax.tick_params(axis="x", rotation=90 if any(len(one) > WIDE for one in modalities) else 0)
