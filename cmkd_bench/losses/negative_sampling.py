"""Sample negatives from other classes for a whole batch at once.

Source: the `exact` sampler of the code released with CRD (Tian et al., ICLR 2020), which samples without replacement,
one sample at a time. Here sampling is with replacement, so a small set can give any number of negatives.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ClassLayout:
    """The position of each class once the rows are ordered by class; created by `class_layout`."""

    order: Tensor
    """(M,) row numbers, ordered by class."""
    start: Tensor
    """(C,) the place in `order` at which each class begins."""
    size: Tensor
    """(C,) the number of rows of each class."""


def class_layout(labels: Tensor) -> ClassLayout:
    """Order the rows of a training set by class.

    Args:
        labels: (M,) class indices of all rows that can be sampled.

    Raises:
        ValueError: if labels is not (M,), or if all rows belong to one class and so have no negatives.
    """
    if labels.ndim != 1 or len(labels) == 0:
        raise ValueError(f"labels must have the shape (M,) with M > 0, not {tuple(labels.shape)}")
    size = labels.bincount()
    if size.max() == len(labels):
        raise ValueError(
            f"class {int(size.argmax())} has no negatives: all {len(labels)} samples belong to it. "
            "Contrasting with other classes requires at least 2 classes."
        )
    return ClassLayout(labels.argsort(stable=True), size.cumsum(0) - size, size)


def sample_negatives(
    labels_of_batch: Tensor, layout: ClassLayout, count: int, generator: torch.Generator | None = None
) -> Tensor:
    """Sample rows of other classes, uniformly and with replacement.

    Args:
        labels_of_batch: (B,) class indices, on the device of the layout.
        layout: the layout of the set to sample from.
        count: K, the number of negatives per sample.
        generator: the source of randomness; None means torch's global generator.

    Returns:
        (B, K) int64 row numbers, none of them of the sample's own class.

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
    # skip the sample's own class
    place += size * (place >= start)
    return layout.order[place]
