"""Logit distillation: KD, and its decomposition by DKD into a target and a non-target part.

Sources:
    Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", NIPS 2014 workshop.
    Zhao, Cui, Song, Qiu, Liang, "Decoupled Knowledge Distillation", CVPR 2022.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from cmkd_bench.losses._checks import check_labels, check_logits, check_positive
from cmkd_bench.losses._precision import in_full_precision
from cmkd_bench.losses._targets import other_entries, target_entry


@in_full_precision
def kd_loss(student_logits: Tensor, teacher_logits: Tensor, temperature: float | Tensor) -> Tensor:
    """Compute Hinton's KD loss: temperature^2 KL(teacher || student) of the softened class distributions.

    The factor temperature^2 keeps the scale of the gradient the same for all temperatures, as the paper advises.

    Args:
        student_logits: (B, C).
        teacher_logits: (B, C); gets no gradient.
        temperature: divides the logits of both sides; greater than 0. A scalar tensor gets a gradient through both
            sides and through the factor; it is not checked, because that would synchronize the device.

    Returns:
        A scalar in nats, summed over classes and averaged over the batch.

    Raises:
        ValueError: if the shapes differ, C < 2, or the temperature is not greater than 0.
    """
    check_logits(student_logits, teacher_logits)
    if not isinstance(temperature, Tensor):
        check_positive("temperature", temperature)
    student = F.log_softmax(student_logits / temperature, dim=1)
    teacher = F.log_softmax(teacher_logits.detach() / temperature, dim=1)
    # written out: torch has no batching rule for kl_div, so torch.vmap would loop over the lanes
    return temperature**2 * (teacher.exp() * (teacher - student)).sum() / len(student)


@in_full_precision
def mutual_kl(logits: Tensor, other_logits: Tensor) -> tuple[Tensor, Tensor]:
    """Compute KL(p || q) and KL(q || p) at temperature 1; each divergence trains only its second argument.

    The values equal two calls of `kd_loss`, but each softmax is computed once.

    Args:
        logits: (B, C), the logits of p.
        other_logits: (B, C), the logits of q.

    Returns:
        KL(p || q), with a gradient for `other_logits`, and KL(q || p), with a gradient for `logits`: scalars in nats,
        summed over classes and averaged over the batch.

    Raises:
        ValueError: if the shapes differ or C < 2.
    """
    check_logits(logits, other_logits)
    return kl_both_ways(F.log_softmax(logits, dim=1), F.log_softmax(other_logits, dim=1), logits.shape[0])


@in_full_precision
def tckd_nckd(
    student_logits: Tensor, teacher_logits: Tensor, labels: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """Compute the two terms of DKD for each sample, without weights and without the factor temperature^2.

    TCKD is the KL divergence of (target, all other classes), and NCKD that among the other classes. If p is the
    teacher's probability of the target, KL(teacher || student) = TCKD + (1 - p) NCKD.

    The released code takes the logarithm of a softmax and becomes infinite at logit gaps of about 100; here all
    probabilities stay logarithms. It also masks the target by subtracting 1000; here the other classes are gathered.

    Args:
        student_logits: (B, C).
        teacher_logits: (B, C); gets no gradient.
        labels: (B,) class indices.
        temperature: divides the logits of both sides; greater than 0.

    Returns:
        TCKD (B,) and NCKD (B,), in nats. NCKD is 0 if C = 2.

    Raises:
        ValueError: if the shapes do not match, C < 2, or the temperature is not greater than 0.
    """
    check_logits(student_logits, teacher_logits)
    check_labels(labels, student_logits)
    check_positive("temperature", temperature)
    student_pair, student_others = _split(student_logits / temperature, labels)
    teacher_pair, teacher_others = _split(teacher_logits.detach() / temperature, labels)
    return _kl(teacher_pair, student_pair), _kl(teacher_others, student_others)


@in_full_precision
def dkd_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    alpha: float,
    beta: float,
    temperature: float,
    known: Tensor | None = None,
) -> Tensor:
    """Compute the DKD loss: temperature^2 (alpha TCKD + beta NCKD), with the terms of `tckd_nckd`.

    A sample whose label is not known has no target, so its divergence is not decomposed: it contributes temperature^2
    alpha KL(teacher || student).

    Args:
        alpha: weight of the target part; 1 in the paper.
        beta: weight of the non-target part; tuned for each pair in the paper, up to 8 on CIFAR-100.
        known: (B,) bool, the samples whose label is known; the others may have any label. None: all are known.

    Returns:
        A scalar in nats, averaged over the batch. The warm-up of the paper is left to the caller.

    Raises:
        ValueError: in the cases of `tckd_nckd`.
    """
    targets = labels if known is None else labels.where(known, 0)
    tckd, nckd = tckd_nckd(student_logits, teacher_logits, targets, temperature)
    each = alpha * tckd + beta * nckd
    if known is not None:
        student, teacher = (F.log_softmax(logits / temperature, dim=1) for logits in (student_logits, teacher_logits))
        each = each.where(known, alpha * _kl(teacher.detach(), student))
    return temperature**2 * each.mean()


def _split(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return log-probabilities: (B, 2) of target and all other classes, (B, C - 1) among the other classes."""
    log_p = F.log_softmax(logits, dim=1)
    others = other_entries(log_p, labels)
    pair = torch.stack([target_entry(log_p, labels), others.logsumexp(dim=1)], dim=1)
    return pair, F.log_softmax(others, dim=1)


def _kl(target: Tensor, estimate: Tensor) -> Tensor:
    return F.kl_div(estimate, target, reduction="none", log_target=True).sum(dim=1)


def kl_both_ways(log_p: Tensor, log_q: Tensor, divisor: int | Tensor) -> tuple[Tensor, Tensor]:
    """Return KL(p || q), which trains q, and KL(q || p), which trains p: sums over (B, C) divided by `divisor`."""
    to_q = F.kl_div(log_q, log_p.detach(), reduction="sum", log_target=True)
    to_p = F.kl_div(log_p, log_q.detach(), reduction="sum", log_target=True)
    return to_q / divisor, to_p / divisor
