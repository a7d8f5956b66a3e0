"""The batches of an epoch for both networks: the same order and the same views for every method."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from cmkd_bench.composite import each, part, parts_of
from cmkd_bench.declaration import ViewKind
from cmkd_bench.network import Seen
from cmkd_bench.training.composition import kinds_of
from cmkd_bench.training.device import to_device
from cmkd_bench.training.pairing import UNPAIRED, Pairing
from cmkd_bench.training.read_ahead import AHEAD, read_ahead
from cmkd_bench.training.seeding import derive_seed
from cmkd_bench.training.strong_views import disturb
from cmkd_bench.training.teacher import Teacher
from cmkd_bench.training.tensors import Part
from cmkd_bench.training.views import Box

Stored = dict[str, Seen]
Place = tuple[str, int, int]  # phase, epoch, step


@dataclass(frozen=True)
class BatchInputs:
    """One batch."""

    index: Tensor  # (B,) int64, rows of the training part
    student: Seen  # the student's inputs
    teacher_index: Tensor  # (P,) int64, rows of the teacher's inputs; different ones if pairs are shuffled or wrong
    step: int = 0  # number of batches of the epoch before this one
    # (P,) int64, positions in the batch of the samples with a partner; None if all have one
    pairs: Tensor | None = None
    teacher: Seen | None = None  # the teacher's inputs, or None if its outputs are stored
    targets: Tensor | None = None  # (B, H, W) uint8 label maps, for segmentation
    box: Box | None = None  # the crop and flip of inputs and label maps, for segmentation
    teachers: Mapping[str, Seen] = field(default_factory=dict)  # the inputs of further teachers that need some, by role
    # the inputs of student and teacher in each further view, as above
    further: tuple[tuple[Seen, Seen | None], ...] = ()


class Batches:
    """Splits the training part into batches; a partial last batch is dropped.

    If labels or pairs are scarce, every batch has the same number of labeled and of paired samples (`kinds_of`), and
    an epoch has as many steps as with all of them.

    Args:
        train: the training part.
        modality: modality of the student, which may be composite in the run of a teacher.
        teacher: decides which inputs it is shown; None if the method has no teacher.
        pairing: which samples the teacher is shown.
        size: samples per batch.
        seed: seed of the run.
        device: device of the batches.
        further: the kinds of the views beside the training view.
        teachers: the further teachers by role, which are shown the training view only.
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
        further: Sequence[ViewKind] = (),
        teachers: Mapping[str, Teacher] | None = None,
    ) -> None:
        self._further = further
        # of the further teachers that are shown inputs: what they see, and whether it is augmented
        self._others = {
            role: (one.modality, one.is_augmented) for role, one in (teachers or {}).items() if one.modality is not None
        }
        self._train, self._modality = train, modality
        self._shown = None if teacher is None else teacher.modality
        self._teacher_is_augmented = teacher is not None and teacher.is_augmented
        self._seed, self._device = seed, device
        self._size = min(size, len(train))
        self._pairing, self._labels = pairing, train.labels.cpu()
        # The batches of a method are those of the student alone, which has no form of pairing.
        has_partner = replace(pairing, form="paired").partners(self._labels, seed) != UNPAIRED
        self._kinds = kinds_of(self._labels >= 0, has_partner, self._size)

    def __len__(self) -> int:
        return len(self._train) // self._size

    def epoch(self, phase: str, epoch: int, further: bool = True) -> Iterator[BatchInputs]:
        """Yield the batches of one epoch of a phase; order and views depend only on seed, phase and epoch.

        Args:
            further: whether the phase reads the further views.
        """
        views = range(1, len(self._further) + 1) if further else range(0)
        rows = torch.cat([one.batches(len(self), self._seed, phase, epoch) for one in self._kinds], dim=1)
        read = (self._modality, self._shown, *(modality for modality, _ in self._others.values()))
        resident = all(self._train.is_resident(modality) for modality in read if modality is not None)
        partners = self._pairing.partners(self._labels, self._seed, phase, epoch)[rows]
        batches = [(rows[step], partners[step], (phase, epoch, step)) for step in range(len(rows))]
        jobs = (functools.partial(self._read, *batch, views) for batch in batches)
        for batch, stored in zip(batches, read_ahead(jobs, 0 if resident else AHEAD), strict=True):
            yield self._inputs(stored, *batch, views)

    def _read(self, index: Tensor, partners: Tensor, place: Place, further: Iterable[int]) -> Stored:
        """Return the stored rows of a batch; may run in another thread."""
        shown = partners[partners != UNPAIRED]
        rows = {"student": (self._modality, index, True)}
        if self._shown is not None:
            rows["teacher"] = (self._shown, shown, self._teacher_is_augmented)
        others = {role: (modality, shown, augmented) for role, (modality, augmented) in self._others.items()}
        stored = {role: self._stored(*of_role, place) for role, of_role in {**rows, **others}.items()}
        for number, (role, (modality, read, _)) in itertools.product(further, rows.items()):
            stored[f"{role} {number}"] = self._stored(modality, read, True, place, number, stored[role])
        if self._train.targets is not None:
            stored["targets"] = self._train.targets.stored(index)
        return stored

    def _stored(
        self, modality: str, index: Tensor, augmented: bool, place: Place, number: int = 0, known: Seen | None = None
    ) -> Seen:
        """Return the stored rows for a view; `known` are those for another view, which may be the same."""

        def rows(one: str) -> Tensor:
            frames = self._frames(one, index, augmented, place, number)
            if known is not None and frames is None:
                return part(known, one)
            return self._train.inputs[one].stored(index, frames)

        return each(modality, rows)

    def _frames(self, modality: str, index: Tensor, augmented: bool, place: Place, number: int = 0) -> Tensor | None:
        view, frames = self._train.views[modality], self._train.inputs[modality].shape[0]
        random = augmented and view.is_random
        generator = self._generator(modality, place, _named("frames", number)) if random else None
        return view.frames(len(index), frames, generator)

    def _inputs(
        self, stored: Stored, index: Tensor, partners: Tensor, place: Place, further: Iterable[int]
    ) -> BatchInputs:
        teacher, pairs = None, (partners != UNPAIRED).nonzero().squeeze(1)
        if self._shown is not None:
            teacher = self._view(self._shown, stored["teacher"], place, self._teacher_is_augmented)
        return BatchInputs(
            index=to_device(index, self._device),
            student=self._view(self._modality, stored["student"], place, augmented=True),
            teacher_index=to_device(partners.index_select(0, pairs), self._device),
            step=place[2],
            pairs=None if len(pairs) == len(index) else to_device(pairs, self._device),
            teacher=teacher,
            teachers={
                role: self._view(modality, stored[role], place, augmented)
                for role, (modality, augmented) in self._others.items()
            },
            targets=None if self._train.targets is None else part(stored["targets"], "targets"),
            box=self._box(len(index), place),
            further=tuple(self._further_inputs(stored, place, number) for number in further),
        )

    def _further_inputs(self, stored: Stored, place: Place, number: int) -> tuple[Seen, Seen | None]:
        def view(modality: str, role: str) -> Seen:
            rows = stored[f"{role} {number}"]
            return each(modality, lambda one: self._further_view(one, part(rows, one), place, number))

        return view(self._modality, "student"), None if self._shown is None else view(self._shown, "teacher")

    def _further_view(self, modality: str, stored: Tensor, place: Place, number: int) -> Tensor:
        """Return a view beside the training view, which has number 0."""
        view, is_strong = self._train.views[modality], self._further[number - 1] == "strong"
        if self._train.targets is not None:  # the label maps' crop is that of the training view, so each view has it
            number_of_crop, cropped = 0, view
        else:
            number_of_crop, cropped = number, view.strongly_cropped if is_strong else view
        crop = self._generator(modality, place, _named("view", number_of_crop)) if cropped.is_random else None
        seen = cropped(stored, crop)
        if not is_strong or view.strong is None:
            return seen
        disturbance = derive_seed(self._seed, _named("disturbance", number), modality, *place)
        return disturb(seen, view.kind, view.strong, torch.Generator().manual_seed(disturbance))

    def _view(self, modality: str, stored: Seen, place: Place, augmented: bool) -> Seen:
        def seen(one: str) -> Tensor:
            view = self._train.views[one]
            return view(part(stored, one), self._generator(one, place) if augmented and view.is_random else None)

        return each(modality, seen)

    def _box(self, batch: int, place: Place) -> Box | None:
        """Return the crop of the inputs for their label maps, which is the first draw from the generator."""
        if self._train.targets is None or not self._train.is_random(self._modality):
            return None
        view = self._train.views[parts_of(self._modality)[0]]
        return Box.draw(batch, view.augmentation, self._generator(self._modality, place))

    def _generator(self, modality: str, place: Place, what: str = "view") -> torch.Generator:
        """Return the generator of a step's view: one per modality, but a common one if label maps are cropped too."""
        stream = modality if self._train.targets is None else "positions"
        return torch.Generator().manual_seed(derive_seed(self._seed, what, stream, *place))


def _named(what: str, number: int) -> str:
    """Return the name of a random stream of a view; that of the training view has no number."""
    return f"{what} {number}" if number else what
