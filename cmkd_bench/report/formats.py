"""A leaderboard in the format that was asked for."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from itertools import groupby

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cmkd_bench.report.html import as_html
from cmkd_bench.report.latex import as_latex, latex_table
from cmkd_bench.report.leaderboard import Leaderboard
from cmkd_bench.report.published import Published
from cmkd_bench.report.tables import as_csv, as_markdown, as_rich, escape_markdown

FORMATS = ("rich", "markdown", "latex", "csv", "html")
WITH_GAIN = ("markdown", "html")  # by default: where a table may be wide
NUMBERS = 4  # the first columns of a table of published numbers are text


def render(
    board: Leaderboard, form: str, name: str, with_gain: bool | None = None, published: Published | None = None
) -> str | RenderableType:
    """A table as text, or as what a rich console prints.

    Args:
        board: the table.
        form: one of FORMATS.
        name: of the experiment.
        with_gain: whether gains are shown; as the format has it where None is given. CSV always has them.
        published: the papers' numbers; as CSV they stand alone, because a file has one table.
    """
    gains = form in WITH_GAIN if with_gain is None else with_gain
    if form == "html":
        return as_html(board, name, gains, published)
    if form == "csv":
        return as_csv(board) if published is None else _csv([published.header, *published.rows])
    if form == "latex":
        return as_latex(
            board, gains, latex_table(published.header, published.rows, published.lines) if published else ""
        )
    if form == "markdown":
        return as_markdown(board, gains) + ("" if published is None else _markdown(published))
    table = as_rich(board, gains)
    return table if published is None else Group(table, Text(), _rich(published))


def _rich(published: Published) -> RenderableType:
    """One table per dataset and direction, which so need no columns of their own."""
    parts: list[RenderableType] = []
    for place, rows in groupby(published.rows, key=lambda row: row[:2]):
        table = Table(title=Text(f"published: {', '.join(place)}"), title_justify="left", title_style="bold")
        for i, name in enumerate(published.header[2:], start=2):
            table.add_column(name, justify="left" if i < NUMBERS else "right")
        for row in rows:
            table.add_row(*map(Text, row[2:]))
        parts += [table, Text()]
    return Group(*parts, *(Text(line, style="dim") for line in published.lines))


def _markdown(published: Published) -> str:
    lines = ["", "### Published numbers", ""]
    if published.rows:
        lines += [_line(published.header), "|" + "---|" * NUMBERS + "---:|" * (len(published.header) - NUMBERS)]
        lines += [_line(row) for row in published.rows] + [""]
    lines += [f"- {escape_markdown(line)}" for line in published.lines]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(escape_markdown, cells))} |"


def _csv(lines: Iterable[Iterable[str]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(lines)
    return file.getvalue()
