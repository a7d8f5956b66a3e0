"""The selective non-target distillation of C2KD.

Source: Huo, Xu, Guo, Wang, Guo, "C2KD: Bridging the Modality Gap for Cross-Modal Knowledge Distillation", CVPR 2024.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from cmkd_bench.losses._checks import check_labels, check_logits
from cmkd_bench.losses._precision import in_full_precision
from cmkd_bench.losses._targets import other_entries
from cmkd_bench.losses.distillation import kl_both_ways


@in_full_precision
def nontarget_kl(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    keep: Tensor | None = None,
    form: Literal["renormalized", "zeroed"] = "renormalized",
    reduction: Literal["batch", "kept"] = "batch",
) -> Tensor:
    """Compute KL(teacher || student) over the non-target classes of the kept samples, at temperature 1.

    Neither form gives the target logit a gradient. "renormalized" is the paper's form: the softmax covers the other
    C - 1 classes, so the loss is 0 if C = 2. "zeroed" is the released code's form: the target logit becomes 0 and the
    softmax covers all C classes, so a phantom class pins the level of the other logits. The two differ most if there
    are few classes and the other logits are negative.

    Args:
        student_logits: (B, C).
        teacher_logits: (B, C), the target of the divergence; gets no gradient.
        labels: (B,) class indices.
        keep: (B,) bool, the samples that count; None keeps all. Dropped samples may have any value, including NaN.
        form: how the target class is excluded from the distribution.
        reduction: "batch" divides the sum by B, as in the released code, and "kept" by the number of kept samples.

    Returns:
        A scalar in nats; exactly 0, with a zero gradient, if no sample is kept.

    Raises:
        ValueError: if the shapes do not match, C < 2, keep is not bool, or the form or reduction is unknown.
    """
    student, teacher, divisor = _prepare(student_logits, teacher_logits, labels, keep, form, reduction)
    return F.kl_div(student, teacher.detach(), reduction="sum", log_target=True) / divisor


@in_full_precision
def mutual_nontarget_kl(
    logits: Tensor,
    other_logits: Tensor,
    labels: Tensor,
    keep: Tensor | None = None,
    form: Literal["renormalized", "zeroed"] = "renormalized",
    reduction: Literal["batch", "kept"] = "batch",
) -> tuple[Tensor, Tensor]:
    """Compute `nontarget_kl` in both directions, of p and q, whose (B, C) `logits` and `other_logits` are given.

    In each direction, the first argument of the divergence is the detached target.

    Returns:
        KL(p || q), with a gradient for `other_logits`, and KL(q || p), with a gradient for `logits`: scalars in nats;
        exactly 0, with zero gradients, if no sample is kept.

    Raises:
        ValueError: in the cases of `nontarget_kl`.
    """
    one, other, divisor = _prepare(logits, other_logits, labels, keep, form, reduction)
    return kl_both_ways(one, other, divisor)


def _prepare(
    logits: Tensor, other_logits: Tensor, labels: Tensor, keep: Tensor | None, form: str, reduction: str
) -> tuple[Tensor, Tensor, int | Tensor]:
    """Return the log-probabilities of both sides without the target, and the divisor of their sum."""
    check_logits(logits, other_logits)
    check_labels(labels, logits)
    _check_choices(form, reduction)
    batch = logits.shape[0]
    divisor: Tensor | int = batch
    if keep is not None:
        if keep.shape != labels.shape or keep.dtype != torch.bool:
            raise ValueError(f"keep must be bool of the shape ({batch},), not {keep.dtype} of {tuple(keep.shape)}")
        # masked before the softmax: masked after it, a NaN row would still send 0 * NaN back
        dropped = ~keep[:, None]
        logits, other_logits = logits.masked_fill(dropped, 0), other_logits.masked_fill(dropped, 0)
        if reduction == "kept":
            divisor = keep.sum().clamp(min=1)
    return _without_target(logits, labels, form), _without_target(other_logits, labels, form), divisor


def _without_target(logits: Tensor, labels: Tensor, form: str) -> Tensor:
    if form == "renormalized":
        return F.log_softmax(other_entries(logits, labels), dim=1)
    return F.log_softmax(logits.scatter(1, labels.long()[:, None], 0.0), dim=1)


def _check_choices(form: str, reduction: str) -> None:
    if form not in ("renormalized", "zeroed"):
        raise ValueError(f"form must be 'renormalized' or 'zeroed', not {form!r}")
    if reduction not in ("batch", "kept"):
        raise ValueError(f"reduction must be 'batch' or 'kept', not {reduction!r}")
