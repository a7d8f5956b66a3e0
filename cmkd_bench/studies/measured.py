"""Measure what a knob changes: the diagnostics of the teacher and the student alone, draw by draw."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from cmkd_bench.diagnostics.pair import diagnose
from cmkd_bench.diagnostics.saved import SavedRuns
from cmkd_bench.experiment.plan import Plan
from cmkd_bench.planning.grid import Grid
from cmkd_bench.studies.point import Draw

GAP = "gap"
QUANTITIES = {GAP: "gap", "rank_correlation": "tau", "cka": "CKA", "distance": "distance"}
"""The label of each quantity, by its name in the diagnostics."""

NOTE = (
    "Measured on the test set, between the teacher and the student alone. gap: the teacher's accuracy minus the "
    "student's; tau: mean per-sample Kendall's tau-b of their logits; CKA: linear CKA of their embeddings; distance: "
    "energy coefficient of their class probabilities."
)


def measure(grid: Grid, plan: Plan, draws: tuple[Draw, ...]) -> Mapping[str, np.ndarray]:
    """Diagnose the finished pairs of a point, and return (draws,) for each quantity.

    Raises:
        UserError: if the saved outputs cannot be diagnosed, as in segmentation.
    """
    runs = SavedRuns(grid.experiment, torch.device("cpu"), grid.roots)
    alone = {(cell.seed, cell.fold): cell for cell in plan.cells.values() if cell.method == grid.baseline}
    numbers = [
        diagnose(runs.side(cell.teacher_id), runs.side(cell.run_id), runs.labels(cell.run_id)).numbers
        for cell in map(alone.__getitem__, draws)
    ]
    return {name: np.array([one[name] for one in numbers]) for name in QUANTITIES}
