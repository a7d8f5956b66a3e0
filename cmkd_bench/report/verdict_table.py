"""The verdict as a terminal shows it: a matrix of colored gains, and the sentences below."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from cmkd_bench.report.fitted_table import FittedTable, TableCell
from cmkd_bench.report.verdict_matrix import GainVerdict, VerdictCell

# Ink and background by shade, from ColorBrewer's RdBu; both are set, so that they suit any terminal.
COLORS = {
    1: "#000000 on #d1e5f0", 2: "#000000 on #92c5de", 3: "#000000 on #4393c3", 4: "#ffffff on #2166ac",
    -1: "#000000 on #fddbc7", -2: "#000000 on #f4a582", -3: "#000000 on #d6604d", -4: "#ffffff on #b2182b",
}  # fmt: skip


def verdict_as_rich(found: GainVerdict) -> Iterator[RenderableType]:
    """Render the matrix, in several parts if it is wide, a sentence per dataset, and what lacks a mark and why."""
    yield FittedTable(
        title=f"Gain over {found.baseline}, the student alone, in points",
        header=["", *("\n".join(filter(None, head)) for head in found.heads)],
        rows=[[Text(row, no_wrap=True), *(_cell(found.cells[row, c]) for c in found.columns)] for row in _rows(found)],
        ends=[_rows(found).index(group[-1]) for group in found.groups],
        repeated=1,
    )
    yield Text()
    for dataset, text in found.sentences.items():
        yield Text.assemble((f"{dataset}: ", "bold"), text)
    yield from (Text(text, style="dim") for text in (found.doubt, found.example) if text)


def _rows(found: GainVerdict) -> list[str]:
    return [row for group in found.groups for row in group]


def _cell(cell: VerdictCell) -> TableCell:
    if not cell.gain:
        return Text(cell.hint, style="dim")
    right = 0 if cell.mark else 2  # a space and the mark
    text = Text(f"{cell.gain} {cell.mark}".strip(), justify="right", no_wrap=True)
    return Padding(text, (0, right, 0, 0), style=COLORS.get(cell.shade, ""), expand=True)
