"""The parts of a prepared dataset as tensors: small ones are kept on the device, large ones are read from disk."""

from __future__ import annotations

import dataclasses
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cmkd_bench.composite import each, part, parts_of
from cmkd_bench.config.augmentation import Augmentation, StrongView
from cmkd_bench.data.loading import PreparedData
from cmkd_bench.dataset import Modality
from cmkd_bench.method import HIDDEN
from cmkd_bench.network import InputShape, Seen
from cmkd_bench.training.device import to_device, upload
from cmkd_bench.training.views import HIDDEN_MAP, View

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # mean and deviation of RGB between 0 and 1


class Inputs(ABC):
    """One modality of one part.

    Attributes:
        is_resident: whether all of it is on the device; if not, reading ahead is worthwhile.
    """

    is_resident: bool

    @abstractmethod
    def __len__(self) -> int:
        """M."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape of one stored row."""

    @abstractmethod
    def stored(self, index: Tensor, frames: Tensor | None = None) -> Tensor:
        """Return stored rows, on the device.

        Args:
            index: (B,) int64 on the CPU.
            frames: (B, T) int64 on the CPU, indices into a row's first axis; None for all.
        """


@dataclass(frozen=True)
class Resident(Inputs):
    """Inputs that stay on the device."""

    values: Tensor
    is_resident = True

    def __len__(self) -> int:
        return len(self.values)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.values.shape[1:])

    def stored(self, index: Tensor, frames: Tensor | None = None) -> Tensor:
        rows, entries = _entries(self.values, index, frames)
        read = entries.index_select(0, to_device(rows.flatten(), self.values.device))
        return read.reshape(*rows.shape, *entries.shape[1:])


@dataclass(frozen=True)
class Mapped(Inputs):
    """Inputs that are read from a memory map on access."""

    values: Tensor  # the whole array on disk
    rows: Tensor  # (M,) int64, the rows of the part
    device: torch.device  # device of the inputs
    is_resident = False

    @classmethod
    def of(cls, array: np.ndarray, rows: np.ndarray, device: torch.device) -> Mapped:
        """Return some rows of a memory map."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            return cls(torch.from_numpy(array), torch.from_numpy(rows), device)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.values.shape[1:])

    def stored(self, index: Tensor, frames: Tensor | None = None) -> Tensor:
        rows, entries = _entries(self.values, self.rows.index_select(0, index), frames)
        # For a GPU, read directly into pinned memory, so that the GPU copies while it computes.
        pinned = self.device.type == "cuda"
        batch = torch.empty(rows.numel(), *entries.shape[1:], dtype=entries.dtype, pin_memory=pinned)
        torch.index_select(entries, 0, rows.flatten(), out=batch)
        return upload(batch.reshape(*rows.shape, *entries.shape[1:]), self.device)


@dataclass(frozen=True)
class Chosen(Inputs):
    """Some rows of other inputs."""

    source: Inputs  # the other inputs
    rows: Tensor  # (M,) int64 on the CPU

    @property
    def is_resident(self) -> bool:  # type: ignore[override]  # read-only, as it is in every frozen dataclass here
        return self.source.is_resident

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.source.shape

    def stored(self, index: Tensor, frames: Tensor | None = None) -> Tensor:
        return self.source.stored(self.rows.index_select(0, index), frames)


@dataclass(frozen=True)
class HiddenMaps(Chosen):
    """Label maps of which some are hidden; `rows` is (M,) bool, whether a map may be seen."""

    def stored(self, index: Tensor, frames: Tensor | None = None) -> Tensor:
        maps = self.source.stored(index, frames)
        hidden = to_device(~self.rows.index_select(0, index), maps.device)
        return maps.masked_fill(hidden[:, None, None], HIDDEN_MAP)


@dataclass(frozen=True)
class Part:
    """One part of a dataset."""

    inputs: Mapping[str, Inputs]  # by modality, M rows each
    labels: Tensor  # (M,) int64 on the device, HIDDEN where they may not be seen; the others are zeros for segmentation
    views: Mapping[str, View]  # by modality, the map from stored rows to the network's inputs
    targets: Inputs | None = None  # M label maps (H, W) uint8 for segmentation, 255 is ignored
    name: str = "given"  # train, validation or test, for messages

    def __len__(self) -> int:
        return len(self.labels)

    def hide(self, labeled: Tensor) -> Part:
        """Return the same samples with only some of the labels; the others are HIDDEN, and so are their label maps.

        Args:
            labeled: (N,) int64, the rows that keep their labels.
        """
        kept = torch.zeros(len(self), dtype=torch.bool).index_fill(0, labeled, True)
        labels = self.labels.masked_fill(to_device(~kept, self.labels.device), HIDDEN)
        targets = None if self.targets is None else HiddenMaps(self.targets, kept)
        return dataclasses.replace(self, labels=labels, targets=targets)

    def only(self, rows: Tensor) -> Part:
        """Return some of the samples; rows: (N,) int64 on the CPU."""
        return Part(
            inputs={modality: Chosen(inputs, rows) for modality, inputs in self.inputs.items()},
            labels=self.labels.index_select(0, to_device(rows, self.labels.device)),
            views=self.views,
            targets=None if self.targets is None else Chosen(self.targets, rows),
        )

    def is_random(self, modality: str) -> bool:
        """Return whether a training view can differ from the evaluation view."""
        return any(self.views[one].is_random for one in parts_of(modality))

    def is_resident(self, modality: str) -> bool:
        """Return whether all inputs are on the device."""
        return all(self.inputs[one].is_resident for one in parts_of(modality))

    def evaluation_view(self, modality: str, index: Tensor) -> Seen:
        """Return the evaluation view: (B, ...), by modality for a composite one; index: (B,) int64 on the CPU."""
        return self.as_seen(modality, self.evaluation_rows(modality, index))

    def evaluation_rows(self, modality: str, index: Tensor) -> Seen:
        """Return the stored rows that the evaluation view needs; may be called in another thread."""

        def rows(one: str) -> Tensor:
            inputs = self.inputs[one]
            return inputs.stored(index, self.views[one].frames(len(index), inputs.shape[0]))

        return each(modality, rows)

    def as_seen(self, modality: str, stored: Seen) -> Seen:
        """Return stored rows in the evaluation view."""
        return each(modality, lambda one: self.views[one](part(stored, one)))


def part_of(data: PreparedData, name: str, views: Mapping[str, View], device: torch.device) -> Part:
    """Return one of the parts train, validation and test."""
    rows = data.parts[name]
    return Part(
        inputs={modality: _inputs(values, rows, device) for modality, values in data.inputs.items()},
        labels=torch.from_numpy(data.labels[rows]).to(device),
        views=views,
        targets=None if data.targets is None else _inputs(data.targets, rows, device),
        name=name,
    )


def view_of(
    data: PreparedData,
    modality: Modality,
    augmentation: Augmentation,
    device: torch.device,
    strong: StrongView | None = None,
) -> View:
    """Return the view of a modality, normalized with the training part's statistics or with ImageNet's."""
    moments = data.normalisation.get(modality.name)
    if moments is None or (modality.kind == "spectrogram" and augmentation.spectrogram_statistics == "none"):
        return View(modality.kind, augmentation, strong=strong)
    mean, deviation = moments
    if augmentation.rgb_statistics == "imagenet" and modality.kind in ("image", "video") and len(mean) == 3:
        mean, deviation = (255 * np.array(values) for values in IMAGENET)
    scale = np.where(deviation > 0, 1 / np.where(deviation > 0, deviation, 1), 0)
    return View(modality.kind, augmentation, _per_channel(mean, device), _per_channel(scale, device), strong)


def input_shape(data: PreparedData, modality: Modality, augmentation: Augmentation) -> InputShape:
    """Return the shape of a network's input for one sample of a modality."""
    vocabulary = data.vocabularies.get(modality.name)
    shape = View(modality.kind, augmentation).shape(data.inputs[modality.name].shape[1:])
    return InputShape(
        modality.kind, shape, 0 if vocabulary is None else len(vocabulary), dense=data.targets is not None
    )


def _inputs(array: np.ndarray, rows: np.ndarray, device: torch.device) -> Inputs:
    if isinstance(array, np.memmap):
        return Mapped.of(array, rows, device)
    return Resident(torch.from_numpy(array[rows]).to(device))


def _entries(values: Tensor, rows: Tensor, frames: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return what to index with what: (B,) rows of the values, or (B, T) entries of their rows laid end to end."""
    if frames is None:
        return rows, values
    return rows[:, None] * values.shape[1] + frames, values.flatten(0, 1)


def _per_channel(values: np.ndarray, device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=device).view(-1, 1, 1)
