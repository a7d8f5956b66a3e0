"""A linear classifier and a multilayer perceptron, for vectors and whatever is flattened to one."""

from __future__ import annotations

import math

from torch import Tensor, nn

from cmkd_bench.networks.base import Features, InputShape, Network, register_network

WIDTH = 64


@register_network("linear")
class Linear(Network):
    """One linear layer: the embedding is the input itself, and there is no hidden layer."""

    def __init__(self, inputs: InputShape, classes: int) -> None:
        super().__init__()
        _refuse_tokens(inputs)
        self.head = nn.Linear(math.prod(inputs.shape), classes)

    def features(self, inputs: Tensor) -> Features:
        return Features(inputs.flatten(1), ())


@register_network("mlp")
class MLP(Network):
    """Two hidden layers of 64 units with ReLU."""

    def __init__(self, inputs: InputShape, classes: int) -> None:
        super().__init__()
        _refuse_tokens(inputs)
        self.first = nn.Sequential(nn.Linear(math.prod(inputs.shape), WIDTH), nn.ReLU())
        self.second = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU())
        self.head = nn.Linear(WIDTH, classes)

    def features(self, inputs: Tensor) -> Features:
        first = self.first(inputs.flatten(1))
        second = self.second(first)
        return Features(second, (first, second))


def _refuse_tokens(inputs: InputShape) -> None:
    if inputs.kind == "text":
        raise ValueError("token ids are not numbers; use 'transformer'")
