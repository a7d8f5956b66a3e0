"""The plan of an experiment on disk, merged over all commands."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

from cmkd_bench.experiment.containment import check_folder
from cmkd_bench.experiment.damage import Damaged, OtherVersion
from cmkd_bench.experiment.files import discard_temporary, file_lock, read_object, set_aside
from cmkd_bench.experiment.plan import Cell, Plan
from cmkd_bench.experiment.sealed import DIGEST, read_sealed, write_sealed
from cmkd_bench.experiment.spec import RESULTS_VERSION, RunSpec
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.experiment.trials import Study

REBUILD = "Rerun the command of the experiment: it rebuilds the plan and repeats no finished run."


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
        Damaged: if it is damaged.
        LeadsOut: if a link leads out of the experiment's folder.
        OtherVersion: if another version of cmkd-bench wrote it.
    """
    check_folder(experiment.path, experiment.path)
    content = read_object(experiment.plan, REBUILD)
    if DIGEST not in content and "cells" in content:
        raise OtherVersion(experiment.plan, "3 or earlier", RESULTS_VERSION)
    stored = read_sealed(experiment.plan, repair=REBUILD)
    if stored.get("version") != RESULTS_VERSION:
        raise OtherVersion(experiment.plan, stored.get("version"), RESULTS_VERSION)
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


def write_plan(experiment: Experiment, values: Mapping[str, Any]) -> None:
    """Write the plan of an experiment from its JSON values, with the version of the results and a digest."""
    write_sealed(experiment.plan, {**values, "version": RESULTS_VERSION})


def read_specs(experiment: Experiment, plan: Plan) -> dict[str, RunSpec]:
    """Return the runs of all cells and trials of a stored plan by id, each teacher before its first student.

    Runs whose spec is damaged are left out; the experiment remembers the damage.

    Raises:
        OtherVersion: if another version of cmkd-bench wrote a spec.
    """
    specs: dict[str, RunSpec] = {}

    def add(run_id: str | None) -> None:
        if run_id and run_id not in specs:
            try:
                spec = plan.specs[run_id]
            except Damaged as damage:
                experiment.note(damage)
                return
            add(spec.teacher)
            specs[run_id] = spec

    for cell in plan.cells.values():
        add(cell.teacher_id)
        add(cell.run_id)
    for study in plan.studies.values():
        for run_id in study.run_ids:
            add(run_id)
    return specs


def check_plan(experiment: Experiment, plan: Plan) -> list[str]:
    """Return the messages of `add_plan` and raise what it raises, but write nothing."""
    return _explain(read_plan(experiment).merge(plan)) if experiment.plan.exists() else []


def add_plan(experiment: Experiment, plan: Plan) -> list[str]:
    """Add a command's cells to the experiment and its runs to the store, under a lock.

    A damaged plan is rebuilt with this command's cells; a damaged spec is written anew.

    Returns:
        messages for the user: damage, and methods whose cells have changed settings or code.

    Raises:
        GridError: if a dataset has other conditions in the experiment, because numbers would not be comparable.
    """
    experiment.path.mkdir(parents=True, exist_ok=True)
    with file_lock(experiment.path / ".lock", patience=math.inf):
        discard_temporary(experiment.path)
        stored, messages = _stored_plan(experiment, plan.baseline)
        replaced = stored.merge(plan)
        for spec in plan.specs.values():
            messages += _mend_spec(experiment, spec.id)
            experiment.add(spec)
        write_plan(
            experiment,
            {
                "baseline": stored.baseline,
                "conditions": stored.conditions,
                "notes": stored.notes,
                "cells": [_without_variant(cell) for cell in stored.cells.values()],
                "studies": [_without_variant(one) for one in stored.studies.values()],
            },
        )
    return messages + _explain(replaced)


def _without_variant(one: Cell | Study) -> dict[str, Any]:
    """Return JSON values; the name of a variant is left out where there is none, as in plans without variants."""
    return {name: value for name, value in dataclasses.asdict(one).items() if name != "variant" or value}


def _explain(replaced: Iterable[str]) -> list[str]:
    return [
        f"{row}: the settings or the code differ from those of an earlier command. Its earlier runs stay in runs/ but "
        "leave the tables; use --experiment NAME to keep both."
        for row in replaced
    ]


def _stored_plan(experiment: Experiment, baseline: str) -> tuple[Plan, list[str]]:
    """Return the stored plan, or an empty one if it is lost or damaged, and say so."""
    try:
        if experiment.plan.exists():
            return read_plan(experiment), []
        if not any((experiment.path / "runs").glob("*/spec.json")):
            return Plan(baseline), []
        what = f"{experiment.plan} was missing, although there are runs."
    except Damaged as damage:
        what = f"{damage.path} {damage.reason}. It is set aside as {set_aside(damage.path).name}."
    return Plan(baseline), [
        f"{what} The plan is rebuilt with the cells of this command. Rerun the other commands of the experiment to add "
        "theirs. No finished run is repeated."
    ]


def _mend_spec(experiment: Experiment, run_id: str) -> list[str]:
    """Set a damaged spec aside, so that it is written anew."""
    path = experiment.run(run_id).spec
    if path.exists():
        try:
            experiment.read_spec(run_id)
        except Damaged as damage:
            return [f"{path} {damage.reason}. It is set aside as {set_aside(path).name} and written anew."]
    return []
