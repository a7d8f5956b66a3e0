"""The outputs of every network, whatever its modality and architecture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class Outputs:
    """The outputs of one network for one batch.

    Attributes:
        logits: (B, C), or (B, C, h, w) for segmentation.
        embedding: (B, D), the pooled feature that feeds the head; for segmentation the mean of `positions`. A method
            gets a row of logits and embedding for each labeled position instead, and the mean is `sample_embedding`.
        feature_maps: by layer (0 is the shallowest): (B, D, ...), channels first, only the layers that the method asked
            for.
        token_mask: (B, L) bool, True at valid tokens; None if there are no tokens.
        positions: (B, D, h, w), the map that feeds a segmentation head; None for other tasks.
    """

    logits: Tensor
    embedding: Tensor
    feature_maps: Mapping[int, Tensor] = field(default_factory=dict)
    token_mask: Tensor | None = None
    positions: Tensor | None = None

    @property
    def sample_embedding(self) -> Tensor:
        """The pooled embedding of each sample: (B, D), also where every row of `embedding` is a position."""
        return self.embedding if self.positions is None else mean_over_positions(self.positions)

    def pooled(self, layer: int) -> Tensor:
        """Return the mean of a layer's feature map over space, time or valid tokens: (B, D)."""
        return mean_over_positions(self.feature_maps[layer], self.token_mask)

    def detach(self) -> Outputs:
        """Return the same values without gradients."""
        return Outputs(
            logits=self.logits.detach(),
            embedding=self.embedding.detach(),
            feature_maps={layer: maps.detach() for layer, maps in self.feature_maps.items()},
            token_mask=self.token_mask,
            positions=None if self.positions is None else self.positions.detach(),
        )

    def select(self, index: Tensor) -> Outputs:
        """Return the outputs of some of the samples.

        Args:
            index: (N,) int64, rows of the batch.
        """
        return Outputs(
            logits=self.logits.index_select(0, index),
            embedding=self.embedding.index_select(0, index),
            feature_maps={layer: maps.index_select(0, index) for layer, maps in self.feature_maps.items()},
            token_mask=None if self.token_mask is None else self.token_mask.index_select(0, index),
            positions=None if self.positions is None else self.positions.index_select(0, index),
        )


def mean_over_positions(feature_map: Tensor, token_mask: Tensor | None = None) -> Tensor:
    """Average a feature map over its positions.

    Args:
        feature_map: (B, D, ...); (B, D) is returned unchanged.
        token_mask: (B, L) bool, the positions of a (B, D, L) map that are averaged.

    Returns:
        (B, D).
    """
    if feature_map.ndim == 2:
        return feature_map
    if token_mask is None:
        return feature_map.flatten(2).mean(2)
    weights = token_mask.unsqueeze(1).to(feature_map.dtype)
    return (feature_map * weights).sum(2) / weights.sum(2).clamp_min(1)
