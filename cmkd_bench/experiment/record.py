"""The plan of an experiment on disk, merged over all commands."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

from cmkd_bench.experiment.archive import FETCH
from cmkd_bench.experiment.archived_run import ArchivedRun, archive_of, archive_path, stored
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
    """Specs by run id, each read on first access."""

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        self._experiment = experiment

    def __missing__(self, run_id: str) -> RunSpec:
        folder = stored(self._experiment, run_id)
        archive = archive_of(self._experiment) if isinstance(folder, ArchivedRun) else None
        spec = self[run_id] = archive.specs[run_id] if archive else self._experiment.read_spec(run_id)
        return spec


def read_plan(experiment: Experiment) -> Plan:
    """Return the plan of an experiment, merged over the commands so far.

    Raises:
        Damaged: if it is damaged.
        LeadsOut: if a link leads out of the experiment's folder.
        OtherVersion: if another version of cmkd-bench wrote it.
    """
    check_folder(experiment.path, experiment.path)
    if not experiment.plan.exists() and (archive := archive_of(experiment)) is not None:
        try:
            return _plan_of(experiment, archive.plan)
        except (KeyError, TypeError, AttributeError, ValueError):
            raise Damaged(archive_path(experiment), "does not contain the plan of an experiment", FETCH) from None
    content = read_object(experiment.plan, REBUILD)
    if DIGEST not in content and "cells" in content:
        raise OtherVersion(experiment.plan, "3 or earlier", RESULTS_VERSION)
    values = read_sealed(experiment.plan, repair=REBUILD)
    if values.get("version") != RESULTS_VERSION:
        raise OtherVersion(experiment.plan, values.get("version"), RESULTS_VERSION)
    return _plan_of(experiment, values)


def plan_values(plan: Plan) -> dict[str, Any]:
    """Return a plan without its specs as JSON values."""
    return {
        "baseline": plan.baseline,
        "conditions": plan.conditions,
        "notes": plan.notes,
        "cells": [_without_variant(cell) for cell in plan.cells.values()],
        "studies": [_without_variant(one) for one in plan.studies.values()],
    }


def _plan_of(experiment: Experiment, values: Mapping[str, Any]) -> Plan:
    cells = [Cell(**cell) for cell in values["cells"]]
    studies = [Study.from_json(one) for one in values.get("studies", ())]
    return Plan(
        baseline=values["baseline"],
        conditions=values["conditions"],
        cells={cell.key: cell for cell in cells},
        notes=values["notes"],
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
            for teacher in spec.teacher_ids:
                add(teacher)
            specs[run_id] = spec

    for cell in plan.cells.values():
        add(cell.teacher_id)
        add(cell.run_id)
    for study in plan.studies.values():
        for run_id in study.run_ids:
            add(run_id)
    return specs


def has_plan(experiment: Experiment) -> bool:
    """Return whether an experiment has a plan, on disk or in its exported file."""
    return experiment.plan.exists() or archive_of(experiment) is not None


def check_plan(experiment: Experiment, plan: Plan) -> list[str]:
    """Return the messages of `add_plan` and raise what it raises, but write nothing."""
    replaced = read_plan(experiment).merge(plan) if has_plan(experiment) else []
    return _repeated(experiment, plan) + _explain(replaced)


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
        earlier, messages = _earlier_plan(experiment, plan.baseline)
        messages += _repeated(experiment, plan)
        replaced = earlier.merge(plan)
        for spec in plan.specs.values():
            messages += _mend_spec(experiment, spec.id)
            experiment.add(spec)
        write_plan(experiment, plan_values(earlier))
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


def _repeated(experiment: Experiment, plan: Plan) -> list[str]:
    """Say how many runs of a plan were exported without what training needs of them, so that they are run again."""
    again = [run_id for run_id in plan.specs if isinstance(stored(experiment, run_id), ArchivedRun)]
    if not again:
        return []
    return [
        f"{archive_path(experiment)} has the results of {len(again)} of these runs, but not their weights. They are "
        "run again; their new results replace those of the file."
    ]


def _earlier_plan(experiment: Experiment, baseline: str) -> tuple[Plan, list[str]]:
    """Return the stored plan, or an empty one if it is lost or damaged, and say so."""
    try:
        if experiment.plan.exists():
            return read_plan(experiment), []
        if not any((experiment.path / "runs").glob("*/spec.json")):
            return _exported_plan(experiment, baseline), []
        what = f"{experiment.plan} was missing, although there are runs."
    except Damaged as damage:
        what = f"{damage.path} {damage.reason}. It is set aside as {set_aside(damage.path).name}."
    return _exported_plan(experiment, baseline), [
        f"{what} The plan is rebuilt with the cells of this command. Rerun the other commands of the experiment to add "
        "theirs. No finished run is repeated."
    ]


def _exported_plan(experiment: Experiment, baseline: str) -> Plan:
    """Return the plan of an exported experiment without one of its own, or an empty plan."""
    return read_plan(experiment) if archive_of(experiment) is not None else Plan(baseline)


def _mend_spec(experiment: Experiment, run_id: str) -> list[str]:
    """Set a damaged spec aside, so that it is written anew."""
    path = experiment.run(run_id).spec
    if path.exists():
        try:
            experiment.read_spec(run_id)
        except Damaged as damage:
            return [f"{path} {damage.reason}. It is set aside as {set_aside(path).name} and written anew."]
    return []
