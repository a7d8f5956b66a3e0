"""Losses from information theory: a Gaussian teacher (VID), correlation and mutual information (ITRD).

Sources:
    Ahn, Hu, Damianou, Lawrence, Dai, "Variational Information Distillation for Knowledge Transfer", CVPR 2019.
    Miles, Lopez Rodriguez, Mikolajczyk, "Information Theoretic Representation Distillation", BMVC 2022.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from cmkd_bench.losses._checks import check_embeddings
from cmkd_bench.losses._precision import in_full_precision
from cmkd_bench.losses.contrastive import NORM_EPS


@in_full_precision
def vid_loss(mean: Tensor, target: Tensor, variance: Tensor) -> Tensor:
    """Compute the negative log-likelihood of the target under a Gaussian per channel, without the constant.

    Args:
        mean: (B, D), predicted from the student.
        target: (B, D), the teacher's embedding; gets no gradient.
        variance: (D,), greater than 0.

    Returns:
        A scalar in nats, averaged over batch and channels: 1/2 [(mean - target)^2 / variance + log variance]. It can be
        negative; its minimum over the variance is at the mean squared residual.

    Raises:
        ValueError: if the shapes differ.
    """
    check_embeddings(mean, target, same_width=True)
    return ((mean - target.detach()).square() / variance + variance.log()).mean() / 2


@in_full_precision
def correlation_loss(projected: Tensor, target: Tensor, power: float) -> Tensor:
    """Compute the correlation term of ITRD: log2 of the summed deviations of channel correlations from 1.

    Both sides are standardized over the batch with the biased deviation, so that equal channels have the correlation 1.
    The released code divides an unbiased deviation by B, so that they have (B - 1) / B.

    Args:
        projected: (B, D), the student's embedding, projected.
        target: (B, D), the teacher's embedding; gets no gradient.
        power: the deviations are raised to twice this power; at least 0.5.

    Returns:
        A scalar in bits, summed over channels; -20 where all channels agree. A constant channel has the correlation 0.

    Raises:
        ValueError: if the shapes differ.
    """
    check_embeddings(projected, target, same_width=True)
    correlation = (_standardized(projected) * _standardized(target.detach())).mean(dim=0)
    return ((correlation - 1).abs() ** (2 * power)).sum().add(2.0**-20).log2()


@in_full_precision
def mutual_information_loss(student_embedding: Tensor, teacher_embedding: Tensor) -> Tensor:
    """Compute the mutual term of ITRD: how far the joint similarities of both sides are from the student's own.

    With G the Gram matrices of unit rows, and H their elementwise product, each divided by its trace: the sum of the
    squares of G_S minus that of H, as in the released code. The paper takes the difference of their logarithms.

    Args:
        student_embedding: (B, d).
        teacher_embedding: (B, e); gets no gradient.

    Returns:
        A scalar without a unit.

    Raises:
        ValueError: if the batch sizes differ.
    """
    check_embeddings(student_embedding, teacher_embedding, same_width=False)
    student, teacher = (
        F.normalize(rows, dim=1, eps=NORM_EPS) for rows in (student_embedding, teacher_embedding.detach())
    )
    own = student @ student.T
    return _by_trace(own).square().sum() - _by_trace(own * (teacher @ teacher.T)).square().sum()


def _standardized(values: Tensor) -> Tensor:
    """Return (B, D) with mean 0 and deviation 1 per channel; a constant channel is 0, without a gradient."""
    deviation = values.std(dim=0, correction=0)
    varies = deviation > NORM_EPS
    return (values - values.mean(dim=0)) / deviation.where(varies, 1.0) * varies


def _by_trace(matrix: Tensor) -> Tensor:
    return matrix / matrix.trace().clamp(min=NORM_EPS)
