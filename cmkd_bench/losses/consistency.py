"""Consistency of predictions: two networks, or two views, should give the same probabilities.

Source: Tarvainen, Valpola, "Mean teachers are better role models", NeurIPS 2017.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from cmkd_bench.losses._checks import check_logits
from cmkd_bench.losses._precision import in_full_precision


@in_full_precision
def consistency_loss(student_logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """Compute the mean squared difference of the probabilities, a mean over the batch and over the classes.

    Args:
        student_logits: (B, C).
        teacher_logits: (B, C); gets no gradient.

    Returns:
        A scalar, at most 2 / C.

    Raises:
        ValueError: if the shapes differ or C < 2.
    """
    check_logits(student_logits, teacher_logits)
    return F.mse_loss(student_logits.softmax(dim=1), teacher_logits.detach().softmax(dim=1))
