"""Small convolutional networks for signals and images: three layers, global average pooling, a linear head."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor, nn

from cmkd_bench.networks.base import Features, InputShape, Network, register_network


class _Convolutional(Network):
    """Layers of strided convolution, batch normalisation and ReLU."""

    def __init__(self, layers: list[nn.Sequential], width: int, classes: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.head = nn.Linear(width, classes)

    def features(self, inputs: Tensor) -> Features:
        maps = []
        for layer in self.layers:
            inputs = layer(inputs)
            maps.append(inputs)
        return Features(inputs.flatten(2).mean(2), maps)


@register_network("cnn1d")
def cnn1d(inputs: InputShape, classes: int) -> Network:
    """For signals (channels, time): widths 16, 32, 64, kernels of 7, 5 and 3, strides of 3, 2 and 2."""
    _require(inputs, axes=2)
    widths = (inputs.shape[0], 16, 32, 64)
    kernels, strides = (7, 5, 3), (3, 2, 2)
    layers = [
        nn.Sequential(
            nn.Conv1d(before, after, kernel, stride=stride, padding=kernel // 2, bias=False),
            nn.BatchNorm1d(after),
            nn.ReLU(),
        )
        for before, after, kernel, stride in zip(widths[:-1], widths[1:], kernels, strides, strict=True)
    ]
    return _Convolutional(layers, widths[-1], classes)


@register_network("cnn2d")
def cnn2d(inputs: InputShape, classes: int, widths: Sequence[int] = (16, 32, 64)) -> Network:
    """For images (channels, height, width): kernels of 3."""
    _require(inputs, axes=3)
    layers = [
        nn.Sequential(nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU())
        for before, after in itertools.pairwise((inputs.shape[0], *widths))
    ]
    return _Convolutional(layers, widths[-1], classes)


def _require(inputs: InputShape, axes: int) -> None:
    if len(inputs.shape) != axes or inputs.vocabulary:
        raise ValueError(f"{axes} axes of numbers are wanted")
