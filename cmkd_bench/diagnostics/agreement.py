"""Measure whether the teacher and the student agree, and which of them is right."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def agreement(teacher: Array, student: Array, labels: Array) -> dict[str, float]:
    """Compare two classifiers on the same samples.

    Args:
        teacher: (M,) int, the predicted classes.
        student: (M,) int, the predicted classes.
        labels: (M,) int.

    Returns:
        percentages of the samples: both accuracies and their `gap`; `agreement`, where both predict the same class,
        right or wrong; which of the two is right. And `kappa`.

    Raises:
        ValueError: if the shapes differ or there is no sample.
    """
    if not len(labels) or not teacher.shape == student.shape == labels.shape:
        raise ValueError(
            f"expected three vectors of the same length, got {teacher.shape}, {student.shape}, {labels.shape}"
        )
    teacher_right, student_right = teacher == labels, student == labels
    both, teacher_only, student_only, neither = (
        float((one & other).mean())
        for one, other in (
            (teacher_right, student_right),
            (teacher_right, ~student_right),
            (~teacher_right, student_right),
            (~teacher_right, ~student_right),
        )
    )
    return {
        "teacher_accuracy": 100 * (both + teacher_only),
        "student_accuracy": 100 * (both + student_only),
        "gap": 100 * (teacher_only - student_only),
        "agreement": 100 * float((teacher == student).mean()),
        "kappa": kappa(teacher, student),
        "both_right": 100 * both,
        "teacher_only": 100 * teacher_only,
        "student_only": 100 * student_only,
        "both_wrong": 100 * neither,
    }


def kappa(teacher: Array, student: Array) -> float:
    """Return Cohen's kappa (1960): agreement beyond what two classifiers with these class frequencies reach by chance.

    It is at most 1, 0 at chance level, and NaN if both always predict the same single class.
    """
    classes = int(max(teacher.max(), student.max())) + 1
    shares = [np.bincount(said, minlength=classes) / len(said) for said in (teacher, student)]
    by_chance = float(shares[0] @ shares[1])
    return (float((teacher == student).mean()) - by_chance) / (1 - by_chance) if by_chance < 1 else math.nan
