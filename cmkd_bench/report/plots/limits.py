"""Axis limits that are robust to outliers: values beyond them become arrows at the edge, labeled with the value."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes

from cmkd_bench.report.plots.style import GRAY, SMALL, Style

MARGIN = 0.07
FAR = 3.0  # interquartile ranges from the nearest quartile to where values are far out (Tukey 1977)
Limits = tuple[float, float]


def axis_limits(rows: Iterable[tuple[str, Sequence[float]]], also: Sequence[float] = ()) -> Limits:
    """Return limits that contain all values of methods; controls farther away than half the range are outside.

    Nothing is shown partially: if a control is inside, everything plotted with it is inside too, and so are other
    controls within the extended range.

    Args:
        rows: role and values of each, first the value that decides.
        also: what else must be shown where there is a method.
    """
    known = [(role, values) for role, values in rows if len(values)]
    must = [value for role, values in known if role != "control" for value in values]
    may = [values for role, values in known if role == "control"]
    must = [*must, *also] if must else [value for values in may for value in values] or [0.0]
    low, high = min(must), max(must)
    room = ((high - low) or 1.0) / 2
    limits = (low - room, high + room)
    while near := [values for values in may if not is_outside(values[0], limits)]:
        may = [values for values in may if is_outside(values[0], limits)]
        low, high = min(low, *map(min, near)), max(high, *map(max, near))
        limits = (min(limits[0], low), max(limits[1], high))
    margin = MARGIN * ((high - low) or 1.0)
    # The margins end before what has an arrow.
    below = max((values[0] for values in may if values[0] < low), default=-math.inf)
    above = min((values[0] for values in may if values[0] > high), default=math.inf)
    return max(low - margin, (low + below) / 2), min(high + margin, (high + above) / 2)


def limits_of_most(points: Sequence[tuple[float, Sequence[float]]], others: Sequence[float] = ()) -> Limits:
    """Return limits that contain 0 and all points that are not far out, and their bars up to where that begins.

    Args:
        points: each with the ends of its bar.
        others: points that are shown only if they are within half the range of the first; all without the first.
    """
    decisive = points or [(value, ()) for value in others] or [(0.0, ())]
    low, high = np.quantile([value for value, _ in decisive], [0.25, 0.75])
    reach = FAR * (high - low) or math.inf
    fence = (float(low - reach), float(high + reach))
    near = [(value, bar) for value, bar in decisive if not is_outside(value, fence)]
    ends = [0.0, *(min(max(end, fence[0]), fence[1]) for value, bar in near for end in (value, *bar))]
    room = (max(ends) - min(ends)) / 2
    ends += [value for value in others if not is_outside(value, (min(ends) - room, max(ends) + room))]
    margin = MARGIN * ((max(ends) - min(ends)) or 1.0)
    return min(ends) - margin, max(ends) + margin


def is_outside(value: float, limits: Limits) -> bool:
    """Return whether a value is beyond the limits."""
    return not limits[0] <= value <= limits[1]


def minus(number: str) -> str:
    """Return a number with the minus sign of the axes."""
    return number.replace("-", "\N{MINUS SIGN}")


def off_scale(rows: Mapping[str, Sequence[float]], limits: Limits, what: str) -> str:
    """Return a sentence for the note on the values that arrows point to; empty without any.

    Args:
        rows: values by row.
        limits: of the axis.
        what: a value is.
    """
    listed = []
    for row, values in rows.items():
        if beyond := [value for value in values if is_outside(value, limits)]:
            ends = dict.fromkeys([f"{min(beyond):.1f}", f"{max(beyond):.1f}"])
            listed.append(f"{row}, {minus(' to '.join(ends))}")
    return f" An arrow points to {what} off the scale: {'; '.join(listed)}." if listed else ""


def plot_arrow(
    ax: Axes,
    place: float,
    value: float,
    limits: Limits,
    style: Style,
    label: str = "_outside",
    *,
    axis: Literal["x", "y"] = "y",
    is_numbered: bool = True,
) -> None:
    """Mark a value beyond the limits of an axis, and print it beside the arrow; its place is on the other axis."""
    below = value < limits[0]
    edge, inward = (limits[0], 1) if below else (limits[1], -1)
    point = (edge, place) if axis == "x" else (place, edge)
    mark = {**style.mark, "marker": {"x": "<>", "y": "v^"}[axis][0 if below else 1]}
    ax.plot(*point, label=label, linestyle="", clip_on=False, zorder=4, **mark)
    if is_numbered:
        shift = (6 * inward, 0) if axis == "x" else (-4, 2 * inward)
        across, along = "left" if shift[0] > 0 else "right", "center" if axis == "x" else "bottom" if below else "top"
        text: dict[str, Any] = {"ha": across, "va": along, "fontsize": SMALL, "color": GRAY}
        ax.annotate(minus(f"{value:.1f}"), point, shift, textcoords="offset points", **text)
