"""How far apart the distributions of two sets of points are, whichever point belongs to which.

Source: Szekely, Rizzo, "Energy statistics: A class of statistics based on distances", Journal of Statistical Planning
and Inference 2013.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
MOST = 2000
"""More points of a side are thinned out evenly, because all pairs are compared."""


def energy_coefficient(one: Array, other: Array) -> float:
    """(2 E|X-Y| - E|X-X'| - E|Y-Y'|) / (2 E|X-Y|), with Euclidean distances and means over all pairs of points.

    Args:
        one: (M, D), points of the first side.
        other: (N, D), points of the second, in the same coordinates.

    Returns:
        0 to 1: 0 where both sides are the same points, 1 where each side is one point and they differ.

    Raises:
        ValueError: if a side has no point or the coordinates differ in number.
    """
    if one.ndim != 2 or other.ndim != 2 or one.shape[1] != other.shape[1] or not len(one) or not len(other):
        raise ValueError(f"two sets of points in the same coordinates are needed, not {one.shape} and {other.shape}")
    from scipy.spatial.distance import cdist

    x, y = _thinned(one), _thinned(other)
    across = 2 * float(cdist(x, y).mean())
    within = float(cdist(x, x).mean()) + float(cdist(y, y).mean())
    # rounding may leave a little less than nothing
    return max(0.0, across - within) / across if across > 0 else 0.0


def _thinned(points: Array) -> Array:
    rows = np.linspace(0, len(points) - 1, min(len(points), MOST)).round().astype(int)
    thinned: Array = points[rows].astype(np.float64)
    return thinned
