"""Render a sweep as tables for a terminal, Markdown, and CSV, and as a plot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from cmkd_bench.registry import methods
from cmkd_bench.report import csv_files, text_table
from cmkd_bench.report.board import TEACHER
from cmkd_bench.report.text_table import TextTable
from cmkd_bench.studies.figure import Chart
from cmkd_bench.studies.intervals import Interval, mean_interval, slope_interval
from cmkd_bench.studies.measured import GAP, NOTE, QUANTITIES
from cmkd_bench.studies.reproduction_table import draw_names, show


@dataclass(frozen=True)
class Sweep:
    """The results of a sweep."""

    knob: str  # name of the knob as given
    values: tuple[float, ...]  # values of the knob
    baseline: str  # the method that gains are relative to
    curves: Mapping[str, np.ndarray]  # (values, draws) in percent for the teacher, the baseline, and each method
    # by quantity, diagnostics of the teacher and the student alone: (values, draws)
    measured: Mapping[str, np.ndarray] = field(default_factory=dict)
    unmeasured: str = ""  # why there are no diagnostics; empty if there are

    @property
    def draws(self) -> int:
        """The number of draws."""
        return int(self.curves[self.baseline].shape[1])

    @property
    def gains(self) -> dict[str, np.ndarray]:
        """The gain of each method over the student alone in the same draw."""
        alone = self.curves[self.baseline]
        return {row: curve - alone for row, curve in self.curves.items() if row != self.baseline}

    @property
    def similarities(self) -> dict[str, np.ndarray]:
        """All diagnostics except the gap, which is the teacher's column among the gains."""
        return {QUANTITIES[name]: curve for name, curve in self.measured.items() if name != GAP}


def as_rich(found: Sweep) -> RenderableType:
    """Render gains and diagnostics by value of the knob, each with the half-width of its interval, and slopes."""
    return Group(*map(text_table.as_rich, _tables(found, _with_half_width)), Text(_note(found), style="dim"))


def as_markdown(found: Sweep) -> str:
    """Render the same tables in GitHub's Markdown, with both ends of each interval."""
    tables = _tables(found, lambda interval, decimals: show(interval, "+", decimals))
    return "\n\n".join([*("\n".join(text_table.as_markdown(table)) for table in tables), _note(found)]) + "\n"


def _tables(found: Sweep, text: Callable[[Interval, int], str]) -> Iterator[TextTable]:
    """Yield the table of gains, and that of the diagnostics if there are any: a row per value, then the slopes."""
    contents = [(f"gain over {found.baseline} against {found.knob}, in points", found.gains, 2)]
    if found.measured:
        contents.append((f"measured against {found.knob}", found.similarities, 3))
    for title, columns, decimals in contents:
        lines = {
            f"{value:g}": [mean_interval(curve[place]) for curve in columns.values()]
            for place, value in enumerate(found.values)
        }
        if len(found.values) > 1:
            lines["slope"] = [slope_interval(found.values, curve) for curve in columns.values()]
        rows = [[label, *(text(one, decimals) for one in intervals)] for label, intervals in lines.items()]
        yield TextTable(title, (found.knob, *columns), rows, texts=0, ends=(len(found.values) - 1,))


def _with_half_width(interval: Interval, decimals: int) -> str:
    """Format an interval as in `+1.20 ± 0.89`."""
    half = "" if np.isnan(interval.low) else f" ± {interval.value - interval.low:.{decimals}f}"
    return f"{interval.value:+.{decimals}f}{half}"


def as_csv(found: Sweep) -> str:
    """Write one line per value and row: accuracy, gain with its interval, and the accuracy of every draw."""
    lines = []
    for place, value in enumerate(found.values):
        for row, curve in found.curves.items():
            gain = mean_interval(curve[place] - found.curves[found.baseline][place])
            numbers = [curve[place].mean(), gain.value, gain.low, gain.high, found.draws]
            lines.append([value, row, *numbers, *curve[place].tolist()])
    heading = [found.knob, "row", "accuracy", "gain", "low", "high", "draws"]
    return csv_files.as_csv([*heading, *draw_names(found.draws)], lines)


def measured_as_csv(found: Sweep) -> str:
    """Write one line per value and diagnostic: its mean with the interval, and the value of every draw."""
    lines = []
    for place, value in enumerate(found.values):
        for name, curve in found.measured.items():
            mean = mean_interval(curve[place])
            lines.append([value, name, mean.value, mean.low, mean.high, found.draws, *curve[place].tolist()])
    heading = [found.knob, "quantity", "mean", "low", "high", "draws"]
    return csv_files.as_csv([*heading, *draw_names(found.draws)], lines)


def picture(dataset: str, found: Sweep) -> Chart:
    """Plot gains against the knob, and the diagnostics below them."""
    below = {}
    if found.measured:
        below = {"gap (points)": {GAP: found.measured[GAP]}, "tau, CKA, distance": found.similarities}
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


def _note(found: Sweep) -> str:
    return (
        f"Means of {found.draws} draws with Student's 95 % intervals, paired by draw, not corrected for multiple "
        f"comparisons. slope: change per unit of {found.knob}, fitted by least squares in each draw. "
        f"{found.unmeasured or NOTE}"
    )
