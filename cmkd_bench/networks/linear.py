"""A linear classifier, for vectors and whatever is flattened to one."""

from __future__ import annotations

import math

from torch import Tensor, nn

from cmkd_bench.network import Features, InputShape, Network
from cmkd_bench.registry import register_network


@register_network("linear")
class Linear(Network):
    """One linear layer: the embedding is the input itself, and there is no feature map."""

    def __init__(self, inputs: InputShape, classes: int) -> None:
        super().__init__()
        inputs.require_numbers()
        self.head = nn.Linear(math.prod(inputs.shape), classes)

    def features(self, inputs: Tensor) -> Features:
        return Features(inputs.flatten(1), ())
