"""Each knob moves what it names, measured on the views alone, and leaves the rest."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau

from cmkd_bench.data.splits import check_parts
from cmkd_bench.registry import datasets

KIND = datasets.get("gapped")


@functools.cache
def scores(fold: int = 0, **options: Any) -> dict[str, np.ndarray]:
    """Ridge regression's class scores of each view on the test part, and the labels."""
    data = KIND(KIND.Options(**options)).load(fold)
    train, test, classes = data.parts["train"], data.parts["test"], len(data.classes or ())
    found = {"labels": data.labels[test]}
    for name, view in data.inputs.items():
        flat = view.reshape(len(view), -1).astype(np.float64)
        flat = (flat - flat[train].mean(0)) / flat[train].std(0)
        targets = np.eye(classes)[data.labels[train]] - 1 / classes
        weights = np.linalg.solve(flat[train].T @ flat[train] + 10 * np.eye(flat.shape[1]), flat[train].T @ targets)
        found[name] = flat[test] @ weights
    return found


def accuracy(name: str, fold: int = 0, **options: Any) -> float:
    found = scores(fold, **options)
    return 100 * float((found[name].argmax(1) == found["labels"]).mean())


def agreement(**options: Any) -> float:
    """The mean Kendall correlation of both views' scores of the classes beside the label."""
    found = scores(**options)
    rows = zip(found["image"][:300], found["sequence"][:300], found["labels"][:300], strict=True)
    return float(np.mean([kendalltau(np.delete(a, label), np.delete(b, label)).statistic for a, b, label in rows]))


def test_sharing_makes_both_views_say_the_same() -> None:
    assert agreement(shared=0.0) < 0.05
    assert agreement(shared=0.0) + 0.08 < agreement(shared=0.5) < agreement(shared=1.0) - 0.08


def test_imbalance_makes_one_view_better_and_the_other_worse() -> None:
    gaps = [accuracy("image", imbalance=value) - accuracy("sequence", imbalance=value) for value in (-1.0, 0.0, 1.0)]
    assert gaps[0] < -15
    assert abs(gaps[1]) < 8
    assert gaps[2] > 15


def test_misalignment_turns_the_ranks_of_the_other_classes_and_leaves_the_student() -> None:
    values = [agreement(misalignment=value) for value in (0.0, 0.5, 1.0)]
    assert values[0] > values[1] + 0.1 > values[2] + 0.2
    np.testing.assert_array_equal(scores(misalignment=1.0)["sequence"], scores()["sequence"])


def test_misalignment_leaves_what_the_image_says_about_the_label() -> None:
    changes = [accuracy("image", fold, misalignment=1.0) - accuracy("image", fold) for fold in range(10)]
    # over 30 folds the mean is 0.1 and the standard deviation 1.9, so that 2 are more than 3 standard errors
    assert abs(np.mean(changes)) < 2


def turned(scores: np.ndarray, labels: np.ndarray, misalignment: float) -> np.ndarray:
    return KIND(KIND.Options(misalignment=misalignment))._misaligned(scores, labels, np.random.default_rng(7))


def test_a_misaligned_sample_has_its_other_scores_in_the_opposite_order() -> None:
    one = turned(np.array([[0.3, -1.0, 2.0, 0.5, 0.1]]), np.array([2]), 1.0)
    # of the others 0.5 > 0.3 > 0.1 > -1: the first gets the last's, and so on
    assert one.tolist() == [[0.1, 0.5, 2.0, -1.0, 0.3]]


def test_misaligned_scores_are_the_same_numbers_and_as_often_largest_at_the_label() -> None:
    rng = np.random.default_rng(3)
    given, labels = rng.standard_normal((400, 6)), rng.integers(6, size=400)
    found = turned(given, labels, 1.0)
    np.testing.assert_array_equal(np.sort(found, 1), np.sort(given, 1))
    np.testing.assert_array_equal(found[np.arange(400), labels], given[np.arange(400), labels])
    np.testing.assert_array_equal(found.argmax(1) == labels, given.argmax(1) == labels)
    for before, after, label in zip(given[:50], found[:50], labels[:50], strict=True):
        assert kendalltau(np.delete(before, label), np.delete(after, label)).statistic == pytest.approx(-1)


def test_the_share_of_misaligned_samples_is_the_knobs() -> None:
    rng = np.random.default_rng(4)
    given, labels = rng.standard_normal((4000, 6)), rng.integers(6, size=4000)
    assert (turned(given, labels, 0.25) != given).any(1).mean() == pytest.approx(0.25, abs=0.03)
    np.testing.assert_array_equal(turned(given, labels, 0.0), given)


def test_the_shift_moves_the_images_distribution_and_no_other() -> None:
    moved = []
    still = KIND(KIND.Options()).load(0)
    for value in (1.0, 2.0, 4.0):
        data = KIND(KIND.Options(shift=value)).load(0)
        difference = data.inputs["image"].mean(0) - still.inputs["image"].mean(0)
        moved.append(float(np.linalg.norm(difference)))
        np.testing.assert_array_equal(data.inputs["sequence"], still.inputs["sequence"])
        np.testing.assert_array_equal(data.labels, still.labels)
    assert 0.5 < moved[0] < moved[1] < moved[2]


def test_noise_hurts_both_views() -> None:
    for name in ("image", "sequence"):
        assert accuracy(name, noise=2.0) < accuracy(name) - 5


@pytest.mark.parametrize(("pairs", "classes"), [(40, 2), (600, 8), (100, 20)])
def test_pairs_and_classes_are_as_many_as_asked_for(pairs: int, classes: int) -> None:
    data = KIND(KIND.Options(pairs=pairs, classes=classes)).load(3)
    assert len(data.parts["train"]) == pairs
    assert len(data.parts["test"]) == 1000
    assert set(data.labels) == set(range(classes))
    check_parts("gapped", data.parts, len(data.labels), None)


def test_turning_a_knob_leaves_the_labels_unless_it_is_theirs() -> None:
    labels = KIND(KIND.Options()).load(0).labels
    for options in ({"imbalance": 1.0}, {"misalignment": 0.5}, {"shift": 1.0}, {"noise": 1.0}):
        np.testing.assert_array_equal(KIND(KIND.Options(**options)).load(0).labels, labels)
