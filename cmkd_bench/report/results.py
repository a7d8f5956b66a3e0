"""One row per run: runs.csv, which all tables and plots are made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from cmkd_bench.experiment.archived_run import stored
from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.files import write_text
from cmkd_bench.experiment.plan import Plan
from cmkd_bench.experiment.record import read_plan, read_specs
from cmkd_bench.experiment.run_files import RunFiles
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.launch.schedule import blocked_by
from cmkd_bench.report.code_origins import NAMED, origins
from cmkd_bench.report.csv_files import frame_csv
from cmkd_bench.report.damaged_rows import damaged_row, rows_without_spec
from cmkd_bench.report.mixed_devices import device
from cmkd_bench.report.predictions import PredictionCache
from cmkd_bench.report.quantities import QUANTITIES
from cmkd_bench.report.tidy import FIRST, ROW, tidy

Ended = tuple[dict[str, Any], dict[str, Any]]
Read = Callable[[RunFiles], Ended]

COPIED = (
    "metric", "value", "val_value", "selected_on", "fixture", "teacher_value", "teacher_value_after", "epochs",
    "student_parameters", "extra_parameters", "train_labels", "selection_labels",
)  # fmt: skip
COLUMNS = (
    "run_id", "status", "method", "dataset", "fold", "labels", "teacher_modality", "student_modality", "student",
    "teacher", "further_teachers", "seed", "tuned", "manifest", *COPIED[:-4], "seconds", "peak_mb", *COPIED[-4:],
    "device", "code_version", *NAMED, "hyperparameters", "supervision", "error",
)  # fmt: skip
_TAKEN = {*COLUMNS, *FIRST, *QUANTITIES, ROW}


def read_ended(folder: RunFiles) -> Ended:
    """Return the result of a run that is done, and what it cost.

    Raises:
        Damaged: if one of them is missing or damaged.
    """
    return folder.read_result(), folder.read_cost()


def collect(
    experiment: Experiment,
    predictions: PredictionCache | None = None,
    statuses: Mapping[str, tuple[str, str]] | None = None,
    specs: Mapping[str, RunSpec] | None = None,
    read: Read = read_ended,
) -> pd.DataFrame:
    """Read all runs of an experiment's plan, and write runs.csv and results.csv.

    Args:
        experiment: its folder.
        predictions: of its runs, where the caller has them.
        statuses: status and error of unfinished runs, where more is known of them than their folders tell.
        specs: as `read_specs` returns them, where the caller has them.
        read: as `read_ended`, so that a caller can keep what is read.

    Returns:
        one row per run, in the order of the plan; `status` is done, failed, blocked, running, interrupted, pending or
        damaged.
        `tuned` is yes where a run has the values selected among trials, no where it has those of the command, both
        where these are the same, and trial where its values were drawn and not selected.
        The fixed columns are followed by one for each further metric of the saved predictions, and one for each value
        that a method logged, e.g. `keep_rate`; its name gets the prefix `logged_` if it is that of another column.
    """
    record = read_plan(experiment)
    specs = read_specs(experiment, record) if specs is None else specs
    rows = {
        run_id: _row(experiment, run_id, spec, (statuses or {}).get(run_id), read) for run_id, spec in specs.items()
    }
    done = [run_id for run_id, row in rows.items() if row["status"] == "done"]
    for run_id, scores in (predictions or PredictionCache(experiment)).find(done).items():
        rows[run_id] |= {name: value for name, value in scores.metrics.items() if name != rows[run_id]["metric"]}
    for run_id in done:
        if damage := experiment.damaged.get(experiment.run(run_id).predictions):
            rows[run_id] = damaged_row(experiment, rows[run_id], damage)
    rows |= rows_without_spec(experiment, record, rows)
    for run_id, tuned in _tuned(record).items():
        if run_id in rows:
            rows[run_id]["tuned"] = tuned
    further = sorted({name for row in rows.values() for name in row} - set(COLUMNS))
    frame = pd.DataFrame(rows.values(), columns=[*COLUMNS, *further])
    for path, table in ((experiment.runs, frame), (experiment.results, tidy(record, frame))):
        write_text(path, frame_csv(table))
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
    folder = stored(experiment, run_id)
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
        "further_teachers": " ".join(f"{one.role}={one.id}" for one in spec.further_teachers),
        "seed": spec.seed,
        "tuned": "no",
        "manifest": spec.manifest[:16],
        "hyperparameters": " ".join(f"{name}={value}" for name, value in spec.hyperparameters),
        "supervision": " ".join(f"{name}={value}" for name, value in spec.supervision),
    }
    if row["status"] == "damaged":
        problem = folder.problem()
        return row if problem is None else damaged_row(experiment, row, problem)
    if row["status"] == "done":
        try:
            result, cost = read(folder)
        except Damaged as damage:
            return damaged_row(experiment, row, damage)
        row |= {name: result[name] for name in COPIED}
        row |= {"seconds": round(cost["seconds"], 3), "peak_mb": round(cost["peak_mb"], 1)}
        row |= {"device": device(cost), "code_version": cost["code"]}
        row |= {**origins(cost.get("sources", {})), **result["other_metrics"]}
        row |= {f"logged_{name}" if name in _TAKEN else name: value for name, value in result["logged"].items()}
    elif known is not None:
        row |= {"status": known[0], "error": known[1] or None}
    elif error := folder.failure():
        row["error"] = f"{error['cause']}: {error['message']}"
    elif reason := blocked_by(experiment, spec, stored):
        row |= {"status": "blocked", "error": reason}
    return row
