"""A convolutional network of four layers for spectrograms and larger images."""

from __future__ import annotations

from cmkd_bench.network import InputShape, Network
from cmkd_bench.networks._convolutional import convolutional2d
from cmkd_bench.registry import register_network


@register_network("cnn2d_deep")
def cnn2d_deep(inputs: InputShape, classes: int) -> Network:
    """Build `cnn2d` with a fourth layer: a position of its last layer sees 31 x 31 pixels instead of 15 x 15."""
    return convolutional2d(inputs, classes, widths=(16, 32, 64, 128))
