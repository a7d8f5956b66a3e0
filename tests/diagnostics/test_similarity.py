"""Linear CKA against its definition with Gram matrices, its invariances, and chance by going through all pairings."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from cmkd_bench.diagnostics.similarity import cka_by_chance, linear_cka


def naive(one: np.ndarray, other: np.ndarray) -> float:
    """HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) with both Gram matrices centred on both sides, sum by sum."""
    samples = len(one)

    def gram(rows: np.ndarray) -> list[list[float]]:
        plain = [[sum(a * b for a, b in zip(r, s, strict=True)) for s in rows] for r in rows]
        means = [sum(row) / samples for row in plain]
        total = sum(means) / samples
        return [[plain[i][j] - means[i] - means[j] + total for j in range(samples)] for i in range(samples)]

    def together(k: list[list[float]], other_gram: list[list[float]]) -> float:
        return sum(k[i][j] * other_gram[i][j] for i in range(samples) for j in range(samples))

    first, second = gram(one), gram(other)
    return together(first, second) / math.sqrt(together(first, first) * together(second, second))


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    one = random.normal(size=(9, 4)) + 5
    return one, one[:, :2] @ random.normal(size=(2, 3)) + random.normal(size=(9, 3))


def test_it_is_the_definition(pair: tuple[np.ndarray, np.ndarray]) -> None:
    assert linear_cka(*pair) == pytest.approx(naive(*pair), rel=1e-12)
    assert 0.1 < linear_cka(*pair) < 0.99


def test_a_value_by_hand() -> None:
    # centred: (-1, 0, 1) and (-1, 2, -1) are orthogonal; with (-1, 0, 1) beside it half of the second side is shared
    one = np.array([[1.0], [2.0], [3.0]])
    assert linear_cka(one, np.array([[0.0], [3.0], [0.0]])) == pytest.approx(0.0)
    both = np.array([[-1.0, -1.0], [0.0, 2.0], [1.0, -1.0]])
    # cross: 2^2 = 4; own norms: 2, and sqrt(2^2 + 6^2) = sqrt(40)
    assert linear_cka(one, both) == pytest.approx(4 / (2 * math.sqrt(40)))


def test_it_ignores_rotation_scale_and_shift_but_not_the_scale_of_one_feature(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    one, other = pair
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))
    plain = linear_cka(one, other)
    assert linear_cka(one @ rotation * 7 - 3, other * 0.01 + 100) == pytest.approx(plain, rel=1e-9)
    assert linear_cka(other, one) == pytest.approx(plain)
    assert linear_cka(one, one @ rotation) == pytest.approx(1.0)
    assert abs(linear_cka(one * [1, 1, 1, 50], other) - plain) > 0.01


def test_half_precision_is_summed_in_double() -> None:
    random = np.random.default_rng(1)
    one = (random.normal(size=(2000, 3)) + 300).astype(np.float32)
    assert linear_cka(one, one) == pytest.approx(1.0, abs=1e-12)


def test_chance_is_the_mean_over_all_pairings() -> None:
    random = np.random.default_rng(5)
    one, other = random.normal(size=(5, 2)), random.normal(size=(5, 3))
    every = [linear_cka(one, other[list(order)]) for order in itertools.permutations(range(5))]
    assert cka_by_chance(one, other) == pytest.approx(np.mean(every), rel=1e-12)


def test_a_constant_side_has_no_similarity() -> None:
    assert math.isnan(linear_cka(np.ones((4, 2)), np.eye(4)))
    assert math.isnan(cka_by_chance(np.ones((4, 2)), np.eye(4)))


@pytest.mark.parametrize("shapes", [((3, 2), (4, 2)), ((3,), (3,)), ((1, 2), (1, 2))])
def test_what_is_not_of_the_same_samples_is_refused(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="two matrices"):
        linear_cka(np.ones(shapes[0]), np.ones(shapes[1]))
