"""The base of small convolutional networks: consecutive layers, global average pooling, a linear head."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from torch import Tensor, nn

from cmkd_bench.network import Features, InputShape, Network


class Convolutional(Network):
    """Layers of strided convolution, batch normalization and ReLU."""

    def __init__(self, layers: Iterable[nn.Sequential], width: int, classes: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.head = nn.Linear(width, classes)

    def features(self, inputs: Tensor) -> Features:
        maps = []
        for layer in self.layers:
            inputs = layer(inputs)
            maps.append(inputs)
        return Features(inputs.flatten(2).mean(2), maps)


def convolutional2d(inputs: InputShape, classes: int, widths: Sequence[int]) -> Convolutional:
    """Build a network for (channels, height, width) with one layer per width: kernels of 3, strides of 2."""
    inputs.require_numbers(axes=3)
    layers = [
        nn.Sequential(nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU())
        for before, after in itertools.pairwise((inputs.shape[0], *widths))
    ]
    return Convolutional(layers, widths[-1], classes)
