"""Small arrays on which the values of published losses were worked out in float64, independently of this package."""

from __future__ import annotations

import torch


def rows(*values: list[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


TEACHER = rows([2, 1, 0, -1], [0, 3, 1, -2], [1, -1, 2, 0])
STUDENT = rows([1, 2, 0, 0], [0, 1, 1, -1], [2, 0, 1, -1])
LABELS = torch.tensor([0, 1, 2])  # the teacher is right on every row

TEACHER_EMBEDDING = rows([1, 0, 2], [0, 1, 1], [2, 1, 0])
STUDENT_EMBEDDING = rows([1, 2], [0, 1], [3, 1])
WIDE_STUDENT_EMBEDDING = rows([1, 0, 1], [0, 2, 1], [1, 1, 0])
