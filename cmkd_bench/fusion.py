"""Networks of several modalities, made of a network for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from cmkd_bench.network import Features, Network, without_head
from cmkd_bench.outputs import mean_over_positions


class Fusion(Network):
    """A network of several modalities. Subclasses set `head`, which takes the embeddings of all networks in a row.

    Layer k joins the layers of the networks at the same share of their depth: their maps along the channels if all
    have the same positions, and their means over positions otherwise.

    Args:
        networks: by modality; their heads are left out.

    Attributes:
        bodies: the networks without their heads, by modality.
    """

    fuses: ClassVar[bool] = True

    def __init__(self, networks: Mapping[str, Network]) -> None:
        super().__init__()
        self.bodies = nn.ModuleDict({modality: without_head(network) for modality, network in networks.items()})

    def features(self, inputs: Mapping[str, Tensor]) -> Features:
        found = [self._body(modality).features(inputs[modality]) for modality in self.bodies]
        positions = [one.positions for one in found if one.positions is not None]
        return Features(
            embedding=torch.cat([one.embedding for one in found], dim=1),
            layers=_joined_layers(found),
            positions=torch.cat(positions, dim=1) if positions else None,
        )

    def _body(self, modality: str) -> Network:
        body = self.bodies[modality]
        assert isinstance(body, Network)
        return body


def joined_head(heads: Sequence[nn.Linear | nn.Conv2d], classes: int) -> nn.Linear | nn.Conv2d:
    """Return a new head for the embeddings of several networks in a row, of the kind of their own heads."""
    width = sum(head.weight.shape[1] for head in heads)
    return nn.Conv2d(width, classes, 1) if isinstance(heads[0], nn.Conv2d) else nn.Linear(width, classes)


def _joined_layers(found: Sequence[Features]) -> list[Tensor]:
    count = min(len(one.layers) for one in found)
    return [_joined(found, [depth * len(one.layers) // count - 1 for one in found]) for depth in range(1, count + 1)]


def _joined(found: Sequence[Features], layers: Sequence[int]) -> Tensor:
    maps = [one.layers[layer] for one, layer in zip(found, layers, strict=True)]
    if len({one.shape[2:] for one in maps}) > 1 or any(one.token_mask is not None for one in found):
        maps = [mean_over_positions(values, one.token_mask) for values, one in zip(maps, found, strict=True)]
    return torch.cat(maps, dim=1)
