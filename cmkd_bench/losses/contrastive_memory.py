"""Contrastive representation distillation (CRD) against a memory bank, as functions without state.

Source: Tian, Krishnan, Isola, "Contrastive Representation Distillation", ICLR 2020, and the code released with it,
which adds the normaliser of the scores. The banks, their update and the normaliser's value belong to the caller.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from cmkd_bench.losses._checks import check_positive
from cmkd_bench.losses._precision import in_full_precision

EPS = 1e-7
"""The released code's guard in the denominators; kept so that values agree."""


@in_full_precision
def crd_side_loss(
    embedding: Tensor, bank: Tensor, index: Tensor, negatives: Tensor, temperature: float, normalizer: Tensor
) -> Tensor:
    """One side of the CRD loss: this modality's embeddings against the other's bank. The loss is the sum of two sides.

    With P the exponential of score / temperature, divided by the normaliser, and c = K / M, the mean over samples of
    -log(P0 / (P0 + c + eps)) - sum_k log(c / (Pk + c + eps)), where row 0 is the sample's own and k its negatives.

    All scores come from one matrix product with the whole bank, instead of gathering B (K + 1) rows of it, and the
    negatives enter as how often each row was drawn. The counts are whole numbers, so the gradient does not depend on
    the order of addition. Everything stays logarithmic: no exponential of 1 / temperature is formed.

    Args:
        embedding: (B, d), rows of unit length; gets the gradient.
        bank: (M, d), rows of unit length; gets none. Update it after `backward`, which needs it unchanged.
        index: (B,) int64, the bank row of each sample's partner.
        negatives: (B, K) int64, bank rows; a row may be drawn more than once.
        temperature: divides the scores, above 0.
        normalizer: a scalar tensor, from `crd_normalizer` at the first batch; gets no gradient.

    Returns:
        A scalar in nats, averaged over the batch. With equal scores it is
        log(K + 1) + K log(1 + 1 / K), plus the M eps that the guard adds.

    Raises:
        ValueError: if the shapes do not fit or the temperature is not above 0.
    """
    _check(embedding, bank, index, negatives)
    check_positive("temperature", temperature)
    noise = negatives.shape[1] / bank.shape[0]
    shift = normalizer.detach().log() + math.log(noise + EPS)
    excess = (embedding / temperature) @ bank.detach().T - shift
    counts = torch.zeros_like(excess).scatter_add_(1, negatives, excess.new_ones(()).expand(negatives.shape))
    # threshold: torch takes softplus(x) = x from 20 on, which is off by 2e-9; at 50 nothing of that is left
    positive = F.softplus(-excess.gather(1, index[:, None]), threshold=50).sum()
    negative = torch.dot(counts.flatten(), F.softplus(excess, threshold=50).flatten())
    return (positive + negative) / len(embedding) + negatives.shape[1] * math.log1p(EPS / noise)


@torch.no_grad()
@in_full_precision
def crd_normalizer(embedding: Tensor, bank: Tensor, index: Tensor, negatives: Tensor, temperature: float) -> Tensor:
    """The released code's constant Z: M times the mean exponential score over the first batch's rows of the bank.

    The paper has no such constant. It depends on the first batch, so store it with the banks.

    Args:
        embedding: (B, d), rows of unit length.
        bank: (M, d), rows of unit length.
        index: (B,) int64, the partner's bank row.
        negatives: (B, K) int64, bank rows.
        temperature: divides the scores, above 0.

    Returns:
        A scalar tensor without gradient.

    Raises:
        ValueError: if the shapes do not fit or the temperature is not above 0.
    """
    _check(embedding, bank, index, negatives)
    check_positive("temperature", temperature)
    scores = (embedding / temperature) @ bank.T
    return scores.gather(1, torch.cat([index[:, None], negatives], dim=1)).exp().mean() * bank.shape[0]


def _check(embedding: Tensor, bank: Tensor, index: Tensor, negatives: Tensor) -> None:
    if embedding.ndim != 2 or bank.ndim != 2 or embedding.shape[1] != bank.shape[1]:
        raise ValueError(
            "embedding (B, d) and bank (M, d) must share d, "
            f"not have the shapes {tuple(embedding.shape)} and {tuple(bank.shape)}"
        )
    batch = embedding.shape[0]
    if index.shape != (batch,) or negatives.ndim != 2 or negatives.shape[0] != batch or negatives.shape[1] < 1:
        raise ValueError(
            f"index must be ({batch},) and negatives ({batch}, K) with K > 0, "
            f"not {tuple(index.shape)} and {tuple(negatives.shape)}"
        )
