"""How all pictures look: readable in a paper's column, in black and white, and by the colour-blind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

import matplotlib as mpl

from cmkd_bench.experiment.trials import TUNED

COLUMN, PAGE = 3.4, 7.0
"""The width of one column of a paper and of two, in inches."""

TALLEST = 8.5
"""How high the panels of a sheet may be together, in inches; the rest goes on further sheets."""

SMALL, NORMAL, LARGE = 7.0, 8.0, 9.0
"""Font sizes in points; nothing is smaller than the first."""

DPI = 300
"""Dots of a PNG per inch."""

BLACK, GREY = "#000000", "#666666"
# Okabe and Ito (2008) without black and the yellow that vanishes on white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")
LINES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1.2)), (0, (5, 1.2, 1, 1.2)), (0, (8, 2, 2, 2)))
HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\")

_SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # matplotlib brings it along, so that a text is as wide everywhere
    "font.size": NORMAL,
    "axes.titlesize": NORMAL,
    "axes.titley": 1.0,  # looking whether ticks are in a title's way takes a fifth of the time; here are none on top
    "axes.labelsize": NORMAL,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.5,
    "hatch.linewidth": 0.5,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "savefig.dpi": DPI,
    "svg.fonttype": "path",
    "svg.hashsalt": "cmkd-bench",
    "pdf.fonttype": 42,
    "text.parse_math": False,  # a name may contain a dollar sign
}


@dataclass(frozen=True)
class Look:
    """How a method, direction or dataset is told from the others, by colour and without it."""

    colour: str
    marker: str
    filled: bool
    line: Any

    @property
    def mark(self) -> dict[str, Any]:
        """The marker as matplotlib wants to be told."""
        return {"marker": self.marker, "color": self.colour, "markerfacecolor": self.colour if self.filled else "white"}


@contextmanager
def styled() -> Iterator[None]:
    """Draw within the block as all pictures are drawn, whatever the user's own matplotlibrc says."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(cast(Any, _SETTINGS))
        yield


def look(i: int) -> Look:
    """The i-th look; the first 66 differ in colour or marker, or in whether the marker is filled."""
    count = len(MARKERS)
    return Look(COLOURS[i % len(COLOURS)], MARKERS[i % count], (i // count) % 2 == 0, LINES[i % len(LINES)])


def looks_of(roles: Mapping[str, str]) -> dict[str, Look]:
    """One look for each method, the same in all pictures of an experiment; the tuned row's marker is open where the
    defaults' is filled, and the other way round.

    Args:
        roles: by method: `baseline` is black, `control` grey with open markers.
    """
    found: dict[str, Look] = {}
    methods, controls = 0, 0
    for name, role in roles.items():
        if name.endswith(TUNED) and (same := found.get(name.removesuffix(TUNED))) is not None:
            found[name] = replace(same, filled=not same.filled)
        elif role == "baseline":
            found[name] = Look(BLACK, "o", True, (0, (2, 1)))
        elif role == "control":
            found[name] = Look(GREY, MARKERS[controls % len(MARKERS)], False, LINES[(controls + 1) % len(LINES)])
            controls += 1
        else:
            found[name] = look(methods)
            methods += 1
    return found
