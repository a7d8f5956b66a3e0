"""The runs behind every number as plain JSON values, which the page's script shows when a number is selected."""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import quote

from cmkd_bench.experiment.plan import Cell
from cmkd_bench.experiment.spec import RunSpec, Settings
from cmkd_bench.report.board import TEACHER
from cmkd_bench.report.cells import Column
from cmkd_bench.report.comparisons import is_distinct
from cmkd_bench.report.experiment_data import ExperimentData
from cmkd_bench.report.page import commands

MISSING = "\N{EN DASH}"
NUMBERS = {"value": 2, "val_value": 2, "seconds": 1, "peak_mb": 0, "teacher_value": 2}  # with their decimals
RunDetail = dict[str, Any]


def address(row: str, column: Column) -> str:
    """Return the fragment of a link that opens a number."""
    return "cell/" + "/".join(quote(part, safe="") for part in (row, *column.names))


def run_details(data: ExperimentData) -> RunDetail:
    """Collect the details of all numbers.

    Returns:
        `cells` by address, with their runs and comparisons; `settings` that the runs have, each once.
    """
    settings: dict[object, int] = {}
    cells = {
        address(row, column): {
            "title": f"{row} on {column.block}, {column.direction}",
            "has_folds": commands.has_folds(data.record.conditions[column.dataset]),
            "runs": _runs(data, row, column, settings),
            **_comparisons(data, row, column),
        }
        for column, rows in data.columns.items()
        for row in rows
    }
    return {"cells": cells, "settings": list(settings)}


def _runs(data: ExperimentData, row: str, column: Column, settings: dict[object, int]) -> list[RunDetail]:
    ends: dict[tuple[Settings, str], str] = {}
    found = []
    for cell, run_id in data.columns[column][row]:
        run = _run(data, cell, run_id)
        if run["id"] and run_id in data.specs:  # the spec of a run may be damaged
            method, variant = (data.board.baseline, "") if row == TEACHER else (cell.method, cell.variant)
            values, conditions = data.hyperparameters(run_id), data.record.conditions[cell.dataset]
            chosen = commands.ChosenRow(method, variant, dict(values))
            if (key := (values, variant)) not in ends:
                ends[key] = commands.settings(conditions, cell.dataset, [chosen])
            run["settings"] = settings.setdefault(_settings(data.specs[run_id]), len(settings))
            run["command"] = (
                commands.one_run(data.experiment.of(run_id), cell, chosen, conditions, run["state"]) + ends[key]
            )
        found.append(run)
    return found


def _run(data: ExperimentData, cell: Cell, run_id: str) -> RunDetail:
    """Describe the run behind a cell; without settings and command."""
    is_defined = not cell.impossible or run_id != cell.run_id
    run = data.runs.get(run_id, {}) if is_defined else {}
    best, epochs = data.details.get(run_id, {}).get("best_epoch"), number(run.get("epochs"), 0)
    test, validation, seconds, memory, teacher = (number(run.get(name), digits) for name, digits in NUMBERS.items())
    return {
        "seed": cell.seed,
        "fold": cell.fold,
        "state": run.get("status", "pending") if is_defined else "not defined",
        "cause": (run.get("error") or "") if is_defined else cell.impossible,
        "id": run_id if run else "",
        "teachers": _teachers(data, run_id) if run else [],
        "values": [test, validation, f"{best} of {epochs}" if best else epochs, seconds, memory, teacher],
        "curve": _curve(data, run_id),
        "best": best,
        "settings": -1,
        "command": "",
    }


def _teachers(data: ExperimentData, run_id: str) -> list[list[str]]:
    """Return the role and the run of each teacher; empty where the spec of the run is damaged."""
    return [[one.role, one.id] for one in data.specs[run_id].teachers] if run_id in data.specs else []


def _settings(spec: RunSpec) -> tuple[object, ...]:
    """List everything of a run's specification but the seed, which its row shows, by section."""
    networks = {"student": _network(spec.student_modality, spec.student_network, spec.pretrained)}
    networks |= {one.role: _network(one.modality, one.network, one.pretrained) for one in spec.teachers}
    return (
        ("hyper-parameters", spec.hyperparameters),
        ("networks", tuple(networks.items())),
        ("recipe", spec.recipe),
        ("dataset options", spec.options),
        ("supervision", (("labels", spec.labels), *spec.supervision)),
        ("preparation", spec.preparation),
        ("augmentation", spec.augmentation),
        ("code", spec.code),
        ("data", (("fold", spec.fold), ("sha256", spec.manifest), ("results version", spec.version))),
    )


def _network(modality: str, network: str, pretrained: str) -> str:
    return f"{network} on {modality}" + (f", pretrained: {pretrained}" if pretrained else "")


def _curve(data: ExperimentData, run_id: str) -> list[float | None]:
    """Return the selecting part's value by epoch; empty where no epoch was measured."""
    if run_id not in data.details:
        return []
    values = [epoch.get("selection") for epoch in data.history(run_id)]
    known = [round(value, 1) if value is not None and math.isfinite(value) else None for value in values]
    return known if any(value is not None for value in known) else []


def _comparisons(data: ExperimentData, row: str, column: Column) -> RunDetail:
    """Compare a row with all others, the baseline first."""
    board = data.board
    pairs, mcnemar = [], ""
    for other in sorted(board.rows, key=lambda name: name != board.baseline):
        one = board.comparisons.find(column, row, other)
        if one is None:
            continue
        sign = 1 if one.row == row else -1
        ends = sorted(sign * end for end in (one.low, one.high) if end is not None)
        pairs.append({
            "is_distinct": is_distinct(one.p_pair),
            "values": [other, signed(sign * one.difference), interval(*ends), p_text(one.p), p_text(one.p_pair),
                       str(len(one.seeds))],
        })  # fmt: skip
        if other == board.baseline and one.mcnemar:
            mcnemar = ", ".join(p_text(p) for p in one.mcnemar.values())
    return {"pairs": pairs, "mcnemar": mcnemar}


def number(value: float | None, digits: int = 2) -> str:
    """Format a number."""
    return MISSING if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def signed(value: float | None) -> str:
    """Format a difference."""
    return MISSING if value is None else f"{value:+.2f}"


def interval(low: float | None = None, high: float | None = None) -> str:
    """Format an interval."""
    return MISSING if low is None else f"{signed(low)} to {signed(high)}"


def p_text(p: float | None) -> str:
    """Format a p-value for a column of p-values."""
    return MISSING if p is None else "< 0.0001" if p < 0.0001 else f"{p:.4f}"
