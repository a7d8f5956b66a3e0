"""docs/gap.md: every number of its tables, computed anew by SciPy from the draws recorded in results/gapped."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import linregress, ttest_1samp

from cmkd_bench.studies.gap_page import refreshed

PAGE = Path(__file__).parent.parent.parent / "docs" / "gap.md"
TEXT = PAGE.read_text(encoding="utf-8")
# a table stands below the records that it is made of: gains of one, one minus another, or what was measured
LINK = r"\[[\w-]+\]\(([^)]+)\)"
ROWS = r"((?:\|.*\n)+)"
GAINS = re.findall(rf"^From {LINK}(?: minus {LINK})?:\n\n{ROWS}", TEXT, re.MULTILINE)
MEASURED = re.findall(rf"^Measured, from {LINK}:\n\n{ROWS}", TEXT, re.MULTILINE)
CLAIMS = re.findall(rf"^Claims, from the records in {LINK}:\n\n{ROWS}", TEXT, re.MULTILINE)
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


def test_claims_are_judged_by_the_draws_and_corrected_for_their_number() -> None:
    ((folder, table),) = CLAIMS
    _, lines = cells_of(table)
    draws_of = [_numbers(f"{folder}/", *line[1:4]) for line in lines]
    p = np.array([ttest_1samp(numbers, 0).pvalue for numbers in draws_of])
    assert len(p) > 5
    for line, numbers, value in zip(lines, draws_of, p, strict=True):
        assert_is_mean(line[5], numbers)
        # Holm: with the k-th smallest of m, every p-value up to it times the number that are not smaller
        corrected = min(1.0, max(q * (p >= q).sum() for q in p if q <= value))
        assert line[6] == _as_text(corrected)
        told = "yes" if (numbers.mean() > 0) == (line[4] == "+") else "no"
        assert line[7] == (told if corrected < 0.05 else "cannot be told")


def _numbers(folder: str, of: str, less: str, number: str) -> np.ndarray:
    """What a claim is about, in each draw."""
    names, row = of.split(": ")
    less_names, less_row = less.split(": ") if ": " in less else (names, less)
    pairs = list(zip(names.split(", "), less_names.split(", "), strict=True))
    curves = [curve(f"{folder}{one}.csv", row, f"{folder}{other}.csv", less_row) for one, other in pairs]
    x, values = (np.concatenate(parts) for parts in zip(*curves, strict=True))
    if number == "mean":
        return np.asarray(values.mean(0))
    if number.startswith("at "):
        return np.asarray(values[x.tolist().index(float(number[3:]))])
    if "distance" not in number:
        return slopes(np.abs(x) if number == "slope over size" else x, values)
    distance, teacher = (
        np.concatenate([_points(f"{folder}{one}{ending}.csv", name) for one, _ in pairs])
        for name, ending in (("distance", "-measured"), ("teacher", ""))
    )
    if "teacher" in number:  # at equal accuracy of the teacher: what is left of both once it is accounted for
        distance, values = _rest(distance, teacher), _rest(values, teacher)
    return np.array([linregress(*both).slope for both in zip(distance.T, values.T, strict=True)])


def _points(record: str, row: str) -> np.ndarray:
    found = draws(record)
    return np.stack([values for (_, name), values in found.items() if name == row])


def _rest(values: np.ndarray, teacher: np.ndarray) -> np.ndarray:
    lines = [linregress(x, y) for x, y in zip(teacher.T, values.T, strict=True)]
    return np.stack([y - line.slope * x for line, x, y in zip(lines, teacher.T, values.T, strict=True)], axis=1)


def test_the_command_that_writes_the_tables_finds_nothing_to_change() -> None:
    assert refreshed(TEXT, PAGE.parent) == TEXT


def test_a_number_that_is_not_of_the_records_is_replaced() -> None:
    number = GAINS[0][2].splitlines()[2].split("|")[2]
    assert refreshed(TEXT.replace(number, " +99.99 [+0.00, +1.00] "), PAGE.parent) == TEXT


def _as_text(p: Any) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
