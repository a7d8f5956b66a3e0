"""The papers' numbers beside ours: every published row of a method, the gains, and the differences in protocol."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pandas as pd

from cmkd_bench.experiment.label_budget import ALL
from cmkd_bench.report.board import TEACHER, Column, Leaderboard, MeanScore
from cmkd_bench.report.text_table import TextTable

FILE = Path(__file__).with_name("published.csv")
HEADER = (
    "dataset", "direction", "method", "source", "published", "ours", "difference", "gain there", "gain here", "note",
)  # fmt: skip
ADVICE = (
    "Compare gains, not levels: the student alone varies by tens of points between papers that claim the same "
    "protocol. 'gain there' is over the student alone of the same paper, dataset and network; empty without one."
)
FAIR = "parts without leaks, epochs selected on validation"
Row = Mapping[str, str]


@cache
def published_rows() -> tuple[Row, ...]:
    """Read the file of published numbers; results/README.md explains its columns."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


@cache
def _rows_of(dataset: str) -> tuple[Row, ...]:
    return tuple(row for row in published_rows() if row["dataset"] == dataset)


def compare_published(board: Leaderboard, results: pd.DataFrame) -> TextTable:
    """Tabulate all published numbers of the cells of a leaderboard, each source of a method in a row of its own.

    Args:
        board: of the main metric, the only one that papers publish.
        results: as `collect` returns them, to compare its networks with those of the papers.
    """
    places = zip(results["dataset"], results["student_modality"], results["student"], strict=True)
    networks = {(dataset, modality): str(network) for dataset, modality, network in places}
    rows: list[tuple[str, ...]] = []
    footnotes: dict[str, int] = {}
    for column in board.columns:
        for name in board.rows:
            score = board.scores[name, column]
            modality = column.teacher_modality if name == TEACHER else column.student_modality
            for row in _matching(board, column, name):
                reason = _footnote(row, networks.get((column.dataset, modality), ""))
                mark = footnotes.setdefault(reason, len(footnotes) + 1)
                rows.append(_row(board, column, name, score, row, mark))
    if not rows:
        return _table((), ("No published numbers are known for these methods on these datasets and directions.",))
    blocks = {column.block: column.dataset for column in board.columns if any(r[0] == column.dataset for r in rows)}
    marks = (f"{block}: {', '.join(board.marks[block]) or FAIR}" for block in blocks)
    ours = f"Ours, {'; '.join(marks)}."
    return _table(tuple(rows), (ADVICE, ours, *(f"[{mark}] {text}" for text, mark in footnotes.items())))


def _table(rows: tuple[tuple[str, ...], ...], lines: tuple[str, ...]) -> TextTable:
    return TextTable("Published numbers", HEADER, rows, lines, places=2)


def _matching(board: Leaderboard, column: Column, name: str) -> Iterator[Row]:
    """Return the published rows of a cell, which are of all labels; a row without a teacher is of a network alone."""
    if column.labels != ALL:
        return iter(())
    alone = name in (TEACHER, board.baseline)
    modality = column.teacher_modality if name == TEACHER else column.student_modality
    wanted = {
        "method": name,
        "student_modality": modality,
        "teacher_modality": "" if alone else column.teacher_modality,
        "metric": "miou" if "mean IoU" in board.marks[column.block] else "accuracy",
    }
    return (row for row in _rows_of(column.dataset) if all(row[key] == value for key, value in wanted.items()))


def _row(board: Leaderboard, column: Column, name: str, score: MeanScore, row: Row, mark: int) -> tuple[str, ...]:
    value = float(row["value"])
    there = _gain(row, board.baseline)
    spread = "" if score.deviation is None else f" ± {score.deviation:.1f}"  # one decimal, as in most papers
    return (
        column.dataset,
        column.direction,
        name,
        f"{row['paper']} {row['year']}",
        row["value"] + (f" ± {row['std']}" if row["std"] else ""),
        score.problem if score.mean is None else f"{score.mean:.1f}{spread}",
        "" if score.mean is None else f"{score.mean - value:+.1f}",
        "" if there is None else f"{there:+.1f}",
        "" if score.gain is None else f"{score.gain:+.1f}",
        f"[{mark}]",
    )


def _gain(row: Row, baseline: str) -> float | None:
    """Return the gain over the student alone of the same paper; None without one, or with several that differ."""
    if not row["teacher_modality"]:
        return None
    same = ("paper", "dataset", "variant", "student", "student_modality", "metric")
    alone = [
        one
        for one in published_rows()
        if one["method"] == baseline and not one["teacher_modality"] and all(one[key] == row[key] for key in same)
    ]
    beside = [one for one in alone if _table_number(one) == _table_number(row)]
    values = {float(one["value"]) for one in (beside or alone)}
    return float(row["value"]) - values.pop() if len(values) == 1 else None


def _table_number(row: Row) -> str:
    found = re.search(r"Tables? \d+", row["note"])
    return found.group() if found else ""


def _footnote(row: Row, network: str) -> str:
    """Cite the source, and list what differs between the two protocols."""
    network_there = row["student"] or "an unnamed network"
    differences = [
        f"network {network_there}, ours {network}" if network and network_there.lower() != network.lower() else "",
        f"variant: {row['variant']}" if row["variant"] else "",
        f"{row['pairing']} data" if row["pairing"] not in ("", "paired") else "",
        "" if row["runs"] else "number of runs not stated",
        "the method as run by other authors" if row["role"] == "baseline" else "",
        "from a secondary source, not checked against the paper" if row["trust"] == "secondary" else "",
        row["note"],
    ]
    return f"{row['paper']} {row['year']}: {row['source']}. {'; '.join(filter(None, differences))}."
