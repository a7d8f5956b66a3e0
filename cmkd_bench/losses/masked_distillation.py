"""Distillation and pseudo-labels of some of the samples: those of which a network is sure."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from cmkd_bench.losses._checks import check_logits, check_positive
from cmkd_bench.losses._precision import in_full_precision


@in_full_precision
def confident_rows(logits: Tensor, threshold: float) -> Tensor:
    """Return which samples have a class of at least the given probability: (B, C) -> (B,) bool, without a gradient."""
    return logits.detach().softmax(dim=1).amax(dim=1) >= threshold


@in_full_precision
def masked_kd_loss(student_logits: Tensor, teacher_logits: Tensor, temperature: float, kept: Tensor) -> Tensor:
    """Compute temperature^2 KL(teacher || student) of the kept samples; with all of them it is `kd_loss`.

    Args:
        student_logits: (B, C).
        teacher_logits: (B, C); gets no gradient.
        temperature: divides the logits of both sides; greater than 0.
        kept: (B,) bool.

    Returns:
        A scalar in nats, summed over classes and divided by B, so the other samples count as 0.

    Raises:
        ValueError: if the shapes differ, C < 2, or the temperature is not greater than 0.
    """
    check_logits(student_logits, teacher_logits)
    check_positive("temperature", temperature)
    student = F.log_softmax(student_logits / temperature, dim=1)
    teacher = F.log_softmax(teacher_logits.detach() / temperature, dim=1)
    divergence = (teacher.exp() * (teacher - student)).sum(dim=1)
    return temperature**2 * (divergence * kept).sum() / len(student)


@in_full_precision
def pseudo_label_loss(student_logits: Tensor, target_logits: Tensor, kept: Tensor) -> Tensor:
    """Compute the cross-entropy of the decisions of the target logits, for the kept samples.

    Args:
        student_logits: (B, C).
        target_logits: (B, C); gets no gradient. Of equal logits, the class with the lowest index is the decision.
        kept: (B,) bool.

    Returns:
        A scalar in nats, divided by B, so the other samples count as 0.

    Raises:
        ValueError: if the shapes differ or C < 2.
    """
    check_logits(student_logits, target_logits)
    losses = F.cross_entropy(student_logits, target_logits.detach().argmax(dim=1), reduction="none")
    return (losses * kept).sum() / len(losses)
