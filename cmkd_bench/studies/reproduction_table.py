"""Render a reproduction for a terminal, Markdown, and CSV: measured and published numbers, claims, and verdicts."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from cmkd_bench.experiment.csv_text import read_rows
from cmkd_bench.report import csv_files, text_table
from cmkd_bench.report.text_table import TextTable
from cmkd_bench.studies.intervals import Interval, mean_interval
from cmkd_bench.studies.preset import Preset
from cmkd_bench.studies.verdict import Judged, Levels, MeasuredCurves

RULE = (
    "The rule, fixed in the preset: a claim holds if the 95 % interval of the paired difference lies entirely on the "
    "claimed side. *reproduced*: all claims about a source hold, and all of its numbers are within the tolerance; "
    "*trend only*: these claims hold, but not all numbers are within the tolerance; otherwise *not reproduced*."
)
DRAW = "draw "
STYLES = {"reproduced": "green", "trend only": "yellow", "not reproduced": "red"}


@dataclass(frozen=True)
class Reproduction:
    """The results of a reproduction."""

    preset: Preset  # what was reproduced
    curves: MeasuredCurves  # by row, (points, draws) in percent
    claims: Sequence[Judged]  # the claims with their outcomes
    levels: Sequence[Levels]  # the distance to each source, with its verdict
    # where a difference changes sign; None if the preset does not ask for it or it never does
    crossing: Interval | None

    @property
    def draws(self) -> int:
        """The number of draws."""
        return int(next(iter(self.curves.values())).shape[1])


def as_rich(found: Reproduction) -> RenderableType:
    """Render the table, the claims, and the verdicts."""
    numbers = [f"({number})" for number in range(1, len(found.levels) + 1)]  # the names stand in the verdicts below
    colored = [
        Text(f"{number} {line}", style=STYLES[one.verdict])
        for number, one, line in zip(numbers, found.levels, verdicts(found), strict=True)
    ]
    return Group(text_table.as_rich(_table(found, numbers)), *map(Text, sentences(found)), *colored)


def as_markdown(found: Reproduction) -> str:
    """Render the same in GitHub's Markdown, with the paper, the rule, and the deviations."""
    preset = found.preset
    lines = [f"# {preset.title}", "", f"{preset.paper}", "", f"**{_title(found)}**", ""]
    lines += [f"- **{line}**" for line in verdicts(found)]
    lines += ["", f"![{preset.title}]({stem(found.draws)}.svg)", "", *markdown_table(found), ""]
    lines += [*(f"- {line}" for line in sentences(found)), "", RULE, ""]
    lines += [
        f"- {one.source.name}: tolerance {_points(one.source.tolerance)}; {one.source.why}" for one in found.levels
    ]
    if preset.deviations:
        lines += ["", "Differences from the published setup:", "", *(f"- {text}" for text in preset.deviations)]
    lines += ["", f"    cmkd-bench reproduce {preset.name} --seeds {found.draws}"]
    return "\n".join(lines) + "\n"


def markdown_table(found: Reproduction) -> list[str]:
    """Return the lines of the table."""
    return text_table.as_markdown(_table(found, [one.source.name for one in found.levels]))


def _table(found: Reproduction, sources: Sequence[str]) -> TextTable:
    rows = list(_rows(found))
    ends = range(len(found.curves) - 1, len(rows), len(found.curves))
    return TextTable(_title(found), ("point", "row", "measured", *sources), rows, texts=2, ends=ends)


def _rows(found: Reproduction) -> Iterator[list[str]]:
    first = next(iter(found.curves))
    for place, point in enumerate(found.preset.points):
        for row, curve in found.curves.items():
            values = [one.source.values.get(row) for one in found.levels]
            numbers = [None if one is None else one[place] for one in values]
            published = ["" if number is None else f"{number:g}" for number in numbers]
            yield [point.label if row == first else "", row, show(mean_interval(curve[place])), *published]


def as_csv(found: Reproduction) -> str:
    """Write one line per point and row, with unrounded numbers and those of every draw, for `read_csv`."""
    sources = [one.source for one in found.levels]
    heading = ["point", "x", "row", "mean", "low", "high", "std", "draws", *(source.name for source in sources)]
    lines = []
    for place, point in enumerate(found.preset.points):
        for row, curve in found.curves.items():
            mean = mean_interval(curve[place])
            deviation = curve[place].std(ddof=1) if found.draws > 1 else None
            published = [source.values[row][place] if row in source.values else None for source in sources]
            numbers = [mean.value, mean.low, mean.high, deviation, found.draws]
            lines.append([point.label, point.x, row, *numbers, *published, *curve[place].tolist()])
    return csv_files.as_csv([*heading, *draw_names(found.draws)], lines)


def draw_names(draws: int) -> list[str]:
    """Return the headings of the columns that have the numbers of every draw."""
    return [f"{DRAW}{number}" for number in range(draws)]


def read_csv(text: str, preset: Preset) -> MeasuredCurves:
    """Read the curves of a record, (points, draws) by row, so that it can be judged again without running anything."""
    lines = {(line["point"], line["row"]): line for line in read_rows(io.StringIO(text))}

    def of(point: str, row: str) -> list[float]:
        return [float(value) for name, value in lines[point, row].items() if name.startswith(DRAW)]

    return {row: np.array([of(point.label, row) for point in preset.points]) for row in preset.rows}


def stem(draws: int) -> str:
    """Return the stem of a reproduction's files."""
    return f"{draws}-draws"


def show(interval: Interval, sign: str = "", decimals: int = 2) -> str:
    """Format a number with its interval, e.g. `69.41 [67.20, 71.62]`."""
    value, low, high = (f"{number:{sign}.{decimals}f}" for number in (interval.value, interval.low, interval.high))
    return value if np.isnan(interval.low) else f"{value} [{low}, {high}]"


def _title(found: Reproduction) -> str:
    return f"{found.preset.name}: test accuracy in percent, mean of {found.draws} draws with 95 % interval"


def _points(number: float) -> str:
    return f"{number:g} point" if number == 1 else f"{number:g} points"


def sentences(found: Reproduction) -> list[str]:
    """State the outcome of each claim, and where a difference changes sign."""
    lines = []
    for one in found.claims:
        quantity = "slope" if one.claim.expect in ("rising", "falling") else "difference"
        lines.append(f"{one.claim.says}: {one.outcome} ({quantity} {show(one.interval, '+')})")
    if found.preset.crossing:
        row, minus = found.preset.crossing
        place = "does not change sign" if found.crossing is None else f"changes sign at {show(found.crossing)}"
        lines.append(f"{row} minus {minus} {place} (interval over resampled draws)")
    return lines


def verdicts(found: Reproduction) -> list[str]:
    """State the verdict on each source in one sentence."""
    return [
        f"against {one.source.name}: {one.verdict} ({one.within} of {one.count} numbers within "
        f"{_points(one.source.tolerance)}, largest difference {one.worst:+.2f}, {one.where}{_undecided(one.claims)})"
        for one in found.levels
    ]


def _undecided(claims: Sequence[Judged]) -> str:
    outcomes = [one.outcome for one in claims]
    if "fails" in outcomes or "undecided" not in outcomes:
        return ""
    return f"; {outcomes.count('undecided')} of {len(claims)} claims undecided, none refuted: more draws may decide"
