"""Prepared arrays are normalised by the training part alone, and broken data are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cmkd_bench.data.loading import prepare
from cmkd_bench.errors import UserError


def test_a_vector_is_normalised_by_feature(tiny: Any) -> None:
    vector = prepare(tiny, 0).inputs["vector"]
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector[:6, :3].mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(vector[:6, :3].std(0), 1, atol=1e-6)


def test_a_feature_that_is_constant_in_training_is_zero_everywhere(tiny: Any) -> None:
    tiny.inputs["vector"][9, 3] = 1e6
    assert (prepare(tiny, 0).inputs["vector"][:, 3] == 0).all()


def test_an_image_is_normalised_by_channel(tiny: Any) -> None:
    image = prepare(tiny, 0).inputs["image"]
    assert image.shape == (12, 3, 2, 2)
    np.testing.assert_allclose(image[:6].mean((0, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(image[:6].std((0, 2, 3)), 1, atol=1e-6)
    raw = tiny.inputs["image"].astype(float)
    expected = (raw[:, 1] - raw[:6, 1].mean()) / raw[:6, 1].std()
    np.testing.assert_allclose(image[:, 1], expected, rtol=1e-5, atol=1e-6)


def test_a_text_is_encoded(tiny: Any) -> None:
    prepared = prepare(tiny, 0)
    assert prepared.inputs["text"].dtype == np.int64
    assert prepared.vocabularies["text"].words == ("one", "two")
    assert prepared.inputs["text"][:2].tolist() == [[2, 3, 4], [2, 4, 3]]


@pytest.mark.parametrize("row", [6, 11])
def test_what_is_not_in_training_changes_no_other_row(tiny: Any, row: int) -> None:
    before = prepare(tiny, 0)
    tiny.inputs["vector"][row] = 1000
    tiny.inputs["image"][row] = 255
    tiny.inputs["text"][row] = "new"
    after = prepare(tiny, 0)
    others = np.arange(12) != row
    assert all(np.array_equal(before.inputs[name][others], after.inputs[name][others]) for name in before.inputs)
    assert before.vocabularies == after.vocabularies
    assert before.manifest != after.manifest


def test_nothing_is_normalised_where_the_dataset_says_so(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(tiny), "standardise", False)
    np.testing.assert_array_equal(prepare(tiny, 0).inputs["vector"], tiny.inputs["vector"].astype(np.float32))


def test_only_the_modalities_asked_for_are_prepared(tiny: Any) -> None:
    prepared = prepare(tiny, 0, ["image", "vector"])
    assert list(prepared.inputs) == ["vector", "image"]
    assert prepared.vocabularies == {}
    assert prepared.manifest == prepare(tiny, 0, ["vector", "image"]).manifest


def test_an_unknown_modality_or_fold_is_named(tiny: Any) -> None:
    with pytest.raises(UserError, match=r"unknown modality 'imag'. Did you mean 'image'"):
        prepare(tiny, 0, ["imag"])
    with pytest.raises(UserError, match=r"dataset 'tiny' has no fold 1. Available: 0 to 0"):
        prepare(tiny, 1)


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("labels", np.arange(12), "labels must be integers from 0 to 1"),
        ("labels", np.zeros(12), "labels must be integers"),
        ("labels", np.zeros(11, int), "12 rows of vector, but 11 labels"),
        ("sample_ids", np.array(["a"] * 12), "sample_ids are not unique"),
        ("groups", np.zeros(12, int), "group 0 is in train and in validation"),
    ],
)
def test_broken_data_are_refused(tiny: Any, attribute: str, value: np.ndarray, message: str) -> None:
    setattr(tiny, attribute, value)
    with pytest.raises(UserError, match=f"dataset 'tiny': {message}"):
        prepare(tiny, 0)
