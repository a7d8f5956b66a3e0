"""docs/gap.md: every number of its tables, computed anew by SciPy from the draws recorded in results/gapped."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_rel

PAGE = Path(__file__).parent.parent.parent / "docs" / "gap.md"
# a table stands below the records that it is made of: gains of one, or one minus another
TABLES = re.findall(
    r"^From \[[\w-]+\]\(([^)]+)\)(?: minus \[[\w-]+\]\(([^)]+)\))?:\n\n((?:\|.*\n)+)",
    PAGE.read_text(encoding="utf-8"),
    re.MULTILINE,
)
CELL = re.compile(r"([+-]\d+\.\d\d) \[([+-]\d+\.\d\d), ([+-]\d+\.\d\d)\]")


def draws(record: str) -> dict[tuple[str, str], np.ndarray]:
    """The accuracies of a record by value of the knob and row."""
    with (PAGE.parent / record).open(encoding="utf-8") as file:
        lines = list(csv.reader(file))
    first = lines[0].index("draw 0")
    return {(f"{float(line[0]):g}", line[1]): np.array(line[first:], dtype=float) for line in lines[1:]}


def test_the_page_has_tables_of_every_record() -> None:
    used = {Path(record).name for one, other, _ in TABLES for record in (one, other) if record}
    assert used == {path.name for path in (PAGE.parent.parent / "results" / "gapped").glob("*.csv")}
    assert len(TABLES) == len(re.findall(r"^\|---", PAGE.read_text(encoding="utf-8"), re.MULTILINE)) > 3


@pytest.mark.parametrize(("one", "other", "table"), TABLES)
def test_the_numbers_of_a_table_are_those_of_its_draws(one: str, other: str, table: str) -> None:
    heading, _, *lines = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines()]
    curves = draws(one)
    assert len(lines) == len({value for value, _ in curves})
    for value, *cells in lines:
        for row, cell in zip(heading[1:], cells, strict=True):
            base = draws(other)[value, row] if other else curves[value, "none"]
            test = ttest_rel(curves[value, row], base)
            low, high = test.confidence_interval(0.95)
            found = CELL.fullmatch(cell)
            assert found, cell
            expected = [(curves[value, row] - base).mean(), low, high]
            assert [float(number) for number in found.groups()] == pytest.approx(expected, abs=0.0051)
