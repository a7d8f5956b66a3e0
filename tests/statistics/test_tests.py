"""McNemar, Holm, Friedman and Nemenyi: against statsmodels, SciPy and the numbers of the papers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cmkd_bench.statistics.multiple import best_set, holm
from cmkd_bench.statistics.proportions import mcnemar, only_one_right
from cmkd_bench.statistics.ranks import average_ranks, friedman, nemenyi_distance

# Demsar 2006 (JMLR 7), Table 6: AUC of C4.5, +m, +cf, +m+cf on 14 data sets; in the last but one the third and the
# fourth are printed alike and ranked 2 and 3, so they get a fourth digit here
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9752, 0.9751],
        [0.957, 0.978, 0.946, 0.970],
    ]
)


@pytest.mark.parametrize(("first", "second"), [(3, 12), (12, 3), (0, 5), (7, 7), (0, 0), (40, 61)])
def test_mcnemar_is_that_of_statsmodels(first: int, second: int) -> None:
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    expected = tables.mcnemar([[10, first], [second, 20]], exact=True).pvalue if first + second else 1.0
    assert mcnemar(np.array(first), np.array(second)) == pytest.approx(expected)


def test_mcnemar_by_hand() -> None:
    # 5 coins, all on one side: 2 / 2^5
    assert mcnemar(np.array([0, 5]), np.array([5, 0])) == pytest.approx([1 / 16, 1 / 16])
    assert mcnemar(np.array(3), np.array(12)) == pytest.approx(stats.binomtest(3, 15).pvalue)


def test_only_one_right_counts_as_a_loop_does() -> None:
    correct = np.random.default_rng(3).random((50, 4)) < 0.5
    found = only_one_right(correct)
    for a in range(4):
        for b in range(4):
            assert found[a, b] == sum(bool(x) and not y for x, y in zip(correct[:, a], correct[:, b], strict=True))


def test_holm_by_hand() -> None:
    # sorted 0.005, 0.01, 0.03, 0.04: times 4, 3, 2, 1 is 0.02, 0.03, 0.06, 0.04, the last raised to 0.06
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_the_best_set_by_hand() -> None:
    # three rows, so each has two rivals and is out if one of them is above it with p / 2 < 0.05 / 2
    p = np.array([[np.nan, 0.04, 0.06], [0.04, np.nan, 0.0499], [0.06, 0.0499, np.nan]])
    difference = np.array([[0.0, 2.0, 1.0], [-2.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
    assert best_set(p, difference, 0.05).tolist() == [True, False, True]
    assert best_set(p, difference, 0.03).tolist() == [True, True, True]
    # what was compared with none may be the best for all that is known, and one row is its own best
    unknown = np.full((2, 2), np.nan)
    assert best_set(unknown, unknown, 0.05).tolist() == [True, True]
    assert best_set(np.array([[np.nan]]), np.array([[np.nan]]), 0.05).tolist() == [True]


def test_the_best_is_seldom_left_out() -> None:
    """Twelve rows, three of them the best, on 3 paired seeds that differ a lot: at most 5 % leave one of them out."""
    generator = np.random.default_rng(5)
    means = np.array([1.0] * 3 + [0.0] * 9)
    lost = [0, 0, 0]
    for _ in range(1000):
        values = means + generator.standard_normal((3, 12)) + 3 * generator.standard_normal((3, 1))
        p = stats.ttest_rel(values[:, :, None], values[:, None, :]).pvalue
        average = values.mean(0)
        kept = best_set(p, average[:, None] - average[None, :], 0.05)
        for row in range(3):
            lost[row] += not kept[row]
    assert 0 < max(lost) <= 60  # 50 are expected at most, with a standard deviation of 7


def test_holm_is_that_of_statsmodels() -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p = np.random.default_rng(0).random(40) ** 3
    assert holm(p) == pytest.approx(multitest.multipletests(p, method="holm")[1])


def test_ranks_and_friedman_are_those_of_the_paper() -> None:
    ranks = average_ranks(DEMSAR)
    assert ranks == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=0.001)
    # 9.28 in the paper, which does not correct for ties
    statistic = 12 * 14 / (4 * 5) * (sum(ranks**2) - 4 * 25 / 4)
    assert statistic == pytest.approx(9.28, abs=0.01)
    assert friedman(DEMSAR) == pytest.approx(stats.chi2.sf(statistic, 3), abs=0.01)


def test_equal_scores_are_no_difference() -> None:
    assert friedman(np.ones((5, 3))) == 1.0


@pytest.mark.parametrize(("methods", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (7, 2.949), (10, 3.164)])
def test_the_critical_difference_is_that_of_the_papers_table(methods: int, q: float) -> None:
    tasks = 14
    expected = q * (methods * (methods + 1) / (6 * tasks)) ** 0.5
    assert nemenyi_distance(methods, tasks) == pytest.approx(expected, abs=0.001)
