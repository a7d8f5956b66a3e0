"""Every run behind every cell as one compact block, from which the page builds rows when they are asked for.

Runs are stored by column, texts and settings once; ten thousand runs stay below a few megabytes.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.report.cells import Column
from cmkd_bench.report.leaderboard import TEACHER
from cmkd_bench.report.page import commands
from cmkd_bench.report.page.source import Source

POINTS = 40  # of a curve; longer ones are thinned
FIELDS = {"value": 4, "val_value": 4, "teacher_value": 4, "seconds": 2, "peak_mb": 1, "epochs": 0}
SECTIONS = {
    "hyper-parameters": "hyperparameters",
    "recipe": "recipe",
    "dataset options": "options",
    "preparation": "preparation",
    "augmentation": "augmentation",
}


class Interned:
    """A list in which equal things stand once."""

    def __init__(self) -> None:
        self.items: list[Hashable] = []
        self._places: dict[Hashable, int] = {}

    def place(self, thing: Hashable) -> int:
        """Where a thing stands."""
        if thing not in self._places:
            self._places[thing] = len(self.items)
            self.items.append(thing)
        return self._places[thing]


def drill_down(source: Source) -> dict[str, Any]:
    """Plain JSON values; the script of the page reads them.

    Returns:
        `runs` by field, in the order of `results.csv`; `cells` with the places of their runs; `pairs` by direction;
        `texts`, `settings` and their `sections`, to which numbers point.
    """
    texts, settings, sections = Interned(), Interned(), Interned()
    places = {run_id: i for i, run_id in enumerate(source.runs)}
    columns = {column: i for i, column in enumerate(source.board.columns)}
    return {
        "baseline": source.board.baseline,
        "columns": [[c.dataset, c.teacher_modality, c.student_modality] for c in columns],
        "folds": [int(source.record.conditions[c.dataset]["folds"]) for c in columns],
        "runs": _runs(source, places, texts, settings, sections),
        "cells": [
            cell
            for column, i in columns.items()
            for row in source.board.rows
            if (cell := _cell(source, row, column, i, places, texts)) is not None
        ],
        "pairs": _pairs(source, columns),
        "texts": texts.items,
        "settings": settings.items,
        "sections": sections.items,
    }


def _runs(
    source: Source, places: dict[str, int], texts: Interned, settings: Interned, sections: Interned
) -> dict[str, list[Any]]:
    rows = source.runs.values()
    found: dict[str, list[Any]] = {
        "id": list(source.runs),
        "state": [texts.place(run["status"]) for run in rows],
        "error": [texts.place(run["error"]) if run["error"] else -1 for run in rows],
        "teacher": [places.get(run["teacher"], -1) for run in rows],
        "settings": [settings.place(_settings(source.specs[run_id], sections)) for run_id in source.runs],
        "curve": [_curve(source, run_id) for run_id in source.runs],
        "best": [source.details.get(run_id, {}).get("best_epoch") for run_id in source.runs],
    }
    for name, digits in FIELDS.items():
        found[name] = [_number(run[name], digits) for run in rows]
    return found


def _settings(spec: RunSpec, sections: Interned) -> tuple[int, ...]:
    """Everything of a run's specification but the seed, which its row shows: where its sections stand.

    A tuned method's draws share all sections but their hyper-parameters.
    """
    networks = {
        "student": _network(spec.student_modality, spec.student_network, spec.pretrained),
        "teacher": _network(spec.teacher_modality, spec.teacher_network, spec.teacher_pretrained),
    }
    parts = [(title, getattr(spec, name)) for title, name in SECTIONS.items()]
    parts.insert(1, ("networks", tuple((name, text) for name, text in networks.items() if text)))
    parts.append(("data", (("fold", spec.fold), ("sha256", spec.manifest), ("results version", spec.version))))
    return tuple(sections.place((title, pairs)) for title, pairs in parts if pairs)


def _network(modality: str | None, network: str | None, pretrained: str) -> str:
    start = f", pretrained: {pretrained}" if pretrained else ""
    return f"{network} on {modality}{start}" if network else ""


def _curve(source: Source, run_id: str) -> list[Any]:
    """[epochs between points, the selecting part's value at epoch 1, ...]; empty where no epoch was measured."""
    if run_id not in source.details:
        return []
    values = [_number(epoch.get("selection"), 1) for epoch in source.history(run_id)]
    if not any(value is not None for value in values):
        return []
    step = math.ceil(len(values) / POINTS)
    return [step, *values[::step]]


def _cell(
    source: Source, row: str, column: Column, place: int, places: dict[str, int], texts: Interned
) -> list[Any] | None:
    """[row, column, start of the command, whether it may run here, [[seed, fold, run or -1, reason or -1, end], ...]].

    Tuned values given by hand would be the untuned row's, so those commands run in an experiment of their own.
    """
    behind = source.behind(row, column)
    if not behind:
        return None
    first = behind[0][0]
    method = source.board.baseline if row == TEACHER else first.method
    pair = (column.teacher_modality, column.student_modality)
    start = commands.grid([method], column.dataset, [pair])
    chosen = dict.fromkeys(source.hyperparameters(run_id) for _, run_id in behind)
    conditions = source.record.conditions[column.dataset]
    ends = {one: commands.settings(conditions, column.dataset, {method: dict(one)}) for one in chosen}
    members = []
    for cell, run_id in behind:
        reason = cell.impossible if run_id == cell.run_id else ""
        why, end = texts.place(reason) if reason else -1, texts.place(ends[source.hyperparameters(run_id)])
        members.append([cell.seed, cell.fold, places.get(run_id, -1), why, end])
    return [row, place, texts.place(start), int(not first.tuned), members]


def _pairs(source: Source, columns: dict[Column, int]) -> list[list[Any]]:
    """By direction [row, other, difference, low, high, p, p corrected for the column, seeds, McNemar by seed]."""
    found: list[list[Any]] = [[] for _ in columns]
    for one in source.board.comparisons.pairs.values():
        if one.column in columns:
            numbers = [_number(value, 3) for value in (one.difference, one.low, one.high)]
            chances = [_significant(value) for value in (one.p, one.p_pair)]
            is_gain = one.other == source.board.baseline
            each = [_significant(p) for p in one.mcnemar.values()] if is_gain else []
            found[columns[one.column]].append([one.row, one.other, *numbers, *chances, len(one.seeds), each])
    return found


def _number(value: Any, digits: int) -> float | int | None:
    if value is None or not math.isfinite(value):
        return None
    rounded = round(float(value), digits)
    return int(rounded) if rounded.is_integer() else rounded


def _significant(p: float | None) -> float | None:
    return None if p is None else float(f"{p:.3g}")
