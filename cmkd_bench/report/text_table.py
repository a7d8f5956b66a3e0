"""A table of plain text, which every format shows below the leaderboard."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TextTable:
    """A table of plain text.

    Attributes:
        title: its heading.
        header: titles of the columns.
        rows: as wide as `header`.
        lines: explanations below the table.
        texts: number of leading columns that are text; numbers follow.
        places: number of leading columns that a terminal shows as titles instead, one table for each place.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[str, ...]
    texts: int = 4
    places: int = 0
