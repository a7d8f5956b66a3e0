"""A small convolutional network for images."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import nn

from cmkd_bench.network import InputShape, Network
from cmkd_bench.networks._convolutional import Convolutional
from cmkd_bench.registry import register_network


@register_network("cnn2d")
def cnn2d(inputs: InputShape, classes: int, widths: Sequence[int] = (16, 32, 64)) -> Network:
    """Build a network for images (channels, height, width): kernels of 3, strides of 2."""
    inputs.require_numbers(axes=3)
    layers = [
        nn.Sequential(nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU())
        for before, after in itertools.pairwise((inputs.shape[0], *widths))
    ]
    return Convolutional(layers, widths[-1], classes)
