"""One row per run: results.csv, the file that all tables and plots are made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from cmkd_bench.experiment.files import read_json, write_text
from cmkd_bench.experiment.plan import Plan
from cmkd_bench.experiment.record import read_plan, read_specs
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.launch.schedule import blocked_by
from cmkd_bench.report.predictions import PredictionCache

Read = Callable[[Path], Any]

COPIED = (
    "metric", "value", "val_value", "selected_on", "fixture", "teacher_value", "teacher_value_after", "epochs",
    "extra_parameters", "train_labels", "selection_labels",
)  # fmt: skip
COLUMNS = (
    "run_id", "status", "method", "dataset", "fold", "labels", "teacher_modality", "student_modality", "student",
    "teacher", "seed", "tuned", "manifest", *COPIED[:-3], "seconds", "peak_mb", *COPIED[-3:], "code_version",
    "hyperparameters", "supervision", "error",
)  # fmt: skip


def collect(
    experiment: Experiment,
    predictions: PredictionCache | None = None,
    statuses: Mapping[str, tuple[str, str]] | None = None,
    specs: Mapping[str, RunSpec] | None = None,
    read: Read = read_json,
) -> pd.DataFrame:
    """Read all runs of an experiment's plan and write results.csv.

    Args:
        experiment: its folder.
        predictions: of its runs, where the caller has them.
        statuses: status and error of unfinished runs, where more is known of them than their folders tell.
        specs: as `read_specs` returns them, where the caller has them.
        read: reads a run's result.json and cost.json, so that a caller can keep them.

    Returns:
        one row per run, in the order of the plan; `status` is done, failed, blocked, running, interrupted or pending.
        `tuned` is yes where a run has the values selected among trials, no where it has those of the command, both
        where these are the same, and trial where its values were drawn and not selected.
        The fixed columns are followed by one for each further metric of the saved predictions, and one for each value
        that a method logged, e.g. `keep_rate`.
    """
    record = read_plan(experiment)
    specs = read_specs(record) if specs is None else specs
    rows = {
        run_id: _row(experiment, run_id, spec, (statuses or {}).get(run_id), read) for run_id, spec in specs.items()
    }
    done = [run_id for run_id, row in rows.items() if row["status"] == "done"]
    for run_id, scores in (predictions or PredictionCache(experiment)).find(done).items():
        rows[run_id] |= {name: value for name, value in scores.metrics.items() if name != rows[run_id]["metric"]}
    for run_id, tuned in _tuned(record).items():
        rows[run_id]["tuned"] = tuned
    further = sorted({name for row in rows.values() for name in row} - set(COLUMNS))
    frame = pd.DataFrame(rows.values(), columns=[*COLUMNS, *further])
    write_text(experiment.results, frame.to_csv(index=False, lineterminator="\n"))
    return frame


def _tuned(record: Plan) -> dict[str, str]:
    """Return whether the runs of trials and of tuned cells are tuned."""
    untuned = {run_id for cell in record.cells.values() if not cell.tuned for run_id in (cell.run_id, cell.teacher_id)}
    trial_ids = [run_id for study in record.studies.values() for run_id in study.run_ids]
    trials = {run_id: "trial" for run_id in trial_ids if run_id not in untuned}
    tuned = {cell.run_id for cell in record.cells.values() if cell.tuned and cell.run_id}
    return trials | {run_id: "both" if run_id in untuned else "yes" for run_id in tuned}


def _row(
    experiment: Experiment, run_id: str, spec: RunSpec, known: tuple[str, str] | None, read: Read
) -> dict[str, Any]:
    folder = experiment.run(run_id)
    row: dict[str, Any] = {
        "run_id": run_id,
        "status": folder.state(),
        "method": spec.method,
        "dataset": spec.dataset,
        "fold": spec.fold,
        "labels": spec.labels,
        "teacher_modality": spec.teacher_modality,
        "student_modality": spec.student_modality,
        "student": spec.student_network,
        "teacher": spec.teacher,
        "seed": spec.seed,
        "tuned": "no",
        "manifest": spec.manifest[:16],
        "hyperparameters": " ".join(f"{name}={value}" for name, value in spec.hyperparameters),
        "supervision": " ".join(f"{name}={value}" for name, value in spec.supervision),
    }
    if row["status"] == "done":
        result, cost = read(folder.result), read(folder.cost)
        row |= {name: result[name] for name in COPIED}
        row |= {"seconds": round(cost["seconds"], 3), "peak_mb": round(cost["peak_mb"], 1)}
        row |= {"code_version": cost["code"], **result["other_metrics"], **result["logged"]}
    elif known is not None:
        row |= {"status": known[0], "error": known[1] or None}
    elif row["status"] == "failed":
        error = read_json(folder.error)
        row["error"] = f"{error['cause']}: {error['message']}"
    elif reason := blocked_by(experiment, spec):
        row |= {"status": "blocked", "error": reason}
    return row
