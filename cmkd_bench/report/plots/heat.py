"""Matrices of gains as colors, with the numbers in them."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from seaborn.utils import relative_luminance

from cmkd_bench.report.plots.limits import minus
from cmkd_bench.report.plots.style import BLACK, SMALL

COLORS = "PuOr"  # its ends differ for all kinds of color vision, and the sign is printed
TEXT: dict[str, Any] = {"fontsize": SMALL, "ha": "center", "va": "center"}


def plot_gains(
    ax: Axes,
    gains: np.ndarray,
    reach: float,
    columns: Sequence[str],
    rows: Sequence[str],
    hatched: Collection[tuple[int, int]],
    square: bool = True,
) -> None:
    """Plot a matrix of gains, with nothing in it where there is none.

    Args:
        gains: (rows, columns), NaN where there is none.
        reach: the size of a gain in the darkest color.
        columns: names below the columns.
        rows: names at the left of the rows.
        hatched: those of the places without a gain that are hatched, as (row, column).
        square: whether cells are as wide as high.
    """
    sns.heatmap(
        gains, vmin=-reach, vmax=reach, cmap=COLORS, linewidths=0.5, cbar=False, square=square, mask=np.isnan(gains),
        xticklabels=columns, yticklabels=rows, ax=ax,
    )  # fmt: skip
    colors: Any = ax.collections[0]
    for (row, column), gain in np.ndenumerate(gains):
        if not math.isnan(gain):
            # White where it is easier to read than black, by WCAG 2; seaborn's own choice is not.
            ink = "white" if relative_luminance(colors.to_rgba(gain)) < 0.18 else BLACK
            ax.text(column + 0.5, row + 0.5, _number(gain), color=ink, **TEXT)
        elif (row, column) in hatched:
            ax.add_patch(Rectangle((column, row), 1, 1, fill=False, hatch="////", edgecolor="#bbbbbb", linewidth=0))
    ax.tick_params(length=0)
    ax.tick_params(axis="y", rotation=0)


def _number(gain: float) -> str:
    return minus(f"{gain:+.1f}") if abs(gain) >= 0.05 else "0.0"
