"""The teacher's side of a training step: frozen and run once, frozen and run per batch, or trained too."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cmkd_bench.network import Network
from cmkd_bench.outputs import Outputs
from cmkd_bench.training.evaluation import outputs_of
from cmkd_bench.training.tensors import Part


class Teacher(ABC):
    """Gives the teacher's outputs of a batch.

    Attributes:
        modality: what it has to be shown, or None where it was run before.
        is_augmented: whether it is shown the random views of training.
    """

    modality: str | None
    is_augmented: bool

    @abstractmethod
    def outputs(self, index: Tensor, inputs: Tensor | None) -> Outputs:
        """The outputs of some training samples.

        Args:
            index: (B,) int64, rows of the training part, on the device.
            inputs: (B, ...) of its modality, where it wants to be shown one.
        """


@dataclass(frozen=True)
class StoredTeacher(Teacher):
    """A frozen teacher whose inputs are not augmented: it was run once, its outputs are read by index."""

    stored: Outputs
    modality = None
    is_augmented = False

    def outputs(self, index: Tensor, inputs: Tensor | None) -> Outputs:
        return self.stored.select(index)


@dataclass(frozen=True)
class FrozenTeacher(Teacher):
    """A frozen teacher whose outputs are too large to keep, or whose inputs are augmented."""

    network: Network
    modality: str
    layers: Sequence[int]
    is_augmented: bool

    @torch.no_grad()
    def outputs(self, index: Tensor, inputs: Tensor | None) -> Outputs:
        result: Outputs = self.network(inputs, self.layers)
        return result


@dataclass(frozen=True)
class TrainedTeacher(Teacher):
    """A teacher that the method updates: run in training mode, with gradients."""

    network: Network
    modality: str
    layers: Sequence[int]
    is_augmented = True

    def outputs(self, index: Tensor, inputs: Tensor | None) -> Outputs:
        result: Outputs = self.network(inputs, self.layers)
        return result


def frozen_teacher(network: Network, train: Part, modality: str, layers: Sequence[int], limit_mb: float) -> Teacher:
    """A frozen teacher, run once where its outputs fit and are the same at every step.

    Args:
        network: the teacher.
        train: the training part.
        modality: what the teacher sees of it.
        layers: whose feature maps the method reads.
        limit_mb: largest size of the outputs that are kept.
    """
    network.eval().requires_grad_(False)
    view = train.views[modality]
    # Label maps are cropped with their inputs, so a teacher of positions has to see the same crop.
    augmented = view.is_random and (view.augmentation.teacher or train.targets is not None)
    if augmented or _megabytes(network, train, modality, layers) > limit_mb:
        return FrozenTeacher(network, modality, layers, augmented)
    return StoredTeacher(outputs_of(network, train, modality, layers))


@torch.no_grad()
def _megabytes(network: Network, train: Part, modality: str, layers: Sequence[int]) -> float:
    """The size of the outputs for the whole part."""
    one: Outputs = network(train.look(modality, torch.zeros(1, dtype=torch.int64)), layers)
    tensors = [one.logits, one.embedding, *one.feature_maps.values()]
    if one.positions is not None:
        tensors.append(one.positions)
    return 4e-6 * len(train) * sum(tensor.numel() for tensor in tensors)
