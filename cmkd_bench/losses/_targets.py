"""A row's target entry and all its other entries, taken apart by gathering."""

from __future__ import annotations

import torch
from torch import Tensor


def target_entry(values: Tensor, labels: Tensor) -> Tensor:
    """The entry of each row that its label points to: (B, C), (B,) -> (B,)."""
    return values.gather(1, labels.long()[:, None]).squeeze(1)


def other_entries(values: Tensor, labels: Tensor) -> Tensor:
    """All entries of each row but the one its label points to, in their order: (B, C), (B,) -> (B, C - 1).

    Gathering is exact. Masking with minus infinity instead makes a KL divergence NaN (0 times inf - inf), and a mask
    by a large finite number is a choice that fails for larger logits.
    """
    columns = torch.arange(values.shape[1] - 1, device=values.device)
    return values.gather(1, columns + (columns >= labels.long()[:, None]))
