"""Negatives from other classes, drawn for a whole batch at once.

Source: the `exact` sampler of the code released with CRD (Tian et al., ICLR 2020), which draws without replacement,
one sample after the other. Here the draw is with replacement, so any number of negatives can be had from a small set.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ClassLayout:
    """Where the members of each class stand once the rows are ordered by class; made by `class_layout`."""

    order: Tensor
    """(M,) row numbers, ordered by class."""
    start: Tensor
    """(C,) where each class begins in `order`."""
    size: Tensor
    """(C,) how many members each class has."""


def class_layout(labels: Tensor) -> ClassLayout:
    """Order the rows by class, once for each training set.

    Args:
        labels: (M,) class indices of all rows that can be drawn.

    Raises:
        ValueError: if labels is not (M,), or all rows belong to one class and so have no negatives.
    """
    if labels.ndim != 1 or len(labels) == 0:
        raise ValueError(f"labels must have the shape (M,) with M > 0, not {tuple(labels.shape)}")
    size = labels.bincount()
    if size.max() == len(labels):
        raise ValueError(
            f"class {int(size.argmax())} has no negatives: all {len(labels)} samples belong to it. "
            "Contrasting with other classes takes at least 2 classes."
        )
    return ClassLayout(labels.argsort(stable=True), size.cumsum(0) - size, size)


def sample_negatives(
    labels_of_batch: Tensor, layout: ClassLayout, count: int, generator: torch.Generator | None = None
) -> Tensor:
    """Draw rows of other classes, uniformly and with replacement.

    Args:
        labels_of_batch: (B,) class indices, on the device of the layout.
        layout: of the set to draw from.
        count: K, how many negatives each sample gets.
        generator: the source of randomness; torch's global one if None.

    Returns:
        (B, K) int64 row numbers, none of the sample's own class.

    Raises:
        ValueError: if labels_of_batch is not (B,) or count is below 1.
    """
    if labels_of_batch.ndim != 1:
        raise ValueError(f"labels_of_batch must have the shape (B,), not {tuple(labels_of_batch.shape)}")
    if count < 1:
        raise ValueError(f"count must be at least 1, not {count}")
    start, size = layout.start[labels_of_batch][:, None], layout.size[labels_of_batch][:, None]
    available = len(layout.order) - size
    # float64: rounding a float32 draw up to 1.0 would point one row past the end
    draws = torch.rand(
        (len(labels_of_batch), count), dtype=torch.float64, device=layout.order.device, generator=generator
    )
    place = draws.mul_(available).long()
    # places from the own class's start on are moved behind its end
    place += size * (place >= start)
    return layout.order[place]
