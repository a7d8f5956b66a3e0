"""The training loop of all methods: phase by phase, and resumable after every epoch."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from cmkd_bench.config.recipe import Recipe
from cmkd_bench.experiment.spec import FIRST
from cmkd_bench.method import Batch, Losses, Method, Phase, Step
from cmkd_bench.network import Network
from cmkd_bench.training.batches import Batches, BatchInputs
from cmkd_bench.training.evaluation import evaluate
from cmkd_bench.training.further_views import further_outputs, outputs_by_role, teacher_outputs
from cmkd_bench.training.means import Means
from cmkd_bench.training.optimization import forget_gradients, learning_rate
from cmkd_bench.training.pairing import Pairing
from cmkd_bench.training.seeding import seed_generators
from cmkd_bench.training.segmentation import as_positions
from cmkd_bench.training.steps import Steps, Values, restore
from cmkd_bench.training.teacher import Teacher
from cmkd_bench.training.tensors import Part
from cmkd_bench.training.training_progress import Checkpoint, EpochRecord, Progress, Stopped, Watch


class NonFiniteLoss(Exception):
    """Raised if a loss or its gradient is infinite or not a number; this is the cause of the run's failure."""


@dataclass
class Training:
    """The training of one student."""

    recipe: Recipe  # how networks are trained
    seed: int  # seed of the run
    method: Method[Any]  # the loss; its modules are trained too
    student: Network  # the network that is trained
    deployed: nn.Module  # what is selected, and kept at its best epoch; usually the student
    teachers: Mapping[str, Teacher]  # provide the teachers' outputs, by role; empty if the method has no teacher
    trained_teachers: Mapping[str, Network]  # their networks, if the method updates them
    train: Part  # the training part, whose hidden labels are hidden already
    selection: Part | None  # the part that selects the epoch; None if the last epoch is kept
    modality: str  # modality of the student
    classes: int  # C
    device: torch.device  # device of all tensors
    pairing: Pairing = field(default_factory=Pairing)  # which samples the teacher is shown
    progress: Progress = field(default_factory=Progress)  # progress of the training

    def __post_init__(self) -> None:
        self.phases = self.method.phases()
        self.epochs = phase_epochs(self.phases, self.recipe.epochs)
        declared = self.method.pairing
        pairing = self.pairing if declared == "paired" else dataclasses.replace(self.pairing, form=declared)
        size = self.recipe.batch_size
        views = self.method.further_views(self.method.hyperparameters)
        shown = (self.teacher, pairing, size, self.seed, self.device, views, self.further_teachers)
        self.batches = Batches(self.train, self.modality, *shown)

    @property
    def teacher(self) -> Teacher | None:
        """Provides the outputs of the teacher, or of the first one; None if the method has no teacher."""
        return self.teachers.get(FIRST)

    @property
    def further_teachers(self) -> dict[str, Teacher]:
        """Provide the outputs of the others by role."""
        return {role: one for role, one in self.teachers.items() if role != FIRST}

    def run(self, watch: Watch, checkpoint: Checkpoint | None, save: Callable[[Checkpoint], None]) -> None:
        """Train all phases, starting from a checkpoint if there is one.

        Raises:
            NonFiniteLoss: if a loss or its gradient is not finite.
            NonFiniteOutput: if the student's logits are not finite on the part that selects.
            Stopped: if the watch requested it, after writing a checkpoint.
        """
        if checkpoint is not None:
            self._restore(checkpoint)
        if not self.progress.history:
            self._keep_best(0)
        while self.progress.phase < len(self.phases):
            self._run_phase(watch, checkpoint, save)
            checkpoint = None
            self.progress.phase += 1
            self.progress.epoch = 0
        self.deployed.load_state_dict(self.progress.best["student"])
        for name, teacher in self.trained_teachers.items():
            teacher.load_state_dict(self.progress.best[name])

    def _run_phase(self, watch: Watch, checkpoint: Checkpoint | None, save: Callable[[Checkpoint], None]) -> None:
        number, phase = self.progress.phase, self.phases[self.progress.phase]
        steps = self.steps(phase)
        if checkpoint is not None:
            steps.load_state(checkpoint)
        for epoch in range(self.progress.epoch + 1, self.epochs[number] + 1):
            started = time.perf_counter()
            record = self._run_epoch(phase, epoch, self.epochs[number], steps)
            self._finish_epoch(number, epoch, record)
            self.progress.seconds += time.perf_counter() - started
            watch.epoch(len(self.progress.history), sum(self.epochs))
            stopping = watch.should_stop()
            if stopping or watch.should_save():
                save(self._state(steps))
            if stopping:
                raise Stopped

    def _run_epoch(self, phase: Phase, epoch: int, epochs: int, steps: Steps) -> EpochRecord:
        self.set_modes(phase)
        terms, logged = Means(), Means()
        for step, seen in enumerate(self.batches.epoch(phase.name, epoch, phase.views)):
            steps.set_learning_rate(learning_rate(self.recipe, epoch - 1 + step / len(self.batches), epochs))
            batch = self.batch(phase, seen, epoch, epochs)
            # Dropout and negatives of a step depend only on its position, not on the method or on a resume.
            terms.add(self.step(steps, seen, batch, "step", phase.name, epoch, step))
            logged.add(self.method.logged)
        means = {"losses": terms.by_name(), "logged": logged.by_name()}
        for name, mean in means["losses"].items():
            if not math.isfinite(mean):
                raise NonFiniteLoss(f"'{name}' is {mean} in epoch {epoch} of phase '{phase.name}'")
        for optimizer in steps.all:
            self._check_gradients(optimizer, f"in the last step of epoch {epoch} of phase '{phase.name}'")
        return {"phase": phase.name, **means}

    def steps(self, phase: Phase) -> Steps:
        """Put the modules into the modes of a phase, and return its optimizers."""
        self.set_modes(phase)
        return Steps(self.recipe, phase, self.student, self.method, self.trained_teachers)

    def step(
        self,
        steps: Steps,
        seen: BatchInputs,
        batch: Batch,
        *place: str | int,
        check: Callable[[Losses], None] = lambda losses: None,
    ) -> Losses:
        """Take the steps of a phase for one batch, and return all loss terms.

        Args:
            steps: the optimizers of the phase.
            seen: the inputs of the batch.
            batch: what the losses may know of it.
            place: seeds the random numbers, which are the same in all steps.
            check: is given the terms of each step before they are used.
        """

        def losses(part: Phase | Step) -> Losses:
            seed_generators(self.device, self.seed, *place)
            found = self.losses(part, seen, batch)
            check(found)
            return found

        self.method.logged.clear()
        early, start = steps.take_early(losses, self._descend)
        main = losses(steps.phase)
        self._descend(main, steps.main, start)
        with torch.no_grad():
            self.method.after_step(self.student)
        return early | main

    def losses(self, phase: Phase | Step, seen: BatchInputs, batch: Batch) -> Losses:
        """Return the loss terms of one step."""
        with autocast(self.device, self.recipe):
            student = self.student(seen.student, self.method.student_layers())
            teacher = teacher_outputs(self, student, seen)
            batch = dataclasses.replace(batch, further=further_outputs(self, seen, batch)) if seen.further else batch
            teachers = outputs_by_role(self, seen)
            if seen.targets is not None:
                shown = (batch, seen.targets, seen.box)
                teachers = {role: as_positions(student, one, *shown)[1] for role, one in teachers.items()}
                student, teacher, batch = as_positions(student, teacher, *shown)
            batch = dataclasses.replace(batch, teachers=teachers) if teachers else batch
            return phase.loss(student, teacher, batch)

    def _descend(self, losses: Losses, optimizer: torch.optim.Optimizer, start: Values = ()) -> None:
        """Take one step of an optimizer, from other values of some parameters than those that have the gradient."""
        forget_gradients(optimizer)
        if (loss := torch.stack(list(losses.values())).sum()).requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
        if self.recipe.gradient_clip:
            # Clip each module separately: the student's step must not depend on the gradients of other modules.
            for group in optimizer.param_groups:
                nn.utils.clip_grad_norm_(group["params"], self.recipe.gradient_clip)
        restore(start)
        optimizer.step()

    def _check_gradients(self, optimizer: torch.optim.Optimizer, when: str) -> None:
        """Check the gradients of the last step, which no later loss would show."""
        gradients = [one.grad for group in optimizer.param_groups for one in group["params"] if one.grad is not None]
        if gradients and not nn.utils.get_total_norm(gradients).isfinite():
            bad = sum(not gradient.isfinite().all() for gradient in gradients)
            raise NonFiniteLoss(
                f"the gradient of the loss is not finite in {bad} of {len(gradients)} parameters {when}"
            )

    def batch(self, phase: Phase, seen: BatchInputs, epoch: int, epochs: int) -> Batch:
        """Return what a phase may see of a batch beside the outputs."""
        labels = self.train.labels.index_select(0, seen.index) if phase.labels else None
        batch = Batch(seen.index, epoch, epochs, labels, step=(epoch - 1) * len(self.batches) + seen.step)
        if self.teacher is None:
            return batch
        known = self.train.labels if phase.labels and self.train.targets is None else None
        return dataclasses.replace(batch, pairs=seen.pairs, teacher_index=seen.teacher_index, train_labels=known)

    def _finish_epoch(self, number: int, epoch: int, record: EpochRecord) -> None:
        if number == len(self.phases) - 1 and self._is_due(epoch, self.epochs[number]) and self.selection is not None:
            record["selection"] = evaluate(self.deployed, self.selection, self.modality, self.classes).value
        self.progress.epoch = epoch
        self.progress.history.append({"epoch": len(self.progress.history) + 1, **record})
        done = len(self.progress.history)
        # Prefer the later of equal epochs, which was trained longer. Without a part that selects, keep the last one.
        is_best = float(record.get("selection", -1.0)) >= self.progress.best_value
        if is_best and (self.selection is not None or done == sum(self.epochs)):
            self._keep_best(done)

    def _is_due(self, epoch: int, epochs: int) -> bool:
        """Return whether an epoch of the last phase may be selected; its last epoch always may."""
        late_enough = epoch > self.recipe.select_from * epochs
        return epoch == epochs or (late_enough and epoch % self.recipe.evaluate_every == 0)

    def _keep_best(self, epoch: int) -> None:
        value = self.progress.history[-1].get("selection", -1.0) if epoch else -1.0
        self.progress.best_value = float(value)
        self.progress.best_epoch = epoch
        kept = {"student": self.deployed, **self.trained_teachers}
        self.progress.best = {name: _copy(module) for name, module in kept.items()}

    def set_modes(self, phase: Phase) -> None:
        """Put the modules into the modes in which a phase trains."""
        whole = phase.trains == "student"
        self.student.train(whole).requires_grad_(whole)
        self.student.head.requires_grad_(phase.trains != "nothing")
        self.method.train()
        for name, teacher in self.trained_teachers.items():
            trains = phase.trains_teacher(name)
            teacher.train(trains).requires_grad_(trains)

    def _modules(self) -> dict[str, nn.Module]:
        return {"student": self.student, "method": self.method, **self.trained_teachers}

    def _state(self, steps: Steps) -> Checkpoint:
        modules = {name: module.state_dict() for name, module in self._modules().items()}
        return {"progress": vars(self.progress), **steps.state(), **modules}

    def _restore(self, checkpoint: Checkpoint) -> None:
        self.progress = Progress(**checkpoint["progress"])
        for name, module in self._modules().items():
            module.load_state_dict(checkpoint[name])


def autocast(device: torch.device, recipe: Recipe) -> contextlib.AbstractContextManager[object]:
    """Return the precision context of the networks in a training step; the losses disable it themselves."""
    if recipe.precision != "bfloat16":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def phase_epochs(phases: tuple[Phase, ...], epochs: int) -> list[int]:
    """Return the number of epochs of each phase; they add up to the recipe's.

    Raises:
        ValueError: if the shares do not add up to 1.
    """
    bounds = [0.0, *itertools.accumulate(phase.share for phase in phases)]
    if not math.isclose(bounds[-1], 1.0):
        raise ValueError(f"the shares of the phases add up to {bounds[-1]}, not to 1")
    ends = [math.floor(bound * epochs + 0.5) for bound in bounds]
    return [end - start for start, end in itertools.pairwise(ends)]


def _copy(module: nn.Module) -> Checkpoint:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}
