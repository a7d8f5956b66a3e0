"""The loss of OFA-KD, which strengthens the labeled class in the teacher's probabilities.

Source: Hao, Guo, Han, Tang, Hu, Wang, Xu, "One-for-All: Bridge the Gap Between Heterogeneous Architectures in Knowledge
Distillation", NeurIPS 2023.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from cmkd_bench.losses._checks import check_labels, check_logits, check_positive
from cmkd_bench.losses._precision import in_full_precision


@in_full_precision
def ofa_loss(
    student_logits: Tensor, teacher_logits: Tensor, labels: Tensor, exponent: float, all_classes: bool
) -> Tensor:
    """Compute -sum_c w_c log p_S(c) with w = (1 + p_T)^g - 1 for the labeled class and p_T for the others.

    The paper's loss is this plus the cross-entropy with the labels. The released code raises the probabilities of the
    other classes to the power of g too (`all_classes`). For g = 1 both are the cross-entropy with the teacher.

    Args:
        student_logits: (B, C).
        teacher_logits: (B, C); gets no gradient.
        labels: (B,) class indices.
        exponent: g, greater than 0; above 1 it strengthens the labeled class the more the surer the teacher is of it.
        all_classes: whether the exponent acts on all classes, as in the released code.

    Returns:
        A scalar in nats, summed over classes and averaged over the batch.

    Raises:
        ValueError: if the shapes do not match, C < 2, or the exponent is not greater than 0.
    """
    check_logits(student_logits, teacher_logits)
    check_labels(labels, student_logits)
    check_positive("exponent", exponent)
    teacher = teacher_logits.detach().softmax(dim=1)
    others = teacher**exponent if all_classes else teacher
    index = labels.long()[:, None]
    weights = others.scatter(1, index, (1 + teacher.gather(1, index)) ** exponent - 1)
    return -(weights * F.log_softmax(student_logits, dim=1)).sum(dim=1).mean()
