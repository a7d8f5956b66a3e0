"""Diagnose one teacher and one student from their outputs for the same test samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cmkd_bench.diagnostics.agreement import agreement
from cmkd_bench.diagnostics.distance import energy_coefficient
from cmkd_bench.diagnostics.similarity import cka_by_chance, linear_cka
from cmkd_bench.losses import kendall_tau, tckd_nckd

Array = NDArray[Any]


@dataclass(frozen=True)
class Side:
    """The outputs of one network for the test set."""

    logits: Tensor  # (M, C)
    embedding: Tensor  # (M, D), the pooled features that feed the head


@dataclass(frozen=True)
class Diagnosis:
    """The relation between a teacher and a student."""

    # by name: `agreement`; the distribution of `correlations`; `tckd` and `nckd`, means over samples in nats;
    # `nckd_weighted`, the mean of (1 - p) NCKD, where p is the teacher's probability of the label, so that `tckd` plus
    # it is the mean of KL(teacher || student); `cka` of the embeddings, and by chance; `distance`, the energy
    # coefficient of the class probabilities, which two networks share as coordinates
    numbers: Mapping[str, float]
    correlations: Array  # (M,) Kendall's tau-b of the two networks' logits by sample; NaN if those of one are all equal


def diagnose(teacher: Side, student: Side, labels: Tensor, temperature: float = 1.0) -> Diagnosis:
    """Diagnose how a student relates to its teacher.

    Args:
        student: the student's outputs for the same samples.
        labels: (M,) int64.
        temperature: temperature of the two parts of the KD loss, which are not multiplied by its square.

    Raises:
        ValueError: if the shapes do not match.
    """
    teacher_logits, student_logits = teacher.logits.double(), student.logits.double()
    target, nontarget = tckd_nckd(student_logits, teacher_logits, labels, temperature)
    probabilities = [torch.softmax(logits, 1).numpy() for logits in (teacher_logits, student_logits)]
    sure = torch.softmax(teacher_logits / temperature, 1).gather(1, labels[:, None]).squeeze(1)
    embeddings = teacher.embedding.numpy(), student.embedding.numpy()
    correlations = kendall_tau(teacher.logits, student.logits).numpy()
    numbers = {
        **agreement(teacher.logits.argmax(1).numpy(), student.logits.argmax(1).numpy(), labels.numpy()),
        **_distribution(correlations),
        "tckd": float(target.mean()),
        "nckd": float(nontarget.mean()),
        "nckd_weighted": float(((1 - sure) * nontarget).mean()),
        "cka": linear_cka(*embeddings),
        "cka_by_chance": cka_by_chance(*embeddings),
        "distance": energy_coefficient(*probabilities),
    }
    return Diagnosis(numbers, correlations)


def _distribution(correlations: Array) -> dict[str, float]:
    """Return mean and quartiles of the rank correlations, and the percentage of the undefined ones."""
    known = correlations[~np.isnan(correlations)]
    q1, median, q3 = np.quantile(known, [0.25, 0.5, 0.75]) if len(known) else np.full(3, np.nan)
    return {
        "rank_correlation": float(known.mean()) if len(known) else float("nan"),
        "rank_correlation_q1": float(q1),
        "rank_correlation_median": float(median),
        "rank_correlation_q3": float(q3),
        "rank_correlation_undefined": 100 * (1 - len(known) / len(correlations)),
    }
