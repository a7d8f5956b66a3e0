"""Intervals against tables of Student's t, lines, and crossings worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cmkd_bench.studies.intervals import crossing_interval, mean_interval, slope_interval


def test_a_mean_has_students_interval() -> None:
    # mean 3, standard deviation sqrt(2.5), t(0.975, 4) = 2.776445
    found = mean_interval([1, 2, 3, 4, 5])
    half = 2.776445 * math.sqrt(2.5) / math.sqrt(5)
    assert (found.value, found.low, found.high) == pytest.approx((3, 3 - half, 3 + half), rel=1e-6)


def test_one_draw_has_no_interval() -> None:
    found = mean_interval([7.0])
    assert found.value == 7
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    found = [mean_interval(rng.normal(1.0, 2.0, size=8)) for _ in range(2000)]
    share = np.mean([one.low < 1 < one.high for one in found])
    assert share == pytest.approx(0.95, abs=0.015)


def test_the_slope_is_that_of_each_draws_line() -> None:
    x = np.array([0.0, 1.0, 3.0])
    lines = np.stack([2 * x + 5, 4 * x - 1, 6 * x], axis=1)
    found = slope_interval(x, lines)
    reference = mean_interval([2, 4, 6])
    assert (found.value, found.low, found.high) == pytest.approx((4, reference.low, reference.high))


def test_the_sign_changes_where_the_line_between_two_points_meets_zero() -> None:
    curves = np.array([[-3.0, -3.0], [-1.0, -1.0], [3.0, 3.0]])
    found = crossing_interval([0.0, 1.0, 2.0], curves)
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((1.25, 1.25, 1.25))


def test_a_curve_on_one_side_changes_no_sign() -> None:
    assert crossing_interval([0.0, 1.0], np.array([[1.0, 2.0], [3.0, 1.0]])) is None


def test_draws_that_may_not_cross_leave_the_ends_of_the_interval_open() -> None:
    curves = np.array([[1.0, -1.5, 1.0, -1.0], [1.0, 1.0, 1.0, 1.0]])
    found = crossing_interval([0.0, 1.0], curves)
    assert found is not None
    assert math.isnan(found.low)
