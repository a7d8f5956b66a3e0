"""Render a sweep as tables for a terminal, Markdown, and CSV, and as a plot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cmkd_bench.experiment.csv_text import write_csv
from cmkd_bench.registry import methods
from cmkd_bench.report.board import TEACHER
from cmkd_bench.studies.figure import Chart
from cmkd_bench.studies.intervals import Interval, mean_interval, slope_interval
from cmkd_bench.studies.measured import GAP, NOTE, QUANTITIES
from cmkd_bench.studies.reproduction_table import DRAW, show

SLOPE = "slope"


@dataclass(frozen=True)
class Sweep:
    """The results of a sweep.

    Attributes:
        knob: name of the knob as given.
        values: values of the knob.
        baseline: the method that gains are relative to.
        curves: (values, draws) in percent for the teacher, the baseline, and each method.
        measured: by quantity, diagnostics of the teacher and the student alone: (values, draws).
        unmeasured: why there are no diagnostics; empty if there are.
    """

    knob: str
    values: tuple[float, ...]
    baseline: str
    curves: Mapping[str, np.ndarray]
    measured: Mapping[str, np.ndarray] = field(default_factory=dict)
    unmeasured: str = ""

    @property
    def draws(self) -> int:
        """The number of draws."""
        return int(self.curves[self.baseline].shape[1])

    @property
    def gains(self) -> dict[str, np.ndarray]:
        """The gain of each method over the student alone in the same draw."""
        alone = self.curves[self.baseline]
        return {row: curve - alone for row, curve in self.curves.items() if row != self.baseline}


def as_rich(found: Sweep) -> RenderableType:
    """Render gains and diagnostics by value of the knob, each with the half-width of its interval, and slopes."""
    parts: list[RenderableType] = []
    for title, columns, decimals in _tables(found):
        table = Table(title=Text(title), title_justify="left", title_style="bold")
        for heading in (found.knob, *columns):
            table.add_column(Text(heading, overflow="fold"), justify="right", overflow="fold")
        for label, intervals in _lines(found, columns):
            if label == SLOPE:
                table.add_section()
            table.add_row(label, *(_with_half_width(one, decimals) for one in intervals))
        parts.append(table)
    return Group(*parts, Text(_note(found), style="dim"))


def as_markdown(found: Sweep) -> str:
    """Render the same tables in GitHub's Markdown, with both ends of each interval."""
    lines = []
    for _, columns, decimals in _tables(found):
        lines += [f"| {' | '.join([found.knob, *columns])} |", "|---:|" + "---:|" * len(columns)]
        for label, intervals in _lines(found, columns):
            lines.append(f"| {' | '.join([label, *(show(one, '+', decimals) for one in intervals)])} |")
        lines.append("")
    return "\n".join([*lines, _note(found)]) + "\n"


def as_csv(found: Sweep) -> str:
    """Write one line per value and row: accuracy, gain with its interval, and the accuracy of every draw."""
    lines: list[list[object]] = []
    for place, value in enumerate(found.values):
        for row, curve in found.curves.items():
            gain = mean_interval(curve[place] - found.curves[found.baseline][place])
            numbers = [curve[place].mean(), gain.value, gain.low, gain.high, found.draws]
            lines.append([value, row, *numbers, *curve[place].tolist()])
    heading = [found.knob, "row", "accuracy", "gain", "low", "high", "draws"]
    return write_csv([*heading, *_draws(found)], lines)


def measured_as_csv(found: Sweep) -> str:
    """Write one line per value and diagnostic: its mean with the interval, and the value of every draw."""
    lines: list[list[object]] = []
    for place, value in enumerate(found.values):
        for name, curve in found.measured.items():
            mean = mean_interval(curve[place])
            lines.append([value, name, mean.value, mean.low, mean.high, found.draws, *curve[place].tolist()])
    return write_csv([found.knob, "quantity", "mean", "low", "high", "draws", *_draws(found)], lines)


def _draws(found: Sweep) -> list[str]:
    return [f"{DRAW}{number}" for number in range(found.draws)]


def picture(dataset: str, found: Sweep) -> Chart:
    """Plot gains against the knob, and the diagnostics below them."""
    below = {}
    if found.measured:
        below = {"gap (points)": {GAP: found.measured[GAP]}, "tau, CKA, distance": _similarities(found)}
    return Chart(
        title=f"{dataset}: gain over the student alone against {found.knob}",
        note=(
            f"Above 0, a method helps. Markers: means of {found.draws} draws, methods side by side; bars: 95 % "
            f"intervals, not corrected for multiple comparisons. {NOTE if found.measured else ''}"
        ),
        axis=found.knob,
        quantity="gain (points)",
        places=[f"{value:g}" for value in found.values],
        x=found.values,
        curves={row: curve for row, curve in found.gains.items() if row != TEACHER},
        baseline=found.baseline,
        zero=True,
        below=below,
        known=methods.names(),
    )


def _tables(found: Sweep) -> Iterator[tuple[str, Mapping[str, np.ndarray], int]]:
    """Yield the title, columns, and decimals of each table."""
    yield f"gain over {found.baseline} against {found.knob}, in points", found.gains, 2
    if found.measured:
        yield f"measured against {found.knob}", _similarities(found), 3


def _similarities(found: Sweep) -> dict[str, np.ndarray]:
    """Return all diagnostics except the gap, which is the teacher's column among the gains."""
    return {QUANTITIES[name]: curve for name, curve in found.measured.items() if name != GAP}


def _lines(found: Sweep, columns: Mapping[str, np.ndarray]) -> Iterator[tuple[str, list[Interval]]]:
    """Yield one line per value, then the slopes."""
    for place, value in enumerate(found.values):
        yield f"{value:g}", [mean_interval(curve[place]) for curve in columns.values()]
    if len(found.values) > 1:
        yield SLOPE, [slope_interval(found.values, curve) for curve in columns.values()]


def _with_half_width(interval: Interval, decimals: int) -> str:
    """Format an interval as in `+1.20 ± 0.89`."""
    half = "" if np.isnan(interval.low) else f" ± {interval.value - interval.low:.{decimals}f}"
    return f"{interval.value:+.{decimals}f}{half}"


def _note(found: Sweep) -> str:
    return (
        f"Means of {found.draws} draws with Student's 95 % intervals, paired by draw, not corrected for multiple "
        f"comparisons. slope: change per unit of {found.knob}, fitted by least squares in each draw. "
        f"{found.unmeasured or NOTE}"
    )
