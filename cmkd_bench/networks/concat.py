"""A fusion of the networks of several modalities: their embeddings are joined before one head."""

from __future__ import annotations

from collections.abc import Mapping

from cmkd_bench.fusion import Fusion, joined_head
from cmkd_bench.network import Network
from cmkd_bench.registry import register_network


@register_network("concat")
class Concat(Fusion):
    """One new linear head on all embeddings in a row."""

    dense = True

    def __init__(self, networks: Mapping[str, Network], classes: int) -> None:
        super().__init__(networks)
        self.head = joined_head([network.head for network in networks.values()], classes)
