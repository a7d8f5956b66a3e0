"""A fusion of the networks of several modalities: the mean of their logits."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from cmkd_bench.fusion import Fusion, joined_head
from cmkd_bench.network import Network
from cmkd_bench.registry import register_network


@register_network("late")
class Late(Fusion):
    """The mean of the logits of N networks, each of which starts with its own head.

    A mean of linear heads is a linear head on all embeddings in a row, with 1/N of their weights, and is kept as such.
    So it computes the same functions as `concat`, and differs from it only in where training starts.
    """

    dense = True

    def __init__(self, networks: Mapping[str, Network], classes: int) -> None:
        super().__init__(networks)
        heads = [network.head for network in networks.values()]
        self.head = joined_head(heads, classes)
        weights = torch.cat([head.weight for head in heads], dim=1)
        biases = torch.stack([torch.zeros(classes) if head.bias is None else head.bias for head in heads])
        self.head.load_state_dict({"weight": weights / len(heads), "bias": biases.mean(0)})
