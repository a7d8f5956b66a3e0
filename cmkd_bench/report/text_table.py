"""A table of plain text, which every format shows below the leaderboard."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.console import Group, RenderableType
from rich.text import Text

from cmkd_bench.report.fitted_table import FittedTable


@dataclass(frozen=True)
class TextTable:
    """A table of plain text."""

    title: str  # its heading
    header: Sequence[str]  # titles of the columns
    rows: Sequence[Sequence[str]]  # as wide as `header`
    lines: Sequence[str] = ()  # explanations below the table
    texts: int = 4  # number of leading columns that are text; numbers follow
    places: int = 0  # number of leading columns that a terminal shows as titles instead, one table for each place
    ends: Collection[int] = ()  # numbers of the rows below which a terminal draws a line


def as_rich(table: TextTable) -> RenderableType:
    """Render a table, or one for each place, for a terminal."""
    lines = [Text(line, style="dim") for line in table.lines]
    return Group(*_rich_tables(table), *lines)


def _rich_tables(table: TextTable) -> Iterator[RenderableType]:
    numbered = enumerate(table.rows)
    for place, rows in groupby(numbered, key=lambda row: tuple(row[1][: table.places])):
        here = list(rows)
        yield FittedTable(
            title=f"{table.title}: {', '.join(place)}" if place else table.title,
            header=table.header[table.places :],
            rows=[[Text(cell) for cell in row[table.places :]] for _, row in here],
            texts=table.texts - table.places,
            ends=[at for at, (number, _) in enumerate(here) if number in table.ends],
        )
        yield Text()


def as_markdown(table: TextTable) -> list[str]:
    """Render the rows as lines of GitHub's Markdown; their texts must be Markdown already."""
    rule = "|" + "---|" * table.texts + "---:|" * (len(table.header) - table.texts)
    head, *rows = (f"| {' | '.join(cells)} |" for cells in (table.header, *table.rows))
    return [head, rule, *rows]
