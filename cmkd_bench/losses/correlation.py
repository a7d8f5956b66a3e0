"""Correlations between class probabilities, the loss of DIST.

Source: Huang, You, Wang, Qian, Xu, "Knowledge Distillation from A Stronger Teacher", NeurIPS 2022.
"""

from __future__ import annotations

import torch
from torch import Tensor

from cmkd_bench.losses._checks import check_logits, check_positive
from cmkd_bench.losses._precision import in_full_precision

_EPS = 1e-8  # the released code's


@in_full_precision
def dist_terms(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Compute the two terms of DIST, without weights and without the factor temperature^2.

    A correlation ignores shift and scale: the student may be less or more certain than the teacher.

    Args:
        student_logits: (B, C).
        teacher_logits: (B, C); gets no gradient.
        temperature: divides the logits of both sides; greater than 0.

    Returns:
        The inter-class term, 1 - mean correlation over the B rows of the probabilities, and the intra-class term, 1 -
        mean correlation over their C columns: scalars from 0 to 2. A constant row or column has the correlation 0. With
        C = 2 the inter-class term has almost no gradient; with B = 1 the intra-class term is 1 without a gradient.

    Raises:
        ValueError: if the shapes differ, C < 2, or the temperature is not greater than 0.
    """
    check_logits(student_logits, teacher_logits)
    check_positive("temperature", temperature)
    student = (student_logits / temperature).softmax(dim=1)
    teacher = (teacher_logits.detach() / temperature).softmax(dim=1)
    return 1 - _pearson(student, teacher, dim=1).mean(), 1 - _pearson(student, teacher, dim=0).mean()


def _pearson(a: Tensor, b: Tensor, dim: int) -> Tensor:
    a, b = a - a.mean(dim, keepdim=True), b - b.mean(dim, keepdim=True)
    lengths: Tensor = torch.linalg.vector_norm(a, dim=dim) * torch.linalg.vector_norm(b, dim=dim)
    return torch.div((a * b).sum(dim), lengths + _EPS)
