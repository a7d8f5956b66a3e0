"""Many tests at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def holm(p: NDArray[Any]) -> NDArray[Any]:
    """Holm's step-down correction: p-values whose comparison with a level keeps the chance of any false claim below it.

    Args:
        p: (m,), of the m hypotheses that are tested together.

    Returns:
        (m,), not smaller than `p` and not above 1.
    """
    order = np.argsort(p, kind="stable")
    steps = np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * steps), 1.0)
    return corrected


def best_set(p: NDArray[Any], difference: NDArray[Any], level: float) -> NDArray[np.bool_]:
    """Which of k rows may be the best: all that no other row beats, by one-sided tests at level / (k - 1).

    The row that is truly the best is left out with a chance of at most `level`, however the tests depend on each other
    (Bonferroni's version of Hsu's multiple comparisons with the best, Annals of Statistics 1984).

    Args:
        p: (k, k), two-sided, of no difference between the row and the column; NaN where the two were not compared.
        difference: (k, k), row minus column, of which more is better.
        level: of the whole statement.

    Returns:
        (k,) True also for a row that was compared with none.
    """
    is_below = np.where(difference < 0, p / 2, 1.0)
    may_be: NDArray[np.bool_] = np.all(is_below >= level / max(len(p) - 1, 1), axis=1)
    return may_be
