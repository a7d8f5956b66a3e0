"""A reproduction as text: measured beside published, claims and verdicts; for a terminal, as Markdown, as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cmkd_bench.evidence.intervals import Interval, mean_interval
from cmkd_bench.evidence.preset import Preset
from cmkd_bench.evidence.verdict import Curves, Judged, Levels

STYLES = {"reproduced": "green", "trend only": "yellow", "not reproduced": "red"}


@dataclass(frozen=True)
class Reproduction:
    """What a reproduction found.

    Attributes:
        preset: what was reproduced.
        curves: by row, (points, draws) in percent.
        claims: with their outcomes.
        levels: by source, with its verdict.
        crossing: where a difference changes its sign, if the preset asks for it and it does.
    """

    preset: Preset
    curves: Curves
    claims: Sequence[Judged]
    levels: Sequence[Levels]
    crossing: Interval | None

    @property
    def draws(self) -> int:
        """How many draws there are."""
        return int(next(iter(self.curves.values())).shape[1])


def as_rich(found: Reproduction) -> RenderableType:
    """The table, the claims and the verdicts."""
    table = Table(title=Text(_title(found)), title_justify="left", title_style="bold")
    for heading in _heading(found):
        names = heading in ("point", "row")
        table.add_column(Text(heading), justify="left" if names else "right", no_wrap=names or heading == "measured")
    for cells, ends in _rows(found):
        table.add_row(*map(Text, cells), end_section=ends)
    verdicts = [Text(line, style=STYLES[one.verdict]) for one, line in zip(found.levels, _verdicts(found), strict=True)]
    return Group(table, Text(), *map(Text, _sentences(found)), *verdicts)


def as_markdown(found: Reproduction) -> str:
    """The same in GitHub's Markdown, with the paper, the rule and the departures."""
    preset, heading = found.preset, _heading(found)
    lines = [f"# {preset.title}", "", f"{preset.paper}", "", f"**{_title(found)}**", ""]
    lines += [f"- **{line}**" for line in _verdicts(found)]
    lines += ["", f"![{preset.title}]({stem(found.draws)}.svg)", ""]
    lines += [f"| {' | '.join(heading)} |", "|---|---|" + "---:|" * (len(heading) - 2)]
    lines += [f"| {' | '.join(cells)} |" for cells, _ in _rows(found)]
    lines += ["", *(f"- {line}" for line in _sentences(found)), ""]
    lines.append("The rule, fixed in the preset: a claim holds where the interval of the paired difference lies on its")
    lines.append(
        "side. *reproduced*: all claims hold and all numbers are within the tolerance; *trend only*: all claims"
    )
    lines.append("hold; otherwise *not reproduced*.")
    lines += [
        f"- {one.source.name}: tolerance {one.source.tolerance:g} points; {one.source.why}" for one in found.levels
    ]
    if preset.departures:
        lines += ["", "Not as published:", *(f"- {text}" for text in preset.departures)]
    lines += ["", f"    cmkd-bench reproduce {preset.name} --seeds {found.draws}"]
    return "\n".join(lines) + "\n"


def as_csv(found: Reproduction) -> str:
    """One line per point and row, with unrounded numbers."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    sources = [one.source for one in found.levels]
    writer.writerow(["point", "x", "row", "mean", "low", "high", "std", "draws", *(source.name for source in sources)])
    for place, point in enumerate(found.preset.points):
        for row, curve in found.curves.items():
            mean = mean_interval(curve[place])
            deviation = curve[place].std(ddof=1) if found.draws > 1 else ""
            published = [source.values[row][place] if row in source.values else None for source in sources]
            numbers = [mean.value, mean.low, mean.high, deviation, found.draws]
            writer.writerow([point.label, point.x, row, *numbers, *published])
    return file.getvalue()


def stem(draws: int) -> str:
    """What the files of a reproduction are called."""
    return f"{draws}-draws"


def show(interval: Interval, sign: str = "") -> str:
    """A number with its interval, e.g. `69.41 [67.2, 71.6]`."""
    if np.isnan(interval.low):
        return f"{interval.value:{sign}.2f}"
    return f"{interval.value:{sign}.2f} [{interval.low:{sign}.2f}, {interval.high:{sign}.2f}]"


def _title(found: Reproduction) -> str:
    return f"{found.preset.name}: test accuracy in percent, mean of {found.draws} draws and its 95 % interval"


def _heading(found: Reproduction) -> list[str]:
    return ["point", "row", "measured", *(one.source.name for one in found.levels)]


def _rows(found: Reproduction) -> Iterator[tuple[list[str], bool]]:
    """The cells of each line, and whether a section ends below it."""
    names = list(found.curves)
    for place, point in enumerate(found.preset.points):
        for row in names:
            values = [one.source.values.get(row) for one in found.levels]
            numbers = [None if one is None else one[place] for one in values]
            cells = [point.label if row == names[0] else "", row, show(mean_interval(found.curves[row][place]))]
            yield [*cells, *("" if number is None else f"{number:g}" for number in numbers)], row == names[-1]


def _sentences(found: Reproduction) -> list[str]:
    """The claims, and the place where a difference changes its sign."""
    lines = []
    for one in found.claims:
        quantity = "slope" if one.claim.expect in ("rising", "falling") else "difference"
        lines.append(f"{one.claim.says}: {one.outcome} ({quantity} {show(one.interval, '+')})")
    if found.preset.crossing:
        row, minus = found.preset.crossing
        place = "does not change its sign" if found.crossing is None else f"changes its sign at {show(found.crossing)}"
        lines.append(f"{row} minus {minus} {place} (interval over resampled draws)")
    return lines


def _verdicts(found: Reproduction) -> list[str]:
    undecided = sum(one.outcome == "undecided" for one in found.claims)
    refuted = any(one.outcome == "fails" for one in found.claims)
    more = f"; {undecided} of {len(found.claims)} claims undecided, none refuted: more draws may decide"
    return [
        f"against {one.source.name}: {one.verdict} ({one.within} of {one.count} numbers within "
        f"{one.source.tolerance:g} points, farthest {one.worst:+.2f}, {one.where}"
        f"{more if undecided and not refuted else ''})"
        for one in found.levels
    ]
