"""The digits: balanced, stratified, and as separable by a linear model as was measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cmkd_bench.data.loading import prepare
from cmkd_bench.parameters import NoParameters
from cmkd_bench.registry import datasets

DATA = datasets.get("mfeat")(NoParameters()).load(0)


def test_there_are_2000_digits_in_six_views() -> None:
    shapes = {name: array.shape for name, array in DATA.inputs.items()}
    widths = {"pixels": 240, "fourier": 76, "zernike": 47, "karhunen": 64, "profile": 216, "morphological": 6}
    assert shapes == {name: (2000, width) for name, width in widths.items()}
    assert np.bincount(DATA.labels).tolist() == [200] * 10
    assert DATA.sample_ids[[0, 1999]].tolist() == ["0-000", "9-199"]
    assert (DATA.inputs["pixels"].min(), DATA.inputs["pixels"].max()) == (0, 6)


def test_the_split_is_stratified() -> None:
    counts = {part: np.bincount(DATA.labels[rows]).tolist() for part, rows in DATA.parts.items()}
    assert counts == {"train": [120] * 10, "validation": [20] * 10, "test": [60] * 10}


def test_digits_that_occur_twice_are_in_one_part() -> None:
    _, inverse = np.unique(DATA.inputs["pixels"], axis=0, return_inverse=True)
    held = [set(inverse[rows]) for rows in DATA.parts.values()]
    assert len(set(inverse)) == 1994
    assert not held[0] & held[1] | held[0] & held[2] | held[1] & held[2]


@pytest.mark.parametrize(("name", "low", "high"), [("pixels", 91, 98), ("fourier", 73, 84), ("zernike", 75, 85)])
def test_a_linear_model_scores_as_measured(name: str, low: float, high: float, linear_accuracy: Any) -> None:
    prepared = prepare(datasets.get("mfeat")(NoParameters()), 0, [name])
    assert low < linear_accuracy(prepared, prepared.inputs[name]) < high
