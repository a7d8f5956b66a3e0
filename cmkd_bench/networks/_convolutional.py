"""The base of small convolutional networks: consecutive layers, global average pooling, a linear head."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from cmkd_bench.network import Features, Network


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
