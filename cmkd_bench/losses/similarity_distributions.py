"""Distributions of similarities between samples (PKT, CSC) and of logits' geometry (SKD).

Sources:
    Passalis, Tefas, "Learning Deep Representations with Probabilistic Knowledge Transfer", ECCV 2018.
    Xia et al., "Robust Cross-Modal Knowledge Distillation for Unconstrained Videos", arXiv 2304.07775.
    Jeong et al., "Streamlined Knowledge Distillation", CVPR 2026, as implemented in torchdistill.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from cmkd_bench.losses._checks import check_embeddings, check_labels, check_logits, check_positive
from cmkd_bench.losses._precision import in_full_precision
from cmkd_bench.losses._targets import other_entries
from cmkd_bench.losses.contrastive import NORM_EPS

_LOG_EPS = 1e-7  # PKT's released code
_ROOT_EPS = 1e-12  # a root has no gradient at 0


@in_full_precision
def pkt_loss(student_embedding: Tensor, teacher_embedding: Tensor, with_itself: bool) -> Tensor:
    """Compute the divergence of the student's from the teacher's similarities, (cosine + 1) / 2 divided by row sums.

    Args:
        student_embedding: (B, d).
        teacher_embedding: (B, e); gets no gradient.
        with_itself: whether a sample is compared with itself too, and the sum is divided by B^2, as in the released
            code; the paper leaves the sample out, and the sum over the others is averaged over the batch here.

    Returns:
        A scalar in nats; 0 if B = 1.

    Raises:
        ValueError: if the batch sizes differ.
    """
    check_embeddings(student_embedding, teacher_embedding, same_width=False)
    student = _similarity_shares(student_embedding, with_itself)
    teacher = _similarity_shares(teacher_embedding.detach(), with_itself)
    divergence = (teacher * ((teacher + _LOG_EPS) / (student + _LOG_EPS)).log()).sum(dim=1).mean()
    return divergence / len(student) if with_itself else divergence


@in_full_precision
def class_contrast(
    student_embedding: Tensor, teacher_embedding: Tensor, labels: Tensor, shift: float, floor: float
) -> Tensor:
    """Compute the class-aware contrast of CSC: each student against all teachers, those of its class are positive.

    The temperature of a pair is its own cosine plus `shift`, without a gradient and at least `floor`: pairs that agree
    already are contrasted softly. The released code has no floor, so its temperature is negative for cosines below
    -0.07.

    Args:
        student_embedding: (B, d) of any length; normalized here.
        teacher_embedding: (B, d) of any length; normalized here.
        labels: (B,) class indices.
        shift: added to the cosine.
        floor: least temperature; greater than 0.

    Returns:
        A scalar in nats: the negative log-probability, averaged over the positives of a sample and over the batch.

    Raises:
        ValueError: if the shapes differ or the floor is not greater than 0.
    """
    check_embeddings(student_embedding, teacher_embedding, same_width=True)
    check_labels(labels, student_embedding)
    check_positive("floor", floor)
    student, teacher = (F.normalize(rows, dim=1, eps=NORM_EPS) for rows in (student_embedding, teacher_embedding))
    cosine = student @ teacher.T
    log_p = F.log_softmax(cosine / (cosine.detach() + shift).clamp(min=floor), dim=1)
    positive = (labels[:, None] == labels).to(log_p.dtype)
    return -((positive * log_p).sum(dim=1) / positive.sum(dim=1)).mean()


@in_full_precision
def direction_loss(student_logits: Tensor, teacher_logits: Tensor, ridge: float) -> Tensor:
    """Compute the direction term of SKD: Mahalanobis lengths of the differences of logit similarities.

    With D the difference (B, B) of the cosines between logit rows, and S the covariance of its rows plus `ridge` on
    the diagonal: the mean over the rows d of D of sqrt(d' S^-1 d).

    Args:
        student_logits: (B, C).
        teacher_logits: (B, C); gets no gradient.
        ridge: greater than 0.

    Returns:
        A scalar without a unit; almost 0 for equal logits, with a finite gradient.

    Raises:
        ValueError: if the shapes differ, C < 2, B < 2, or the ridge is not greater than 0.
    """
    check_logits(student_logits, teacher_logits)
    check_positive("ridge", ridge)
    if len(student_logits) < 2:
        raise ValueError("expected at least 2 samples: one has no covariance")
    student, teacher = (
        F.normalize(logits, dim=1, eps=NORM_EPS) for logits in (student_logits, teacher_logits.detach())
    )
    difference = student @ student.T - teacher @ teacher.T
    identity = torch.eye(len(difference), dtype=difference.dtype, device=difference.device)
    covariance = torch.cov(difference.T) + ridge * identity
    squared: Tensor = (difference * torch.linalg.solve(covariance, difference.T).T).sum(dim=1)
    return torch.sqrt(squared.clamp(min=0) + _ROOT_EPS).mean()


def _similarity_shares(embedding: Tensor, with_itself: bool) -> Tensor:
    unit = F.normalize(embedding, dim=1, eps=NORM_EPS)
    similarity = (unit @ unit.T + 1) / 2
    if not with_itself:
        similarity = other_entries(similarity, torch.arange(len(unit), device=unit.device))
    return similarity / similarity.sum(dim=1, keepdim=True).clamp(min=NORM_EPS)
