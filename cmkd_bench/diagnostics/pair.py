"""Diagnose one teacher and one student from their outputs for the same test samples."""

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
    """The outputs of one network for the test set.

    Attributes:
        logits: (M, C).
        embedding: (M, D), the pooled features that feed the head.
    """

    logits: Tensor
    embedding: Tensor


@dataclass(frozen=True)
class Diagnosis:
    """The relation between a teacher and a student.

    Attributes:
        agreement: whether they agree, and which of them is right.
        correlations: (M,) Kendall's tau-b of the two networks' logits by sample; NaN if those of one are all equal.
        target: TCKD, mean over samples, in nats.
        nontarget: NCKD, mean over samples, in nats.
        weighted_nontarget: mean of (1 - p) NCKD, where p is the teacher's probability of the label; `target` plus this
            is the mean of KL(teacher || student).
        cka: linear CKA of the embeddings.
        cka_by_chance: the expected CKA for samples paired at random.
        distance: energy coefficient of the two distributions of class probabilities, 0 to 1. The embeddings of two
            networks do not share coordinates, but their class probabilities do.
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
        """Return all values except those of single samples; accuracies and shares are in percent."""
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
    """Diagnose how a student relates to its teacher.

    Args:
        teacher: the teacher's outputs.
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
