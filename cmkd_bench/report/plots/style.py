"""The style of all pictures: readable in a paper's column, in black and white, and with any color vision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import matplotlib.style
from matplotlib.lines import Line2D

from cmkd_bench.experiment.trials import TUNED

COLUMN, PAGE = 3.4, 7.0
"""Widths of one and two columns of a paper, in inches."""

TALLEST = 8.5
"""Largest height of all panels of a picture, in inches."""

SMALL, NORMAL, LARGE = 7.0, 8.0, 9.0
"""Font sizes in points, as in paper.mplstyle; no text is smaller than the first."""

DPI = 300
"""Resolution of a PNG, as in paper.mplstyle."""

BLACK, GRAY = "#000000", "#666666"
# Okabe and Ito (2008) without black and the yellow that vanishes on white
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")
LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)), (0, (8, 2, 2, 2)))
HATCHES = ("", "////", "....", "xxxx")
DOTTED = (0, (2, 1))

styled = partial(matplotlib.style.context, "cmkd_bench.report.plots.paper", after_reset=True)
"""A context, or a decorator, in which the style holds, whatever the user's own matplotlibrc says."""


@dataclass(frozen=True)
class Style:
    """How a method, direction, or dataset is told apart from the others, with and without color."""

    color: str
    marker: str
    is_filled: bool
    line: Any

    @property
    def mark(self) -> dict[str, Any]:
        """The marker as arguments of matplotlib."""
        face = self.color if self.is_filled else "white"
        return {"marker": self.marker, "color": self.color, "markerfacecolor": face, "markeredgecolor": self.color}

    def handle(self, line: Any = "") -> Line2D:
        """Return an entry of a legend, without a line by default."""
        return Line2D([], [], linestyle=line, linewidth=1.2, markersize=4.5, **self.mark)


def nth_style(i: int) -> Style:
    """Return the i-th style; no two of the first 66 have both color and marker in common."""
    return Style(COLORS[i % len(COLORS)], MARKERS[i % len(MARKERS)], True, LINES[i % len(LINES)])


def styles_of(roles: Mapping[str, str]) -> dict[str, Style]:
    """Return one style per row, by the order of the rows; pass all rows of an experiment, so that pictures agree.

    A baseline is black, a control gray with an open marker. A tuned row has its method's style, with an open marker
    instead of a filled one and vice versa.
    """
    found: dict[str, Style] = {}
    methods, controls = 0, 0
    for name, role in roles.items():
        if name.endswith(TUNED) and (same := found.get(name.removesuffix(TUNED))) is not None:
            found[name] = replace(same, is_filled=not same.is_filled)
        elif role == "baseline":
            found[name] = Style(BLACK, "o", True, DOTTED)
        elif role == "control":
            found[name] = Style(GRAY, MARKERS[controls % len(MARKERS)], False, LINES[(controls + 1) % len(LINES)])
            controls += 1
        else:
            found[name] = nth_style(methods)
            methods += 1
    return found
