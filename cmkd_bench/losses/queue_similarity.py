"""Distillation of similarities to a queue of the teacher's embeddings, the loss of COMODO.

Source: Chen et al., "COMODO: Cross-Modal Video-to-IMU Distillation for Efficient Egocentric Human Activity
Recognition", arXiv 2503.07259, 2025.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from cmkd_bench.losses._checks import check_embeddings, check_positive
from cmkd_bench.losses._precision import in_full_precision
from cmkd_bench.losses.contrastive import NORM_EPS

_MASKED = -1e30  # finite: minus infinity times a probability of 0 is NaN


@in_full_precision
def queue_distillation(
    student_embedding: Tensor,
    teacher_embedding: Tensor,
    queue: Tensor,
    filled: Tensor,
    student_temperature: float,
    teacher_temperature: float,
) -> Tensor:
    """Compute the cross-entropy of the student's similarities to a queue relative to the teacher's.

    Both sides are compared with the same rows: the queue, followed by the teacher's embeddings of the batch itself.

    Args:
        student_embedding: (B, d) of any length, in the teacher's space; normalized here.
        teacher_embedding: (B, d) of any length; normalized here; gets no gradient.
        queue: (K, d) of any length; normalized here; gets no gradient.
        filled: (K,) bool, the rows of the queue that count.
        student_temperature: divides the student's cosine similarities; greater than 0.
        teacher_temperature: divides the teacher's cosine similarities; greater than 0.

    Returns:
        A scalar in nats, averaged over the batch; its minimum is the entropy of the teacher's distributions.

    Raises:
        ValueError: if the shapes differ or a temperature is not greater than 0.
    """
    check_embeddings(student_embedding, teacher_embedding, same_width=True)
    check_positive("student_temperature", student_temperature)
    check_positive("teacher_temperature", teacher_temperature)
    student, teacher, stored = (
        F.normalize(rows, dim=1, eps=NORM_EPS) for rows in (student_embedding, teacher_embedding.detach(), queue)
    )
    keys = torch.cat([stored.detach().to(teacher.dtype), teacher])
    empty = torch.cat([~filled, torch.zeros(len(teacher), dtype=torch.bool, device=filled.device)])
    target = (teacher @ keys.T / teacher_temperature).masked_fill(empty, _MASKED).softmax(dim=1)
    estimate = F.log_softmax((student @ keys.T / student_temperature).masked_fill(empty, _MASKED), dim=1)
    return -(target * estimate).sum(dim=1).mean()
