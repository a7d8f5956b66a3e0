"""Contrastive representation distillation (CRD) against a memory bank, as stateless functions.

Source: Tian, Krishnan, Isola, "Contrastive Representation Distillation", ICLR 2020, and the code released with it,
which adds the normalizer of the scores. The caller keeps the banks, updates them, and keeps the normalizer.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from cmkd_bench.losses._checks import check_positive
from cmkd_bench.losses._precision import in_full_precision

EPS = 1e-7
"""The constant that the released code adds to denominators, kept so that values agree."""


@in_full_precision
def crd_side_loss(
    embedding: Tensor, bank: Tensor, index: Tensor, counts: Tensor, temperature: float, normalizer: Tensor
) -> Tensor:
    """Compute one side of the CRD loss: the embeddings of a modality against the bank of the other one.

    The side is the mean over samples of -log(P0 / (P0 + c + eps)) - sum_k log(c / (Pk + c + eps)), where P is
    exp(score / temperature) / normalizer, row 0 is the sample's own, k runs over its K negatives, and c = K / M. The
    loss is the sum of both sides.

    One matrix product with the whole bank gives all scores, instead of a gather of B (K + 1) rows, and a count per row
    gives the negatives. The counts are integers, so the gradient does not depend on the order of addition. All terms
    stay logarithms: no exponential of 1 / temperature is formed.

    Args:
        embedding: (B, d), rows of unit length; gets the gradient.
        bank: (M, d), rows of unit length; gets no gradient. Update it after `backward`, which needs it unchanged.
        index: (B,) int64, the bank row of each sample's partner.
        counts: (B, M), how often each row of the bank is a negative of each sample; see `negative_counts`.
        temperature: divides the scores; greater than 0.
        normalizer: a scalar tensor from `crd_normalizer` at the first batch; gets no gradient.

    Returns:
        A scalar in nats, averaged over the batch. With equal scores it is log(K + 1) + K log(1 + 1 / K).

    Raises:
        ValueError: if the shapes do not match or the temperature is not greater than 0.
    """
    _check(embedding, bank, index, counts)
    check_positive("temperature", temperature)
    negatives = counts.sum(1, keepdim=True)
    noise = negatives / bank.shape[0]
    shift = normalizer.detach().log() + (noise + EPS).log()
    excess = (embedding / temperature) @ bank.detach().T - shift
    # by default torch returns softplus(x) = x from x = 20 on, with an error of 2e-9; at 50 the error is zero
    positive = F.softplus(-excess.gather(1, index[:, None]), threshold=50).sum()
    negative = torch.dot(counts.flatten(), F.softplus(excess, threshold=50).flatten())
    return (positive + negative + (negatives * (EPS / noise).log1p()).sum()) / len(embedding)


@torch.no_grad()
@in_full_precision
def crd_normalizer(embedding: Tensor, bank: Tensor, index: Tensor, counts: Tensor, temperature: float) -> Tensor:
    """Compute the released code's constant Z: M times the mean exp(score / temperature) of the first batch.

    The mean is over the bank rows of all positives and negatives. The paper has no such constant. It depends on the
    first batch, so store it with the banks.

    The arguments are those of `crd_side_loss`.

    Returns:
        A scalar tensor without gradient.

    Raises:
        ValueError: in the cases of `crd_side_loss`.
    """
    _check(embedding, bank, index, counts)
    check_positive("temperature", temperature)
    scores = ((embedding / temperature) @ bank.T).exp()
    total = scores.gather(1, index[:, None]).sum() + (counts * scores).sum()
    return total / (len(embedding) + counts.sum()) * bank.shape[0]


def negative_counts(negatives: Tensor, rows: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Count how often each row of a bank was drawn for each sample.

    Args:
        negatives: (B, K) int64, rows of the bank; a row may be drawn more than once.
        rows: M, the size of the bank.
        dtype: the type of the counts, which must be that of the embedding.

    Returns:
        (B, M); each row adds up to K.
    """
    counts = torch.zeros(len(negatives), rows, dtype=dtype, device=negatives.device)
    return counts.scatter_add_(1, negatives, counts.new_ones(()).expand(negatives.shape))


def _check(embedding: Tensor, bank: Tensor, index: Tensor, counts: Tensor) -> None:
    if embedding.ndim != 2 or bank.ndim != 2 or embedding.shape[1] != bank.shape[1]:
        raise ValueError(
            "embedding (B, d) and bank (M, d) must share d, "
            f"not have the shapes {tuple(embedding.shape)} and {tuple(bank.shape)}"
        )
    batch, rows = len(embedding), len(bank)
    if index.shape != (batch,) or counts.shape != (batch, rows) or counts.dtype != embedding.dtype:
        raise ValueError(
            f"index must be ({batch},) and counts {embedding.dtype} ({batch}, {rows}), "
            f"not {tuple(index.shape)} and {counts.dtype} {tuple(counts.shape)}"
        )
