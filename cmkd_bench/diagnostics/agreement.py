"""Measure whether the teacher and the student agree, and which of them is right."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Agreement:
    """Agreement of two classifiers, as shares of the test samples from 0 to 1.

    Attributes:
        raw: both predict the same class, right or wrong.
        kappa: Cohen's kappa (1960): agreement beyond what two classifiers with these class frequencies reach by chance;
            at most 1, 0 at chance level, NaN if both always predict the same single class.
        both_right: both predict the label.
        teacher_only: only the teacher does.
        student_only: only the student does.
        both_wrong: neither does.
    """

    raw: float
    kappa: float
    both_right: float
    teacher_only: float
    student_only: float
    both_wrong: float

    @property
    def gap(self) -> float:
        """The teacher's accuracy minus the student's, -1 to 1."""
        return self.teacher_only - self.student_only


def agreement(teacher: Array, student: Array, labels: Array) -> Agreement:
    """Compare two classifiers on the same samples.

    Args:
        teacher: (M,) int, the predicted classes.
        student: (M,) int, the predicted classes.
        labels: (M,) int.

    Raises:
        ValueError: if the shapes differ or there is no sample.
    """
    if not len(labels) or not teacher.shape == student.shape == labels.shape:
        raise ValueError(
            f"expected three vectors of the same length, got {teacher.shape}, {student.shape}, {labels.shape}"
        )
    teacher_right, student_right = teacher == labels, student == labels
    raw = float((teacher == student).mean())
    return Agreement(
        raw=raw,
        kappa=_kappa(raw, teacher, student),
        both_right=float((teacher_right & student_right).mean()),
        teacher_only=float((teacher_right & ~student_right).mean()),
        student_only=float((~teacher_right & student_right).mean()),
        both_wrong=float((~teacher_right & ~student_right).mean()),
    )


def _kappa(raw: float, teacher: Array, student: Array) -> float:
    classes = int(max(teacher.max(), student.max())) + 1
    shares = [np.bincount(said, minlength=classes) / len(said) for said in (teacher, student)]
    by_chance = float(shares[0] @ shares[1])
    return (raw - by_chance) / (1 - by_chance) if by_chance < 1 else math.nan
