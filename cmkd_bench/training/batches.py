"""The batches of an epoch for both networks: the same order and the same views for every method."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from cmkd_bench.training.composition import kinds_of
from cmkd_bench.training.device import to_device
from cmkd_bench.training.pairing import UNPAIRED, Pairing
from cmkd_bench.training.read_ahead import AHEAD, read_ahead
from cmkd_bench.training.seeding import derive_seed
from cmkd_bench.training.teacher import Teacher
from cmkd_bench.training.tensors import Part
from cmkd_bench.training.views import Box

Stored = dict[str, Tensor]
Place = tuple[str, int, int]  # phase, epoch, step


@dataclass(frozen=True)
class BatchInputs:
    """One batch."""

    index: Tensor  # (B,) int64, rows of the training part
    student: Tensor  # the student's inputs
    teacher_index: Tensor  # (P,) int64, rows of the teacher's inputs; different ones if pairs are shuffled or wrong
    # (P,) int64, positions in the batch of the samples with a partner; None if all have one
    pairs: Tensor | None = None
    teacher: Tensor | None = None  # the teacher's inputs, or None if its outputs are stored
    targets: Tensor | None = None  # (B, H, W) uint8 label maps, for segmentation
    box: Box | None = None  # the crop and flip of inputs and label maps, for segmentation


class Batches:
    """Splits the training part into batches; a partial last batch is dropped.

    If labels or pairs are scarce, every batch has the same number of labeled and of paired samples (`kinds_of`), and
    an epoch has as many steps as with all of them.

    Args:
        train: the training part.
        modality: modality of the student.
        teacher: decides which inputs it is shown; None if the method has no teacher.
        pairing: which samples the teacher is shown.
        size: samples per batch.
        seed: seed of the run.
        device: device of the batches.
    """

    def __init__(
        self,
        train: Part,
        modality: str,
        teacher: Teacher | None,
        pairing: Pairing,
        size: int,
        seed: int,
        device: torch.device,
    ) -> None:
        self._train, self._modality = train, modality
        self._shown = None if teacher is None else teacher.modality
        self._teacher_is_augmented = teacher is not None and teacher.is_augmented
        self._seed, self._device = seed, device
        self._size = min(size, len(train))
        self._partners = pairing.partners(len(train), seed)
        paired = self._partners != UNPAIRED
        self._all_paired = bool(paired.all())
        self._kinds = kinds_of(train.labels.cpu() >= 0, paired, self._size)

    def __len__(self) -> int:
        return len(self._train) // self._size

    def epoch(self, phase: str, epoch: int) -> Iterator[BatchInputs]:
        """Yield the batches of one epoch of a phase; order and views depend only on seed, phase and epoch."""
        rows = torch.cat([one.batches(len(self), self._seed, phase, epoch) for one in self._kinds], dim=1)
        read = [self._train.inputs[modality] for modality in (self._modality, self._shown) if modality is not None]
        resident = all(inputs.is_resident for inputs in read)
        jobs = (functools.partial(self._read, index, (phase, epoch, step)) for step, index in enumerate(rows))
        for step, (index, stored) in enumerate(zip(rows, read_ahead(jobs, 0 if resident else AHEAD), strict=True)):
            yield self._inputs(index, stored, (phase, epoch, step))

    def _read(self, index: Tensor, place: Place) -> Stored:
        """Return the stored rows of a batch; may run in another thread."""
        stored = {"student": self._stored(self._modality, index, place, augmented=True)}
        if self._shown is not None:
            partners = self._pairs(index)[1]
            stored["teacher"] = self._stored(self._shown, partners, place, self._teacher_is_augmented)
        if self._train.targets is not None:
            stored["targets"] = self._train.targets.stored(index)
        return stored

    def _pairs(self, index: Tensor) -> tuple[Tensor | None, Tensor]:
        """Return the positions of the samples with a partner, None if all have one, and their partners: (P,) each."""
        partners = self._partners.index_select(0, index)
        if self._all_paired:
            return None, partners
        pairs = (partners != UNPAIRED).nonzero().squeeze(1)
        return None if len(pairs) == len(index) else pairs, partners.index_select(0, pairs)

    def _stored(self, modality: str, index: Tensor, place: Place, augmented: bool) -> Tensor:
        inputs, view = self._train.inputs[modality], self._train.views[modality]
        generator = self._generator(modality, place, "frames") if augmented and view.is_random else None
        return inputs.stored(index, view.frames(len(index), inputs.shape[0], generator))

    def _inputs(self, index: Tensor, stored: Stored, place: Place) -> BatchInputs:
        teacher, (pairs, partners) = None, self._pairs(index)
        if self._shown is not None:
            teacher = self._view(self._shown, stored["teacher"], place, self._teacher_is_augmented)
        return BatchInputs(
            index=to_device(index, self._device),
            student=self._view(self._modality, stored["student"], place, augmented=True),
            teacher_index=to_device(partners, self._device),
            pairs=None if pairs is None else to_device(pairs, self._device),
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
