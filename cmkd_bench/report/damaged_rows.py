"""Rows of results.csv for runs with damaged files: what is known of them without the numbers, and what is damaged."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.plan import Plan
from cmkd_bench.experiment.store import Experiment

STATUS = "damaged"
_SPECIFIED = (
    *("run_id", "method", "dataset", "fold", "labels", "teacher_modality", "student_modality", "student", "teacher"),
    *("further_teachers", "seed", "tuned", "manifest", "hyperparameters", "supervision"),
)
Row = dict[str, Any]


def damaged_row(experiment: Experiment, row: Mapping[str, Any], damage: Damaged) -> Row:
    """Return the row of a run without its numbers; the experiment remembers the damage."""
    experiment.note(damage)
    kept = {name: row[name] for name in _SPECIFIED if name in row}
    path = damage.path.relative_to(experiment.path)
    return kept | {"status": STATUS, "error": f"{path} {damage.reason}; rerunning the grid repeats the run"}


def rows_without_spec(experiment: Experiment, plan: Plan, known: Container[str]) -> dict[str, Row]:
    """Return the rows of runs whose spec is damaged, as far as their cells tell what they are."""
    rows: dict[str, Row] = {}
    for cell in plan.cells.values():
        for run_id, method in ((cell.teacher_id, plan.baseline), (cell.run_id, cell.method)):
            if not run_id or run_id in known:
                continue
            if (damage := experiment.damaged.get(experiment.run(run_id).spec)) is not None:
                own = method == cell.method
                row = {
                    "run_id": run_id,
                    "method": method,
                    "dataset": cell.dataset,
                    "labels": cell.labels,
                    "fold": cell.fold,
                    "teacher_modality": cell.teacher_modality if own else None,
                    "student_modality": cell.student_modality if own else cell.teacher_modality,
                    "seed": cell.seed,
                    "tuned": "no",
                }
                rows[run_id] = damaged_row(experiment, row, damage)
    return rows
