"""The tables of the page: leaderboards of every metric and cost, and the tests behind the main one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from cmkd_bench.report.cells import Column
from cmkd_bench.report.comparisons import Comparison, is_distinct
from cmkd_bench.report.leaderboard import Leaderboard, leaderboard
from cmkd_bench.report.page.source import Source
from cmkd_bench.report.quantities import QUANTITIES
from cmkd_bench.report.wording import by_dataset, gain, legend, marks, number, p_value, sections, shortfall, title
from cmkd_bench.report.write import known_metrics
from cmkd_bench.statistics.metrics import METRICS
from cmkd_bench.statistics.paired import LEVEL

Context = dict[str, Any]


def main_board(source: Source) -> Context:
    """The leaderboard of each dataset's main metric."""
    board = source.board
    numbers, tests, *_ = legend(board, with_gain=True)  # the ranks have a table of their own
    return _board(board, "results", [numbers, tests], with_gain=True)


def further_boards(source: Source) -> Iterator[Context]:
    """The other metrics, then the costs; without tests, which would read all predictions anew for each of them."""
    main = {str(name) for name in source.results["metric"].dropna().unique()}
    for name in known_metrics(source.results):
        if main == {name}:
            continue
        board = leaderboard(source.record, source.results, metric=name)
        lines = legend(board, with_gain=name in METRICS)[:1]
        if name in METRICS:
            lines.append(
                f"Without tests here; cmkd-bench leaderboard {source.experiment.name} --metric {name} has them."
            )
        heading = QUANTITIES[name].title
        yield _board(board, name, lines, name in METRICS) | {
            "title": heading[0].upper() + heading[1:],
            "is_cost": name not in METRICS,
        }


def address(row: str, column: Column) -> str:
    """The part of a link behind `#` that opens an entry."""
    parts = (row, column.dataset, column.teacher_modality, column.student_modality)
    return "cell/" + "/".join(quote(part, safe="") for part in parts)


def tests(source: Source) -> list[Context]:
    """By dataset the differences to the student alone."""
    board = source.board
    found = []
    for dataset, columns in by_dataset(board):
        gains = [
            _test(one)
            for column in columns
            for row in board.rows
            if (one := board.comparisons.pairs.get((column, row, board.baseline))) is not None
        ]
        found.append({"title": title(board, dataset), "rows": gains})
    return [one for one in found if one["rows"]]


def ranks(source: Source) -> Context | None:
    """Average ranks over all directions, the best first."""
    ranking = source.board.ranking
    if ranking is None:
        return None
    ordered = sorted(ranking.ranks.items(), key=lambda item: item[1])
    return {
        "rows": [{"name": row, "rank": f"{rank:.2f}"} for row, rank in ordered],
        "columns": ranking.columns,
        "p": None if ranking.p is None else p_value(ranking.p),
        "distance": None if ranking.distance is None else f"{ranking.distance:.2f}",
        "level": LEVEL,
    }


def _board(board: Leaderboard, name: str, lines: list[str], with_gain: bool) -> Context:
    tables = [
        {
            "title": title(board, dataset),
            "directions": [column.direction for column in columns],
            "rows": [
                {
                    "name": row,
                    "role": board.rows[row],
                    "ends": ends,
                    "cells": [_cell(board, row, column, with_gain) for column in columns],
                }
                for row, ends in sections(board)
            ],
        }
        for dataset, columns in by_dataset(board)
    ]
    return {"name": name, "tables": tables, "legend": lines}


def _cell(board: Leaderboard, row: str, column: Column, with_gain: bool) -> Context:
    entry = board.entries[row, column]
    context: Context = {"link": address(row, column), "value": "", "problem": entry.problem}
    if entry.mean is None:
        return context
    return context | {
        "value": repr(entry.mean),
        "number": number(board, entry),
        "style": "best" if entry.is_best else "second" if entry.is_second else "",
        "marks": marks(entry),
        "gain": gain(board, entry) if with_gain else "",
        "direction": {1: "above", -1: "below", 0: ""}[entry.direction * (board.quantity.better or 1)],
        "problem": shortfall(board, entry),
    }


def _test(one: Comparison) -> Context:
    below = sum(p < LEVEL for p in one.mcnemar.values())
    return {
        "row": one.row,
        "direction": one.column.direction,
        "link": address(one.row, one.column),
        "difference": one.difference,
        "low": one.low,
        "high": one.high,
        "p": one.p,
        "p_gain": one.p_gain,
        "distinct": is_distinct(one.p_gain),
        "mcnemar": f"{below} of {len(one.mcnemar)}" if one.mcnemar else "",
        "mcnemar_share": below / len(one.mcnemar) if one.mcnemar else "",
        "seeds": len(one.seeds),
        "samples": one.samples,
    }
