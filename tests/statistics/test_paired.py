"""Intervals of paired differences: against textbook formulas, naive loops, and data whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cmkd_bench.statistics.paired import paired_differences
from cmkd_bench.statistics.resampling import resampled, resampling_counts

GENERATOR = np.random.default_rng(5)
VALUES = GENERATOR.normal(70, 2, (4, 3))
DRAWS = VALUES + GENERATOR.normal(0, 1, (500, 1, 3)) + GENERATOR.normal(0, 1, (500, 4, 3))


def share(sums: np.ndarray, samples: int) -> np.ndarray:
    return 100 * sums[..., 0] / samples


def test_without_sampling_error_it_is_the_paired_t_test() -> None:
    found = paired_differences(VALUES, np.repeat(VALUES[None], 50, 0))
    expected = stats.ttest_rel(VALUES[:, 0], VALUES[:, 2])
    assert found.p[0, 2] == pytest.approx(expected.pvalue, rel=1e-9)
    interval = expected.confidence_interval(0.95)
    assert (found.low[0, 2], found.high[0, 2]) == pytest.approx((interval.low, interval.high))
    assert found.of_seeds[0, 2] == 1


def test_the_variance_is_that_of_seeds_and_samples_without_counting_the_interaction_twice() -> None:
    found = paired_differences(VALUES, DRAWS)
    seeds, _ = VALUES.shape
    gap = VALUES[:, 0] - VALUES[:, 1]
    by_seed = sum((one - gap.mean()) ** 2 for one in gap) / (seeds - 1) / seeds
    drawn = DRAWS[..., 0] - DRAWS[..., 1]
    by_sample = drawn.mean(1).var(ddof=1)
    within = np.mean([drawn[:, s].var(ddof=1) for s in range(seeds)])
    interaction = (within - by_sample) / (seeds - 1)
    assert interaction > 0
    variance = by_seed + by_sample - interaction
    assert found.error[0, 1] ** 2 == pytest.approx(variance)
    assert found.of_seeds[0, 1] == pytest.approx(by_seed / variance)
    reach = stats.t.ppf(0.975, seeds - 1) ** 2 * by_seed + stats.norm.ppf(0.975) ** 2 * (variance - by_seed)
    assert found.high[0, 1] - found.low[0, 1] == pytest.approx(2 * reach**0.5)


def test_without_a_difference_between_seeds_it_is_the_normal_interval_of_the_draws() -> None:
    values = np.repeat([[70.0, 69.0]], 3, 0)
    draws = np.repeat((values[0] + GENERATOR.normal(0, [1, 2], (800, 2)))[:, None], 3, 1)
    found = paired_differences(values, draws)
    error = (draws[:, 0, 0] - draws[:, 0, 1]).std(ddof=1)
    assert found.error[0, 1] == pytest.approx(error)
    assert found.p[0, 1] == pytest.approx(2 * stats.norm.sf(1 / error))


def test_the_interval_leaves_out_nothing_exactly_where_p_is_below_the_level() -> None:
    values = GENERATOR.normal([70, 71, 74, 80], 1.5, (5, 4))
    draws = values + GENERATOR.normal(0, 1, (300, 1, 4))
    found = paired_differences(values, draws, level=0.1)
    claimed = (found.low > 0) | (found.high < 0)
    assert claimed.any()
    assert not claimed.all()
    assert (claimed == (found.p < 0.1)).all()


def test_it_is_antisymmetric_and_nothing_differs_from_itself() -> None:
    found = paired_differences(VALUES, DRAWS)
    assert found.difference == pytest.approx(-found.difference.T)
    assert found.low == pytest.approx(-found.high.T)
    assert found.p == pytest.approx(found.p.T)
    assert (np.diagonal(found.p) == 1).all()


def test_equal_predictions_are_not_distinguishable() -> None:
    values = np.repeat(VALUES[:, :1], 2, 1)
    found = paired_differences(values, np.repeat(DRAWS[..., :1], 2, 2))
    assert (found.p == 1).all()
    assert (found.low == 0).all()


def test_two_seeds_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected at least 3 seeds .* got 2"):
        paired_differences(VALUES[:2], DRAWS[:, :2])


def test_draws_are_those_of_a_loop_over_drawn_samples() -> None:
    right = GENERATOR.random((7, 30)) < 0.6
    counts = resampling_counts(30, 40, seed=9)
    drawn = np.random.default_rng(9).integers(0, 30, (40, 30))
    found = resampled([run[:, None] for run in right], share, counts)
    for b in range(40):
        for run in range(7):
            assert found[b, run] == pytest.approx(100 * sum(right[run, i] for i in drawn[b]) / 30)


def test_wide_contributions_are_drawn_in_pieces_alike() -> None:
    parts = [GENERATOR.integers(0, 9, (12, 1500)) for _ in range(3)]
    counts = resampling_counts(12, 20)
    found = resampled(parts, lambda sums, samples: sums.max(-1) / samples, counts)
    for run, part in enumerate(parts):
        assert found[3, run] == pytest.approx((counts[3][:, None] * part).sum(0).max() / 12)


def test_the_same_seed_gives_the_same_draws() -> None:
    assert (resampling_counts(10, 5, 3) == resampling_counts(10, 5, 3)).all()
    assert (resampling_counts(10, 5, 3) != resampling_counts(10, 5, 4)).any()


@pytest.mark.parametrize(("of_seed", "seeds"), [(0.0, 3), (8.0, 3), (3.0, 6)])
def test_intervals_hold_the_truth_about_as_often_as_they_say(of_seed: float, seeds: int) -> None:
    generator = np.random.default_rng(1)
    samples, repeats, held = 200, 300, 0
    for _ in range(repeats):
        # additive, so that the truth is 2: a seed's luck, a sample's hardness for each, and both
        hard = generator.normal(0, 20, (samples, 2))
        luck = generator.normal([2.0, 0.0], of_seed, (seeds, 2))
        scores = hard + luck[:, None] + generator.normal(0, 20, (seeds, samples, 2))
        counts = resampling_counts(samples, 200, 2) / samples
        draws = np.einsum("bi,sik->bsk", counts, scores)
        found = paired_differences(scores.mean(1), draws)
        held += int(found.low[0, 1] <= 2.0 <= found.high[0, 1])
    assert 0.93 <= held / repeats <= 0.995
