"""Tables of documentation pages: the text around them, and what is claimed in them, is written by hand."""

from __future__ import annotations

from collections.abc import Sequence

from cmkd_bench.report.text_table import TextTable, as_markdown
from cmkd_bench.studies.intervals import LEVEL

LINK = r"\[[\w-]+\]\(([^)]+)\)"
TABLE = r"(?:\|.*\n)+"


def cells_of(line: str) -> list[str]:
    """Return the texts of a table's line."""
    return [cell.strip() for cell in line.strip("|").split("|")]


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]], texts: int) -> str:
    """Render a table of which the first columns are text."""
    return "\n".join(as_markdown(TextTable("", header, rows, texts=texts))) + "\n"


def p_value(p: float) -> str:
    """Format a p-value."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def verdict(mean: float, p: float, expected: str) -> str:
    """Answer a claim about a sign, `+` or `-`, from a p-value that is corrected for all claims."""
    if p >= 1 - LEVEL:
        return "cannot be told"
    return "yes" if (mean > 0) == (expected == "+") else "no"
