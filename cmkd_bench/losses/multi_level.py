"""Relations between predictions, on the levels of the batch and of the classes.

Source: Jin, Wang, Lin, "Multi-Level Logit Distillation", CVPR 2023.
"""

from __future__ import annotations

from torch import Tensor

from cmkd_bench.losses._checks import check_logits, check_positive
from cmkd_bench.losses._precision import in_full_precision


@in_full_precision
def prediction_relations(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Compute the squared distances of the Gram matrices of predictions, between samples and between classes.

    With P the softened probabilities (B, C): |P_T P_T' - P_S P_S'|^2 / B and |P_T' P_T - P_S' P_S|^2 / C, Frobenius
    norms. Both are two orders of magnitude below the KL divergence of the same predictions.

    Args:
        student_logits: (B, C).
        teacher_logits: (B, C); gets no gradient.
        temperature: divides the logits of both sides; greater than 0.

    Returns:
        The batch term and the class term: scalars.

    Raises:
        ValueError: if the shapes differ, C < 2, or the temperature is not greater than 0.
    """
    check_logits(student_logits, teacher_logits)
    check_positive("temperature", temperature)
    student = (student_logits / temperature).softmax(dim=1)
    teacher = (teacher_logits.detach() / temperature).softmax(dim=1)
    samples, classes = student.shape
    batch_term = (teacher @ teacher.T - student @ student.T).square().sum() / samples
    return batch_term, (teacher.T @ teacher - student.T @ student).square().sum() / classes
