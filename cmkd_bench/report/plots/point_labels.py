"""Names beside the points of a panel, placed where they hide no point and no other name."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from cmkd_bench.report.plots.picture import shorten, text_width
from cmkd_bench.report.plots.style import GRAY, SMALL

HIGH, WIDEST = 0.115, 1.2  # inches of a line, and of the longest name
MARKER = 0.035  # inches from the middle of a marker to its edge
DISTANCES = (0.05, 0.12, 0.2, 0.3, 0.42, 0.56, 0.72)  # inches from a point to its name
FAR = 0.1  # inches beyond which a line joins the two
ANGLES = (0, 180, 30, -30, 150, -150, 60, -60, 120, -120, 90, -90)  # degrees, the first ones preferred
Box = tuple[float, float, float, float]  # left, bottom, right, top, in inches


@dataclass(frozen=True)
class _Label:
    """A name at a distance from its point."""

    x: float  # of the side or the middle that is next to the point, in inches from the point
    y: float
    box: Box
    distance: float

    @property
    def align(self) -> str:
        """Which side is next to the point."""
        return "left" if self.x > 0.01 else "right" if self.x < -0.01 else "center"


def label_points(
    ax: Axes, points: Mapping[str, tuple[float, float]], colors: Mapping[str, str], size: tuple[float, float]
) -> None:
    """Write names beside points, one after the other from the top down, each at the first place that is free.

    Args:
        ax: a panel with its final limits and scales.
        points: by name, in data coordinates.
        colors: by name.
        size: of the panel in inches; about right is enough.
    """
    if not points:
        return
    shares = ax.transAxes.inverted().transform(ax.transData.transform(list(points.values())))
    places = dict(zip(points, (shares * size).tolist()))
    taken: list[Box] = [(x - MARKER, y - MARKER, x + MARKER, y + MARKER) for x, y in places.values()]
    for name, (x, y) in sorted(places.items(), key=lambda one: (-one[1][1], one[1][0])):
        text = shorten(name, WIDEST)
        label = min(_candidates(x, y, text), key=lambda one: _cost(one, taken, size))
        taken.append(label.box)
        line = {"arrowstyle": "-", "color": GRAY, "linewidth": 0.4, "shrinkA": 0, "shrinkB": 2}
        ax.annotate(
            text, points[name], (72 * label.x, 72 * label.y), textcoords="offset points", fontsize=SMALL,
            color=colors[name], ha=label.align, va="center", arrowprops=line if label.distance > FAR else None,
        )  # fmt: skip


def _candidates(x: float, y: float, text: str) -> Iterator[_Label]:
    wide = text_width(text, SMALL)
    for distance, angle in itertools.product(DISTANCES, np.radians(ANGLES)):
        across, up = float(np.cos(angle)), float(np.sin(angle))
        shift = (distance + MARKER) * across
        rise = (distance + MARKER + HIGH / 2 * abs(up)) * up
        start = 0.0 if across > 0.01 else -wide if across < -0.01 else -wide / 2
        left, bottom = x + shift + start, y + rise - HIGH / 2
        yield _Label(shift, rise, (left, bottom, left + wide, bottom + HIGH), distance)


def _cost(label: _Label, taken: Sequence[Box], size: tuple[float, float]) -> float:
    """Return what a label hides, in square inches, and how far it leaves the panel; of equal ones the nearest wins."""
    left, bottom, right, top = label.box
    hidden = sum(_overlap(label.box, one) for one in taken)
    outside = max(0.0, -left) + max(0.0, right - size[0]) + max(0.0, -bottom) + max(0.0, top - size[1])
    return 100 * hidden + 10 * outside + label.distance / 100


def _overlap(one: Box, other: Box) -> float:
    wide, high = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, wide) * max(0.0, high)
