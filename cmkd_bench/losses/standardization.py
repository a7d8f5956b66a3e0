"""Logit standardization: logits as z-scores.

Source: Sun, Ren, Li, Wang, Cao, "Logit Standardization in Knowledge Distillation", CVPR 2024.
"""

from __future__ import annotations

from torch import Tensor

from cmkd_bench.losses._precision import in_full_precision

_EPS = 1e-7  # the released code's


@in_full_precision
def standardize_logits(logits: Tensor) -> Tensor:
    """Return the z-scores of each row: its mean is 0, its unbiased standard deviation 1.

    Two networks whose logits differ in shift and scale have equal z-scores. Two classes always have z-scores of
    +-0.71, without a gradient; a constant row stays 0.

    Args:
        logits: (B, C); gets a gradient.

    Returns:
        (B, C), without a unit.
    """
    centered = logits - logits.mean(dim=1, keepdim=True)
    return centered / (logits.std(dim=1, keepdim=True) + _EPS)
