"""A small convolutional network for signals."""

from __future__ import annotations

from torch import nn

from cmkd_bench.network import InputShape, Network
from cmkd_bench.networks._convolutional import Convolutional
from cmkd_bench.registry import register_network


@register_network("cnn1d")
def cnn1d(inputs: InputShape, classes: int) -> Network:
    """Build a network for signals (channels, time): widths 16, 32, 64, kernels of 7, 5 and 3, strides of 3, 2 and 2."""
    inputs.require_numbers(axes=2)
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
    return Convolutional(layers, widths[-1], classes)
