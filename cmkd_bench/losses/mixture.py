"""A mixture of teachers: a router's weights, distillation by them, and the balance among the teachers.

Source: Li, Yang, Chen, Dong, Chen, Wang, "MST-Distill: Mixture of Specialized Teachers for Cross-Modal Knowledge
Distillation", ACM MM 2025.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor

from cmkd_bench.losses._checks import check_logits, check_positive
from cmkd_bench.losses._precision import in_full_precision


@in_full_precision
def mixture_kd(student_logits: Tensor, teacher_logits: Tensor, weights: Tensor, temperature: float) -> Tensor:
    """Compute KD from several teachers, weighted for each sample: sum_e w_e temperature^2 KL(teacher e || student).

    Args:
        student_logits: (B, C).
        teacher_logits: (E, B, C); get no gradient.
        weights: (B, E); the gradient of one is the divergence of its teacher.
        temperature: divides the logits of both sides; greater than 0.

    Returns:
        A scalar in nats, averaged over the batch.

    Raises:
        ValueError: if the shapes do not match, C < 2, or the temperature is not greater than 0.
    """
    check_positive("temperature", temperature)
    check_logits(student_logits, teacher_logits[0])
    if weights.shape != (teacher_logits.shape[1], teacher_logits.shape[0]):
        raise ValueError(f"weights must be (B, E), not {tuple(weights.shape)}, for teachers (E, B, C)")
    student = F.log_softmax(student_logits / temperature, dim=1)
    teachers = F.log_softmax(teacher_logits.detach() / temperature, dim=2)
    divergences = (teachers.exp() * (teachers - student)).sum(dim=2)
    return temperature**2 * (weights.T * divergences).sum() / len(student)


@in_full_precision
def top_weights(router_logits: Tensor, count: int) -> Tensor:
    """Return 1 / count for the teachers of each sample that the router prefers, and 0 for the others.

    The gradient is that of the router's probabilities (straight-through), so a loss trains the router toward the
    teachers with small terms.

    Args:
        router_logits: (B, E).
        count: how many teachers each sample gets, 1 to E.

    Returns:
        (B, E).

    Raises:
        ValueError: if the count is not in this range.
    """
    if not 1 <= count <= router_logits.shape[1]:
        raise ValueError(f"count must be 1 to {router_logits.shape[1]}, not {count}")
    gate = router_logits.softmax(dim=1)
    chosen = gate.detach().new_zeros(gate.shape).scatter(1, gate.topk(count, dim=1).indices, 1 / count)
    return chosen + (gate - gate.detach())


@in_full_precision
def balance_loss(router_logits: Tensor) -> Tensor:
    """Compute KL(uniform || mean gate) / E, where the gate is the router's softmax, averaged over the batch.

    The released code divides by the number of teachers E (`reduction="batchmean"` of a vector), and so does this.

    Args:
        router_logits: (B, E).

    Returns:
        A scalar in nats; 0 if all teachers are used alike.
    """
    samples, teachers = router_logits.shape
    log_mean = F.log_softmax(router_logits, dim=1).logsumexp(dim=0) - math.log(samples)
    return -(log_mean.mean() + math.log(teachers)) / teachers


@in_full_precision
def joint_kd(logits: Tensor, temperature: float, detached: bool) -> Tensor:
    """Compute the sum over all ordered pairs of networks of temperature^2 KL(one || other).

    Args:
        logits: (M, B, C), of at least two networks.
        temperature: divides the logits; greater than 0.
        detached: whether a divergence trains only its second network, as in KD, or both.

    Returns:
        A scalar in nats, averaged over the batch.

    Raises:
        ValueError: if C < 2, or the temperature is not greater than 0.
    """
    check_positive("temperature", temperature)
    check_logits(logits[0], logits[1])
    log_p = F.log_softmax(logits / temperature, dim=2)
    targets = log_p.detach() if detached else log_p
    differences = targets.unsqueeze(1) - log_p.unsqueeze(0)  # (M, M, B, C); those of a network to itself are 0
    return temperature**2 * (targets.exp().unsqueeze(1) * differences).sum() / logits.shape[1]
