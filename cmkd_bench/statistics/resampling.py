"""Bootstrap draws of test samples as matrix products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
RESAMPLES = 2000  # a standard error from so many draws is right to 1.6 %
_BLOCK = 2**22  # numbers drawn at once
_WIDTH = 2048  # columns of one matrix product, so that it fits into memory


def resampling_counts(samples: int, resamples: int = RESAMPLES, seed: int | Sequence[int] = 0) -> Array:
    """Return how often each sample is drawn: (resamples, samples) float32; every row adds up to `samples`.

    Args:
        samples: M.
        resamples: B.
        seed: seed of the draws; the same seed gives the same draws.
    """
    generator = np.random.default_rng(seed)
    counts = np.empty((resamples, samples), np.float32)
    rows = max(1, _BLOCK // samples)
    for start in range(0, resamples, rows):
        block = counts[start : start + rows]
        drawn = generator.integers(0, samples, block.shape) + np.arange(len(block))[:, None] * samples
        block[:] = np.bincount(drawn.ravel(), minlength=block.size).reshape(block.shape)
    return counts


def resampled(
    contributions: Sequence[Array], value: Callable[[Array, int], Array], counts: Array
) -> NDArray[np.float64]:
    """Return a metric of several runs under the same draws of test samples: (resamples, runs).

    Args:
        contributions: per run (M, K), what each sample contributes.
        value: the metric from sums (..., K) and M.
        counts: (resamples, M).
    """
    samples, width = contributions[0].shape
    # Whole numbers below 2^24 are exact in single precision, and such sums do not depend on their order.
    weights = counts if contributions[0].dtype == bool else counts.astype(np.float64)
    together = max(1, _WIDTH // width)
    draws = np.empty((len(counts), len(contributions)))
    for start in range(0, len(contributions), together):
        some = contributions[start : start + together]
        sums = weights @ np.concatenate(some, 1).astype(weights.dtype)
        values = value(sums.reshape(len(counts), len(some), width).astype(np.float64), samples)
        draws[:, start : start + together] = values
    return draws
