"""Confidence intervals over independent draws: of a mean, a slope, and the point where a curve changes sign."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t

LEVEL = 0.95
RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % interval; the bounds are NaN if there are too few draws to estimate them."""

    value: float
    low: float
    high: float


def mean_interval(values: ArrayLike) -> Interval:
    """Return the mean of independent draws with Student's t interval (for paired differences, the paired t test's).

    Args:
        values: (n,).
    """
    draws = np.asarray(values, dtype=np.float64)
    mean = float(draws.mean())
    if len(draws) < 2:
        return Interval(mean, np.nan, np.nan)
    half = float(t.ppf((1 + LEVEL) / 2, len(draws) - 1) * draws.std(ddof=1) / np.sqrt(len(draws)))
    return Interval(mean, mean - half, mean + half)


def slope_interval(x: ArrayLike, curves: ArrayLike) -> Interval:
    """Fit a least-squares slope to each draw's curve and return their `mean_interval`.

    Args:
        x: (points,).
        curves: (points, n).
    """
    return mean_interval(slopes(x, curves))


def slopes(x: ArrayLike, curves: ArrayLike) -> np.ndarray:
    """Return the least-squares slope of each draw's curve, (n,).

    Args:
        x: (points,).
        curves: (points, n).
    """
    places = np.asarray(x, dtype=np.float64)
    centered = places - places.mean()
    return np.asarray(centered @ np.asarray(curves, dtype=np.float64) / (centered @ centered))


def crossing_interval(x: ArrayLike, curves: ArrayLike, seed: int = 0) -> Interval | None:
    """Find where the mean curve first changes sign, with a percentile interval from resampled draws.

    Args:
        x: (points,), increasing.
        curves: (points, n).
        seed: seed of the resampling.

    Returns:
        the interval, or None if the mean curve never changes sign. The bounds are NaN if more than 2.5 % of the
        resampled curves never change sign, because the ends of the interval are then unknown.
    """
    places, values = np.asarray(x, dtype=np.float64), np.asarray(curves, dtype=np.float64)
    found = _crossing(places, values.mean(1))
    if np.isnan(found):
        return None
    rows = np.random.default_rng(seed).integers(values.shape[1], size=(RESAMPLES, values.shape[1]))
    resampled = np.array([_crossing(places, values[:, row].mean(1)) for row in rows])
    if np.isnan(resampled).mean() > (1 - LEVEL) / 2:
        return Interval(found, np.nan, np.nan)
    low, high = np.nanquantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(found, float(low), float(high))


def _crossing(x: np.ndarray, curve: np.ndarray) -> float:
    """Return the first change of sign by linear interpolation; NaN if there is none."""
    changes = np.flatnonzero(np.sign(curve[:-1]) * np.sign(curve[1:]) < 0)
    if not len(changes):
        return float("nan")
    left = changes[0]
    share = curve[left] / (curve[left] - curve[left + 1])
    return float(x[left] + share * (x[left + 1] - x[left]))
