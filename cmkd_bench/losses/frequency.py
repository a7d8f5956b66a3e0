"""Low and high frequencies of an embedding, the parts that FD-CMKD aligns.

Source: Liu, Zhang, Huang, Xu, Yang, "Distilling Cross-Modal Knowledge via Feature Disentanglement", AAAI 2026, arXiv
2511.19887.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from cmkd_bench.losses._checks import check_embeddings
from cmkd_bench.losses._precision import in_full_precision
from cmkd_bench.losses.contrastive import NORM_EPS


@in_full_precision
def frequency_parts(embedding: Tensor) -> tuple[Tensor, Tensor]:
    """Split an embedding along its features into a part of low and one of high frequencies.

    The low part holds the frequencies 1 to D // 4, the high part those above; the mean, frequency 0, is dropped. The
    parts are orthogonal and add up to the embedding minus its mean.

    Args:
        embedding: (B, D), D at least 4; gets a gradient.

    Returns:
        Low and high part, (B, D) each.

    Raises:
        ValueError: if D < 4, where no low frequency is left.
    """
    width = embedding.shape[1]
    if width < 4:
        raise ValueError(f"expected an embedding of at least 4 features, got {width}")
    spectrum = torch.fft.rfft(embedding, dim=1)
    bins = torch.arange(spectrum.shape[1], device=embedding.device)
    low, high = (bins > 0) & (bins <= width // 4), bins > width // 4
    return torch.fft.irfft(spectrum * low, n=width, dim=1), torch.fft.irfft(spectrum * high, n=width, dim=1)


@in_full_precision
def frequency_distances(
    student_low: Tensor, student_high: Tensor, teacher_low: Tensor, teacher_high: Tensor
) -> tuple[Tensor, Tensor]:
    """Compute the mean squared errors between standardized parts; those of high frequencies are compressed.

    Standardized means of unit length, as the mean is gone already. Compressed means sign(x) log(1 + |x|). The vectors
    have unit length and the mean runs over D, so neither distance exceeds 4 / D.

    Args:
        student_low: (B, D), as are all parts.
        student_high: the student's high frequencies.
        teacher_low: gets no gradient.
        teacher_high: gets no gradient.

    Returns:
        The distances of the low and of the high parts: scalars, averaged over the batch and the D features.

    Raises:
        ValueError: if the shapes differ.
    """
    check_embeddings(student_low, teacher_low, same_width=True)
    check_embeddings(student_high, teacher_high, same_width=True)
    low = F.mse_loss(_unit(student_low), _unit(teacher_low.detach()))
    return low, F.mse_loss(_compressed(_unit(student_high)), _compressed(_unit(teacher_high.detach())))


def _unit(values: Tensor) -> Tensor:
    return F.normalize(values, dim=1, eps=NORM_EPS)


def _compressed(values: Tensor) -> Tensor:
    return values.sign() * values.abs().log1p()
