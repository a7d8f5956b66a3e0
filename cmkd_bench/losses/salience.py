"""The salience of feature channels in the modality focusing hypothesis (MFH).

Source: Xue et al., "The Modality Focusing Hypothesis: Towards Understanding Crossmodal Knowledge Distillation", ICLR
2023, Algorithm 1, which draws permutations; here the mean over all permutations is computed exactly.
"""

from __future__ import annotations

from torch import Tensor

from cmkd_bench.losses._precision import in_full_precision


@in_full_precision
def permuted_distance(embedding: Tensor, weight: Tensor, gap: Tensor) -> Tensor:
    """Compute the mean squared gap between two linear classifiers after one channel of one of them is permuted.

    The mean is over all permutations of the batch: sample i gets channel d of sample j with equal probability for all
    j, so the gap g_i becomes g_i + (e_jd - e_id) w_d, and E|g'|^2 = E|g|^2 - 2 cov(e_d, g) w_d + 2 var(e_d) |w_d|^2.

    Args:
        embedding: (B, D), the input of one of the classifiers.
        weight: (C, D), the weight of that classifier.
        gap: (B, C), its logits minus those of the other classifier.

    Returns:
        (D,), averaged over the batch and the classes.
    """
    centered = embedding - embedding.mean(0)
    covariance = (centered.T @ gap * weight.T).sum(1) / len(gap)
    growth = 2 * centered.square().mean(0) * weight.square().sum(0) - 2 * covariance
    return (gap.square().sum(1).mean() + growth) / gap.shape[1]
