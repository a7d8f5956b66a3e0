"""Whether teacher and student say the same, and which of them is right."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Agreement:
    """Shares of the test samples, 0 to 1.

    Attributes:
        raw: both say the same class, right or wrong.
        kappa: Cohen's (1960): agreement beyond what two classifiers with these class frequencies reach by chance, 1 at
            most, 0 by chance; NaN where both always say one and the same class.
        both_right: both say the label.
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
        """Teacher's minus student's accuracy, -1 to 1."""
        return self.teacher_only - self.student_only


def agreement(teacher: Array, student: Array, labels: Array) -> Agreement:
    """Compare two classifiers on the same samples.

    Args:
        teacher: (M,) int, the classes that it says.
        student: (M,) int, likewise.
        labels: (M,) int.

    Raises:
        ValueError: if the shapes differ or there is no sample.
    """
    if not len(labels) or not teacher.shape == student.shape == labels.shape:
        raise ValueError(
            f"three vectors of one length are needed, not {teacher.shape}, {student.shape}, {labels.shape}"
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
