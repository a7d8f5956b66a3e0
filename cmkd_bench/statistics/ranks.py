"""Ranks of methods over several tasks: Friedman's test, and Nemenyi's critical difference (Demsar 2006)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[Any]


def average_ranks(scores: Array) -> Array:
    """Return the mean rank of k methods over N tasks: (k,); 1 is the best, equal scores share the mean of their ranks.

    Args:
        scores: (N, k), more is better.
    """
    ranks: Array = stats.rankdata(-scores, axis=1).mean(0)
    return ranks


def friedman(scores: Array) -> float:
    """Return the p-value of no difference between k methods over N tasks, by the chi-squared approximation with ties.

    Args:
        scores: (N, k), of which k is at least 3.
    """
    if (scores == scores[:, :1]).all():
        return 1.0
    return float(stats.friedmanchisquare(*scores.T).pvalue)


@cache
def nemenyi_distance(methods: int, tasks: int, level: float = 0.05) -> float:
    """Return the critical difference: average ranks closer than this are not distinguishable.

    Args:
        methods: k, at least 2.
        tasks: N.
        level: error level of all pairs together.
    """
    studentized = float(stats.studentized_range.isf(level, methods, np.inf))
    return studentized / math.sqrt(2) * math.sqrt(methods * (methods + 1) / (6 * tasks))


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return Kendall's tau-b of two lists of scores of the same methods; None if all scores of a list are equal."""
    tau = float(stats.kendalltau(first, second).statistic)
    return None if math.isnan(tau) else tau
