"""The teacher in a training step: frozen and run once, frozen and run per batch, or trained too."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cmkd_bench.composite import parts_of
from cmkd_bench.method import Method
from cmkd_bench.network import Network, Seen
from cmkd_bench.outputs import Outputs
from cmkd_bench.training.evaluation import outputs_of
from cmkd_bench.training.tensors import Part


class Teacher(ABC):
    """Provides the teacher's outputs for a batch.

    Attributes:
        modality: modality of the inputs that it needs, or None if its outputs are stored.
        is_augmented: whether it gets the random views of training.
    """

    modality: str | None
    is_augmented: bool

    @abstractmethod
    def outputs(self, index: Tensor, inputs: Seen | None) -> Outputs:
        """Return the outputs for some training samples.

        Args:
            index: (B,) int64, rows of the training part, on the device.
            inputs: (B, ...) of its modality, or by modality of a composite one, if it needs inputs.
        """


@dataclass(frozen=True)
class StoredTeacher(Teacher):
    """A frozen teacher without augmented inputs: it is run once, and its outputs are read by index."""

    stored: Outputs
    modality = None
    is_augmented = False

    def outputs(self, index: Tensor, inputs: Seen | None) -> Outputs:
        return self.stored.select(index)


@dataclass(frozen=True)
class FrozenTeacher(Teacher):
    """A frozen teacher with outputs too large to store, or with augmented inputs."""

    network: Network
    modality: str
    layers: Sequence[int]
    is_augmented: bool

    @torch.no_grad()
    def outputs(self, index: Tensor, inputs: Seen | None) -> Outputs:
        result: Outputs = self.network(inputs, self.layers)
        return result


@dataclass(frozen=True)
class TrainedTeacher(Teacher):
    """A teacher that the method updates; it runs in training mode, with gradients."""

    network: Network
    modality: str
    layers: Sequence[int]
    is_augmented = True

    def outputs(self, index: Tensor, inputs: Seen | None) -> Outputs:
        result: Outputs = self.network(inputs, self.layers)
        return result


@torch.no_grad()
def outputs_without_teacher(method: Method[Any], student: Outputs, inputs: Seen) -> Outputs:
    """Return what a method without a teacher gets as the teacher's outputs: those of its own, or the student's.

    Args:
        method: the method.
        student: the outputs of the student, which are detached.
        inputs: those of the student.
    """
    network = method.own_teacher()
    if network is None:
        return student.detach()
    outputs: Outputs = network(inputs, method.teacher_layers())
    return outputs


def frozen_teacher(
    network: Network, train: Part, modality: str, layers: Sequence[int], limit_mb: float, several_views: bool = False
) -> Teacher:
    """Return a frozen teacher that is run only once if its outputs fit and are the same at every step.

    Args:
        network: the teacher.
        train: the training part.
        modality: modality of the teacher.
        layers: indices of the layers whose feature maps the method reads.
        limit_mb: maximum size of the stored outputs.
        several_views: whether it is shown further views, so that there are no outputs to store.
    """
    network.eval().requires_grad_(False)
    settings = train.views[parts_of(modality)[0]].augmentation
    # Label maps are cropped together with their inputs, so a dense teacher must see the same crop.
    augmented = train.is_random(modality) and (settings.teacher or train.targets is not None)
    if augmented or several_views or _megabytes(network, train, modality, layers) > limit_mb:
        return FrozenTeacher(network, modality, layers, augmented)
    return StoredTeacher(outputs_of(network, train, modality, layers))


@torch.no_grad()
def _megabytes(network: Network, train: Part, modality: str, layers: Sequence[int]) -> float:
    """Return the size of the outputs for the whole part."""
    one: Outputs = network(train.evaluation_view(modality, torch.zeros(1, dtype=torch.int64)), layers)
    tensors = [one.logits, one.embedding, *one.feature_maps.values()]
    if one.positions is not None:
        tensors.append(one.positions)
    return 4e-6 * len(train) * sum(tensor.numel() for tensor in tensors)
