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
def scores(**options: Any) -> dict[str, np.ndarray]:
    """Ridge regression's class scores of each view on the test part, and the labels."""
    data = KIND(KIND.Options(**options)).load(0)
    train, test, classes = data.parts["train"], data.parts["test"], len(data.classes or ())
    found = {"labels": data.labels[test]}
    for name, view in data.inputs.items():
        flat = view.reshape(len(view), -1).astype(np.float64)
        flat = (flat - flat[train].mean(0)) / flat[train].std(0)
        targets = np.eye(classes)[data.labels[train]] - 1 / classes
        weights = np.linalg.solve(flat[train].T @ flat[train] + 10 * np.eye(flat.shape[1]), flat[train].T @ targets)
        found[name] = flat[test] @ weights
    return found


def accuracy(name: str, **options: Any) -> float:
    found = scores(**options)
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


@pytest.mark.parametrize(("pairs", "labels"), [(40, 2), (600, 8), (100, 20)])
def test_pairs_and_labels_are_as_many_as_asked_for(pairs: int, labels: int) -> None:
    data = KIND(KIND.Options(pairs=pairs, labels=labels)).load(3)
    assert len(data.parts["train"]) == pairs
    assert len(data.parts["test"]) == 1000
    assert set(data.labels) == set(range(labels))
    check_parts("gapped", data.parts, len(data.labels), None)


def test_turning_a_knob_leaves_the_labels_unless_it_is_theirs() -> None:
    labels = KIND(KIND.Options()).load(0).labels
    for options in ({"imbalance": 1.0}, {"misalignment": 0.5}, {"shift": 1.0}, {"noise": 1.0}):
        np.testing.assert_array_equal(KIND(KIND.Options(**options)).load(0).labels, labels)
