"""The optimal transport between two batches, and labels under the heads of two networks.

Source: Tran et al., "Cross-Modal Knowledge Distillation without Paired Data", ICML 2026: the Wasserstein distance of
embeddings ("feature alignment") and equation 15 ("label alignment").
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from cmkd_bench.losses._checks import check_embeddings, check_labels, check_logits, check_positive
from cmkd_bench.losses._precision import in_full_precision
from cmkd_bench.losses.contrastive import NORM_EPS

LEAST = 1e-30  # of a regularization, if all costs are 0


@torch.no_grad()
@in_full_precision
def sinkhorn_plan(cost: Tensor, epsilon: Tensor | float, iterations: int) -> Tensor:
    """Compute the entropic transport plan between two uniform distributions, in the log domain.

    The common form with exp(-cost / epsilon) underflows as soon as costs are some hundred times epsilon: all entries
    become 0, and so do the loss and its gradient.

    Args:
        cost: (B, B).
        epsilon: weight of the entropy, in the unit of the cost; > 0.
        iterations: of Sinkhorn's algorithm. The columns add up to 1/B after each, the rows in the limit.

    Returns:
        (B, B), without a gradient.
    """
    scaled = -cost / epsilon
    share = -math.log(len(cost))
    columns = torch.zeros_like(scaled[0])
    rows = columns
    for _ in range(iterations):
        rows = share - torch.logsumexp(scaled + columns, 1)
        columns = share - torch.logsumexp(scaled + rows[:, None], 0)
    return (scaled + rows[:, None] + columns).exp()


@in_full_precision
def transport_cost(student: Tensor, teacher: Tensor, cost: str, epsilon: float, iterations: int) -> Tensor:
    """Compute the cost of moving the student's embeddings onto the teacher's by the entropic optimal plan.

    The plan is a constant, by the envelope theorem. It does not know which rows belong together, so another order of
    the teacher's rows changes nothing.

    Args:
        student: (B, D).
        teacher: (B, D); gets no gradient.
        cost: `cosine`, 1 minus the cosine, or `euclidean`, the distance.
        epsilon: weight of the entropy in the plan; for `euclidean` it is multiplied by the mean cost, which has no
            bound.
        iterations: of Sinkhorn's algorithm.

    Returns:
        A scalar, the mean over the student's rows.

    Raises:
        ValueError: if the shapes differ, or epsilon is not above 0.
    """
    check_embeddings(student, teacher, same_width=True)
    check_positive("epsilon", epsilon)
    target = teacher.detach()
    if cost == "cosine":
        costs = 1 - F.normalize(student, dim=1, eps=NORM_EPS) @ F.normalize(target, dim=1, eps=NORM_EPS).T
        unit: Tensor | float = 1.0
    else:
        costs = torch.cdist(student, target, compute_mode="donot_use_mm_for_euclid_dist")
        unit = costs.detach().mean().clamp_min(LEAST)
    return (sinkhorn_plan(costs.detach(), epsilon * unit, iterations) * costs).sum()


@in_full_precision
def label_alignment(student: Tensor, read: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Compute both terms of equation 15 over the labeled rows, -log p_S(y) and k log p_T(y), k = p_T(y).

    As printed, the second term pushes features away from the teacher's correct class: its gradient is that of the
    teacher's cross-entropy times -k.

    Args:
        student: (B, C), the student's logits.
        read: (B, C), the logits of the teacher's head on the student's features.
        labels: (B,), negative where hidden.

    Returns:
        two scalars; both are 0 if no label is known.

    Raises:
        ValueError: if the shapes differ.
    """
    check_logits(student, read)
    check_labels(labels, student)
    known = labels >= 0
    rows = known.sum().clamp_min(1)
    index = labels.clamp_min(0)[:, None]

    def mean(values: Tensor) -> Tensor:
        return torch.where(known, values, 0.0).sum() / rows

    own = F.log_softmax(student, 1).gather(1, index).squeeze(1)
    theirs = F.log_softmax(read, 1).gather(1, index).squeeze(1)
    return mean(-own), mean(theirs.detach().exp() * theirs)
