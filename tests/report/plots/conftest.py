"""Experiments made by hand, for pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import pytest
from toy_pictures import AB, AC, BA, CA, COSTS, HISTORIES, INTERVALS, ROLES, VALUES, several

from cmkd_bench.experiment.plan import Cell, Plan
from cmkd_bench.report.board import leaderboard
from cmkd_bench.report.cells import Column
from cmkd_bench.report.comparisons import Comparison, Comparisons
from cmkd_bench.report.plots.plot_data import PlotData

CONDITIONS = {"folds": 1, "fixture": False, "protocol": "fair", "train.select_on": "validation"}
Values = Mapping[tuple[str, Column], Sequence[float | None]]
MakeData = Callable[..., PlotData]


@pytest.fixture
def make_data() -> MakeData:
    return plot_data


def plot_data(
    roles: Mapping[str, str],
    values: Values,
    intervals: Mapping[tuple[str, Column], tuple[float, float]] | None = None,
    teachers: Mapping[Column, float] | None = None,
    costs: Mapping[str, tuple[float, int | None]] | None = None,
    histories: Mapping[str, list[dict[str, Any]]] | None = None,
    gains: int = 1,
    conditions: Mapping[str, Any] | None = None,
) -> PlotData:
    """An experiment with the given test values by seed (None is a run that failed, no value a method not defined).

    Args:
        roles: by method, the student alone first.
        values: by method and direction.
        intervals: of gains.
        teachers: the teacher's value, the same for all seeds; 80 where none is given.
        costs: by method, seconds and extra parameters; 1 and 0 where none are given.
        histories: by run id, `METHOD-STUDENT'S MODALITY-SEED`.
        gains: how many gains count as tested.
        conditions: of all datasets, where they are not those of a fair comparison.
    """
    cells, runs = [], {}
    columns = list(dict.fromkeys(column for _, column in values))
    for (method, column), by_seed in values.items():
        seeds = range(max(len(one) for one in values.values()))
        for seed in seeds:
            sides = (column.teacher_modality, column.student_modality)
            place = (method, roles[method], column.dataset, 0, column.labels, *sides, seed)
            teacher = f"teacher-{column.stem}-{column.teacher_modality}-{column.student_modality}-{seed}"
            runs[teacher] = _run(teacher, column, (teachers or {}).get(column, 80.0), (1.0, 0))
            if not by_seed:
                cells.append(Cell(*place, "", teacher, "it cannot be"))
                continue
            run_id = f"{method}-{column.student_modality}-{seed}"
            run_id = f"{run_id}-{column.teacher_modality}-{column.stem}" if len(columns) > 1 else run_id
            cells.append(Cell(*place, run_id, teacher))
            value = by_seed[seed] if seed < len(by_seed) else None
            runs[run_id] = _run(run_id, column, value, (costs or {}).get(method, (1.0, 0)))
    names = {column.dataset: {**CONDITIONS, **(conditions or {})} for column in columns}
    plan = Plan(next(iter(roles)), names, {cell.key: cell for cell in cells})  # type: ignore[arg-type]
    results = pd.DataFrame(list(runs.values()))
    compared = {
        (column, method, plan.baseline): Comparison(
            column, method, plan.baseline, (low + high) / 2, (0, 1, 2), (0,), 100, ((), ()), low=low, high=high, p=0.5
        )
        for (method, column), (low, high) in (intervals or {}).items()
    }
    board = leaderboard(plan, results, Comparisons(compared, {("toy", "method"): gains}))
    return PlotData(plan, results, lambda run_id: (histories or {}).get(run_id, []), board)


def _run(run_id: str, column: Column, value: float | None, cost: tuple[float, int | None]) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "status": "done" if value is not None else "failed",
        "dataset": column.dataset,
        "metric": "accuracy",
        "selected_on": "validation",
        "value": value,
        "seconds": cost[0],
        "extra_parameters": cost[1],
        "error": None,
    }


@pytest.fixture
def one(make_data: MakeData) -> PlotData:
    return make_data(ROLES, VALUES, INTERVALS, costs=COSTS, histories=HISTORIES)


@pytest.fixture
def four(make_data: MakeData) -> PlotData:
    roles = {name: ROLES[name] for name in ("none", "kd", "shuffled")}
    return make_data(roles, several(), teachers={AB: 80.0, BA: 55.0, AC: 90.0, CA: 66.0})
