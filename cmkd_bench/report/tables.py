"""A leaderboard as text: for a terminal, as Markdown, as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import groupby

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cmkd_bench.report.leaderboard import METRICS, Column, Entry, Leaderboard


def as_rich(board: Leaderboard) -> RenderableType:
    """One table per dataset, methods as rows, directions as columns; the best of a column is bold."""
    parts: list[RenderableType] = []
    for dataset, columns in _by_dataset(board):
        table = Table(title=Text(_title(board, dataset)), title_justify="left", title_style="bold")
        table.add_column("method", no_wrap=True)
        for column in columns:
            table.add_column(Text(column.direction), justify="right")
        for row, ends_section in _rows(board):
            entries = [board.entries[row, column] for column in columns]
            table.add_row(Text(row), *(_rich_entry(entry) for entry in entries), end_section=ends_section)
        parts += [table, Text()]
    parts.append(Text(legend(board), style="dim"))
    parts += [Text(note, style="yellow") for note in board.notes]
    return Group(*parts)


def as_markdown(board: Leaderboard) -> str:
    """The same tables in GitHub's Markdown."""
    lines = []
    for dataset, columns in _by_dataset(board):
        lines += [f"### {_escape(_title(board, dataset))}", ""]
        lines.append(" | ".join(["| method", *(_escape(column.direction) for column in columns)]) + " |")
        lines.append("|---|" + "---:|" * len(columns))
        for row, _ in _rows(board):
            entries = [_markdown_entry(board.entries[row, column]) for column in columns]
            lines.append(" | ".join([f"| {_escape(row)}", *entries]) + " |")
        lines.append("")
    lines += [legend(board), ""]
    lines += [f"- {_escape(note)}" for note in board.notes]
    return "\n".join(lines).rstrip() + "\n"


def as_csv(board: Leaderboard) -> str:
    """One line per row and direction, with unrounded numbers."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(
        [
            "dataset",
            "teacher_modality",
            "student_modality",
            "row",
            "role",
            "mean",
            "std",
            "gain",
            "seeds",
            "problem",
            "marks",
        ]
    )
    for column in board.columns:
        for row, role in board.rows.items():
            entry = board.entries[row, column]
            marks = "; ".join(board.marks[column.dataset])
            place = [column.dataset, column.teacher_modality, column.student_modality, row, role]
            writer.writerow([*place, entry.mean, entry.deviation, entry.gain, len(entry.values), entry.problem, marks])
    return file.getvalue()


def legend(board: Leaderboard) -> str:
    """What the numbers are, in one line."""
    seeds = f"mean ± standard deviation over {len(board.seeds)} seeds" if len(board.seeds) > 1 else "one seed"
    named = {mark for marks in board.marks.values() for mark in marks} & set(METRICS.values())
    quantity = f"accuracy, or {' or '.join(sorted(named))} where it is named," if named else "accuracy"
    return (
        f"Test {quantity} in percent, {seeds}; in brackets the gain over the student alone; bold: the best mean (no "
        "test of significance)."
    )


def _by_dataset(board: Leaderboard) -> Iterator[tuple[str, list[Column]]]:
    ordered = sorted(board.columns, key=lambda column: list(board.marks).index(column.dataset))
    for dataset, columns in groupby(ordered, key=lambda column: column.dataset):
        yield dataset, list(columns)


def _rows(board: Leaderboard) -> Iterator[tuple[str, bool]]:
    """Rows, and whether a section ends below them: teacher and baseline, controls, methods."""
    names = list(board.rows)
    groups = ["alone" if role in ("teacher", "baseline") else role for role in board.rows.values()]
    for i, name in enumerate(names):
        yield name, i + 1 < len(names) and groups[i] != groups[i + 1]


def _title(board: Leaderboard, dataset: str) -> str:
    marks = "; ".join(board.marks[dataset])
    return f"{dataset} ({marks})" if marks else dataset


def _number(entry: Entry) -> str:
    assert entry.mean is not None
    return f"{entry.mean:.2f}" if entry.deviation is None else f"{entry.mean:.2f} ± {entry.deviation:.2f}"


def _gain(entry: Entry) -> str:
    return "" if entry.gain is None else f"({entry.gain:+.2f})"


def _rich_entry(entry: Entry) -> Text:
    if entry.mean is None:
        return Text(entry.problem, style="red")
    text = Text(_number(entry), style="bold" if entry.is_best else "")
    if entry.gain is not None:
        text.append(f" {_gain(entry):>8}", style="green" if entry.gain > 0 else "dim")
    if entry.problem:
        text.append(f" {entry.problem}", style="red")
    return text


def _markdown_entry(entry: Entry) -> str:
    if entry.mean is None:
        return _escape(entry.problem)
    number = f"**{_number(entry)}**" if entry.is_best else _number(entry)
    return " ".join(filter(None, [number, _gain(entry), _escape(entry.problem)]))


def _escape(text: str) -> str:
    for character in "\\|*_<>`[]":
        text = text.replace(character, f"\\{character}")
    return text.replace("\n", " ")
