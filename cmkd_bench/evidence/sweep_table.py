"""A sweep as tables for a terminal, as Markdown and as CSV, and as a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cmkd_bench.evidence.figure import Chart
from cmkd_bench.evidence.intervals import Interval, mean_interval, slope_interval
from cmkd_bench.evidence.measured import NOTE, QUANTITIES
from cmkd_bench.evidence.table import DRAW, show
from cmkd_bench.report.leaderboard import TEACHER

SLOPE, GAP = "slope", "gap"


@dataclass(frozen=True)
class Sweep:
    """What a sweep found.

    Attributes:
        knob: as it was given.
        values: of the knob.
        baseline: the method that gains are over.
        curves: by row, the teacher, the baseline and the methods: (values, draws) in percent.
        measured: by quantity, what the diagnostics say of teacher and student alone: (values, draws).
        unmeasured: why there is none of that, or empty.
    """

    knob: str
    values: tuple[float, ...]
    baseline: str
    curves: Mapping[str, np.ndarray]
    measured: Mapping[str, np.ndarray] = field(default_factory=dict)
    unmeasured: str = ""

    @property
    def draws(self) -> int:
        """How many draws there are."""
        return int(self.curves[self.baseline].shape[1])

    @property
    def gains(self) -> dict[str, np.ndarray]:
        """By method, over the student alone in the same draw."""
        alone = self.curves[self.baseline]
        return {row: curve - alone for row, curve in self.curves.items() if row != self.baseline}


def as_rich(found: Sweep) -> RenderableType:
    """Gains and measured quantities by value of the knob, each with the half width of its interval, and slopes."""
    parts: list[RenderableType] = []
    for heading, lines in (("gain over " + found.baseline + ", in points", _gains(found)), ("measured", _moved(found))):
        table = Table(title=Text(f"{heading}, against {found.knob}"), title_justify="left", title_style="bold")
        first, *rest = lines(_with_half_width)
        for name in first:
            table.add_column(Text(name), justify="right", no_wrap=True)
        for line in rest:
            table.add_row(*map(Text, line), end_section=line is rest[-2] if len(rest) > 1 else False)
        parts += [table] if rest else []
    return Group(*parts, Text(_note(found), style="dim"))


def as_markdown(found: Sweep) -> str:
    """The same in GitHub's Markdown, with both ends of the intervals."""
    lines = []
    for table in (_gains(found), _moved(found)):
        heading, *rest = table(_with_ends)
        if rest:
            lines += [_line(heading), "|" + "---:|" * len(heading), *map(_line, rest), ""]
    return "\n".join([*lines, _note(found)]) + "\n"


def as_csv(found: Sweep) -> str:
    """One line per value and row: accuracy, gain with its interval, and the accuracy of every draw."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    heading = [found.knob, "row", "accuracy", "gain", "low", "high", "draws"]
    writer.writerow([*heading, *(f"{DRAW}{number}" for number in range(found.draws))])
    for place, value in enumerate(found.values):
        for row, curve in found.curves.items():
            gain = mean_interval(curve[place] - found.curves[found.baseline][place])
            numbers = [curve[place].mean(), gain.value, gain.low, gain.high, found.draws]
            writer.writerow([value, row, *numbers, *curve[place].tolist()])
    return file.getvalue()


def measured_as_csv(found: Sweep) -> str:
    """One line per value and measured quantity: its mean with the interval, and that of every draw."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    heading = [found.knob, "quantity", "mean", "low", "high", "draws"]
    writer.writerow([*heading, *(f"{DRAW}{number}" for number in range(found.draws))])
    for place, value in enumerate(found.values):
        for name, curve in found.measured.items():
            mean = mean_interval(curve[place])
            writer.writerow([value, name, mean.value, mean.low, mean.high, found.draws, *curve[place].tolist()])
    return file.getvalue()


def picture(dataset: str, found: Sweep) -> Chart:
    """Gains against the knob, and below them what it moved."""
    similar = {QUANTITIES[name][0]: curve for name, curve in found.measured.items() if name != GAP}
    below = {"gap (points)": {GAP: found.measured[GAP]}, "tau, CKA, distance": similar} if similar else {}
    return Chart(
        title=f"{dataset}: gain over the student alone against {found.knob}",
        note=(
            f"Above 0 a method helps. Markers: means of {found.draws} draws, methods side by side; bars: their 95 % "
            f"intervals, not corrected for their number. {NOTE if found.measured else ''}"
        ),
        axis=found.knob,
        quantity="gain (points)",
        places=[f"{value:g}" for value in found.values],
        x=found.values,
        curves={row: curve for row, curve in found.gains.items() if row != TEACHER},
        baseline=found.baseline,
        zero=True,
        below=below,
    )


def _with_ends(interval: Interval, decimals: int) -> str:
    """For instance `+1.20 [+0.31, +2.09]`."""
    return show(interval, "+", decimals)


def _with_half_width(interval: Interval, decimals: int) -> str:
    """For instance `+1.20 ± 0.89`."""
    half = "" if np.isnan(interval.low) else f" ± {interval.value - interval.low:.{decimals}f}"
    return f"{interval.value:+.{decimals}f}{half}"


_Lines = Callable[[Callable[[Interval, int], str]], Iterator[Sequence[str]]]


def _gains(found: Sweep) -> _Lines:
    return lambda text: _lines(found, {row: (curve, 2) for row, curve in found.gains.items()}, text)


def _moved(found: Sweep) -> _Lines:
    # the gap is the teacher's column among the gains
    columns = {
        QUANTITIES[name][0]: (curve, QUANTITIES[name][1]) for name, curve in found.measured.items() if name != GAP
    }
    return lambda text: _lines(found, columns, text)


def _lines(
    found: Sweep, columns: Mapping[str, tuple[np.ndarray, int]], text: Callable[[Interval, int], str]
) -> Iterator[Sequence[str]]:
    """The heading, a line per value, and the slopes."""
    yield [found.knob, *columns]
    if not columns:
        return
    for place, value in enumerate(found.values):
        yield [f"{value:g}", *(text(mean_interval(curve[place]), decimals) for curve, decimals in columns.values())]
    if len(found.values) > 1:
        slopes = [text(slope_interval(found.values, curve), decimals) for curve, decimals in columns.values()]
        yield [SLOPE, *slopes]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _note(found: Sweep) -> str:
    return (
        f"Means of {found.draws} draws with Student's 95 % intervals, paired by draw, not corrected for their number. "
        f"slope: change per 1 of {found.knob}, by least squares in each draw. {found.unmeasured or NOTE}"
    )
