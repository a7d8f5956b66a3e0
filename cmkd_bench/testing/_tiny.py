"""Paired data and networks of a few hundred parameters, with features that are hard to reproduce, e.g. dropout."""

from __future__ import annotations

import functools
import itertools

import torch
from torch import Tensor, nn

from cmkd_bench.config.augmentation import NO_AUGMENTATION, StrongView
from cmkd_bench.network import Features, InputShape, Network
from cmkd_bench.networks import build_network
from cmkd_bench.training.seeding import random_stream
from cmkd_bench.training.tensors import Inputs, Part, Resident
from cmkd_bench.training.views import View

INPUTS = {
    "vector": InputShape("vector", (7,)),
    "points": InputShape("vector", (5,)),
    "signal": InputShape("signal", (2, 12)),
}


STRONG = StrongView(
    noise=0.5,
    scaling=0.2,
    masked=0.3,
    crop_scale=1.0,
    crop_ratio=1.0,
    flip=False,
    time_masks=0,
    time_mask_columns=0,
    frequency_masks=0,
    frequency_mask_bins=0,
)


class TinyMLP(Network):
    """Two hidden layers with dropout between them. Wider inputs give wider embeddings."""

    def __init__(self, inputs: InputShape, classes: int) -> None:
        super().__init__()
        size = inputs.shape[0]
        self.first = nn.Sequential(nn.Linear(size, 2 * size), nn.ReLU(), nn.Dropout(0.2))
        self.second = nn.Sequential(nn.Linear(2 * size, size + 3), nn.ReLU())
        self.head = nn.Linear(size + 3, classes)

    def features(self, inputs: Tensor) -> Features:
        first = self.first(inputs)
        second = self.second(first)
        return Features(second, (first, second))


class TinyCNN(Network):
    """Three layers of convolution, batch normalization and ReLU, with dropout before the head."""

    def __init__(self, inputs: InputShape, classes: int) -> None:
        super().__init__()
        widths = (inputs.shape[0], 4, 5, 6)
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(before, after, 3, stride=2, padding=1, bias=False), nn.BatchNorm1d(after), nn.ReLU()
            )
            for before, after in itertools.pairwise(widths)
        )
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(widths[-1], classes)

    def features(self, inputs: Tensor) -> Features:
        maps = []
        for layer in self.layers:
            inputs = layer(inputs)
            maps.append(inputs)
        return Features(self.dropout(inputs.flatten(2).mean(2)), maps)


@functools.cache
def paired_part(samples: int, classes: int, name: str) -> Part:
    """Return all modalities of the same samples: noise around a mean of the class."""
    labels = torch.arange(samples) % classes
    inputs: dict[str, Inputs] = {}
    for modality, shape in INPUTS.items():
        with random_stream(0, "means", modality):
            means = torch.randn(classes, *shape.shape)
        with random_stream(0, "noise", modality, name):
            inputs[modality] = Resident(means[labels] + torch.randn(samples, *shape.shape))
    views = {modality: View(shape.kind, NO_AUGMENTATION, strong=STRONG) for modality, shape in INPUTS.items()}
    return Part(inputs, labels, views)


def tiny_network(modality: str, classes: int, seed: int, linear: bool) -> Network:
    """Return the network of a modality; equal seeds give equal networks."""
    with random_stream(seed, "initialisation", modality):
        if linear:
            return build_network("linear", INPUTS[modality], classes)
        kind = TinyCNN if INPUTS[modality].kind == "signal" else TinyMLP
        return kind(INPUTS[modality], classes)
