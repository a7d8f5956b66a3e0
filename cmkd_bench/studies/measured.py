"""What a knob moved, as the diagnostics measure it on teacher and student alone, draw by draw."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cmkd_bench.experiment.plan import Plan
from cmkd_bench.planning.grid import Grid
from cmkd_bench.studies.point import Draw

GAP = "gap"
QUANTITIES = {GAP: "gap", "rank_correlation": "tau", "cka": "CKA", "distance": "distance"}
"""By the diagnostics' name, how a reader knows it."""

NOTE = (
    "Measured on the test part, between teacher and student alone: gap, the teacher's accuracy minus the student's; "
    "tau, mean Kendall's tau-b of their logits, by sample; linear CKA of their embeddings; distance, the energy "
    "coefficient of their class probabilities."
)


def measure(grid: Grid, plan: Plan, draws: tuple[Draw, ...]) -> Mapping[str, np.ndarray]:
    """Diagnose the finished pairs of a point.

    Args:
        grid: the point's.
        plan: its runs, all done.
        draws: (seed, fold) pairs.

    Returns:
        by quantity: (draws,).

    Raises:
        UserError: where the runs' saved outputs do not allow it, as in segmentation.
    """
    import torch

    from cmkd_bench.diagnostics.pair import diagnose
    from cmkd_bench.diagnostics.saved import SavedRuns

    runs = SavedRuns(grid.experiment, torch.device("cpu"), grid.roots)
    alone = {(cell.seed, cell.fold): cell for cell in plan.cells.values() if cell.method == grid.baseline}
    numbers = []
    for cell in map(alone.__getitem__, draws):
        sides = runs.side(cell.teacher_id), runs.side(cell.run_id)
        numbers.append(diagnose(*sides, runs.labels(cell.run_id)).numbers())
    return {name: np.array([one[name] for one in numbers]) for name in QUANTITIES}
