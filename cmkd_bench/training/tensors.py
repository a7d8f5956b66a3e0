"""A prepared dataset as tensors that stay on the device and are read by index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cmkd_bench.data.dataset import Modality
from cmkd_bench.data.prepare import PreparedData
from cmkd_bench.networks.base import InputShape


@dataclass(frozen=True)
class Part:
    """One part of a dataset on the device.

    Attributes:
        inputs: by modality, (M, ...).
        labels: (M,) int64.
    """

    inputs: Mapping[str, Tensor]
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def part_of(data: PreparedData, name: str, device: torch.device) -> Part:
    """One of train, validation, test, copied to the device once."""
    rows = data.parts[name]
    return Part(
        inputs={modality: torch.from_numpy(values[rows]).to(device) for modality, values in data.inputs.items()},
        labels=torch.from_numpy(data.labels[rows]).to(device),
    )


def input_shape(data: PreparedData, modality: Modality) -> InputShape:
    """What a network sees of one sample of a modality."""
    vocabulary = data.vocabularies.get(modality.name)
    shape = data.inputs[modality.name].shape[1:]
    return InputShape(modality.kind, shape, 0 if vocabulary is None else len(vocabulary))
