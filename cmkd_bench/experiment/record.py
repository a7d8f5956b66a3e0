"""The plan of an experiment on disk, merged over all commands."""

from __future__ import annotations

import dataclasses
import math

from cmkd_bench.errors import UserError
from cmkd_bench.experiment.files import file_lock, read_json, write_json
from cmkd_bench.experiment.plan import Cell, Plan
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.experiment.trials import Study


class _StoredSpecs(dict[str, RunSpec]):
    """Specs by run id, each read from its folder on first access."""

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        self._experiment = experiment

    def __missing__(self, run_id: str) -> RunSpec:
        spec = self[run_id] = self._experiment.read_spec(run_id)
        return spec


def read_plan(experiment: Experiment) -> Plan:
    """Return the plan of an experiment, merged over the commands so far.

    Raises:
        UserError: if another version of cmkd-bench wrote it.
    """
    stored = read_json(experiment.plan)
    try:
        cells = [Cell(**cell) for cell in stored["cells"]]
        studies = [Study.from_json(one) for one in stored.get("studies", ())]
        return Plan(
            baseline=stored["baseline"],
            conditions=stored["conditions"],
            cells={cell.key: cell for cell in cells},
            notes=stored["notes"],
            studies={one.group: one for one in studies},
            specs=_StoredSpecs(experiment),
        )
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{experiment.plan} is not a plan of this version of cmkd-bench ({type(error).__name__}: {error}). "
            "Rerun the grid under another --experiment."
        ) from error


def read_specs(plan: Plan) -> dict[str, RunSpec]:
    """Return the runs of all cells and trials of a stored plan by id, each teacher before its first student."""
    specs: dict[str, RunSpec] = {}

    def add(run_id: str | None) -> None:
        if run_id and run_id not in specs:
            spec = plan.specs[run_id]
            add(spec.teacher)
            specs[run_id] = spec

    for cell in plan.cells.values():
        add(cell.teacher_id)
        add(cell.run_id)
    for study in plan.studies.values():
        for run_id in study.run_ids:
            add(run_id)
    return specs


def add_plan(experiment: Experiment, plan: Plan) -> list[str]:
    """Add a command's cells to the experiment and its runs to the store, under a lock.

    Returns:
        messages for the user: methods whose cells have changed settings or code.

    Raises:
        GridError: if a dataset has other conditions in the experiment, because numbers would not be comparable.
    """
    experiment.path.mkdir(parents=True, exist_ok=True)
    with file_lock(experiment.path / ".lock", patience=math.inf):
        stored = read_plan(experiment) if experiment.plan.exists() else Plan(plan.baseline)
        replaced = stored.merge(plan)
        for spec in plan.specs.values():
            experiment.add(spec)
        write_json(
            experiment.plan,
            {
                "baseline": stored.baseline,
                "conditions": stored.conditions,
                "notes": stored.notes,
                "cells": [dataclasses.asdict(cell) for cell in stored.cells.values()],
                "studies": [dataclasses.asdict(one) for one in stored.studies.values()],
            },
        )
    return [
        f"{row}: the settings or the code differ from those of an earlier command. Its earlier runs stay in runs/ but "
        "leave the tables; use --experiment NAME to keep both."
        for row in replaced
    ]
