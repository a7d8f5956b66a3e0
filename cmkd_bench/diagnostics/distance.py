"""Measure the distance between the distributions of two sets of points, regardless of their pairing.

Source: Szekely, Rizzo, "Energy statistics: A class of statistics based on distances", Journal of Statistical Planning
and Inference 2013.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

Array = NDArray[Any]
MOST = 2000
"""The most points to use per side, because all pairs are compared; larger sets are thinned evenly."""


def energy_coefficient(one: Array, other: Array) -> float:
    """Compute the energy coefficient (2 E|X-Y| - E|X-X'| - E|Y-Y'|) / (2 E|X-Y|).

    Distances are Euclidean, and means are taken over all pairs of points.

    Args:
        one: (M, D), points of the first set.
        other: (N, D), points of the second set, in the same coordinates.

    Returns:
        0 to 1: 0 if both sets have the same points, 1 if each set is a single point and the two points differ.

    Raises:
        ValueError: if a set is empty or the numbers of coordinates differ.
    """
    if one.ndim != 2 or other.ndim != 2 or one.shape[1] != other.shape[1] or not len(one) or not len(other):
        raise ValueError(f"expected two sets of points in the same coordinates, got {one.shape} and {other.shape}")
    x, y = _thinned(one), _thinned(other)
    across = 2 * float(cdist(x, y).mean())
    within = float(cdist(x, x).mean()) + float(cdist(y, y).mean())
    # rounding may make the difference slightly negative
    return max(0.0, across - within) / across if across > 0 else 0.0


def _thinned(points: Array) -> Array:
    rows = np.linspace(0, len(points) - 1, min(len(points), MOST)).round().astype(int)
    thinned: Array = points[rows].astype(np.float64)
    return thinned
