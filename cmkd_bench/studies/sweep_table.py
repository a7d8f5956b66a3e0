"""Render a sweep as tables for a terminal, Markdown, and CSV, and as a plot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from cmkd_bench.registry import methods
from cmkd_bench.report import csv_files, text_table
from cmkd_bench.report.board import TEACHER
from cmkd_bench.report.text_table import TextTable
from cmkd_bench.studies.figure import Chart
from cmkd_bench.studies.intervals import Interval, mean_interval, slope_interval
from cmkd_bench.studies.knob import Knob
from cmkd_bench.studies.measured import GAP, NOTE, QUANTITIES
from cmkd_bench.studies.reproduction_table import draw_names, show

Format = Callable[[Interval, int], str]
SLOPE = "slope"


@dataclass(frozen=True)
class Sweep:
    """The results of a sweep."""

    place: str  # the dataset, the direction, and what else all values share
    knob: Knob
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
    """Render accuracies with gains, and diagnostics, by value of the knob, and slopes, for a terminal."""
    tables = [_scores(found), *([_measured(found, _with_half_width)] if found.measured else [])]
    return Group(*map(text_table.as_rich, tables), *(Text(line, style="dim") for line in _notes(found)))


def as_markdown(found: Sweep) -> str:
    """Render gains and diagnostics in GitHub's Markdown, with both ends of each interval."""
    title = f"gain over {found.baseline} against {found.knob.name}, in points"
    tables = [_table(found, title, found.gains, _with_ends, 2)]
    tables += [_measured(found, _with_ends)] if found.measured else []
    parts = ["\n".join(text_table.as_markdown(table)) for table in tables]
    return "\n\n".join([*parts, "\n".join(_notes(found))]) + "\n"


def _scores(found: Sweep) -> TextTable:
    """Return the table of test scores, with the gains of methods in parentheses, as in the leaderboard."""
    title = f"{found.place}: test score in percent and (gain over {found.baseline}), by {found.knob.name}"
    distilled = {row: curve for row, curve in found.gains.items() if row != TEACHER}
    gains = _table(found, title, distilled, _with_half_width, 2)
    rows = []
    for label, *texts in gains.rows[: len(found.knob.values)]:
        place = found.knob.values.index(label)
        means = {row: f"{curve[place].mean():.2f}" for row, curve in found.curves.items()}
        scores = (f"{means[row]} ({text})" for row, text in zip(distilled, texts, strict=True))
        rows.append([label, means[TEACHER], means[found.baseline], *scores])
    rows += [[label, "", "", *texts] for label, *texts in gains.rows[len(rows) :]]
    return replace(gains, header=(found.knob.name, TEACHER, found.baseline, *distilled), rows=rows)


def _measured(found: Sweep, text: Format) -> TextTable:
    return _table(found, f"measured, by {found.knob.name}", found.similarities, text, 3)


def _table(found: Sweep, title: str, columns: Mapping[str, np.ndarray], text: Format, decimals: int) -> TextTable:
    """Return a table with a row per value, and the slopes if the knob is a number."""
    values, x = found.knob.values, found.knob.scale
    lines = {value: [mean_interval(curve[place]) for curve in columns.values()] for place, value in enumerate(values)}
    if x is not None and len(x) > 1:
        lines[SLOPE] = [slope_interval(x, curve) for curve in columns.values()]
    rows = [[label, *(text(one, decimals) for one in intervals)] for label, intervals in lines.items()]
    return TextTable(title, (found.knob.name, *columns), rows, texts=0, ends=(len(values) - 1,))


def _with_ends(interval: Interval, decimals: int) -> str:
    return show(interval, "+", decimals)


def _with_half_width(interval: Interval, decimals: int) -> str:
    """Format an interval as in `+1.20 ± 0.89`."""
    half = "" if np.isnan(interval.low) else f" ± {interval.value - interval.low:.{decimals}f}"
    return f"{interval.value:+.{decimals}f}{half}"


def as_csv(found: Sweep) -> str:
    """Write one line per value and row: test score, gain with its interval, and the score of every draw."""
    lines = []
    for place, value in enumerate(found.knob.values):
        for row, curve in found.curves.items():
            gain = mean_interval(curve[place] - found.curves[found.baseline][place])
            numbers = [curve[place].mean(), gain.value, gain.low, gain.high, found.draws]
            lines.append([value, row, *numbers, *curve[place].tolist()])
    heading = [found.knob.name, "row", "value", "gain", "low", "high", "draws"]
    return csv_files.as_csv([*heading, *draw_names(found.draws)], lines)


def measured_as_csv(found: Sweep) -> str:
    """Write one line per value and diagnostic: its mean with the interval, and the value of every draw."""
    lines = []
    for place, value in enumerate(found.knob.values):
        for name, curve in found.measured.items():
            mean = mean_interval(curve[place])
            lines.append([value, name, mean.value, mean.low, mean.high, found.draws, *curve[place].tolist()])
    heading = [found.knob.name, "quantity", "mean", "low", "high", "draws"]
    return csv_files.as_csv([*heading, *draw_names(found.draws)], lines)


def picture(found: Sweep) -> Chart:
    """Plot gains against the knob, and the diagnostics below them."""
    below = {}
    if found.measured:
        below = {"gap (points)": {GAP: found.measured[GAP]}, "tau, CKA, distance": found.similarities}
    return Chart(
        title=f"{found.place}: gain over the student alone against {found.knob.name}",
        note=(
            f"Above 0, a method helps. Markers: means of {found.draws} draws, methods side by side; bars: 95 % "
            f"intervals, not corrected for multiple comparisons. {NOTE if found.measured else ''}"
        ),
        axis=found.knob.name,
        quantity="gain (points)",
        places=found.knob.values,
        x=None if found.knob.numbers is None else found.knob.numbers.tolist(),
        is_logarithmic=found.knob.is_logarithmic,
        curves={row: curve for row, curve in found.gains.items() if row != TEACHER},
        baseline=found.baseline,
        zero=True,
        below=below,
        known={name: methods.declared(name).role for name in methods.names()},
    )


def _notes(found: Sweep) -> list[str]:
    """Explain the tables."""
    unit = f"doubling of {found.knob.name}" if found.knob.is_logarithmic else f"unit of {found.knob.name}"
    slope = (
        f" {SLOPE}: change per {unit}, fitted by least squares in each draw." if found.knob.scale is not None else ""
    )
    return [
        f"Means of {found.draws} draws with Student's 95 % intervals, paired by draw, not corrected for multiple "
        f"comparisons.{slope}",
        found.unmeasured or NOTE,
    ]
