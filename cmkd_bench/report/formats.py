"""A leaderboard in any of its formats."""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup
from rich.console import Group, RenderableType
from rich.text import Text

from cmkd_bench.report import text_table
from cmkd_bench.report.board import Column, Leaderboard
from cmkd_bench.report.csv_files import BOARD, board_csv, board_lines, text_csv
from cmkd_bench.report.fitted_table import FittedTable
from cmkd_bench.report.templating import TEMPLATES, render_template
from cmkd_bench.report.text_table import TextTable
from cmkd_bench.report.verdict_matrix import verdict
from cmkd_bench.report.verdict_table import verdict_as_rich
from cmkd_bench.report.wording import by_dataset, cell_text, legend, sections

_TEMPLATES = {"markdown": "leaderboard.md", "latex": "leaderboard.tex", "html": "leaderboard.html"}
FORMATS = ("rich", "markdown", "latex", "csv", "json", "html")
WITH_GAIN = ("rich", "markdown", "html")  # by default: where a table may be wide, or is split


def render(
    board: Leaderboard, form: str, name: str, with_gain: bool | None = None, further: TextTable | None = None
) -> str | RenderableType:
    """Render a table as text, or as something that a rich console prints.

    Args:
        form: one of FORMATS.
        with_gain: whether to show gains; the format's default where None is given. CSV always has them.
        further: a table below it, e.g. the papers' numbers; as CSV it stands alone, because a file has one table.
    """
    gains = form in WITH_GAIN if with_gain is None else with_gain
    if form == "csv":
        return board_csv(board) if further is None else text_csv(further)
    if form == "json":
        return as_json(board, name, further)
    if form == "rich":
        return as_rich(board, gains, further)
    text = render_template(
        _TEMPLATES[form],
        board=board,
        name=name,
        with_gain=gains,
        legend=legend(board, gains, list_ranks=form == "markdown"),
        verdict=verdict(board),
        tables=[table for table in (board.tuning, further) if table is not None],
        style=asset("page.css"),
        script=asset("sort.js"),
    )
    return f"{text.rstrip()}\n"


def as_json(board: Leaderboard, name: str, published: TextTable | None = None) -> str:
    """Render a table as JSON: the lines of leaderboard.csv, and what else the other formats show."""
    judged = verdict(board)
    values: dict[str, Any] = {
        "experiment": name,
        "baseline": board.baseline,
        "sentences": judged.sentences if judged else {},
        "rows": [dict(zip(BOARD, line, strict=True)) for line in board_lines(board)],
        "legend": legend(board, True),
        "notes": board.notes,
    }
    for title, table in (("tuning", board.tuning), ("published", published)):
        values[title] = table and [dict(zip(table.header, row, strict=True)) for row in table.rows]
    return f"{json.dumps(values, indent=2)}\n"


def as_markdown(board: Leaderboard) -> str:
    """Render a table in GitHub's Markdown, with gains."""
    return str(render(board, "markdown", ""))


def asset(name: str) -> Markup:
    """Return a file of this package that a page contains as it is."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))  # noqa: S704 (a file of this package)


def as_rich(board: Leaderboard, with_gain: bool = True, further: TextTable | None = None) -> RenderableType:
    """Render the verdict, and one table per dataset with directions as columns, the best in bold, for a terminal."""
    judged = verdict(board)
    parts: list[RenderableType] = [*verdict_as_rich(judged), Text()] if judged else []
    for title, columns in by_dataset(board):
        table = FittedTable(
            title=title,
            header=["method", *(column.direction for column in columns)],
            rows=[
                [Text(row, no_wrap=True), *(_cell(board, row, column, with_gain) for column in columns)]
                for row in board.rows
            ],
            ends=[number for number, (_, ends_section) in enumerate(sections(board)) if ends_section],
            repeated=1,
        )
        parts += [table, Text()]
    parts += [Text(line, style="dim") for line in legend(board, with_gain)]
    parts += [Text(note, style="yellow") for note in board.notes]
    for below in (board.tuning, further):
        parts += [] if below is None else [Text(), text_table.as_rich(below)]
    return Group(*parts)


def _cell(board: Leaderboard, row: str, column: Column, with_gain: bool) -> Text:
    cell = cell_text(board, row, column, with_gain)
    if cell.value is None:
        return Text(cell.problem, style="red")
    text = Text(no_wrap=not cell.problem)
    text.append(cell.number, style={"best": "bold", "second": "underline"}.get(cell.style, ""))
    if board.claims:
        text.append(f" {cell.marks:<2}", style="dim")
    if cell.gain:
        gain = board.scores[row, column].gain or 0.0
        text.append(f" {cell.gain:>8}", style="green" if gain * board.quantity.better > 0 else "dim")
    if cell.problem:
        text.append(f" {cell.problem}", style="red")
    return text
