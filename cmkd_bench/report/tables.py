"""A leaderboard as text: for a terminal, as Markdown, as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cmkd_bench.report.comparisons import Comparison
from cmkd_bench.report.entries import Entry
from cmkd_bench.report.leaderboard import Leaderboard
from cmkd_bench.report.tuning import TEXTS, TITLE, Tuning
from cmkd_bench.report.wording import by_dataset, gain, legend, marks, number, sections, shortfall, title

BOARD_COLUMNS = (
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
    "gain_low",
    "gain_high",
    "gain_p",
    "best",
    "second",
    "may_be_best",
    "average_rank",
)
PAIR_COLUMNS = (
    "dataset",
    "teacher_modality",
    "student_modality",
    "row",
    "other",
    "difference",
    "low",
    "high",
    "p",
    "p_holm_gains",
    "p_holm_column",
    "variance_of_seeds",
    "seeds",
    "folds",
    "samples",
    "mcnemar_p",
)


def as_rich(board: Leaderboard, with_gain: bool = False) -> RenderableType:
    """One table per dataset, methods as rows, directions as columns; the best of a column is bold."""
    parts: list[RenderableType] = []
    for dataset, columns in by_dataset(board):
        table = Table(title=Text(title(board, dataset)), title_justify="left", title_style="bold")
        table.add_column("method", no_wrap=True)
        for column in columns:
            table.add_column(Text(column.direction), justify="right")
        for row, ends_section in sections(board):
            entries = [board.entries[row, column] for column in columns]
            cells = (_rich_entry(board, entry, with_gain) for entry in entries)
            table.add_row(Text(row), *cells, end_section=ends_section)
        parts += [table, Text()]
    parts += [Text(line, style="dim") for line in legend(board, with_gain)]
    parts += [Text(note, style="yellow") for note in board.notes]
    if board.tuning is not None:
        parts += [Text(), *_rich_tuning(board.tuning)]
    return Group(*parts)


def as_markdown(board: Leaderboard, with_gain: bool = True) -> str:
    """The same tables in GitHub's Markdown."""
    lines = []
    for dataset, columns in by_dataset(board):
        lines += [f"### {escape_markdown(title(board, dataset))}", ""]
        lines.append(" | ".join(["| method", *(escape_markdown(column.direction) for column in columns)]) + " |")
        lines.append("|---|" + "---:|" * len(columns))
        for row, _ in sections(board):
            entries = [_markdown_entry(board, board.entries[row, column], with_gain) for column in columns]
            lines.append(" | ".join([f"| {escape_markdown(row)}", *entries]) + " |")
        lines.append("")
    for line in legend(board, with_gain):
        lines += [escape_markdown(line), ""]
    lines += [f"- {escape_markdown(note)}" for note in board.notes]
    if board.tuning is not None:
        lines += ["", *_markdown_tuning(board.tuning)]
    return "\n".join(lines).rstrip() + "\n"


def as_csv(board: Leaderboard) -> str:
    """One line per row and direction, with unrounded numbers."""
    ranks = board.ranking.ranks if board.ranking else {}
    lines: list[list[object]] = []
    for column in board.columns:
        place = [column.dataset, column.teacher_modality, column.student_modality]
        notes = "; ".join(board.marks[column.dataset])
        for row, role in board.rows.items():
            one = board.entries[row, column]
            tested = [one.comparison.low, one.comparison.high, one.comparison.p_gain] if one.comparison else [None] * 3
            flags = [int(one.is_best), int(one.is_second), int(one.is_close)]
            numbers = [one.mean, one.deviation, one.gain, len(one.values), one.problem, notes]
            lines.append([*place, row, role, *numbers, *tested, *flags, ranks.get(row)])
    return _csv(BOARD_COLUMNS, lines)


def tuning_csv(tuning: Tuning) -> str:
    """The table of selected values."""
    return _csv(tuning.header, [list(row) for row in tuning.rows])


def comparisons_csv(board: Leaderboard) -> str:
    """One line per pair of rows and direction: the row's value minus the other's, with its interval."""
    return _csv(PAIR_COLUMNS, [_pair(one) for one in board.comparisons.pairs.values()])


def _pair(one: Comparison) -> list[object]:
    # Sums over samples may differ in their last bits between machines; nobody reads beyond these digits.
    numbers = [one.difference, one.low, one.high, one.p, one.p_gain, one.p_pair, one.of_seeds]
    rounded = [None if value is None else float(f"{value:.10g}") for value in numbers]
    seeds, folds = (" ".join(map(str, group)) for group in (one.seeds, one.folds))
    by_seed = " ".join(f"{seed}:{p:.6g}" for seed, p in one.mcnemar.items())
    place = [one.column.dataset, one.column.teacher_modality, one.column.student_modality, one.row, one.other]
    return [*place, *rounded, seeds, folds, one.samples, by_seed]


def _csv(header: tuple[str, ...], lines: list[list[object]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(lines)
    return file.getvalue()


def _rich_tuning(tuning: Tuning) -> Iterator[RenderableType]:
    table = Table(title=Text(TITLE), title_justify="left", title_style="bold")
    for i, name in enumerate(tuning.header):
        table.add_column(name, justify="left" if i < TEXTS else "right")
    for row in tuning.rows:
        table.add_row(*map(Text, row))
    if tuning.rows:
        yield from (table, Text())
    yield from (Text(line, style="dim") for line in tuning.lines)


def _markdown_tuning(tuning: Tuning) -> Iterator[str]:
    yield from (f"### {TITLE}", "")
    if tuning.rows:
        for row in (tuning.header, *tuning.rows):
            yield f"| {' | '.join(map(escape_markdown, row))} |"
            if row is tuning.header:
                yield "|" + "---|" * TEXTS + "---:|" * (len(row) - TEXTS)
        yield ""
    yield from (f"- {escape_markdown(line)}" for line in tuning.lines)


def _rich_entry(board: Leaderboard, entry: Entry, with_gain: bool) -> Text:
    if entry.mean is None:
        return Text(entry.problem, style="red")
    text = Text()
    text.append(number(board, entry), style="bold" if entry.is_best else "underline" if entry.is_second else "")
    if board.claims:
        text.append(f" {marks(entry):<2}", style="dim")
    if with_gain and entry.gain is not None:
        text.append(f" {gain(board, entry):>8}", style="green" if entry.gain * board.quantity.better > 0 else "dim")
    if missing := shortfall(board, entry):
        text.append(f" {missing}", style="red")
    return text


def _markdown_entry(board: Leaderboard, entry: Entry, with_gain: bool) -> str:
    if entry.mean is None:
        return escape_markdown(entry.problem)
    text = number(board, entry)
    # Markdown has no underline of its own, and GitHub renders this tag.
    styled = f"**{text}**" if entry.is_best else f"<ins>{text}</ins>" if entry.is_second else text
    parts = [styled, marks(entry), gain(board, entry) if with_gain else "", escape_markdown(shortfall(board, entry))]
    return " ".join(filter(None, parts))


def escape_markdown(text: str) -> str:
    """Text that Markdown shows as it is."""
    for character in "\\|*_<>`[]":
        text = text.replace(character, f"\\{character}")
    return text.replace("\n", " ")
