"""Distillation from a power transform of the teacher's probabilities (TTM, WTTM).

Source: Zheng, Yang, "Knowledge Distillation Based on Transformed Teacher Matching", ICLR 2024.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from cmkd_bench.losses._checks import check_logits, check_positive
from cmkd_bench.losses._precision import in_full_precision


@in_full_precision
def transformed_teacher_loss(student_logits: Tensor, teacher_logits: Tensor, exponent: float, weighted: bool) -> Tensor:
    """Compute KL(q || student), q proportional to the teacher's probabilities to the power of `exponent`.

    q is the teacher softened by the temperature 1 / exponent; the student is not softened, so there is no factor
    temperature^2. The weight of a sample is the sum of the powers, from 1 for a certain teacher to C^(1 - exponent) for
    an undecided one: uncertain samples count more.

    Args:
        student_logits: (B, C).
        teacher_logits: (B, C); gets no gradient.
        exponent: greater than 0; 1 leaves the teacher as it is.
        weighted: whether samples have the weights of WTTM; TTM has none.

    Returns:
        A scalar in nats, summed over classes and averaged over the batch.

    Raises:
        ValueError: if the shapes differ, C < 2, or the exponent is not greater than 0.
    """
    check_logits(student_logits, teacher_logits)
    check_positive("exponent", exponent)
    powers = exponent * F.log_softmax(teacher_logits.detach(), dim=1)
    target = F.log_softmax(powers, dim=1)
    divergence = (target.exp() * (target - F.log_softmax(student_logits, dim=1))).sum(dim=1)
    return (powers.logsumexp(dim=1).exp() * divergence).mean() if weighted else divergence.mean()
