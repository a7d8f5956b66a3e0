"""Check the inputs of losses, with one wording for all of them."""

from __future__ import annotations

from torch import Tensor


def check_logits(student: Tensor, teacher: Tensor) -> None:
    """Raise a ValueError with the shapes unless both are (B, C) with at least two classes."""
    if student.ndim != 2 or student.shape != teacher.shape:
        raise ValueError(
            f"student and teacher logits must share one shape (B, C), not {_shape(student)} and {_shape(teacher)}"
        )
    if student.shape[1] < 2:
        raise ValueError(f"expected at least 2 classes, got {student.shape[1]}")


def check_labels(labels: Tensor, logits: Tensor) -> None:
    """Raise a ValueError with the shape or type unless there is one integer label per row of the logits.

    The range of the labels is not checked, because that would synchronize the device in every step.
    """
    if labels.shape != logits.shape[:1]:
        raise ValueError(f"labels must have the shape ({logits.shape[0]},), not {_shape(labels)}")
    if labels.is_floating_point() or labels.is_complex():
        raise ValueError(f"labels must be class indices, not {labels.dtype}")


def check_embeddings(one: Tensor, other: Tensor, same_width: bool) -> None:
    """Raise a ValueError with the shapes unless both are (B, d) with the same B and, if `same_width`, the same d."""
    fits = one.ndim == other.ndim == 2 and one.shape[0] == other.shape[0]
    if not fits or (same_width and one.shape != other.shape):
        shared = "one shape (B, d)" if same_width else "the batch size: (B, d) and (B, e)"
        raise ValueError(f"embeddings must share {shared}, not {_shape(one)} and {_shape(other)}")


def check_positive(name: str, value: float) -> None:
    """Raise a ValueError with the value, of a temperature or the like, unless it is greater than 0."""
    if not value > 0:
        raise ValueError(f"{name} must be greater than 0, not {value}")


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)
