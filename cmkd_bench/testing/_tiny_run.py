"""The training that the conformance tests use: a method between two tiny networks."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cmkd_bench.composite import JOINT, each, part
from cmkd_bench.config.recipe import Recipe
from cmkd_bench.method import Batch, Head, Losses, Method, Pair, Phase
from cmkd_bench.network import Network, shape_of
from cmkd_bench.networks.concat import Concat
from cmkd_bench.outputs import Outputs
from cmkd_bench.parameters import build
from cmkd_bench.testing._tiny import INPUTS, paired_part, tiny_network
from cmkd_bench.training.assembly import build_method
from cmkd_bench.training.checkpoint import load_checkpoint, save_checkpoint
from cmkd_bench.training.loop import Training, phase_epochs
from cmkd_bench.training.pairing import UNPAIRED, Pairing
from cmkd_bench.training.seeding import random_stream
from cmkd_bench.training.teacher import Teacher, TrainedTeacher, frozen_teacher, outputs_without_teacher
from cmkd_bench.training.tensors import Part, Resident
from cmkd_bench.training.training_progress import Stopped

RECIPE = Recipe(
    epochs=2,
    batch_size=8,
    optimizer="adamw",
    learning_rate=0.01,
    final_learning_rate=0.001,
    momentum=0.9,
    weight_decay=0.01,
    schedule="cosine",
    schedule_step="step",
    poly_power=0.9,
    gradient_clip=0.0,
    precision="float32",
    select_on="validation",
    select_from=0.0,
    evaluate_every=100,  # the last epoch is selected, so that an earlier one cannot hide a difference
    cache_mb=0.0,  # a frozen teacher is run at every step
)
CPU = torch.device("cpu")
RUN_ID = "conformance"


@dataclass(frozen=True)
class Direction:
    """The direction of distillation between two modalities."""

    teacher: str
    student: str

    def __str__(self) -> str:
        return f"{self.teacher}-to-{self.student}"


# Both ways between two kinds of network, and between vectors of different sizes; no two embeddings are equally wide.
DIRECTIONS = (Direction("vector", "signal"), Direction("signal", "vector"), Direction("vector", "points"))


@dataclass
class StopAfter:
    """A Watch that stops a training after some epochs, or never."""

    epochs: int | None = None
    done: int = 0

    def epoch(self, done: int, total: int) -> None:
        self.done = done

    def should_stop(self) -> bool:
        return self.done == self.epochs

    def should_save(self) -> bool:
        return False


@dataclass
class TinyRun:
    """A method between two networks on paired data, assembled as the engine does it for a run.

    `every_label` is the training part with all labels, of which `train` may hide some.
    """

    method: Method[Any]
    student: Network
    teacher: Network
    direction: Direction
    train: Part
    validation: Part
    seed: int
    every_label: Part
    pairing: Pairing
    further_teachers: Mapping[str, tuple[Network, str]]  # by role, with the modality that each one sees

    @functools.cached_property
    def deployed(self) -> nn.Module:
        """What the method deploys."""
        return self.method.deployed(self.student)

    @property
    def teachers(self) -> dict[str, Network]:
        """The networks of all teachers: `teacher`, and the others by role."""
        return {"teacher": self.teacher, **{role: network for role, (network, _) in self.further_teachers.items()}}

    def training(self, recipe: Recipe = RECIPE, only: Phase | None = None) -> Training:
        """Return the engine's training, in which every phase has an epoch.

        Args:
            recipe: whose epochs are raised if they are too few.
            only: replaces the method's phases, and gets all epochs.
        """
        if only is None:
            recipe = dataclasses.replace(recipe, epochs=enough_epochs(self.method.phases(), recipe.epochs))
        training = Training(
            recipe=recipe,
            seed=self.seed,
            method=self.method,
            student=self.student,
            deployed=self.deployed,
            teachers=self._providers(recipe),
            trained_teachers=self.teachers if self.method.updates_teacher else {},
            train=self.train,
            selection=self.validation,
            modality=self.direction.student,
            classes=self.method.pair.classes,
            device=CPU,
            pairing=self.pairing,
        )
        if only is not None:
            training.phases, training.epochs = (dataclasses.replace(only, share=1.0),), [recipe.epochs]
        return training

    def run(self, recipe: Recipe = RECIPE, only: Phase | None = None) -> Training:
        """Train to the end."""
        training = self.training(recipe, only)
        training.run(StopAfter(), None, lambda state: None)
        return training

    def run_until(self, epochs: int, checkpoint: Path, recipe: Recipe) -> None:
        """Train for some of the recipe's epochs and save a checkpoint."""
        try:
            self.training(recipe).run(StopAfter(epochs), None, functools.partial(save_checkpoint, checkpoint, RUN_ID))
        except Stopped:
            return
        raise AssertionError(f"the training ended before epoch {epochs}")

    def resume(self, checkpoint: Path, recipe: Recipe) -> None:
        """Resume from a checkpoint and train to the end."""
        self.training(recipe).run(StopAfter(), load_checkpoint(checkpoint, RUN_ID, CPU), lambda state: None)

    def losses(self, phase: Phase, samples: int) -> Losses:
        """Return the loss terms of all steps for the first samples as one batch in training mode."""
        self.student.train()
        batch = self.batch(phase, samples)
        inputs = self.train.evaluation_view(self.direction.student, batch.index)
        student = self.student(inputs, self.method.student_layers())
        teacher = self._teacher(RECIPE)
        if teacher is None:
            given = outputs_without_teacher(self.method, student, inputs)
        else:
            given = teacher.outputs(batch.index, self.train.evaluation_view(self.direction.teacher, batch.index))
        return {name: value for loss in phase.losses for name, value in loss(student, given, batch).items()}

    def batch(self, phase: Phase, samples: int) -> Batch:
        """Return the first samples in the first epoch, without labels if the phase is label-free."""
        labels = self.train.labels[:samples] if phase.labels else None
        first, known = torch.arange(samples), self.train.labels if phase.labels else None
        teachers = {
            role: network.eval()(self.train.evaluation_view(modality, first)).detach()
            for role, (network, modality) in self.further_teachers.items()
        }
        batch = Batch(first, 1, 2, labels, teacher_index=first, train_labels=known, teachers=teachers)
        return dataclasses.replace(batch, further=self._further(samples)) if phase.views else batch

    def _further(self, samples: int) -> tuple[tuple[Outputs, Outputs], ...]:
        """Return the outputs for the method's further views of the first samples, as if all samples were a batch."""
        training = self.training(dataclasses.replace(RECIPE, batch_size=len(self.train)))
        seen = next(iter(training.batches.epoch("views", 1)))
        first = seen.index.argsort()[:samples]
        student, teacher, further = self.student, self._teacher(RECIPE), []
        for inputs, shown in seen.further:
            ours = student(part(inputs, self.direction.student)[first], self.method.student_layers())
            theirs = ours.detach()
            if teacher is not None and shown is not None:
                theirs = teacher.outputs(first, part(shown, self.direction.teacher)[first])
            further.append((ours, theirs))
        return tuple(further)

    def state(self) -> dict[str, Tensor]:
        """Return a copy of all parameters and buffers, each under the name of its module."""
        return {
            f"{part}.{name}": value.detach().clone()
            for part, module in self._modules().items()
            for name, value in module.state_dict().items()
        }

    def parameter_names(self) -> set[str]:
        """Return the names in `state` that are parameters, and not buffers."""
        return {f"{part}.{name}" for part, module in self._modules().items() for name, _ in module.named_parameters()}

    def _modules(self) -> dict[str, nn.Module]:
        return {"student": self.student, "method": self.method, **self.teachers}

    def _providers(self, recipe: Recipe) -> dict[str, Teacher]:
        """Return what provides the outputs of each teacher."""
        first = self._teacher(recipe)
        found = {} if first is None else {"teacher": first}
        for role, (network, modality) in self.further_teachers.items():
            if self.method.updates_teacher:
                found[role] = TrainedTeacher(network, modality, ())
            else:
                found[role] = frozen_teacher(network, self.train, modality, (), recipe.cache_mb)
        return found

    def _teacher(self, recipe: Recipe) -> Teacher | None:
        if self.method.teacher == "none":
            return None
        modality, layers = self.direction.teacher, self.method.teacher_layers()
        if self.method.updates_teacher:
            return TrainedTeacher(self.teacher, modality, layers)
        several = bool(self.method.further_views(self.method.hyperparameters))
        return frozen_teacher(self.teacher, self.train, modality, layers, recipe.cache_mb, several)


def build_tiny_run(
    cls: type[Method[Any]],
    hyperparameters: Mapping[str, Any],
    direction: Direction,
    *,
    classes: int = 3,
    seed: int = 0,
    shuffled_labels: bool = False,
    linear: tuple[str, ...] = (),
    labelled: int | None = None,
    permuted: bool = False,
    pairs_share: float = 1.0,
    damaged: bool = False,
) -> TinyRun | str:
    """Return a tiny run, or the method's reason for not being defined there.

    Args:
        cls: the method.
        hyperparameters: what differs from the defaults.
        direction: which modality teaches which.
        classes: C.
        seed: seed of initialization, data order and all other randomness of the training.
        shuffled_labels: whether to permute the labels of the training samples.
        linear: the modalities whose network is a linear classifier, without hidden layers.
        labelled: the first so many labels may be seen; None for all.
        permuted: whether to permute the others.
        pairs_share: share of the samples with a partner.
        damaged: whether the teacher's inputs of the others are replaced by NaN.
    """
    train, validation = paired_part(16, classes, "train"), paired_part(9, classes, "validation")
    if shuffled_labels:
        train = dataclasses.replace(train, labels=train.labels.roll(1))
    if permuted:
        train = dataclasses.replace(train, labels=torch.cat([train.labels[:labelled], train.labels[labelled:].roll(1)]))
    pairing = Pairing(share=pairs_share)
    if damaged:
        train = _damaged(train, direction.teacher, pairing.partners(train.labels, seed) == UNPAIRED)
    every_label = train
    if labelled is not None:
        train = train.hide(torch.arange(labelled))
    given: Any = build(cls.HyperParameters, hyperparameters)
    student, teacher = (
        tiny_network(modality, classes, seed, modality in linear) for modality in (direction.student, direction.teacher)
    )
    student_shape = shape_of(student, INPUTS[direction.student])
    teacher_shape = student_shape if cls.teacher == "none" else shape_of(teacher, INPUTS[direction.teacher])
    head = None if cls.teacher == "none" else Head(teacher.head)
    roles: tuple[str, ...] = cls.further_teachers
    further = {role: _further_teacher(role, direction, classes, seed) for role in roles}
    shapes = {role: shape_of(one, each(modality, INPUTS.__getitem__)) for role, (one, modality) in further.items()}
    heads = {role: Head(one.head) for role, (one, _) in further.items()}
    pair = Pair(student_shape, teacher_shape, classes, train.labels, head, student, shapes, heads)
    if (reason := cls.unsupported(given, pair)) is not None:
        return reason
    method = build_method(cls, hyperparameters, pair, seed)
    return TinyRun(method, student, teacher, direction, train, validation, seed, every_label, pairing, further)


def enough_epochs(phases: tuple[Phase, ...], epochs: int) -> int:
    """Return the smallest number of epochs, at least the given one, in which every phase with a share has one."""
    while any(phase.share and not own for phase, own in zip(phases, phase_epochs(phases, epochs), strict=True)):
        epochs += 1
    return epochs


def _further_teacher(role: str, direction: Direction, classes: int, seed: int) -> tuple[Network, str]:
    """Return a further teacher, and the modality that it sees."""
    with random_stream(seed, role):
        if role == "self":
            return tiny_network(direction.student, classes, seed + 1, linear=False), direction.student
        modalities = (direction.teacher, direction.student)
        networks = {modality: tiny_network(modality, classes, seed + 1, linear=False) for modality in modalities}
        return Concat(networks, classes), JOINT.join(modalities)


def _damaged(part: Part, modality: str, rows: Tensor) -> Part:
    """Replace some inputs of a modality by NaN; rows: (M,) bool."""
    values = part.inputs[modality].stored(torch.arange(len(part)))
    broken = values.masked_fill(rows.view(-1, *[1] * (values.ndim - 1)), math.nan)
    return dataclasses.replace(part, inputs={**part.inputs, modality: Resident(broken)})
