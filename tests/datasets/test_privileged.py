"""Each experiment's labels follow from its definition, and what a teacher knows is what it should."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cmkd_bench.data.loading import prepare
from cmkd_bench.registry import datasets

KIND = datasets.get("privileged")


def load(experiment: str, fold: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    data = KIND(KIND.Options(experiment=experiment)).load(fold)
    return data.inputs["privileged"], data.inputs["regular"], data.labels, data.parts


def plane_of(x: np.ndarray, score: np.ndarray) -> np.ndarray:
    return np.linalg.lstsq(x.astype(np.float64), score.astype(np.float64), rcond=None)[0]


def test_clean_labels_are_the_signed_distance_to_the_hyperplane() -> None:
    privileged, x, labels, _ = load("clean_labels")
    plane = plane_of(x, privileged[:, 0])
    np.testing.assert_allclose(x @ plane, privileged[:, 0], atol=1e-4)
    agreement = ((privileged[:, 0] > 0) == labels).mean()
    # P(sign(s + e) = sign(s)) for s ~ N(0, |a|), e ~ N(0, 1)
    assert agreement == pytest.approx(1 - np.arctan(1 / np.linalg.norm(plane)) / np.pi, abs=0.02)


def test_clean_features_are_the_regular_ones_without_noise() -> None:
    clean, x, labels, _ = load("clean_features")
    noise = x - clean
    assert noise.std() == pytest.approx(1, abs=0.02)
    assert np.corrcoef(noise.ravel(), clean.ravel())[0, 1] == pytest.approx(0, abs=0.02)
    assert labels.mean() == pytest.approx(0.5, abs=0.05)


def test_relevant_features_are_the_same_three_everywhere_and_decide() -> None:
    relevant, x, labels, parts = load("relevant_features")
    places = [[int(column) for column in np.flatnonzero((x == value[:, None]).all(0))] for value in relevant.T]
    assert all(len(place) == 1 for place in places)
    train = parts["train"]
    plane = plane_of(relevant[train], 2.0 * labels[train] - 1)
    assert ((relevant @ plane > 0) == labels).mean() > 0.95


def test_features_per_sample_are_three_others_each_time_and_keep_their_places() -> None:
    shown, x, _, _ = load("sample_features")
    assert ((shown != 0).sum(1) == 3).all()
    assert (shown[shown != 0] == x[shown != 0]).all()
    assert (shown != 0).mean(0) == pytest.approx(np.full(50, 3 / 50), abs=0.03)


def test_the_released_code_has_other_features_in_test_than_in_training() -> None:
    shown, x, labels, parts = load("code_features")
    places = {}
    for part in ("train", "test"):
        rows = parts[part]
        places[part] = [int(np.flatnonzero((x[rows] == column[rows, None]).all(0))[0]) for column in shown.T]
        assert labels[rows].mean() == pytest.approx(0.5)
    assert set(places["train"]) != set(places["test"])


def test_the_largest_features_fall() -> None:
    shown, x, _, _ = load("largest_features")
    np.testing.assert_array_equal(shown[:, 0], x.max(1))
    assert (np.diff(shown, axis=1) <= 0).all()
    assert ((x > shown[:, 2:]).sum(1) == 2).all()


def test_repetitions_have_hyperplanes_of_their_own() -> None:
    first, second = (load("clean_labels", fold) for fold in (1, 2))
    planes = [plane_of(x, privileged[:, 0]) for privileged, x, _, _ in (first, second)]
    assert abs(np.corrcoef(*planes)[0, 1]) < 0.5
    np.testing.assert_array_equal(load("clean_labels", 1)[1], first[1])


@pytest.mark.parametrize("experiment", ["clean_labels", "relevant_features"])
def test_the_teacher_knows_more_than_the_student(experiment: str, linear_accuracy: Any) -> None:
    data = [prepare(KIND(KIND.Options(experiment=experiment)), fold) for fold in range(5)]
    teacher, student = (
        np.mean([linear_accuracy(one, one.inputs[name]) for one in data]) for name in ("privileged", "regular")
    )
    assert teacher - student > 4
