"""Segmentation: a method sees the labeled positions of a batch as its samples; confusion matrices of images."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor
from torch.nn import functional as F

from cmkd_bench.method import HIDDEN, Batch
from cmkd_bench.outputs import Outputs
from cmkd_bench.training.views import HIDDEN_MAP, IGNORED, Box, resize_labels


def as_positions(
    student: Outputs, teacher: Outputs, batch: Batch, targets: Tensor, box: Box | None
) -> tuple[Outputs, Outputs, Batch]:
    """Return every labeled position as one row of logits and embedding, so that a loss per sample is per position.

    The label maps are resized to the resolution of the logits by nearest neighbor. Feature maps stay per image. Of an
    image whose labels are hidden, every position is a row, with the label HIDDEN.

    Args:
        student: logits (B, C, h, w), positions (B, D, h, w).
        teacher: the same for the teacher, with the same h and w.
        batch: its labels are replaced, if the phase may read them.
        targets: (B, H, W) uint8, 255 is ignored, HIDDEN_MAP is hidden.
        box: the crop and flip of this batch, the same for both modalities; None is none.

    Returns:
        logits (P, C), embedding (P, D) and labels (P,) of the P positions; `batch.sample` gives their samples.
    """
    labels = resize_labels(targets, (student.logits.shape[2], student.logits.shape[3]), box)
    rows = (labels.flatten() != IGNORED).nonzero().squeeze(1)
    sample = rows // labels[0].numel()
    known = None
    if batch.labels_or_none is not None:
        known = labels.flatten().index_select(0, rows)
        known = known.masked_fill(known == HIDDEN_MAP, HIDDEN)
    seen = dataclasses.replace(batch, labels_or_none=known, sample=sample)
    return _rows(student, rows), _rows(teacher, rows), seen


def confusion(logits: Tensor, targets: Tensor, classes: int) -> Tensor:
    """Return one confusion matrix per image at the resolution of the labels: (B, C, C) int64, rows are labels.

    Args:
        logits: (B, C, h, w), interpolated bilinearly.
        targets: (B, H, W) uint8, 255 is ignored.
        classes: C.
    """
    full = F.interpolate(logits.float(), targets.shape[1:], mode="bilinear", align_corners=False)
    found, labels = full.argmax(1), targets.long()
    counted = labels != IGNORED
    image = torch.arange(len(labels), device=labels.device).view(-1, 1, 1).expand_as(labels)
    places = (image * classes + labels) * classes + found
    return places[counted].bincount(minlength=len(labels) * classes**2).view(-1, classes, classes)


def _rows(outputs: Outputs, rows: Tensor) -> Outputs:
    assert outputs.positions is not None, "a dense network gives its positions"
    return dataclasses.replace(
        outputs,
        logits=outputs.logits.movedim(1, -1).flatten(0, 2).index_select(0, rows),
        embedding=outputs.positions.movedim(1, -1).flatten(0, 2).index_select(0, rows),
    )
