"""Refined logits: what a wrong teacher may still say.

Source: Sun, Chen, Lyu, Chen, Chen, Wang, "Knowledge Distillation with Refined Logits", ICCV 2025, arXiv 2408.07703.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from cmkd_bench.losses._checks import check_labels, check_logits, check_positive
from cmkd_bench.losses._precision import in_full_precision
from cmkd_bench.losses._targets import other_entries, target_entry

_MASKED = -1e30  # finite: minus infinity makes a KL divergence NaN where all classes are masked


@in_full_precision
def rld_terms(
    student_logits: Tensor, teacher_logits: Tensor, labels: Tensor, temperature: float, confidence_temperature: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the two terms of RLD for each sample, with their factors temperature^2 and without weights.

    Sample confidence (SCD) is the KL divergence of (largest class of the teacher, rest) from (labeled class of the
    student, rest): the teacher says how sure to be, but not of what. Masked correlation (MCD) is the KL divergence
    among the classes that the teacher ranks below the label. Where the teacher is right and both temperatures are
    equal, these are the two terms of DKD.

    The released code masks with -1e9, which float16 cannot hold, and takes the logarithm of summed probabilities; here
    all probabilities stay logarithms.

    Args:
        student_logits: (B, C).
        teacher_logits: (B, C); gets no gradient.
        labels: (B,) class indices.
        temperature: divides the logits of both sides in MCD; greater than 0.
        confidence_temperature: divides the logits of both sides in SCD; greater than 0.

    Returns:
        SCD (B,) and MCD (B,), in nats, and the share of masked classes, a scalar without a gradient. MCD is 0 where at
        most one class is ranked below the label.

    Raises:
        ValueError: if the shapes do not match, C < 2, or a temperature is not greater than 0.
    """
    check_logits(student_logits, teacher_logits)
    check_labels(labels, student_logits)
    check_positive("temperature", temperature)
    check_positive("confidence_temperature", confidence_temperature)
    teacher_logits = teacher_logits.detach()
    confidence = confidence_temperature**2 * _kl(
        _against_rest(teacher_logits / confidence_temperature, teacher_logits.argmax(dim=1)),
        _against_rest(student_logits / confidence_temperature, labels),
    )
    masked = teacher_logits >= target_entry(teacher_logits, labels)[:, None]
    teacher, student = (
        F.log_softmax((logits / temperature).masked_fill(masked, _MASKED), dim=1)
        for logits in (teacher_logits, student_logits)
    )
    return confidence, temperature**2 * _kl(teacher, student), masked.to(teacher.dtype).mean()


def _against_rest(logits: Tensor, classes: Tensor) -> Tensor:
    """Return the log-probabilities of one class per row and of all others together: (B, 2)."""
    log_p = F.log_softmax(logits, dim=1)
    return torch.stack([target_entry(log_p, classes), other_entries(log_p, classes).logsumexp(dim=1)], dim=1)


def _kl(target: Tensor, estimate: Tensor) -> Tensor:
    return (target.exp() * (target - estimate)).sum(dim=1)
