"""The conformance tests can fail: each broken dataset here has to be caught, with a message for its author."""

# ruff: noqa: NPY002  # datasets that use the global generator must be caught

from __future__ import annotations

import dataclasses
import itertools
from typing import Any, ClassVar

import numpy as np
import pytest

from cmkd_bench.dataset import Dataset, Modality, PairedData, Source
from cmkd_bench.parameters import NoParameters
from cmkd_bench.testing import DatasetConformance


class Right(Dataset[NoParameters]):
    """Twelve samples of two classes, in order."""

    registry_name: ClassVar[str] = "right"
    modalities = (Modality("sound", "vector", "four features"), Modality("words", "text", "a sentence"))
    classes = ("no", "yes")
    default_pairs = (("sound", "words"),)
    sources = (Source("none", "ours", "CC0-1.0", "none"),)
    task = "recognize the answer"

    def load(self, fold: int) -> PairedData:
        rows = np.arange(12)
        return PairedData(
            inputs={"sound": np.random.default_rng(0).normal(size=(12, 4)), "words": np.array(["so it is"] * 12)},
            labels=rows % 2,
            parts={"train": rows[:6], "validation": rows[6:8], "test": rows[8:]},
            sample_ids=np.array([f"s{row}" for row in rows]),
        )


class DrawsGlobally(Right):
    def load(self, fold: int) -> PairedData:
        data = super().load(fold)
        return dataclasses.replace(data, inputs={**data.inputs, "sound": np.random.normal(size=(12, 4))})


class SeedsGlobally(Right):
    def load(self, fold: int) -> PairedData:
        np.random.seed(3)
        return super().load(fold)


class Counts(Right):
    loaded = itertools.count()

    def load(self, fold: int) -> PairedData:
        return dataclasses.replace(super().load(fold), sample_ids=np.array([f"{next(self.loaded)}"] * 12))


class LacksAClass(Right):
    classes = ("no", "yes", "perhaps")


class ShapedLikeASignal(Right):
    modalities = (Modality("sound", "signal", "four features"), Right.modalities[1])


class CallsNumbersText(Right):
    modalities = (Modality("sound", "text", "four features"), Right.modalities[1])


class PairsWithNothing(Right):
    default_pairs = (("sound", "pictures"),)


class PairsWithItself(Right):
    default_pairs = (("sound", "sound"),)


class HasOneModality(Right):
    modalities = Right.modalities[:1]


class OfAnUnknownKind(Right):
    modalities = (Modality("sound", "smell", "four features"), Right.modalities[1])


class StatesNoLicense(Right):
    sources = (Source("none", "ours", "", "none"),)


LOADING: list[tuple[type[Dataset[Any]], str, str]] = [
    (DrawsGlobally, "test_global_generators_are_left_alone", "default_rng"),
    (SeedsGlobally, "test_global_generators_are_left_alone", "default_rng"),
    (DrawsGlobally, "test_loading_again_gives_the_same", "sound"),
    (Counts, "test_loading_again_gives_the_same", "sample_ids"),
    (LacksAClass, "test_every_class_is_trained_and_tested", "perhaps"),
    (ShapedLikeASignal, "test_inputs_have_the_shape_of_their_kind", "(12, 4)"),
    (CallsNumbersText, "test_texts_are_strings_and_numbers_are_numbers", "sound"),
]
DECLARED: list[tuple[type[Dataset[Any]], str, str]] = [
    (PairsWithNothing, "test_pairs_are_of_two_of_its_modalities", "sound:pictures"),
    (PairsWithItself, "test_pairs_are_of_two_of_its_modalities", "sound:sound"),
    (HasOneModality, "test_modalities_have_names_and_kinds", "sound"),
    (OfAnUnknownKind, "test_modalities_have_names_and_kinds", "smell"),
    (StatesNoLicense, "test_task_classes_and_sources_are_given", "license"),
]


@pytest.mark.parametrize(("cls", "test", "named"), LOADING)
def test_a_fault_in_the_data_is_named(cls: type[Dataset[Any]], test: str, named: str) -> None:
    state = np.random.get_state()
    getattr(suite(Right), test)(Right(NoParameters()))
    with pytest.raises(AssertionError) as caught:
        getattr(suite(cls), test)(cls(NoParameters()))
    np.random.set_state(state)
    assert named in str(caught.value)


@pytest.mark.parametrize(("cls", "test", "named"), DECLARED)
def test_a_fault_in_the_declaration_is_named(cls: type[Dataset[Any]], test: str, named: str) -> None:
    getattr(suite(Right), test)()
    with pytest.raises(AssertionError) as caught:
        getattr(suite(cls), test)()
    assert named in str(caught.value)


def suite(cls: type[Dataset[Any]]) -> DatasetConformance:
    """The conformance tests of a class."""
    return type("Case", (DatasetConformance,), {"dataset": cls})()
