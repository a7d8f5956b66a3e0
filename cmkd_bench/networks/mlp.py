"""A multilayer perceptron, for vectors and whatever is flattened to one."""

from __future__ import annotations

import math

from torch import Tensor, nn

from cmkd_bench.network import Features, InputShape, Network
from cmkd_bench.registry import register_network

WIDTH = 64


@register_network("mlp")
class MLP(Network):
    """Two hidden layers of 64 units with ReLU."""

    def __init__(self, inputs: InputShape, classes: int) -> None:
        super().__init__()
        inputs.require_numbers()
        self.first = nn.Sequential(nn.Linear(math.prod(inputs.shape), WIDTH), nn.ReLU())
        self.second = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU())
        self.head = nn.Linear(WIDTH, classes)

    def features(self, inputs: Tensor) -> Features:
        first = self.first(inputs.flatten(1))
        second = self.second(first)
        return Features(second, (first, second))
