"""McNemar's test, which compares the numbers of errors of two classifiers on the same samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[Any]


def mcnemar(first_only: Array, second_only: Array) -> Array:
    """Return the exact two-sided p-value: each sample that only one of the two gets right is a fair coin.

    Args:
        first_only: how many samples only the first gets right; any shape.
        second_only: how many samples only the second gets right; the same shape.
    """
    either = np.asarray(first_only) + np.asarray(second_only)
    p: Array = np.minimum(2 * stats.binom.cdf(np.minimum(first_only, second_only), either, 0.5), 1.0)
    return p


def only_one_right(correct: Array) -> Array:
    """Return, for all pairs of k classifiers, how many samples only the row's classifier gets right: (k, k).

    Args:
        correct: (M, k) bool.
    """
    right = correct.astype(np.float64)
    both = right.T @ right
    counts: Array = np.rint(np.diagonal(both)[:, None] - both).astype(np.int64)
    return counts
