"""Splits keep proportions and groups, are the same for ever, and a leak is refused."""

from __future__ import annotations

import numpy as np
import pytest

from cmkd_bench.data.splits import by_group, check_parts, held_out_later, stratified
from cmkd_bench.errors import UserError

LABELS = np.repeat([0, 1, 2], [100, 60, 20])
SHARES = (0.6, 0.1, 0.3)


def test_stratified_keeps_the_classes_proportions_exactly() -> None:
    parts = stratified(LABELS, SHARES, seed=0)
    assert [np.bincount(LABELS[rows]).tolist() for rows in parts.values()] == [[60, 36, 12], [10, 6, 2], [30, 18, 6]]
    check_parts("x", parts, len(LABELS))


def test_stratified_depends_on_its_seed_alone() -> None:
    one, again, other = (stratified(LABELS, SHARES, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(one[part], again[part]) for part in one)
    assert not np.array_equal(one["test"], other["test"])
    assert stratified(np.zeros(10, int), (0.5, 0.2, 0.3), 0)["train"].tolist() == [0, 1, 2, 3, 9]


def test_stratified_never_divides_a_group() -> None:
    groups = np.arange(180) // 5
    parts = stratified(LABELS, SHARES, seed=0, groups=groups)
    check_parts("x", parts, len(LABELS), groups)
    assert abs(len(parts["train"]) - 108) <= 15


def test_stratified_places_a_group_greater_than_any_room() -> None:
    parts = stratified(np.zeros(12, int), SHARES, seed=0, groups=np.array([0] * 10 + [1, 2]))
    assert set(range(10)) <= set(parts["train"].tolist())


@pytest.mark.parametrize("shares", [(0.6, 0.4), (0.6, 0.1, 0.2)])
def test_shares_must_sum_to_one(shares: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        stratified(LABELS, shares, seed=0)


def test_a_group_of_two_classes_cannot_be_stratified() -> None:
    with pytest.raises(ValueError, match="two classes"):
        stratified(np.array([0, 1]), SHARES, seed=0, groups=np.array([5, 5]))


def test_by_group_holds_out_whole_groups() -> None:
    parts = by_group(np.array([3, 1, 2, 1, 3]), validation=[2], test=[1])
    assert {part: rows.tolist() for part, rows in parts.items()} == {
        "train": [0, 4],
        "validation": [2],
        "test": [1, 3],
    }


def test_some_published_splits_have_no_validation_part() -> None:
    check_parts("x", {"train": np.array([0, 2]), "validation": np.array([], int), "test": np.array([1])}, 3)


def test_rows_in_no_part_are_allowed_where_files_may_be_broken() -> None:
    parts = {"train": np.array([0]), "validation": np.array([2]), "test": np.array([3])}
    check_parts("x", parts, 4, complete=False)
    with pytest.raises(UserError, match="row 1 is in no part"):
        check_parts("x", parts, 4)


@pytest.mark.parametrize(
    ("train", "validation", "test", "message"),
    [
        ([0, 1], [1], [2, 3], "row 1 is in train and in validation"),
        ([0], [1], [2], "row 3 is in no part"),
        ([], [0, 1], [2, 3], "the train part is empty"),
        ([0, 1], [2, 3], [], "the test part is empty"),
        ([1, 0], [2], [3], "train part is not a sorted list"),
        ([0, 1], [2], [3, 4], "test part is not a sorted list of rows below 4"),
        ([0, 2], [1], [3], "group 7 is in train and in validation"),
    ],
)
def test_a_leak_is_named(train: list[int], validation: list[int], test: list[int], message: str) -> None:
    parts = {"train": np.array(train, int), "validation": np.array(validation, int), "test": np.array(test, int)}
    with pytest.raises(UserError, match=f"dataset 'x': .*{message}"):
        check_parts("x", parts, 4, groups=np.array([7, 7, 8, 9]))


def test_parts_must_have_the_contracts_names() -> None:
    with pytest.raises(UserError, match="expected the parts train, validation, test, got dev, train"):
        check_parts("x", {"train": np.array([0]), "dev": np.array([1])}, 2)


def test_a_group_that_a_later_part_holds_is_found_in_the_earlier_part_alone() -> None:
    part_of = ["train", "train", "train", "validation", "validation", "test", "train"]
    groups = ["a", "b", "c", "b", "d", "d", "a"]
    assert held_out_later(part_of, groups) == ["", "validation", "", "", "test", "", ""]
