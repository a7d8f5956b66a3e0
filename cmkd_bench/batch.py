"""What a method may know of a training batch, apart from the outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from cmkd_bench.outputs import Outputs

HIDDEN = -100
"""The label of a sample whose label may not be seen; `F.cross_entropy` ignores it."""


@dataclass(frozen=True)
class Batch:
    """One training batch, apart from the outputs.

    Attributes:
        index: (B,) int64, positions in the training part, 0 to M-1, the same in every epoch.
        epoch: 1-based, within the phase.
        epochs: number of epochs of the phase.
        step: number of steps of the phase before this one.
        labels_or_none: (B,) int64, or None in a phase that is declared label-free; read `labels` instead.
        pairs: (N,) int64, the rows whose sample has a partner in the teacher's modality, which are the rows of the
            teacher's outputs; None if all have one. `paired` selects them.
        teacher_index: (N,) int64, positions in the training part of the samples that the teacher's outputs belong to:
            another row's, if pairs are shuffled or wrong. None in a batch without a teacher, and in some tests.
        train_labels: (M,) int64, `Pair.train_labels` on the device; None in a phase that is declared label-free, and
            for segmentation, where a sample has no label but a map of them. `teacher_labels` reads it.
        teachers: the outputs of `Method.further_teachers` by role, of the same samples as those of the teacher.
        further: the outputs of student and teacher for each of `Method.further_views`, of the same rows as those that
            the loss gets for the training view. Empty in a phase that reads none.
        sample: None; for segmentation, where every labeled position is a row of logits, embedding and labels, (P,)
            int64: the sample of the batch that each row belongs to. `index` stays (B,).
    """

    index: Tensor
    epoch: int
    epochs: int
    labels_or_none: Tensor | None
    sample: Tensor | None = None
    pairs: Tensor | None = None
    step: int = 0
    teacher_index: Tensor | None = None
    train_labels: Tensor | None = None
    further: tuple[tuple[Outputs, Outputs], ...] = ()
    teachers: Mapping[str, Outputs] = field(default_factory=dict)

    @property
    def labels(self) -> Tensor:
        """The labels: (B,) int64, or (P,) for segmentation; HIDDEN where they may not be seen.

        Raises:
            RuntimeError: in a phase that is declared label-free.
        """
        if self.labels_or_none is None:
            raise RuntimeError("this phase is declared label-free (Phase.labels=False) and must not read labels")
        return self.labels_or_none

    @property
    def labelled(self) -> Tensor:
        """Whether the label of each row may be seen: bool, of the shape of `labels`."""
        return self.labels != HIDDEN

    @property
    def teacher_labels(self) -> Tensor:
        """The labels of the samples that the teacher's outputs belong to: (N,) int64, HIDDEN where they are hidden.

        Raises:
            RuntimeError: in a phase that is declared label-free, for segmentation, and without a teacher.
        """
        if self.teacher_index is None or self.train_labels is None:
            raise RuntimeError("there is no teacher, the phase is declared label-free, or the labels are maps")
        return self.train_labels.index_select(0, self.teacher_index)

    def classes(self, logits: Tensor) -> Tensor:
        """Return a class for every row: its label, or the largest logit where the label is hidden.

        Args:
            logits: (B, C), usually the teacher's.

        Returns:
            int64, of the shape of `labels`.
        """
        return torch.where(self.labelled, self.labels, logits.argmax(1))

    def paired(self, student: Outputs) -> tuple[Outputs, Batch]:
        """Return the student's outputs for the rows of the teacher's outputs, and the batch of these rows.

        If every sample has a partner, both are what was given. Otherwise, the batch has no further views; select those
        of `self.further` in the same way.
        """
        if self.pairs is None:
            return student, self
        labels = None if self.labels_or_none is None else self.labels_or_none.index_select(0, self.pairs)
        rows = replace(
            self, index=self.index.index_select(0, self.pairs), labels_or_none=labels, pairs=None, further=()
        )
        return student.select(self.pairs), rows

    def ramp(self, share: float) -> float:
        """Return a weight that grows to 1 over the first epochs of the phase: e / E in epoch e = 1, 2, ..., at most 1.

        Args:
            share: E as a share of the phase's epochs; with 0 the weight is 1 at once.
        """
        length = share * self.epochs
        return min(self.epoch / length, 1.0) if length else 1.0

    def draw_rows(self, per_image: int) -> Tensor | slice:
        """Return the rows whose relations a loss compares: all samples, or some positions of each image.

        A loss that compares every row with every other cannot take all labeled positions of a segmentation batch.

        Args:
            per_image: random positions of each image, with replacement, drawn from the step's random stream.

        Returns:
            An index of all rows, or (B * per_image,) int64 for segmentation.
        """
        if self.sample is None:
            return slice(None)
        images = len(self.index)
        counts = torch.bincount(self.sample, minlength=images)[:, None]
        shares = torch.rand(images, per_image, device=self.sample.device)
        # An image without a labeled position yields one of its neighbor, because a check would synchronize the device.
        drawn = counts.cumsum(dim=0) - counts + (shares * counts).long()
        return drawn.clamp(max=len(self.sample) - 1).flatten()
