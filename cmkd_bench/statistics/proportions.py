"""McNemar's test: do two classifiers make different numbers of errors on the same samples?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[Any]


def mcnemar(first_only: Array, second_only: Array) -> Array:
    """The exact two-sided p-value: the samples that only one of the two has right are fair coins.

    Args:
        first_only: how many samples only the first has right; any shape.
        second_only: likewise.
    """
    either = np.asarray(first_only) + np.asarray(second_only)
    p: Array = np.minimum(2 * stats.binom.cdf(np.minimum(first_only, second_only), either, 0.5), 1.0)
    return p


def only_one_right(correct: Array) -> Array:
    """For all pairs of k classifiers, how many samples the row's has right and the column's has not: (k, k).

    Args:
        correct: (M, k) bool.
    """
    right = correct.astype(np.float64)
    both = right.T @ right
    counts: Array = np.rint(np.diagonal(both)[:, None] - both).astype(np.int64)
    return counts
