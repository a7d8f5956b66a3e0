"""Linear centered kernel alignment (CKA) of two representations.

Source: Kornblith, Norouzi, Lee, Hinton, "Similarity of Neural Network Representations Revisited", ICML 2019, section 3.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def linear_cka(one: Array, other: Array) -> float:
    """Compute linear CKA, ||Y^T X||^2 / (||X^T X|| ||Y^T Y||) with centered columns and Frobenius norms.

    It is invariant to shifts, rotations, and uniform scaling of either side, but not to the scaling of single features.

    Args:
        one: (M, D), row i is sample i.
        other: (M, E), the same samples.

    Returns:
        0 to 1; NaN if a side is the same for all samples.

    Raises:
        ValueError: if the numbers of samples differ or are below 2.
    """
    x, y = _centered(one, other)
    return _ratio(_squared_norm(y.T @ x), x, y)


def cka_by_chance(one: Array, other: Array) -> float:
    """Compute the mean of `linear_cka` over all pairings of the samples, which unrelated representations reach.

    It approaches 1 if there are fewer samples than features, so a CKA value should be read relative to it. In
    closed form: for Gram matrices K and L of centered columns, the mean of tr(K P L P^T) over permutations P is
    tr(K) tr(L) / (M - 1).

    Args:
        one: (M, D).
        other: (M, E).

    Returns:
        0 to 1; NaN if a side is the same for all samples.

    Raises:
        ValueError: if the numbers of samples differ or are below 2.
    """
    x, y = _centered(one, other)
    return _ratio(_squared_norm(x) * _squared_norm(y) / (len(x) - 1), x, y)


def _ratio(shared: float, x: Array, y: Array) -> float:
    own = math.sqrt(_squared_norm(x.T @ x) * _squared_norm(y.T @ y))
    return shared / own if own > 0 else math.nan


def _squared_norm(matrix: Array) -> float:
    return float((matrix * matrix).sum())


def _centered(one: Array, other: Array) -> tuple[Array, Array]:
    if one.ndim != 2 or other.ndim != 2 or len(one) != len(other) or len(one) < 2:
        raise ValueError(f"expected two matrices with the same samples, at least 2, got {one.shape} and {other.shape}")
    wide, deep = one.astype(np.float64), other.astype(np.float64)
    return wide - wide.mean(0), deep - deep.mean(0)
