"""Corrections for multiple tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def holm(p: NDArray[Any]) -> NDArray[Any]:
    """Return p-values after Holm's step-down correction, which keeps the chance of any false claim below the level.

    Args:
        p: (m,) p-values of the m hypotheses that are tested together.

    Returns:
        (m,) p-values, not smaller than `p` and at most 1.
    """
    order = np.argsort(p, kind="stable")
    steps = np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * steps), 1.0)
    return corrected


def best_set(p: NDArray[Any], difference: NDArray[Any], level: float) -> NDArray[np.bool_]:
    """Return which of k rows may be the best: those that no other row beats in one-sided tests at level / (k - 1).

    The truly best row is excluded with a probability of at most `level`, however the tests depend on each other
    (Bonferroni's version of Hsu's multiple comparisons with the best, Annals of Statistics 1984).

    Args:
        p: (k, k) two-sided p-values of no difference between row and column; NaN if the two were not compared.
        difference: (k, k) row minus column; larger is better.
        level: error level of the whole statement.

    Returns:
        (k,) True also for a row that was not compared with any other.
    """
    is_below = np.where(difference < 0, p / 2, 1.0)
    may_be: NDArray[np.bool_] = np.all(is_below >= level / max(len(p) - 1, 1), axis=1)
    return may_be
