"""The batches of an epoch as both networks see them: the same order and the same views for every method."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from cmkd_bench.seeding import derangement, derive_seed, permutation
from cmkd_bench.training.feed import AHEAD, feed
from cmkd_bench.training.teacher import Teacher
from cmkd_bench.training.tensors import Inputs, Part
from cmkd_bench.training.views import Box

Stored = dict[str, Tensor]


@dataclass(frozen=True)
class Seen:
    """One batch.

    Attributes:
        index: (B,) int64, rows of the training part.
        student: what the student sees.
        teacher_index: the rows that the teacher is asked about; other ones where pairs are shuffled.
        teacher: what the teacher sees, or None where its outputs are stored.
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
    """Cuts the training part into batches; a last partial one is left out.

    Args:
        train: the training part.
        modality: what the student sees.
        teacher: what is shown to it follows from what it asks for; None where the method has no teacher.
        shuffled: whether the teacher is asked about other samples.
        size: samples per batch.
        seed: the run's.
        device: where batches go.
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
        self._train, self._modality, self._teacher = train, modality, teacher
        self._seed, self._device = seed, device
        self._size = min(size, len(train))
        self._partners = derangement(len(train), seed, "pairs") if shuffled else torch.arange(len(train))
        self._sources = self._find_sources()

    def __len__(self) -> int:
        return len(self._train) // self._size

    def epoch(self, stage: str, epoch: int) -> Iterator[Seen]:
        """The batches of one epoch of a stage; their order and views depend on the seed and the place alone."""
        order = permutation(len(self._train), self._seed, "order", stage, epoch)
        rows = torch.split(order[: len(self) * self._size], self._size)
        resident = all(source.is_resident for source, _ in self._sources.values())
        jobs = (functools.partial(self._read, index) for index in rows)
        for step, (index, stored) in enumerate(zip(rows, feed(jobs, 0 if resident else AHEAD), strict=True)):
            yield self._look(index, stored, (stage, epoch, step))

    def _find_sources(self) -> dict[str, tuple[Inputs, bool]]:
        """What a step reads, and whether it is the partner's."""
        sources = {"student": (self._train.inputs[self._modality], False)}
        if self._teacher is not None and self._teacher.modality is not None:
            sources["teacher"] = (self._train.inputs[self._teacher.modality], True)
        if self._train.targets is not None:
            sources["targets"] = (self._train.targets, False)
        return sources

    def _read(self, index: Tensor) -> Stored:
        """The stored rows of a batch; may run in another thread."""
        partners = self._partners.index_select(0, index)
        return {
            name: source.stored(partners if is_partners else index)
            for name, (source, is_partners) in self._sources.items()
        }

    def _look(self, index: Tensor, stored: Stored, place: tuple[str, int, int]) -> Seen:
        teacher = None
        if self._teacher is not None and self._teacher.modality is not None:
            teacher = self._view(self._teacher.modality, stored["teacher"], place, self._teacher.is_augmented)
        return Seen(
            index=index.to(self._device),
            student=self._view(self._modality, stored["student"], place),
            teacher_index=self._partners.index_select(0, index).to(self._device),
            teacher=teacher,
            targets=stored.get("targets"),
            box=self._box(len(index), place),
        )

    def _view(self, modality: str, stored: Tensor, place: tuple[str, int, int], augmented: bool = True) -> Tensor:
        view = self._train.views[modality]
        return view(stored, self._generator(modality, place) if augmented and view.is_random else None)

    def _box(self, batch: int, place: tuple[str, int, int]) -> Box | None:
        """The crop that the inputs had, for their label maps: the first thing that the generator was asked for."""
        view = self._train.views[self._modality]
        if self._train.targets is None or not view.is_random:
            return None
        return Box.draw(batch, view.augmentation, self._generator(self._modality, place))

    def _generator(self, modality: str, place: tuple[str, int, int]) -> torch.Generator:
        """Of a step's view: a modality's own, but one for both where label maps are cropped with them."""
        stream = modality if self._train.targets is None else "positions"
        return torch.Generator().manual_seed(derive_seed(self._seed, "view", stream, *place))
