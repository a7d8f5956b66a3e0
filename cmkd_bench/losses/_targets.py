"""Separate the target entry of each row from its other entries, by gathering."""

from __future__ import annotations

import torch
from torch import Tensor


def target_entry(values: Tensor, labels: Tensor) -> Tensor:
    """Return the target entry of each row: (B, C), (B,) -> (B,)."""
    return values.gather(1, labels.long()[:, None]).squeeze(1)


def other_entries(values: Tensor, labels: Tensor) -> Tensor:
    """Return the entries of each row without its target, in order: (B, C), (B,) -> (B, C - 1).

    Gathering is exact. Masking with minus infinity makes a KL divergence NaN (0 times inf - inf), and masking with a
    large finite number fails for larger logits.
    """
    columns = torch.arange(values.shape[1] - 1, device=values.device)
    return values.gather(1, columns + (columns >= labels.long()[:, None]))
