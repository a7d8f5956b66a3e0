"""One row per run: results.csv, the file that every table and picture is made from."""

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
from cmkd_bench.report.outcomes import Outcomes

Read = Callable[[Path], Any]

COLUMNS = (
    "run_id",
    "status",
    "method",
    "dataset",
    "fold",
    "teacher_modality",
    "student_modality",
    "student",
    "teacher",
    "seed",
    "tuned",
    "manifest",
    "metric",
    "value",
    "val_value",
    "selected_on",
    "fixture",
    "teacher_value",
    "teacher_value_after",
    "epochs",
    "seconds",
    "peak_mb",
    "extra_parameters",
    "code_version",
    "hyperparameters",
    "error",
)
COPIED = (
    "metric",
    "value",
    "val_value",
    "selected_on",
    "fixture",
    "teacher_value",
    "teacher_value_after",
    "epochs",
    "extra_parameters",
)


def collect(
    experiment: Experiment,
    outcomes: Outcomes | None = None,
    seen: Mapping[str, tuple[str, str]] | None = None,
    specs: Mapping[str, RunSpec] | None = None,
    read: Read = read_json,
) -> pd.DataFrame:
    """Read all runs of an experiment's plan and write results.csv.

    Args:
        experiment: whose runs are read.
        outcomes: of its predictions, where the caller has them.
        seen: status and error of runs that are not done, where more is known of them than their folders tell.
        specs: as `read_specs` returns them, where the caller has them.
        read: reads a run's result.json and cost.json; a caller that needs them, too, can keep them.

    Returns:
        one row per run, in the order of the plan; `status` is done, failed, blocked, running, interrupted or pending.
        `tuned` is yes where a run has the values that were selected among draws, no where it has those of the command,
        both where these are the same, and draw where its values were drawn and not selected.
        Behind the fixed columns stands one for each further metric of the saved predictions, and for each thing that a
        method logged, e.g. `keep_rate`.
    """
    record = read_plan(experiment)
    specs = read_specs(record) if specs is None else specs
    rows = [_row(experiment, run_id, spec, (seen or {}).get(run_id), read) for run_id, spec in specs.items()]
    tuned = _tuned(record)
    for row in rows:
        row["tuned"] = tuned.get(row["run_id"], "no")
    done = [row["run_id"] for row in rows if row["status"] == "done"]
    found = (outcomes or Outcomes(experiment)).find(done)
    for row in rows:
        if row["run_id"] in found:
            metrics = found[row["run_id"]].metrics
            row |= {name: value for name, value in metrics.items() if name != row["metric"]}
    logged = sorted({name for row in rows for name in row} - set(COLUMNS))
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *logged])
    write_text(experiment.results, frame.to_csv(index=False, lineterminator="\n"))
    return frame


def _tuned(record: Plan) -> dict[str, str]:
    """What the runs of draws and of tuned cells are."""
    untuned = {run_id for cell in record.cells.values() if not cell.tuned for run_id in (cell.run_id, cell.teacher_id)}
    draws = {run_id: "draw" for trials in record.trials.values() for run_id in trials.run_ids if run_id not in untuned}
    tuned = {cell.run_id for cell in record.cells.values() if cell.tuned and cell.run_id}
    return draws | {run_id: "both" if run_id in untuned else "yes" for run_id in tuned}


def _row(
    experiment: Experiment, run_id: str, spec: RunSpec, seen: tuple[str, str] | None, read: Read
) -> dict[str, Any]:
    folder = experiment.run(run_id)
    row: dict[str, Any] = {
        "run_id": run_id,
        "status": folder.state(),
        "method": spec.method,
        "dataset": spec.dataset,
        "fold": spec.fold,
        "teacher_modality": spec.teacher_modality,
        "student_modality": spec.student_modality,
        "student": spec.student_network,
        "teacher": spec.teacher,
        "seed": spec.seed,
        "manifest": spec.manifest[:16],
        "hyperparameters": _text(spec),
    }
    if row["status"] == "done":
        result, cost = read(folder.result), read(folder.cost)
        row |= {name: result[name] for name in COPIED}
        row |= {"seconds": round(cost["seconds"], 3), "peak_mb": round(cost["peak_mb"], 1)}
        row |= {"code_version": cost["code"], **result["other_metrics"], **result["logged"]}
    elif seen is not None:
        row |= {"status": seen[0], "error": seen[1] or None}
    elif row["status"] == "failed":
        error = read_json(folder.error)
        row["error"] = f"{error['cause']}: {error['message']}"
    elif reason := blocked_by(experiment, spec):
        row |= {"status": "blocked", "error": reason}
    return row


def _text(spec: RunSpec) -> str:
    return " ".join(f"{name}={value}" for name, value in spec.hyperparameters)
