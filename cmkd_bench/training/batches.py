"""The batches of an epoch for both networks: the same order and the same views for every method."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from cmkd_bench.training.device import to_device
from cmkd_bench.training.read_ahead import AHEAD, read_ahead
from cmkd_bench.training.seeding import derangement, derive_seed, permutation
from cmkd_bench.training.teacher import Teacher
from cmkd_bench.training.tensors import Part
from cmkd_bench.training.views import Box

Stored = dict[str, Tensor]
Place = tuple[str, int, int]  # phase, epoch, step


@dataclass(frozen=True)
class BatchInputs:
    """One batch.

    Attributes:
        index: (B,) int64, rows of the training part.
        student: the student's inputs.
        teacher_index: rows of the teacher's inputs; different ones if pairs are shuffled.
        teacher: the teacher's inputs, or None if its outputs are stored.
        targets: (B, H, W) uint8 label maps, for segmentation.
        box: the crop and flip of inputs and label maps, for segmentation.
    """

    index: Tensor
    student: Tensor
    teacher_index: Tensor
    teacher: Tensor | None = None
    targets: Tensor | None = None
    box: Box | None = None


class Batches:
    """Splits the training part into batches; a partial last batch is dropped.

    Args:
        train: the training part.
        modality: modality of the student.
        teacher: decides which inputs it is shown; None if the method has no teacher.
        shuffled: whether the teacher gets other samples than the student.
        size: samples per batch.
        seed: seed of the run.
        device: device of the batches.
    """

    def __init__(
        self,
        train: Part,
        modality: str,
        teacher: Teacher | None,
        shuffled: bool,
        size: int,
        seed: int,
        device: torch.device,
    ) -> None:
        self._train, self._modality = train, modality
        self._shown = None if teacher is None else teacher.modality
        self._teacher_is_augmented = teacher is not None and teacher.is_augmented
        self._seed, self._device = seed, device
        self._size = min(size, len(train))
        self._partners = derangement(len(train), seed, "pairs") if shuffled else torch.arange(len(train))

    def __len__(self) -> int:
        return len(self._train) // self._size

    def epoch(self, phase: str, epoch: int) -> Iterator[BatchInputs]:
        """Yield the batches of one epoch of a phase; order and views depend only on seed, phase and epoch."""
        order = permutation(len(self._train), self._seed, "order", phase, epoch)
        rows = torch.split(order[: len(self) * self._size], self._size)
        read = [self._train.inputs[modality] for modality in (self._modality, self._shown) if modality is not None]
        resident = all(inputs.is_resident for inputs in read)
        jobs = (functools.partial(self._read, index, (phase, epoch, step)) for step, index in enumerate(rows))
        for step, (index, stored) in enumerate(zip(rows, read_ahead(jobs, 0 if resident else AHEAD), strict=True)):
            yield self._inputs(index, stored, (phase, epoch, step))

    def _read(self, index: Tensor, place: Place) -> Stored:
        """Return the stored rows of a batch; may run in another thread."""
        stored = {"student": self._stored(self._modality, index, place, augmented=True)}
        if self._shown is not None:
            partners, augmented = self._partners.index_select(0, index), self._teacher_is_augmented
            stored["teacher"] = self._stored(self._shown, partners, place, augmented)
        if self._train.targets is not None:
            stored["targets"] = self._train.targets.stored(index)
        return stored

    def _stored(self, modality: str, index: Tensor, place: Place, augmented: bool) -> Tensor:
        inputs, view = self._train.inputs[modality], self._train.views[modality]
        generator = self._generator(modality, place, "frames") if augmented else None
        return inputs.stored(index, view.frames(len(index), inputs.shape[0], generator))

    def _inputs(self, index: Tensor, stored: Stored, place: Place) -> BatchInputs:
        teacher = None
        if self._shown is not None:
            teacher = self._view(self._shown, stored["teacher"], place, self._teacher_is_augmented)
        return BatchInputs(
            index=to_device(index, self._device),
            student=self._view(self._modality, stored["student"], place, augmented=True),
            teacher_index=to_device(self._partners.index_select(0, index), self._device),
            teacher=teacher,
            targets=stored.get("targets"),
            box=self._box(len(index), place),
        )

    def _view(self, modality: str, stored: Tensor, place: Place, augmented: bool) -> Tensor:
        view = self._train.views[modality]
        return view(stored, self._generator(modality, place) if augmented and view.is_random else None)

    def _box(self, batch: int, place: Place) -> Box | None:
        """Return the crop of the inputs for their label maps, which is the first draw from the generator."""
        view = self._train.views[self._modality]
        if self._train.targets is None or not view.is_random:
            return None
        return Box.draw(batch, view.augmentation, self._generator(self._modality, place))

    def _generator(self, modality: str, place: Place, what: str = "view") -> torch.Generator:
        """Return the generator of a step's view: one per modality, but a common one if label maps are cropped too."""
        stream = modality if self._train.targets is None else "positions"
        return torch.Generator().manual_seed(derive_seed(self._seed, what, stream, *place))
