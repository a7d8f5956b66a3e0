"""The pictures of the page: those of `plot`, drawn anew, and those that `diagnose` has saved."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cmkd_bench.errors import UserError
from cmkd_bench.report.page.embed import TYPES, Figure, figure
from cmkd_bench.report.page.source import Source

MOST_DIRECTIONS = 12  # of more, the pictures alone take minutes and tens of megabytes
OF_ALL = ("critical",)  # one picture, however many directions there are


@dataclass(frozen=True)
class Kind:
    """The pictures of one kind.

    Attributes:
        name: as the command `plot` knows it.
        meaning: one line.
        figures: that could be drawn.
        refusals: why others could not.
    """

    name: str
    meaning: str
    figures: list[Figure]
    refusals: list[str]


@dataclass(frozen=True)
class Diagnosis:
    """What `diagnose` has saved of one direction.

    Attributes:
        title: dataset and direction.
        figure: its picture, if there is one.
        methods: the columns of the table.
        rows: a quantity, indented if it is part of the one above, and its mean and spread by method.
        is_old: whether it is of runs that are no longer in the tables.
    """

    title: str
    figure: Figure | None
    methods: list[str]
    rows: list[tuple[str, list[str]]]
    is_old: bool


def drawn(source: Source) -> list[Kind]:
    """The pictures of all kinds."""
    from cmkd_bench.report.plots.picture import Refusal, render
    from cmkd_bench.report.plots.plot_data import PlotData
    from cmkd_bench.report.plots.save import KINDS, plot

    data = PlotData(source.record, source.results, cache(source.history), source.board)
    found = []
    for name, meaning in KINDS.items():
        kind = Kind(name, meaning, [], [])
        found.append(kind)
        if len(source.board.columns) > MOST_DIRECTIONS and name not in OF_ALL:
            continue
        for one in plot(data, [name]):
            if isinstance(one, Refusal):
                kind.refusals.append(one.reason)
            else:
                kind.figures.append(figure(one.title, render(one.figure, "svg"), "svg"))
    return found


def diagnoses(source: Source) -> Iterator[Diagnosis]:
    """What `diagnose` has saved.

    Raises:
        UserError: if a table of it cannot be read.
    """
    folder = source.experiment.path / "plots"
    for path in sorted(folder.glob("diagnosis-*.csv")):
        if path.resolve().parent == folder.resolve():
            yield _diagnosis(source, path)


def _diagnosis(source: Source, path: Path) -> Diagnosis:
    from cmkd_bench.diagnostics.table import ROWS, spread

    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        first = lines[0]
        methods = list(dict.fromkeys(line["method"] for line in lines))
        values: dict[str, dict[str, list[float]]] = {
            method: {name: [float(line[name]) for line in lines if line["method"] == method] for name in ROWS}
            for method in methods
        }
        runs = {line[name] for line in lines for name in ("teacher_run", "student_run")}
        title = f"{first['dataset']}: {first['teacher_modality']} → {first['student_modality']}"
    except (OSError, KeyError, ValueError, IndexError, TypeError) as error:
        raise UserError(
            f"{path} cannot be read: {error!r}. Delete it, or give `cmkd-bench diagnose` again to write it anew."
        ) from error
    return Diagnosis(
        title=title,
        figure=_saved(path, f"How teacher and student relate: {title}"),
        methods=methods,
        rows=[
            (meaning, [spread(values[m][name], digits) for m in methods]) for name, (meaning, digits) in ROWS.items()
        ],
        is_old=not runs <= set(source.runs),
    )


def _saved(table: Path, title: str) -> Figure | None:
    for kind in TYPES:
        path = table.with_suffix(f".{kind}")
        if path.is_file() and path.resolve().parent == table.resolve().parent:
            return figure(title, path.read_bytes(), kind)
    return None


def summary_of_limits(source: Source) -> dict[str, Any]:
    """Whether pictures were left out, and how many directions there are and may be."""
    directions = len(source.board.columns)
    return {"are_left_out": directions > MOST_DIRECTIONS, "directions": directions, "most": MOST_DIRECTIONS}
