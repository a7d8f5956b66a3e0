"""The value of a budget of trials, against all orders of the trials one by one."""

from __future__ import annotations

import itertools
import random
from fractions import Fraction

import pytest

from cmkd_bench.statistics.budget import expected_selected

Scores = list[float | None]


def by_enumeration(validation: Scores, test: Scores) -> Scores:
    """Every order of the trials in which trial 0 is first, and what would have been selected after k trials."""
    count = len(validation)
    orders = [(0, *others) for others in itertools.permutations(range(1, count))]
    expected: Scores = []
    for k in range(1, count + 1):
        scores = []
        for order in orders:
            best = None
            for number in sorted(order[:k]):
                score = validation[number]
                if score is not None and (best is None or score > (validation[best] or 0)):
                    best = number
            scores.append(None if best is None else test[best])
        known = [Fraction(score) for score in scores if score is not None]
        expected.append(float(sum(known) / len(known)) if len(known) == len(scores) else None)
    return expected


def test_three_draws_by_hand() -> None:
    # Trial 2 is best, then trial 0; trial 1 is never selected. With two trials, the second is 1 or 2 alike.
    assert expected_selected([50.0, 40.0, 60.0], [5.0, 100.0, 9.0]) == [5.0, (5.0 + 9.0) / 2, 9.0]


def test_a_better_validation_score_may_mean_a_worse_test_score() -> None:
    assert expected_selected([1.0, 2.0], [80.0, 70.0]) == [80.0, 70.0]


def test_of_equal_draws_the_first_is_selected() -> None:
    assert expected_selected([1.0, 1.0, 2.0, 2.0], [10.0, 99.0, 30.0, 40.0]) == by_enumeration(
        [1.0, 1.0, 2.0, 2.0], [10.0, 99.0, 30.0, 40.0]
    )
    assert expected_selected([1.0, 1.0, 2.0, 2.0], [10.0, 99.0, 30.0, 40.0])[-1] == 30.0


@pytest.mark.parametrize("seed", range(12))
def test_as_enumerated_with_ties_and_failures(seed: int) -> None:
    generator = random.Random(seed)
    count = generator.randint(2, 6)
    lost = [generator.random() < 0.25 for _ in range(count)]
    validation: Scores = [None if gone else float(generator.randint(1, 4)) for gone in lost]
    test: Scores = [None if gone else generator.uniform(1, 100) for gone in lost]
    assert expected_selected(validation, test) == pytest.approx(by_enumeration(validation, test))


def test_where_the_defaults_failed_the_curve_begins_where_something_is_sure() -> None:
    # Two of four failed, trial 0 among them: with three trials one that is scored is always there.
    # Of the pairs beside trial 0, {1, 2} and {1, 3} select trial 1, and {2, 3} trial 3.
    expected = expected_selected([None, 2.0, None, 1.0], [None, 20.0, None, 10.0])
    assert expected == [None, None, pytest.approx((20 + 20 + 10) / 3), 20.0]
    assert expected_selected([None, None], [None, None]) == [None, None]


def test_scores_of_other_draws_are_refused() -> None:
    with pytest.raises(ValueError, match="validation and test"):
        expected_selected([1.0, None], [1.0, 2.0])
