"""Losses of cross-modality contrastive distillation (CMCD): contrast (CMC) and similarity distillation (CMD).

Source: Lin et al., "A Generalization Theory of Cross-Modality Distillation with Contrastive Learning", arXiv
2405.03355. No code was released. The two forms follow what the paper and its public reviews say about equations 2 and
3: the first is self-supervised similarity distillation, the second the symmetric loss of CLIP.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from cmkd_bench.losses._checks import check_embeddings, check_positive
from cmkd_bench.losses._precision import in_full_precision
from cmkd_bench.losses._targets import other_entries

# With torch's default of 1e-12, an all-zero embedding (dead ReLUs) gets a gradient of the order of 1e12.
NORM_EPS = 1e-6


@in_full_precision
def info_nce(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """Compute the symmetric contrastive loss of CLIP: each row of a against all rows of b, and the reverse.

    Both sides get a gradient; detach the side whose network is frozen.

    Args:
        a: (B, d) embeddings of one modality, of any length; normalized here.
        b: (B, d) embeddings of the other modality; row i is the partner of row i of a.
        temperature: divides the cosine similarities; greater than 0.

    Returns:
        A scalar in nats: the mean of both directions, each averaged over the batch. It is 0 if B = 1.

    Raises:
        ValueError: if the shapes differ or the temperature is not greater than 0.
    """
    check_embeddings(a, b, same_width=True)
    check_positive("temperature", temperature)
    similarity = F.normalize(a, dim=1, eps=NORM_EPS) @ F.normalize(b, dim=1, eps=NORM_EPS).T / temperature
    partner = torch.arange(a.shape[0], device=a.device)
    return (F.cross_entropy(similarity, partner) + F.cross_entropy(similarity.T, partner)) / 2


@in_full_precision
def similarity_distillation(
    student_embedding: Tensor, teacher_embedding: Tensor, student_temperature: float, teacher_temperature: float
) -> Tensor:
    """Compute the cross-entropy of the student's similarities within a batch relative to the teacher's.

    Similarities are computed within each modality, so the widths may differ and a rotation of either space changes
    nothing. The similarity of a sample to itself is excluded: it is 1 on both sides and would dominate all others.

    Args:
        student_embedding: (B, d) of any length; normalized here.
        teacher_embedding: (B, e) of any length; gets no gradient.
        student_temperature: divides the student's cosine similarities; greater than 0.
        teacher_temperature: divides the teacher's cosine similarities; greater than 0.

    Returns:
        A scalar in nats, averaged over the batch; its minimum is the entropy of the teacher's distributions. With B = 1
        there is nothing to compare, and with B = 2 there is only one choice: both give 0 with a zero gradient.

    Raises:
        ValueError: if the batch sizes differ or a temperature is not greater than 0.
    """
    check_embeddings(student_embedding, teacher_embedding, same_width=False)
    check_positive("student_temperature", student_temperature)
    check_positive("teacher_temperature", teacher_temperature)
    student = _similarity_to_others(student_embedding) / student_temperature
    teacher = _similarity_to_others(teacher_embedding.detach()) / teacher_temperature
    return -(teacher.softmax(dim=1) * F.log_softmax(student, dim=1)).sum(dim=1).mean()


def _similarity_to_others(embedding: Tensor) -> Tensor:
    """Return the cosines of each sample with all others: (B, d) -> (B, B - 1)."""
    unit = F.normalize(embedding, dim=1, eps=NORM_EPS)
    return other_entries(unit @ unit.T, torch.arange(len(unit), device=unit.device))
