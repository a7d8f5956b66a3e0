"""NKD: the target's probability, and normalized distributions of the other classes.

Source: Yang, Zeng, Li, Zhang, Yuan, Li, "From Knowledge Distillation to Self-Knowledge Distillation: A Unified Approach
with Normalized Loss and Customized Soft Labels", ICCV 2023.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from cmkd_bench.losses._checks import check_labels, check_logits, check_positive
from cmkd_bench.losses._precision import in_full_precision
from cmkd_bench.losses._targets import other_entries, target_entry


@in_full_precision
def nkd_terms(
    student_logits: Tensor, teacher_logits: Tensor, labels: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """Compute the two terms of NKD, without weights and with the factor temperature^2 of the second.

    Args:
        student_logits: (B, C).
        teacher_logits: (B, C); gets no gradient.
        labels: (B,) class indices.
        temperature: divides the logits of both sides in the second term; greater than 0.

    Returns:
        The target term, -p_T(y) log p_S(y) at temperature 1, and the non-target term, the cross-entropy of the softened
        distributions among the other classes: scalars in nats, averaged over the batch. The second is 0 if C = 2.

    Raises:
        ValueError: if the shapes do not match, C < 2, or the temperature is not greater than 0.
    """
    check_logits(student_logits, teacher_logits)
    check_labels(labels, student_logits)
    check_positive("temperature", temperature)
    teacher_logits = teacher_logits.detach()
    weight = target_entry(teacher_logits.softmax(dim=1), labels)
    target = -(weight * target_entry(F.log_softmax(student_logits, dim=1), labels)).mean()
    student, teacher = (
        F.log_softmax(other_entries(logits / temperature, labels), dim=1) for logits in (student_logits, teacher_logits)
    )
    return target, -(temperature**2) * (teacher.exp() * student).sum(dim=1).mean()
