"""Paired statistics as pure functions of arrays: nothing in here knows runs, files or tables."""

from cmkd_bench.statistics.multiple import best_set, holm
from cmkd_bench.statistics.paired import Differences, paired_differences
from cmkd_bench.statistics.proportions import mcnemar
from cmkd_bench.statistics.ranks import average_ranks, friedman, nemenyi_distance
from cmkd_bench.statistics.resampling import resampled, resampling_counts

__all__ = [
    "Differences",
    "average_ranks",
    "best_set",
    "friedman",
    "holm",
    "mcnemar",
    "nemenyi_distance",
    "paired_differences",
    "resampled",
    "resampling_counts",
]
