"""CSV whose texts a spreadsheet does not take for formulas; what is written here is read back as it was meant."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

from cmkd_bench.terminal import visible

_FORMULA = re.compile(r"'*[=+\-@\t]")
_NEUTRALIZED = re.compile(r"'+[=+\-@\t]")


def neutralized(value: Any) -> Any:
    """Return a cell that a spreadsheet shows as it is: a text that it would execute gets an apostrophe in front.

    Control characters are shown; a carriage return, for example, would end the row.
    """
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if _FORMULA.match(text) and not _is_number(text) else text


def original(text: str) -> str:
    """Return the text of which `neutralized` made a cell."""
    return text[1:] if _NEUTRALIZED.match(text) else text


def write_csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows of values as CSV; None becomes an empty field."""
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([neutralized(value) for value in row] for row in (header, *rows))
    return file.getvalue()


def read_rows(lines: Iterable[str]) -> list[dict[str, str]]:
    """Return the rows of a CSV file by the names of its columns.

    Raises:
        TypeError: if a row has fewer fields than the header, or more.
    """
    return [{original(name): original(text) for name, text in row.items()} for row in csv.DictReader(lines)]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
