"""Relations between the samples of a batch: similarities (SP), distances and angles (RKD).

They are computed within each modality, so the widths may differ and a rotation of either space changes nothing.

Sources:
    Tung, Mori, "Similarity-Preserving Knowledge Distillation", ICCV 2019.
    Park, Kim, Lu, Cho, "Relational Knowledge Distillation", CVPR 2019.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from cmkd_bench.losses._checks import check_embeddings
from cmkd_bench.losses._precision import in_full_precision
from cmkd_bench.losses.contrastive import NORM_EPS


@in_full_precision
def sp_loss(student_embedding: Tensor, teacher_embedding: Tensor) -> Tensor:
    """Compute the loss of SP: |G_T - G_S|^2 / B^2, G the row-normalized Gram matrix of the embeddings.

    Args:
        student_embedding: (B, d).
        teacher_embedding: (B, e); gets no gradient.

    Returns:
        A scalar, averaged over all pairs of the batch; 0 if B = 1.

    Raises:
        ValueError: if the batch sizes differ.
    """
    check_embeddings(student_embedding, teacher_embedding, same_width=False)
    student, teacher = (
        F.normalize(embedding @ embedding.T, dim=1, eps=NORM_EPS)
        for embedding in (student_embedding, teacher_embedding.detach())
    )
    return (teacher - student).square().mean()


@in_full_precision
def rkd_terms(student_embedding: Tensor, teacher_embedding: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the two terms of RKD: smooth L1 distances between the relations of student and teacher.

    Distances between samples are divided by their mean over all unequal pairs. Angles are the cosines at sample i
    between the directions to j and k. Samples that coincide have the distance 0, which stays out of the mean, and the
    cosine 0; the released code counts them with a distance of 1e-6.

    Args:
        student_embedding: (B, d).
        teacher_embedding: (B, e); gets no gradient.

    Returns:
        The distance term, averaged over the B^2 pairs, and the angle term, averaged over the B^3 triplets: scalars.
        With B = 1 both are 0, with B = 2 the angle term is. Memory: B^2 max(d, e) and B^3 numbers.

    Raises:
        ValueError: if the batch sizes differ.
    """
    check_embeddings(student_embedding, teacher_embedding, same_width=False)
    student_distances, student_angles = _distances_and_angles(student_embedding)
    teacher_distances, teacher_angles = _distances_and_angles(teacher_embedding.detach())
    distance = F.smooth_l1_loss(student_distances, teacher_distances)
    return distance, F.smooth_l1_loss(student_angles, teacher_angles)


def _distances_and_angles(embedding: Tensor) -> tuple[Tensor, Tensor]:
    """Return relative distances (B, B) and cosines (B, B, B)."""
    difference = embedding[None] - embedding[:, None]
    squared = difference.square().sum(dim=2)
    differs = squared > 0
    # The root has no gradient at 0, so it must not see a 0: masking its result would still give NaN.
    distance = squared.where(differs, 1.0).sqrt()
    unit = difference * (differs / distance)[..., None]
    distance = distance * differs
    mean = distance.sum() / differs.sum().clamp(min=1)
    return distance / mean.clamp(min=NORM_EPS), unit @ unit.transpose(1, 2)
