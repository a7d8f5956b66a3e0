"""Distances between features: the hint loss of FitNets, and the cosine.

Source: Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015, equation 3.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from cmkd_bench.losses._checks import check_embeddings
from cmkd_bench.losses._precision import in_full_precision
from cmkd_bench.losses.contrastive import NORM_EPS


@in_full_precision
def hint_loss(regressed: Tensor, target: Tensor) -> Tensor:
    """Compute half the mean squared error between the regressed student features and the teacher's features.

    The paper sums over the elements of a sample. The mean gives a weight the same meaning for all widths; multiply it
    by the number of elements per sample for the paper's value averaged over the batch. Common reimplementations omit
    the factor 1/2, so their weight w corresponds to 2 w here.

    Args:
        regressed: (B, ...), the output of the regressor on the student's features.
        target: (B, ...), the teacher's features; gets no gradient.

    Returns:
        A scalar, averaged over all elements.

    Raises:
        ValueError: if the shapes differ.
    """
    if regressed.shape != target.shape:
        raise ValueError(
            "regressed and target features must share one shape, "
            f"not {tuple(regressed.shape)} and {tuple(target.shape)}"
        )
    return (regressed - target.detach()).square().mean() / 2


@in_full_precision
def cosine_distance(projected: Tensor, target: Tensor) -> Tensor:
    """Compute 1 minus the cosine between the projected student and the teacher.

    Source: Chen et al., "Improved Feature Distillation via Projector Ensemble", NeurIPS 2022, whose released code
    divides by 0 for an all-zero row.

    Args:
        projected: (B, D).
        target: (B, D), the teacher's embedding; gets no gradient.

    Returns:
        A scalar from 0 to 2, averaged over the batch; the cosine of an all-zero row is 0.

    Raises:
        ValueError: if the shapes differ.
    """
    check_embeddings(projected, target, same_width=True)
    unit = F.normalize(projected, dim=1, eps=NORM_EPS)
    return 1 - (unit * F.normalize(target.detach(), dim=1, eps=NORM_EPS)).sum(dim=1).mean()
