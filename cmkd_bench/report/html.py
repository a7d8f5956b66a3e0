"""A leaderboard as one HTML file: nothing is loaded, every name is text, columns sort on a click."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from cmkd_bench.report.entries import Entry
from cmkd_bench.report.leaderboard import Leaderboard
from cmkd_bench.report.published import Published
from cmkd_bench.report.wording import by_dataset, gain, legend, marks, number, shortfall, title

TEMPLATES = Path(__file__).with_name("templates")


def as_html(board: Leaderboard, name: str, with_gain: bool = True, published: Published | None = None) -> str:
    """The page.

    Args:
        board: the table.
        name: of the experiment.
        with_gain: whether gains are shown.
        published: the papers' numbers, where they were asked for.
    """
    groups = [(title(board, dataset), columns) for dataset, columns in by_dataset(board)]
    columns = [column for _, group in groups for column in group]
    ranks = board.ranking.ranks if board.ranking else {}
    rows = [
        {
            "name": row,
            "role": role,
            "cells": [_cell(board, board.entries[row, column], with_gain) for column in columns],
            "rank": f"{ranks[row]:.1f}" if row in ranks else "",
            "rank_value": ranks.get(row, ""),
        }
        for row, role in board.rows.items()
    ]
    return _template("leaderboard.html").render(
        name=name,
        groups=[{"title": text, "directions": [column.direction for column in group]} for text, group in groups],
        rows=rows,
        has_ranks=bool(ranks),
        legend=legend(board, with_gain, list_ranks=False),
        notes=board.notes,
        tuning=board.tuning,
        published=published,
    )


def _cell(board: Leaderboard, entry: Entry, with_gain: bool) -> dict[str, Any]:
    if entry.mean is None:
        return {"value": "", "number": "", "problem": entry.problem, "style": "", "marks": "", "gain": ""}
    return {
        "value": entry.mean,
        "number": number(board, entry),
        "style": "best" if entry.is_best else "second" if entry.is_second else "",
        "marks": marks(entry),
        "gain": gain(board, entry) if with_gain else "",
        "problem": shortfall(board, entry),
    }


@cache
def _template(name: str) -> Template:
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    return environment.get_template(name)
