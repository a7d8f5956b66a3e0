"""The teacher/student interface: what a distillation method is, and what it may use."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cmkd_bench.declaration import Declaration
from cmkd_bench.declaration import Paper as Paper
from cmkd_bench.outputs import Outputs

P = TypeVar("P")
Losses = dict[str, Tensor]

HIDDEN = -100
"""The label of a sample whose label may not be seen; `F.cross_entropy` ignores it."""


@dataclass(frozen=True)
class NetworkShape:
    """The sizes of a network's outputs for one sample.

    Attributes:
        embedding: D of the pooled embedding.
        layers: the shape of each layer's feature map without the batch axis, from shallow to deep. The head is not
            counted, so a linear classifier has no layer.
        positions: (h, w) of the logits for segmentation; empty otherwise.
    """

    embedding: int
    layers: tuple[tuple[int, ...], ...]
    positions: tuple[int, ...] = ()


@dataclass(frozen=True)
class Head:
    """The linear head of a network as a function of its embedding, without a copy of its weights.

    Logits have a gradient for the embedding, and one for the weights where the method updates the teacher.

    Attributes:
        module: a linear layer, or a convolution with a kernel of one for segmentation.
    """

    module: nn.Linear | nn.Conv2d

    @property
    def weight(self) -> Tensor:
        """(C, D)."""
        return self.module.weight.flatten(1)

    @property
    def bias(self) -> Tensor | None:
        """(C,), or None if the head has none."""
        return self.module.bias

    def __call__(self, embedding: Tensor) -> Tensor:
        """Return the logits, (B, C), of (B, D) embeddings, in float32 or better."""
        with torch.autocast(embedding.device.type, enabled=False):
            wide = embedding if embedding.dtype == torch.float64 else embedding.float()
            bias = None if self.bias is None else self.bias.to(wide.dtype)
            return F.linear(wide, self.weight.to(wide.dtype), bias)


@dataclass(frozen=True)
class Pair:
    """The properties of networks and data that a method may use.

    Attributes:
        student: shape of the student.
        teacher: shape of the teacher; that of the student if the method uses no teacher.
        classes: C.
        train_labels: (M,) int64, the labels of the training part by sample index, HIDDEN where they may not be seen;
            the others are zeros for segmentation.
        teacher_head_or_none: the head of the teacher; None while a pair is only planned, or if the method uses no
            teacher. Read `teacher_head` instead.
        student_network: the student's network in its initial state, to be copied in the constructor and left as it is;
            None while a pair is only planned.
    """

    student: NetworkShape
    teacher: NetworkShape
    classes: int
    train_labels: Tensor
    teacher_head_or_none: Head | None = None
    student_network: nn.Module | None = None

    @property
    def teacher_head(self) -> Head:
        """The head of the teacher's network.

        Raises:
            RuntimeError: if there is none.
        """
        if self.teacher_head_or_none is None:
            raise RuntimeError(
                "there is no teacher's head: the method declares teacher='none', or reads it in `unsupported`, when no "
                "network is built yet"
            )
        return self.teacher_head_or_none

    @property
    def is_dense(self) -> bool:
        """Whether the task is segmentation, where a row of logits and embedding is a position instead of a sample."""
        return bool(self.student.positions)


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


@dataclass(frozen=True)
class Phase:
    """One phase of a method's training, with its own optimizer and schedule.

    Attributes:
        name: its name in records.
        loss: named terms whose sum is minimized.
        share: share of the recipe's epochs; the shares of all phases add up to 1, so that all methods train equally
            long.
        trains: the whole student, or only its head on top of a frozen backbone in evaluation mode.
        extras: whether the phase trains the method's own modules.
        labels: whether the phase may read labels.
        views: whether the phase reads the method's further views, if it has any.
    """

    name: str
    loss: Callable[[Outputs, Outputs, Batch], Losses]
    share: float = 1.0
    trains: Literal["student", "head"] = "student"
    extras: bool = True
    labels: bool = True
    views: bool = True


class Method(Declaration[P], nn.Module, ABC, Generic[P]):
    """A distillation method: a loss, and what it needs. `P` is the dataclass of its hyper-parameters, if it has any.

    It is a module, so trainable extras and state are submodules, parameters and buffers: the engine moves and trains
    them and saves them in checkpoints. Create extras in the constructor, which runs with its own random stream.

    Its class attributes describe it; see `Declaration`.
    """

    def __init__(self, hyperparameters: P, pair: Pair) -> None:
        super().__init__()
        self.hyperparameters = hyperparameters
        self.pair = pair
        self.logged: dict[str, Tensor] = {}

    @abstractmethod
    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        """Return the named loss terms of a batch; their sum is minimized.

        Args:
            student: outputs with gradients.
            teacher: outputs of the same samples, without gradients unless the method updates the teacher; where some
                have no partner (`batch.pairs`), only of the others. A method without a teacher gets the student's own
                outputs, detached, and should ignore them, or those of its `own_teacher`.
            batch: index, labels, epoch.
        """

    @classmethod
    def unsupported(cls, hyperparameters: P, pair: Pair) -> str | None:
        """Return why the method is not defined for this pair, or None if it is; the plan shows the reason."""
        if cls.pairing == "same_class" and pair.is_dense:
            return f"{cls.registry_name} pairs samples of one class, and an image with a label map has several"
        if cls.trains_embedding and not pair.student.layers:
            return f"{cls.registry_name} trains the embedding, and that of a linear classifier is its input"
        return None

    def phases(self) -> tuple[Phase, ...]:
        """Return the phases in order; one by default. The epoch is selected in the last phase."""
        return (Phase("train", self.forward),)

    def student_layers(self) -> tuple[int, ...]:
        """Return the indices of the student's layers whose feature maps the loss reads."""
        return ()

    def teacher_layers(self) -> tuple[int, ...]:
        """Return the indices of the teacher's layers whose feature maps the loss reads."""
        return ()

    def own_teacher(self) -> nn.Module | None:
        """Return a network of the method's own that is the teacher, for methods with teacher = "none"; None by default.

        It is run without gradients on the student's training view, and `forward` gets its outputs as the teacher's.
        """
        return None

    def deployed(self, student: nn.Module) -> nn.Module:
        """Return what is selected, tested, saved, and loaded: the student itself, by default.

        Another module returns `Outputs` for (inputs, layers), as a network does; `Extended` is one. It is made of the
        student's modules, the method's own, and the teacher's head, and holds no copies and nothing new.
        """
        return student

    def log(self, **values: Tensor) -> None:
        """Report scalars of this step, e.g. a keep rate; the run's record contains their mean over each epoch."""
        self.logged.update({name: value.detach() for name, value in values.items()})

    def after_step(self, student: nn.Module) -> None:
        """Update state after each optimizer step, without gradients; does nothing by default.

        State in buffers and modules of the method is kept in checkpoints: a memory bank that the backward pass still
        needed, or a moving average of the student's weights.

        Args:
            student: the student's network, to be read and left as it is.
        """
