"""The verdict as a terminal shows it: a matrix of colored gains, and the sentences below."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from cmkd_bench.report.board import Column
from cmkd_bench.report.text_table import titled_table
from cmkd_bench.report.verdict_matrix import GainVerdict

ACROSS = 5  # columns of a matrix, which fit into 80 characters; more need another one
# Ink and background by shade, from ColorBrewer's RdBu; both are set, so that they suit any terminal.
COLORS = {
    1: "#000000 on #d1e5f0", 2: "#000000 on #92c5de", 3: "#000000 on #4393c3", 4: "#ffffff on #2166ac",
    -1: "#000000 on #fddbc7", -2: "#000000 on #f4a582", -3: "#000000 on #d6604d", -4: "#ffffff on #b2182b",
}  # fmt: skip


def verdict_as_rich(found: GainVerdict) -> Iterator[RenderableType]:
    """Render the matrix, in several parts if it is wide, a sentence per dataset, and an example of a missing mark."""
    matrices = math.ceil(len(found.columns) / ACROSS)
    each = math.ceil(len(found.columns) / matrices)
    for start in range(0, len(found.columns), each):
        yield _matrix(found, range(start, min(start + each, len(found.columns))))
    yield Text()
    for dataset, text in found.sentences.items():
        yield Text.assemble((f"{dataset}: ", "bold"), text)
    yield from (Text(text, style="dim") for text in (found.doubt, found.example) if text)


def _matrix(found: GainVerdict, places: Sequence[int]) -> RenderableType:
    table = titled_table(f"Gain over {found.baseline}, the student alone, in points" if not places[0] else "")
    table.add_column("", no_wrap=True)
    for place in places:
        table.add_column(Text("\n".join(filter(None, found.heads[place])), overflow="fold"), justify="right")
    for group in found.groups:
        for row in group:
            cells = [_cell(found, row, found.columns[place]) for place in places]
            table.add_row(Text(row), *cells, end_section=row == group[-1])
    return table


def _cell(found: GainVerdict, row: str, column: Column) -> RenderableType:
    cell = found.cells[row, column]
    if not cell.gain:
        return Text(cell.hint, style="dim")
    right = 0 if cell.mark else 2  # a space and the mark
    text = Text(f"{cell.gain} {cell.mark}".strip(), justify="right")
    return Padding(text, (0, right, 0, 0), style=COLORS.get(cell.shade, ""), expand=True)
