"""docs/gap.md: every number of its tables, computed anew by SciPy from the draws recorded in results/gapped."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import linregress, ttest_1samp

PAGE = Path(__file__).parent.parent.parent / "docs" / "gap.md"
TEXT = PAGE.read_text(encoding="utf-8")
# a table stands below the records that it is made of: gains of one, one minus another, or what was measured
LINK = r"\[[\w-]+\]\(([^)]+)\)"
ROWS = r"((?:\|.*\n)+)"
GAINS = re.findall(rf"^From {LINK}(?: minus {LINK})?:\n\n{ROWS}", TEXT, re.MULTILINE)
MEASURED = re.findall(rf"^Measured, from {LINK}:\n\n{ROWS}", TEXT, re.MULTILINE)
CLAIMS = re.findall(rf"^Claims, from the records:\n\n{ROWS}", TEXT, re.MULTILINE)
CELL = re.compile(r"([+-]\d+\.\d+) \[([+-]\d+\.\d+), ([+-]\d+\.\d+)\]")
QUANTITIES = {"tau": "rank_correlation", "CKA": "cka", "distance": "distance"}


def draws(record: str) -> dict[tuple[str, str], np.ndarray]:
    """The numbers of a record by value of the knob and row or quantity."""
    with (PAGE.parent / record).open(encoding="utf-8") as file:
        lines = list(csv.reader(file))
    first = lines[0].index("draw 0")
    return {(f"{float(line[0]):g}", line[1]): np.array(line[first:], dtype=float) for line in lines[1:]}


def cells_of(table: str) -> tuple[list[str], list[list[str]]]:
    heading, _, *lines = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines()]
    return heading, lines


def curve(record: str, row: str, less: str = "", less_row: str = "none") -> tuple[np.ndarray, np.ndarray]:
    """The values of the knob, and what a row has more than another: (values, draws)."""
    one, other = draws(record), draws(less or record)
    values = list(dict.fromkeys(value for value, _ in one))
    return np.array(values, float), np.stack([one[value, row] - other[value, less_row] for value in values])


def slopes(x: np.ndarray, curves: np.ndarray) -> np.ndarray:
    return np.array([linregress(x, draw).slope for draw in curves.T])


def assert_is_mean(cell: str, values: np.ndarray) -> None:
    found = CELL.fullmatch(cell)
    assert found, cell
    low, high = ttest_1samp(values, 0).confidence_interval(0.95)
    decimals = len(found[1].partition(".")[2])
    expected = pytest.approx([values.mean(), low, high], abs=0.51 * 10**-decimals)
    assert [float(number) for number in found.groups()] == expected


def check(lines: list[list[str]], curves: list[np.ndarray], x: np.ndarray) -> None:
    """That the lines are the means of all values, and the last the slopes."""
    assert [float(line[0]) for line in lines[:-1]] == x.tolist()
    assert lines[-1][0] == "slope"
    for place, (_, *cells) in enumerate(lines):
        for values, cell in zip(curves, cells, strict=True):
            assert_is_mean(cell, slopes(x, values) if place == len(x) else values[place])


def test_the_page_has_tables_of_every_record() -> None:
    used = {Path(record).name for *records, _ in [*GAINS, *MEASURED] for record in records if record}
    assert used == {path.name for path in (PAGE.parent.parent / "results" / "gapped").glob("*.csv")}
    assert len(GAINS) + len(MEASURED) + len(CLAIMS) == len(re.findall(r"^\|---", TEXT, re.MULTILINE)) > 8


@pytest.mark.parametrize(("one", "other", "table"), GAINS)
def test_gains_and_their_slopes_are_those_of_the_draws(one: str, other: str, table: str) -> None:
    heading, lines = cells_of(table)
    found = [curve(one, row, other, row if other else "none") for row in heading[1:]]
    check(lines, [values for _, values in found], found[0][0])


@pytest.mark.parametrize(("record", "table"), MEASURED)
def test_what_was_measured_is_that_of_the_draws(record: str, table: str) -> None:
    heading, lines = cells_of(table)
    values = draws(record)
    x = [float(value) for value, quantity in values if quantity == "cka"]
    check(lines, [np.stack([values[f"{v:g}", QUANTITIES[name]] for v in x]) for name in heading[1:]], np.array(x))


def test_claims_are_judged_by_the_slopes_of_the_draws_and_corrected_for_their_number() -> None:
    (table,) = CLAIMS
    _, lines = cells_of(table)
    p = np.array([_claim(*line[1:5]) for line in lines])
    assert len(p) > 5
    for place, value in enumerate(p):
        # Holm: with the k-th smallest of m, every p-value up to it times the number that are not smaller
        corrected = min(1.0, max(q * (p >= q).sum() for q in p if q <= value))
        assert lines[place][5] == _as_text(corrected)


def _claim(row: str, less: str, against: str, slope: str) -> float:
    """Check the slope of a claim; its p-value without a correction."""
    record, name = row.split(": ")
    less_record, less_name = less.split(": ") if ": " in less else (record, less)
    x, values = curve(f"../results/gapped/{record}.csv", name, f"../results/gapped/{less_record}.csv", less_name)
    found = slopes(np.abs(x) if against.startswith("size of") else x, values)
    assert_is_mean(slope, found)
    return float(ttest_1samp(found, 0).pvalue)


def _as_text(p: Any) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
