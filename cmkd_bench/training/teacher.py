"""The teacher's side of a training step: frozen and run once, frozen and run per batch, or trained too."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cmkd_bench.networks.base import Network
from cmkd_bench.outputs import Outputs
from cmkd_bench.training.evaluation import outputs_of


class Teacher(ABC):
    """Gives the teacher's outputs of a batch."""

    @abstractmethod
    def outputs(self, index: Tensor) -> Outputs:
        """The outputs of some training samples; index: (B,) int64."""


@dataclass(frozen=True)
class StoredTeacher(Teacher):
    """A frozen teacher whose inputs are not augmented: it was run once, its outputs are read by index."""

    stored: Outputs

    def outputs(self, index: Tensor) -> Outputs:
        return self.stored.select(index)


@dataclass(frozen=True)
class FrozenTeacher(Teacher):
    """A frozen teacher whose outputs are too large to keep."""

    network: Network
    inputs: Tensor
    stages: Sequence[int]

    @torch.no_grad()
    def outputs(self, index: Tensor) -> Outputs:
        result: Outputs = self.network(self.inputs.index_select(0, index), self.stages)
        return result


@dataclass(frozen=True)
class TrainedTeacher(Teacher):
    """A teacher that the method updates: run in training mode, with gradients."""

    network: Network
    inputs: Tensor
    stages: Sequence[int]

    def outputs(self, index: Tensor) -> Outputs:
        result: Outputs = self.network(self.inputs.index_select(0, index), self.stages)
        return result


def frozen_teacher(network: Network, inputs: Tensor, stages: Sequence[int], limit_mb: float) -> Teacher:
    """A frozen teacher, run once where its outputs fit.

    Args:
        network: the teacher.
        inputs: (M, ...), its view of the training part.
        stages: whose feature maps the method reads.
        limit_mb: largest size of the outputs that are kept.
    """
    network.eval().requires_grad_(False)
    one = outputs_of(network, inputs[:1], stages)
    numbers = sum(tensor.numel() for tensor in [one.logits, one.embedding, *one.feature_maps.values()])
    if 4 * numbers * len(inputs) > limit_mb * 1e6:
        return FrozenTeacher(network, inputs, stages)
    return StoredTeacher(outputs_of(network, inputs, stages))
