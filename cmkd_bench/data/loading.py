"""Turn a dataset into arrays for networks: checked, verified, normalized with the training part only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from cmkd_bench.data.finite import check_finite
from cmkd_bench.data.manifest import Manifest, input_hash, split_hash, verify
from cmkd_bench.data.splits import check_parts
from cmkd_bench.data.tokenizers.base import Tokenizer
from cmkd_bench.data.tokenizers.by_name import tokenizer
from cmkd_bench.dataset import Dataset, Modality, PairedData
from cmkd_bench.errors import UnknownName, UserError


class Scaling(NamedTuple):
    """What turns raw values into normalized ones; both arrays are float32 and broadcast against (N, ...)."""

    mean: np.ndarray
    scale: np.ndarray  # the reciprocal of the standard deviation; 0 for a feature that is constant in training


@dataclass(frozen=True, eq=False)
class PreparedData:
    """One fold, ready for training. Row i of every array is the same sample. Instances are compared by identity."""

    # by modality: float32 arrays (N, ...), or int64 token ids (N, L), 0 is padding, for a text
    inputs: Mapping[str, np.ndarray]
    labels: np.ndarray  # (N,) int64, 0 to C-1
    parts: Mapping[str, np.ndarray]  # the rows of train, validation and test
    sample_ids: np.ndarray  # (N,) strings
    classes: tuple[str, ...]  # the C class names
    vocabularies: Mapping[str, Tokenizer]  # by modality, for texts
    manifest: str  # sha256 of the split and of the raw inputs in use
    # mean and standard deviation of each channel over the training part, by modality, for inputs that are normalized
    # when they are read
    normalisation: Mapping[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    targets: np.ndarray | None = None  # (N, H, W) uint8 label maps for segmentation, 255 is ignored
    fixture: bool = False  # whether this is a miniature of the dataset
    groups: np.ndarray | None = None  # (N,) groups such as speakers, or None if there are none
    # what `rescale` made the inputs with that are normalized already, by modality, so that a new sample can be, too
    scaling: Mapping[str, Scaling] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class LoadedFold:
    """One loaded and checked fold of a dataset; derived values are computed once."""

    dataset: Dataset[Any]  # with its options
    fold: int  # index of the split
    paired: PairedData  # the raw arrays
    _hashes: dict[str, str] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names."""
        return self.paired.classes or self.dataset.classes

    def manifest(self, *modalities: str) -> str:
        """Return the hash of the split and of the modalities in use.

        Raises:
            UserError: if the data differ from the published data.
        """
        return Manifest(self._split, {name: self._hash(name) for name in modalities}).hash

    def prepare(self, modalities: Iterable[str], tokenizers: Mapping[str, str] | None = None) -> PreparedData:
        """Return arrays for networks.

        Args:
            modalities: the modalities to prepare.
            tokenizers: the tokenizer of each text modality (default: words).

        Raises:
            UserError: if the data differ from the published data.
        """
        asked, data = set(modalities), self.paired
        used = [modality for modality in self.dataset.modalities if modality.name in asked]
        inputs, vocabularies, normalisation, scalings = {}, {}, {}, {}
        train = data.parts["train"]
        for modality in used:
            name, array = modality.name, data.inputs[modality.name]
            if modality.kind == "text":
                vocabularies[name] = tokenizer((tokenizers or {}).get(name, "words"), array[train].tolist())
                inputs[name] = vocabularies[name].encode(array)
            elif data.moments is not None and name in data.moments:
                inputs[name] = array
                normalisation[name] = statistics(data.moments[name][train])
            elif self.dataset.standardise:
                scalings[name] = scaling(array[train], modality)
                inputs[name] = rescale(array, scalings[name])
            else:
                inputs[name] = array.astype(np.float32)
        return PreparedData(
            inputs=inputs,
            labels=data.labels,
            parts=data.parts,
            sample_ids=data.sample_ids,
            classes=self.classes,
            vocabularies=vocabularies,
            manifest=self.manifest(*(modality.name for modality in used)),
            normalisation=normalisation,
            targets=data.targets,
            fixture=data.fixture,
            groups=data.groups,
            scaling=scalings,
        )

    @cached_property
    def _split(self) -> str:
        split = split_hash(self.dataset, self.fold, self.paired)
        verify(self.dataset, self.fold, {"split": split})
        return split

    def _hash(self, modality: str) -> str:
        if modality not in self._hashes:
            self._hashes[modality] = input_hash(self.paired, modality)
            verify(self.dataset, self.fold, {modality: self._hashes[modality]})
        return self._hashes[modality]


def load_fold(dataset: Dataset[Any], fold: int) -> LoadedFold:
    """Load one fold, and check that it fulfills the contract.

    Raises:
        UserError: for a fold that does not exist, or a split that leaks.
    """
    if not 0 <= fold < dataset.folds:
        name = dataset.registry_name
        raise UserError(f"dataset '{name}' has no fold {fold}. Available: 0 to {dataset.folds - 1}.")
    data = dataset.load(fold)
    _check(dataset, data)
    return LoadedFold(dataset, fold, data)


def prepare(
    dataset: Dataset[Any],
    fold: int,
    modalities: Iterable[str] | None = None,
    tokenizers: Mapping[str, str] | None = None,
) -> PreparedData:
    """Load one fold and prepare it.

    Args:
        dataset: with its options.
        fold: 0 to folds-1.
        modalities: the modalities to prepare (default: all).
        tokenizers: the tokenizer of each text modality (default: words).

    Raises:
        UserError: for an unknown fold or modality, a split that leaks, or data that differ from the published data.
    """
    known = [modality.name for modality in dataset.modalities]
    asked = known if modalities is None else list(modalities)
    for modality in sorted(set(asked) - set(known)):
        raise UnknownName("modality", modality, known)
    return load_fold(dataset, fold).prepare(asked, tokenizers)


def statistics(moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and standard deviation per channel from sums.

    Args:
        moments: (M, channels, 3), the sum, the sum of squares and the count of each sample.

    Returns:
        (channels,) each, float64.
    """
    total, squares, count = moments.sum(0, dtype=np.float64).T
    mean = total / np.maximum(count, 1)
    variance = squares / np.maximum(count, 1) - mean**2
    return mean, np.sqrt(np.maximum(variance, 0))


def scaling(train: np.ndarray, modality: Modality) -> Scaling:
    """Return what scales to mean 0 and standard deviation 1 over the training rows.

    Args:
        train: (M, D), (M, channels, time) or (M, channels, height, width), the raw rows of the training part.
        modality: its kind determines the axes of the statistics: per feature of a vector, else per channel.
    """
    axes = 0 if modality.kind == "vector" else (0, *range(2, train.ndim))
    mean = train.mean(axes, np.float64, keepdims=True)
    deviation = train.std(axes, np.float64, keepdims=True)
    varies = deviation > 1e-7 * np.abs(mean) + 1e-12
    scale = np.where(varies, 1 / np.where(varies, deviation, 1), 0)
    return Scaling(mean.astype(np.float32), scale.astype(np.float32))


def rescale(array: np.ndarray, by: Scaling) -> np.ndarray:
    """Scale raw values: (N, ...) -> (N, ...) float32. A feature that is constant in training becomes 0 everywhere."""
    result: np.ndarray = (array.astype(np.float32) - by.mean) * by.scale
    return result


def _check(dataset: Dataset[Any], data: PairedData) -> None:
    """Check that the loaded data fulfill the contract, before anything is trained on them."""
    name, samples = dataset.registry_name, len(data.labels)
    lengths = {modality.name: len(data.inputs[modality.name]) for modality in dataset.modalities}
    for what, length in {**lengths, "sample_ids": len(data.sample_ids)}.items():
        if length != samples:
            raise UserError(f"dataset '{name}': {length} rows of {what}, but {samples} labels.")
    if len(np.unique(data.sample_ids)) != samples:
        raise UserError(f"dataset '{name}': sample_ids are not unique.")
    classes = len(data.classes or dataset.classes)
    if not np.issubdtype(data.labels.dtype, np.integer) or not np.isin(data.labels, range(classes)).all():
        raise UserError(f"dataset '{name}': labels must be integers from 0 to {classes - 1}.")
    # In a dataset on disk, samples with a broken file are in no part.
    check_parts(name, data.parts, samples, data.groups, complete=data.hashes is None)
    check_finite(name, data)
