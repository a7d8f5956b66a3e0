"""What every loss asks of its inputs, said in one place and in the same words."""

from __future__ import annotations

from torch import Tensor


def check_logits(student: Tensor, teacher: Tensor) -> None:
    """Both are (B, C) with at least two classes.

    Raises:
        ValueError: naming both shapes.
    """
    if student.ndim != 2 or student.shape != teacher.shape:
        raise ValueError(
            f"student and teacher logits must share one shape (B, C), not {_shape(student)} and {_shape(teacher)}"
        )
    if student.shape[1] < 2:
        raise ValueError(f"at least 2 classes are needed, not {student.shape[1]}")


def check_labels(labels: Tensor, logits: Tensor) -> None:
    """One integer label for each row of the logits.

    The range of the labels is not looked at: that would stop the device once per step.

    Raises:
        ValueError: naming the shape or type.
    """
    if labels.shape != logits.shape[:1]:
        raise ValueError(f"labels must have the shape ({logits.shape[0]},), not {_shape(labels)}")
    if labels.is_floating_point() or labels.is_complex():
        raise ValueError(f"labels must be class indices, not {labels.dtype}")


def check_embeddings(one: Tensor, other: Tensor, same_width: bool) -> None:
    """Both are (B, d) with the same B, and where it is asked for with the same d.

    Raises:
        ValueError: naming both shapes.
    """
    fits = one.ndim == other.ndim == 2 and one.shape[0] == other.shape[0]
    if not fits or (same_width and one.shape != other.shape):
        wanted = "one shape (B, d)" if same_width else "the batch size: (B, d) and (B, e)"
        raise ValueError(f"embeddings must share {wanted}, not {_shape(one)} and {_shape(other)}")


def check_positive(name: str, value: float) -> None:
    """A temperature has to be above zero.

    Raises:
        ValueError: naming the value.
    """
    if not value > 0:
        raise ValueError(f"{name} must be greater than 0, not {value}")


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)
