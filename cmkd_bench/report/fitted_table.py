"""Tables for a terminal of any width: no cell is cut, and no word is broken that somebody may have to type."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

BORDER, PADDING = 1, 2
TableCell = Text | Padding  # a padded text


@dataclass(frozen=True)
class FittedTable:
    """A table that wraps between words; where that is not enough, it becomes several tables, or else a list of records.

    A cell with `no_wrap` does not wrap at all.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[TableCell]]
    texts: int = 1  # number of leading columns that are text; numbers follow
    ends: Collection[int] = field(default=())  # numbers of the rows below which a line is drawn
    # number of leading columns that each of several tables repeats; 0 for a list, one record per row
    repeated: int = 0
    style: str = "bold"  # of the title

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Yield what fits into the width of the terminal."""
        everything, first = range(len(self.header)), range(self.repeated)
        parts = [[*first, column] for column in everything[self.repeated :]] if self.repeated else []
        if self._width(everything) <= options.max_width:
            yield self._table(everything, self.title, options.max_width)
        elif parts and max(map(self._width, parts)) <= options.max_width:
            yield from self._parts(options.max_width)
        else:
            yield from self._records()

    def _width(self, columns: Sequence[int]) -> int:
        return sum(self._narrowest(column) + PADDING + BORDER for column in columns) + BORDER

    def _narrowest(self, column: int) -> int:
        """Return the width of the longest word of a column, or of the longest cell that does not wrap."""
        widths = [cell_len(word) for word in self.header[column].split()]
        for cell in (row[column] for row in self.rows):
            text = _text(cell)
            words = [text.plain] if text.no_wrap else text.plain.split()
            widths += [cell_len(word) + _around(cell) for word in words]
        return max(widths, default=0)

    def _widths(self, columns: Sequence[int], width: int) -> dict[int, int]:
        """Return the widths of columns: the widest ones wrap, down to their longest word. rich would break words."""
        least = {column: self._narrowest(column) for column in columns}
        found = {column: max(least[column], self._widest(column)) for column in columns}
        room = width - BORDER - (PADDING + BORDER) * len(found)
        while sum(found.values()) > room and (
            wrapping := [column for column in columns if found[column] > least[column]]
        ):
            found[max(wrapping, key=lambda column: found[column])] -= 1
        return found

    def _widest(self, column: int) -> int:
        """Return the width of a column in which nothing wraps."""
        cells = [(line, 0) for line in self.header[column].splitlines()]
        cells += [(line, _around(row[column])) for row in self.rows for line in _text(row[column]).plain.splitlines()]
        return max((cell_len(line) + around for line, around in cells), default=0)

    def _table(self, columns: Sequence[int], title: str, width: int) -> Table:
        table = Table(title=Text(title) if title else None, title_justify="left", title_style=self.style)
        for column, own in self._widths(columns, width).items():
            justify: JustifyMethod = "left" if column < self.texts else "right"
            table.add_column(Text(self.header[column]), justify=justify, width=own, overflow="fold")
        for number, row in enumerate(self.rows):
            table.add_row(*(row[column] for column in columns), end_section=number in self.ends)
        return table

    def _parts(self, width: int) -> Iterator[Table]:
        """Yield tables of as many columns as fit."""
        first = list(range(self.repeated))
        part: list[int] = []
        title = self.title
        for column in range(self.repeated, len(self.header)):
            if part and self._width([*first, *part, column]) > width:
                yield self._table([*first, *part], title, width)
                part, title = [], ""
            part.append(column)
        yield self._table([*first, *part], title, width)

    def _records(self) -> Iterator[RenderableType]:
        """Yield each row as its first cell with the others below, each after the title of its column."""
        if self.title:
            yield Text(self.title, style=self.style)
        for row in self.rows:
            yield row[0]
            record = Table.grid(padding=(0, 2))
            record.add_column(style="dim", no_wrap=True)
            record.add_column(overflow="fold")
            for name, cell in zip(self.header[1:], row[1:], strict=True):
                if plain := _text(cell).plain.strip():
                    record.add_row(f"  {name}", Text(plain))
            yield record


def _text(cell: TableCell) -> Text:
    """Return the text of a cell."""
    if isinstance(cell, Text):
        return cell
    assert isinstance(cell.renderable, Text), "what is padded is a text"
    return cell.renderable


def _around(cell: TableCell) -> int:
    """Return how much wider than its text a cell is."""
    return 0 if isinstance(cell, Text) else cell.left + cell.right
