"""Differences between methods with shared seeds and test samples, with intervals for new seeds and samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[Any]
LEVEL = 0.05
FEWEST_SEEDS = 3
_NEGLIGIBLE = 1e-12  # relative to the variances that are subtracted
_SMALLEST = -16.0  # logarithm of the smallest p-value
_HALVINGS = 45


@dataclass(frozen=True)
class Differences:
    """The differences of all pairs of k methods; each array is (k, k), for the row's method minus the column's."""

    difference: Array  # difference of the means over seeds
    error: Array  # standard error of the difference
    # share of the squared error that comes from the seeds, 0 to 1; the rest comes from the test samples
    of_seeds: Array
    low: Array  # lower end of the confidence interval
    high: Array  # upper end
    p: Array  # two-sided p-value of no difference, at least 1e-16; below the level if the interval excludes 0


def paired_differences(values: Array, draws: Array, level: float = LEVEL) -> Differences:
    """Compare methods over n seeds and M test samples, both as random draws from a population.

    A new seed moves a difference, and so does a new set of test samples, which all seeds share. The variance of the
    difference of means is estimated from a bootstrap that crosses the two: that of seeds, which has a closed form, plus
    that of samples, minus what both count, the interaction (Cameron, Gelbach and Miller 2011, on clustering in two
    ways). Half the width of the interval has two parts whose squares are added: Student's t with n-1 degrees of freedom
    for the seeds, because few seeds say little about their own variance, and the normal distribution for the samples.

    Percentiles of the bootstrap are unsuitable: means drawn from 3 seeds stay between the smallest and the largest and
    covers 75 % if seeds dominate, and 100 % if they do not matter. `benchmarks/coverage.py` measures both.

    Args:
        values: (n, k), the metric by seed and method.
        draws: (B, n, k), the same under B draws of test samples, each draw the same for all seeds and methods.
        level: 1 minus the confidence.

    Raises:
        ValueError: for fewer than 3 seeds, from which the variance between seeds cannot be estimated.
    """
    seeds = len(values)
    if seeds < FEWEST_SEEDS:
        raise ValueError(f"expected at least {FEWEST_SEEDS} seeds for an interval, got {seeds}")
    by_seed = _contrasts(np.atleast_2d(np.cov(values, rowvar=False)) / seeds)
    by_sample, within = _sampling(draws)
    interaction = np.maximum(within - by_sample, 0.0) / (seeds - 1)
    rest = np.maximum(by_sample - np.minimum(interaction, by_seed), 0.0)
    means = values.mean(0)
    difference = means[:, None] - means[None, :]
    reach = _reach(np.full_like(rest, level), by_seed, rest, seeds)
    variance = by_seed + rest
    return Differences(
        difference=difference,
        error=np.sqrt(variance),
        of_seeds=np.divide(by_seed, variance, out=np.zeros_like(variance), where=variance > 0),
        low=difference - reach,
        high=difference + reach,
        p=_p_value(np.abs(difference), by_seed, rest, seeds),
    )


def interval_at(difference: float, error: float, of_seeds: float, seeds: int, level: float) -> tuple[float, float]:
    """Return the interval of one of `Differences` at another level, e.g. one that is corrected for several of them.

    Args:
        difference: of the means over seeds.
        error: its standard error.
        of_seeds: share of the squared error that comes from the seeds.
        seeds: their number.
        level: 1 minus the confidence.
    """
    variance = np.float64(error) ** 2
    reach = float(_reach(np.float64(level), of_seeds * variance, (1 - of_seeds) * variance, seeds))
    return difference - reach, difference + reach


def _reach(level: Any, by_seed: Any, rest: Any, seeds: int) -> Array:
    """Return half the width of the interval at a level, from the variances by seed and of the rest."""
    student, normal = -special.stdtrit(seeds - 1, level / 2), special.ndtri(level / 2)
    reach: Array = np.sqrt(student**2 * by_seed + normal**2 * rest)
    return reach


def _p_value(distance: Array, by_seed: Array, rest: Array, seeds: int) -> Array:
    """Return the level at which the interval just reaches 0, by bisection of its logarithm."""
    low, high = np.full(distance.shape, _SMALLEST), np.zeros(distance.shape)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        wide = _reach(10.0**middle, by_seed, rest, seeds) >= distance
        low, high = np.where(wide, middle, low), np.where(wide, high, middle)
    p: Array = np.where(distance > 0, 10.0**high, 1.0)
    return p


def _sampling(draws: Array) -> tuple[Array, Array]:
    """Return the variances of differences over draws: of the mean over seeds, and the mean of those of single seeds."""
    centred = draws - draws.mean(0)
    resamples, seeds, _ = draws.shape
    mean = centred.mean(1)
    single = centred.transpose(1, 2, 0) @ centred.transpose(1, 0, 2)
    return _contrasts(mean.T @ mean / (resamples - 1)), _contrasts(single.sum(0) / (resamples - 1) / seeds)


def _contrasts(covariance: Array) -> Array:
    """Return the variances of all differences of k quantities, from their covariances (k, k)."""
    own = np.diagonal(covariance)
    both = own[:, None] + own[None, :]
    variance = both - covariance - covariance.T
    cleaned: Array = np.where(variance > _NEGLIGIBLE * both, variance, 0.0)
    return cleaned
