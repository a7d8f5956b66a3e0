"""A small convolutional network for images."""

from __future__ import annotations

from cmkd_bench.network import InputShape, Network
from cmkd_bench.networks._convolutional import convolutional2d
from cmkd_bench.registry import register_network


@register_network("cnn2d")
def cnn2d(inputs: InputShape, classes: int) -> Network:
    """Build a network for images (channels, height, width): kernels of 3, strides of 2."""
    return convolutional2d(inputs, classes, widths=(16, 32, 64))
