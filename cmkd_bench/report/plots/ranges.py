"""Axes that one outlier does not flatten: what lies beyond is an arrow at the edge, with its number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from matplotlib.axes import Axes

from cmkd_bench.report.plots.material import Result
from cmkd_bench.report.plots.style import GREY, SMALL, Look

MARGIN = 0.07


def view(inner: Iterable[float], outer: Iterable[Sequence[float]] = ()) -> tuple[float, float]:
    """The range to show: all inner values, and outer ones no farther from them than half their length.

    Nothing is shown in part: what is drawn with an outer value is within the range as well, and where that reaches
    further outer values, these are.

    Args:
        inner: what must be seen.
        outer: what may be replaced by an arrow: the value that decides, and all that is drawn with it.
    """
    must, may = list(inner), list(outer)
    must = must or [value for values in may for value in values] or [0.0]
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


def view_of_gains(results: Sequence[Result]) -> tuple[float, float]:
    """The range of some gains with 0 in it: controls may lie outside, methods may not."""
    drawn = [
        (one.role, [one.gain, *one.gains.values(), *(one.interval or ())]) for one in results if one.gain is not None
    ]
    methods = [value for role, values in drawn if role != "control" for value in values]
    controls = [values for role, values in drawn if role == "control"]
    return view([0.0, *methods] if methods else (), controls)


def is_outside(value: float, limits: tuple[float, float]) -> bool:
    """Whether a value is beyond the edges."""
    return not limits[0] <= value <= limits[1]


def minus(number: str) -> str:
    """A number with the sign that the axes print."""
    return number.replace("-", "\N{MINUS SIGN}")


def arrow(
    ax: Axes,
    place: float,
    value: float,
    limits: tuple[float, float],
    look: Look,
    axis: Literal["x", "y"],
    label: str,
    side: Literal["left", "right"] | None = "right",
) -> None:
    """Mark a value beyond an edge.

    Args:
        ax: where.
        place: on the other axis.
        value: what lies beyond.
        limits: of the axis.
        look: of what it belongs to.
        axis: the one that the value is on.
        label: of the artist.
        side: of a vertical arrow where the value stands; None for no value.
    """
    below = value < limits[0]
    edge = limits[0] if below else limits[1]
    point = (edge, place) if axis == "x" else (place, edge)
    symbol = {"x": "<>", "y": "v^"}[axis][0 if below else 1]
    marks = {**look.mark, "marker": symbol, "linestyle": "", "clip_on": False, "zorder": 4}
    ax.plot([point[0]], [point[1]], label=label, **marks)
    if side is not None:
        inwards = 1 if below else -1
        shift = (6 * inwards, 0) if axis == "x" else (4 if side == "right" else -4, 2 * inwards)
        sides: dict[str, Any] = {"ha": "left" if below else "right", "va": "center"}
        if axis == "y":
            sides = {"ha": "left" if side == "right" else "right", "va": "bottom" if below else "top"}
        text = minus(f"{value:.1f}")
        ax.annotate(text, point, shift, textcoords="offset points", fontsize=SMALL, color=GREY, **sides)
