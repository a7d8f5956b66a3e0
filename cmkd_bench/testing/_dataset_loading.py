"""Conformance of what a dataset loads: rows, parts, shapes, and the same arrays every time."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

import numpy as np
import pytest
import torch

from cmkd_bench.data.loading import load_fold
from cmkd_bench.dataset import Dataset, PairedData
from cmkd_bench.planning.build import make_plan
from cmkd_bench.planning.grid import Grid
from cmkd_bench.testing._dataset_case import DatasetCase

SHAPES: Mapping[str, tuple[str, ...]] = {
    "vector": ("N", "D"),
    "signal": ("N", "channels", "time"),
    "image": ("N", "channels", "height", "width"),
    "video": ("N", "frames", "3", "height", "width"),
    "spectrogram": ("N", "1", "frequencies", "columns"),
    "depth": ("N", "1", "height", "width"),
    "text": ("N",),
}


class DatasetLoadingTests(DatasetCase):
    """Tests that load the data; of many folds, the first two and the last."""

    def test_its_folds_are_aligned_and_do_not_leak(self, opened: Dataset[object]) -> None:
        for fold in _folds(opened):
            load_fold(opened, fold)  # raises a UserError that names the offending rows

    def test_every_class_is_trained_and_tested(self, opened: Dataset[object]) -> None:
        for fold in _folds(opened):
            data = opened.load(fold)
            classes = data.classes or opened.classes
            assert len(set(classes)) == len(classes) >= 2, f"fold {fold}: expected two distinct classes: {classes}"
            if data.fixture:
                pytest.skip("a miniature has too few samples for all classes")
            if data.targets is not None:
                pytest.skip("of a segmentation, the classes are those of its pixels")
            for part in ("train", "test"):
                missing = set(range(len(classes))) - set(data.labels[data.parts[part]].tolist())
                names = [classes[number] for number in sorted(missing)]
                assert not names, f"fold {fold}: the {part} part has no sample of {names}"

    def test_inputs_have_the_shape_of_their_kind(self, opened: Dataset[object]) -> None:
        data = opened.load(0)
        for modality in opened.modalities:
            expected, found = SHAPES[modality.kind], data.inputs[modality.name].shape
            right = len(found) == len(expected) and all(
                str(size) == name for size, name in zip(found, expected, strict=True) if name.isdigit()
            )
            assert right, f"'{modality.name}' is a {modality.kind} ({', '.join(expected)}), but has the shape {found}"

    def test_texts_are_strings_and_numbers_are_numbers(self, opened: Dataset[object]) -> None:
        data = opened.load(0)
        for modality in opened.modalities:
            kind = data.inputs[modality.name].dtype.kind
            text = modality.kind == "text"
            assert (kind in "OUT") == text, f"'{modality.name}' is a {modality.kind}, but has the type {kind}"
        assert data.sample_ids.dtype.kind in "OUT", "sample_ids are not strings, so that nobody can look a sample up"

    def test_loading_again_gives_the_same(self, opened: Dataset[object]) -> None:
        first, again = opened.load(0), opened.load(0)
        different = [name for name, one, other in _arrays(first, again) if not np.array_equal(one, other)]
        assert not different, f"{different} differ when they are loaded again, so no two runs would see the same data"

    def test_global_generators_are_left_alone(self, opened: Dataset[object]) -> None:
        before = _generators()
        opened.load(0)
        assert _generators() == before, (
            "load() draws from a global generator, or seeds it; the split and the data must not depend on the run's "
            "seed: draw from np.random.default_rng(SEED) with a seed of the dataset's own"
        )

    def test_a_command_without_settings_can_run_on_it(self, grid: Grid) -> None:
        plan = make_plan(grid)
        reasons = {cell.impossible for cell in plan.cells.values() if cell.impossible}
        assert plan.cells, "there is nothing to run: is there a pair?"
        assert not reasons, f"the student alone cannot be trained: {reasons}"


def _folds(dataset: Dataset[object]) -> list[int]:
    return sorted({0, min(1, dataset.folds - 1), dataset.folds - 1})


def _arrays(one: PairedData, other: PairedData) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    yield "labels", one.labels, other.labels
    yield "sample_ids", one.sample_ids, other.sample_ids
    yield from ((f"part {name}", rows, other.parts[name]) for name, rows in one.parts.items())
    yield from ((name, array, other.inputs[name]) for name, array in one.inputs.items())


def _generators() -> tuple[object, ...]:
    name, keys, *rest = np.random.get_state()  # noqa: NPY002  # the global generator is what is compared
    return random.getstate(), name, np.asarray(keys).tobytes(), tuple(rest), torch.get_rng_state().numpy().tobytes()
