"""The diagnostics of one teacher and one student, from their outputs for the same test samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cmkd_bench.diagnostics.agreement import Agreement, agreement
from cmkd_bench.diagnostics.distance import energy_coefficient
from cmkd_bench.diagnostics.similarity import cka_by_chance, linear_cka
from cmkd_bench.losses import kendall_tau, tckd_nckd

Array = NDArray[Any]


@dataclass(frozen=True)
class Side:
    """What one network says of the test part.

    Attributes:
        logits: (M, C).
        embedding: (M, D), the pooled feature that feeds its head.
    """

    logits: Tensor
    embedding: Tensor


@dataclass(frozen=True)
class Diagnosis:
    """How a teacher and a student relate.

    Attributes:
        agreement: who is right, and whether they say the same.
        correlations: (M,) Kendall's tau-b of teacher's and student's logits by sample; NaN where one's are all equal.
        target: TCKD, the mean over samples, in nats.
        nontarget: NCKD, likewise.
        weighted_nontarget: the mean of (1 - p) NCKD, p the teacher's probability of the label; `target` plus this is
            the mean of KL(teacher || student).
        cka: linear CKA of the embeddings.
        cka_by_chance: what it is on average when samples are paired at random.
        distance: energy coefficient of both sides' class probabilities, 0 to 1: how far apart their distributions are.
            Embeddings of two networks have no coordinates in common; their class probabilities do.
    """

    agreement: Agreement
    correlations: Array
    target: float
    nontarget: float
    weighted_nontarget: float
    cka: float
    cka_by_chance: float
    distance: float

    def numbers(self) -> dict[str, float]:
        """Everything but the single samples, accuracies and shares in percent."""
        known = self.correlations[~np.isnan(self.correlations)]
        quartiles = np.quantile(known, [0.25, 0.5, 0.75]) if len(known) else np.full(3, np.nan)
        one = self.agreement
        return {
            "teacher_accuracy": 100 * (one.both_right + one.teacher_only),
            "student_accuracy": 100 * (one.both_right + one.student_only),
            "gap": 100 * one.gap,
            "agreement": 100 * one.raw,
            "kappa": one.kappa,
            "both_right": 100 * one.both_right,
            "teacher_only": 100 * one.teacher_only,
            "student_only": 100 * one.student_only,
            "both_wrong": 100 * one.both_wrong,
            "rank_correlation": float(known.mean()) if len(known) else float("nan"),
            "rank_correlation_q1": float(quartiles[0]),
            "rank_correlation_median": float(quartiles[1]),
            "rank_correlation_q3": float(quartiles[2]),
            "rank_correlation_undefined": 100 * (1 - len(known) / len(self.correlations)),
            "tckd": self.target,
            "nckd": self.nontarget,
            "nckd_weighted": self.weighted_nontarget,
            "cka": self.cka,
            "cka_by_chance": self.cka_by_chance,
            "distance": self.distance,
        }


def diagnose(teacher: Side, student: Side, labels: Tensor, temperature: float = 1.0) -> Diagnosis:
    """Relate a student to its teacher.

    Args:
        teacher: its outputs.
        student: its outputs for the same samples.
        labels: (M,) int64.
        temperature: of the two parts of the KD loss; without the factor of its square.

    Raises:
        ValueError: if the shapes do not fit.
    """
    teacher_logits, student_logits = teacher.logits.double(), student.logits.double()
    target, nontarget = tckd_nckd(student_logits, teacher_logits, labels, temperature)
    probabilities = [torch.softmax(logits, 1).numpy() for logits in (teacher_logits, student_logits)]
    sure = torch.softmax(teacher_logits / temperature, 1).gather(1, labels[:, None]).squeeze(1)
    embeddings = teacher.embedding.numpy(), student.embedding.numpy()
    return Diagnosis(
        agreement=agreement(teacher.logits.argmax(1).numpy(), student.logits.argmax(1).numpy(), labels.numpy()),
        correlations=kendall_tau(teacher.logits, student.logits).numpy(),
        target=float(target.mean()),
        nontarget=float(nontarget.mean()),
        weighted_nontarget=float(((1 - sure) * nontarget).mean()),
        cka=linear_cka(*embeddings),
        cka_by_chance=cka_by_chance(*embeddings),
        distance=energy_coefficient(*probabilities),
    )
