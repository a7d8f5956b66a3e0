"""The labels that may be seen: by class or by group, nested, and drawn from the seed."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from cmkd_bench.training.labelled import labelled_rows

LABELS = np.repeat([0, 1, 2, 3], [120, 50, 9, 1])
GROUPS = np.arange(len(LABELS)) % 6


def counts(rows: np.ndarray) -> list[int]:
    return np.bincount(LABELS[rows], minlength=4).tolist()


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (0.05, [6, 3, 1, 1]),  # 6, 2.5, 0.45 and 0.05, rounded half up, and at least one
        (0.001, [1, 1, 1, 1]),
        (0.5, [60, 25, 5, 1]),
        (1.0, [120, 50, 9, 1]),
        ("6pc", [6, 6, 6, 1]),
        ("1pc", [1, 1, 1, 1]),
    ],
)
def test_each_class_gives_its_share_or_number(budget: float | str, expected: list[int]) -> None:
    rows = labelled_rows(LABELS, budget, seed=0)
    assert counts(rows) == expected
    assert rows.tolist() == sorted(set(rows.tolist()))


@pytest.mark.parametrize("groups", [None, GROUPS])
def test_a_smaller_set_is_part_of_a_larger_one(groups: np.ndarray | None) -> None:
    for budgets in ([0.01, 0.05, 0.1, 0.3, 0.7, 1.0], ["1pc", "2pc", "7pc", "40pc"]):
        sets = [set(labelled_rows(LABELS, budget, 3, groups=groups).tolist()) for budget in budgets]
        assert all(small <= large for small, large in itertools.pairwise(sets))
        assert len(sets[0]) < len(sets[-1])


def test_the_seed_and_the_part_decide() -> None:
    one = labelled_rows(LABELS, 0.1, 0)
    assert np.array_equal(one, labelled_rows(LABELS, 0.1, 0))
    assert not np.array_equal(one, labelled_rows(LABELS, 0.1, 1))
    assert not np.array_equal(one, labelled_rows(LABELS, 0.1, 0, part="validation"))


def test_groups_are_taken_whole_until_there_are_enough_samples() -> None:
    labels = np.arange(60) % 3
    groups = np.repeat(np.arange(6), 10)
    for share, wanted in ((0.05, 1), (1 / 6, 1), (0.2, 2), (0.5, 3), (1.0, 6)):
        rows = labelled_rows(labels, share, 0, groups=groups)
        assert len(rows) == 10 * wanted
        assert len(set(groups[rows])) == wanted


def test_groups_are_added_until_every_class_is_there() -> None:
    labels = np.repeat([0, 1], [50, 10])
    groups = np.repeat(np.arange(6), 10)  # class 1 is in the last group only
    for seed in range(5):
        rows = labelled_rows(labels, 0.01, seed, groups=groups)
        assert set(labels[rows]) == {0, 1}
        assert len(labelled_rows(labels, "11pc", seed, groups=groups)) >= 30
