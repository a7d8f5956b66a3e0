"""One row per cell of the tables: results.csv, the frame that users compute with."""

from __future__ import annotations

from typing import Any

import pandas as pd

from cmkd_bench.experiment.plan import Cell, Plan
from cmkd_bench.report.cells import TEACHER, by_column, by_row

ROW = "row"  # its column is there in experiments with variants, whose rows are not told apart by `method` and `tuned`
KEYS = ("method", "dataset", "fold", "labels", "teacher_modality", "student_modality", "seed", "tuned")
FIRST = (*KEYS, "role", "status", "metric", "value", "gain")
_PLACE = [name for name in KEYS if name not in ("method", "tuned")]
# What describes a run and not its cells: the same run can fill several cells, so sums over cells would be wrong.
_OF_A_RUN = ("student", "teacher", "further_teachers", "manifest", "seconds", "peak_mb", "device", "code_version")


def tidy(record: Plan, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the results by cell; the leaderboard's numbers are means over its rows.

    Args:
        record: the cells.
        runs: as `collect` returns them.

    Returns:
        one row per cell, each with different values of KEYS and, where there are variants, of ROW; and one per teacher
        of a direction, fold and seed, with the method `teacher`. The student alone is in every direction. `role` is
        teacher, baseline (the student alone), control or method. `gain` is the value minus that of the student alone
        in the same direction, fold and seed, in percentage points. Cells without a result have their status and no
        value. Other columns are those of the run that fills the cell.
    """
    cells = cells_of(record)
    named = [ROW] if ROW in cells else []
    of_runs = runs.drop(columns=[*KEYS, *_OF_A_RUN], errors="ignore")
    frame = cells.merge(of_runs, on="run_id", how="left", validate="many_to_one")
    reasons = frame.pop("impossible")
    frame["status"] = frame["status"].fillna("pending").mask(reasons.notna(), "not defined")
    frame["error"] = frame["error"].where(reasons.isna(), reasons)
    frame["value"] = frame["value"].astype(float)
    alone = frame[frame["method"] == record.baseline].set_index(_PLACE)["value"]
    frame["gain"] = frame["value"] - alone.reindex(pd.MultiIndex.from_frame(frame[_PLACE])).to_numpy()
    first = [*named, *FIRST]
    return frame[[*first, *(name for name in frame if name not in first)]]


def by_row_name(frame: pd.DataFrame) -> pd.Series[str]:
    """Return the name of the row of each cell; without variants, that of its method."""
    return frame[ROW if ROW in frame else "method"]


def cells_of(record: Plan) -> pd.DataFrame:
    """Return one row per cell and per teacher, with its role, its run's id, and why it has none."""
    rows = [
        _row(cell, row, run_id)
        for cells in by_column(record).values()
        for row, found in by_row(cells).items()
        for cell, run_id in found
    ]
    named = [ROW] if any(cell.variant for cell in record.cells.values()) else []
    return pd.DataFrame(rows, columns=[*named, *KEYS, "role", "run_id", "impossible"])


def _row(cell: Cell, row: str, run_id: str) -> dict[str, Any]:
    own = {name: getattr(cell, name) for name in KEYS} | {"role": cell.role, "impossible": cell.impossible or None}
    if row == TEACHER:
        own |= {"method": TEACHER, "tuned": False, "role": TEACHER, "impossible": None}
    return own | {ROW: row, "run_id": run_id or None}
