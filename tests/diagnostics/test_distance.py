"""The energy coefficient against numbers worked out by hand and SciPy's of one coordinate."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import energy_distance

from cmkd_bench.diagnostics.distance import MOST, energy_coefficient


def column(*values: float) -> np.ndarray:
    return np.array(values)[:, None]


def test_numbers_worked_out_by_hand() -> None:
    assert energy_coefficient(column(0), column(3)) == 1
    assert energy_coefficient(column(1, 5, 2), column(2, 1, 5)) == 0
    assert energy_coefficient(column(4), column(4)) == 0
    # E|X-Y| = 1, E|X-X'| = (0 + 2 + 2 + 0) / 4 = 1, E|Y-Y'| = 0
    assert energy_coefficient(column(0, 2), column(1)) == pytest.approx(0.5)
    # distances 5 across, 0 within
    assert energy_coefficient(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]])) == 1


def test_one_coordinate_is_scipys() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal(300), 0.7 + 1.5 * rng.standard_normal(200)
    across = 2 * np.abs(x[:, None] - y).mean()
    assert energy_coefficient(x[:, None], y[:, None]) == pytest.approx(energy_distance(x, y) ** 2 / across)


def test_it_grows_with_the_distance_of_two_clouds() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, 400, 5))
    found = [energy_coefficient(x, y + shift) for shift in (0, 0.3, 1, 3)]
    assert found == sorted(found)
    assert found[0] < 0.01
    assert found[-1] > 0.5


def test_more_points_than_are_compared_say_about_the_same() -> None:
    x, y = np.random.default_rng(2).standard_normal((2, 2 * MOST, 1))
    y += 1
    exact = energy_distance(x[:, 0], y[:, 0]) ** 2 / (2 * np.abs(x - y.T).mean())
    assert energy_coefficient(x, y) == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize("other", [np.zeros((3, 2)), np.zeros((0, 1)), np.zeros(3)])
def test_points_that_cannot_be_compared_are_refused(other: np.ndarray) -> None:
    with pytest.raises(ValueError, match="same coordinates"):
        energy_coefficient(column(0, 1), other)
