"""Train many full-batch runs that differ only in seed and data as one stacked computation.

A step of a linear network takes longer to call than to compute, so a hundred draws take about as long as one. The
losses are the method's own, under `torch.vmap`, and optimizers work elementwise, so each run gets the same numbers
as when it is trained by itself, up to the rounding of a stacked matrix product.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from cmkd_bench.composite import is_composite
from cmkd_bench.config.roots import Roots
from cmkd_bench.experiment.heartbeat import Heartbeat
from cmkd_bench.experiment.store import Busy, Experiment
from cmkd_bench.method import HIDDEN, Batch, Losses, Method
from cmkd_bench.outputs import Outputs
from cmkd_bench.training.execution import MB_OF_REHEARSAL, Run
from cmkd_bench.training.loop import NonFiniteLoss, Training
from cmkd_bench.training.optimization import build_optimizer, learning_rate, set_learning_rate
from cmkd_bench.training.pairing import Pairing
from cmkd_bench.training.rehearsal import MethodMistake, rehearse_once
from cmkd_bench.training.teacher_runs import DamagedTeacher


def execute_vectorized(
    experiments: Sequence[Experiment], run_ids: Sequence[str], device: torch.device, roots: Roots
) -> str | None:
    """Execute runs that differ only in seed and data together, and write the same results as separate runs.

    Args:
        experiments: experiment of each run.
        run_ids: ids of runs without a result.
        device: device of the computation.
        roots: folders of the data and weights.

    Returns:
        why the runs cannot be executed together, or None if they were; nothing is written if they cannot.

    Raises:
        NonFiniteLoss: if a loss or gradient of one run is not finite; nothing is written.
        NonFiniteOutput: if the logits of one run are not finite; that run and later ones are not written.
    """
    folders = [experiment.run(run_id) for experiment, run_id in zip(experiments, run_ids, strict=True)]
    with contextlib.ExitStack() as stack:
        try:
            for folder in folders:
                stack.enter_context(folder.locked())
                stack.enter_context(Heartbeat(folder.heartbeat))
        except Busy as error:
            return f"another command works on {error}"
        specs = [experiment.read_spec(run_id) for experiment, run_id in zip(experiments, run_ids, strict=True)]
        places = list(zip(experiments, specs, strict=True))
        if not all(experiment.run(one).is_done() for experiment, spec in places for one in spec.teacher_ids):
            return "a teacher has no result"
        experiment, spec = places[0]
        try:
            rehearse_once(spec, device, lambda: Run(experiment, spec, device, roots).training(MB_OF_REHEARSAL))
        except (MethodMistake, DamagedTeacher) as error:  # each separate run reports it
            return str(error)
        runs, trainings = [], []
        for experiment, spec in places:
            try:
                runs.append(Run(experiment, spec, device, roots))
            except DamagedTeacher as error:
                return str(error)
            trainings.append(runs[-1].training())
            if reason := _problem(trainings[-1]):  # usually the first one, so the rest need not be built
                return reason
        for alike in _by_shape(trainings):
            _train(alike)
        for run, training in zip(runs, trainings, strict=True):
            run.finish(training.progress)
    return None


def _by_shape(trainings: Sequence[Training]) -> list[list[Training]]:
    """Group trainings into stacks by the shapes of their inputs and of their teachers' embeddings."""
    groups: dict[tuple[int, ...], list[Training]] = {}
    for training in trainings:
        one = _inputs(training, torch.zeros(1, dtype=torch.int64))
        shape = (len(training.train), training.method.pair.teacher.embedding, *one.shape)
        groups.setdefault(shape, []).append(training)
    return list(groups.values())


def _inputs(training: Training, rows: Tensor) -> Tensor:
    inputs = training.train.evaluation_view(training.modality, rows)
    assert isinstance(inputs, Tensor), "a student of several modalities is a problem"
    return inputs


def _problem(training: Training) -> str | None:
    """Return what prevents a training from being one lane of a stack."""
    recipe, method, name = training.recipe, training.method, training.method.registry_name
    teacher = training.teacher
    problems = {
        "the epoch is selected": training.selection is not None,
        "an epoch has several batches": recipe.batch_size < len(training.train),
        f"{name} has several teachers": bool(training.further_teachers),
        "the student sees several modalities": is_composite(training.modality),
        "inputs are augmented": training.train.is_random(training.modality),
        "samples are paired with others": method.pairing != "paired",
        "labels or pairs are scarce": bool((training.train.labels == HIDDEN).any()) or training.pairing != Pairing(),
        "gradients are clipped": recipe.gradient_clip > 0,
        "it is not float32": recipe.precision != "float32",
        "labels are maps": training.train.targets is not None,
        f"{name} has phases, modules or state of its own": len(training.phases) > 1
        or bool(training.phases[0].before or training.phases[0].rates)
        or bool(method.state_dict())
        or type(method).after_step is not Method.after_step
        or training.deployed is not training.student,
        f"{name} reads several views": bool(method.further_views(method.hyperparameters)),
        f"{name} reads feature maps": bool(method.student_layers() or method.teacher_layers()),
        "the teacher is not run once": teacher is not None and teacher.modality is not None,
        "the network keeps statistics or is random": any(True for _ in training.student.buffers())
        or any(isinstance(module, nn.Dropout) for module in training.student.modules()),
        "the network uses weights in several places": len(list(training.student.parameters()))
        < len(training.student.state_dict()),
    }
    return next((text for text, holds in problems.items() if holds), None)


class _Lanes(nn.Module):
    """The students of all trainings with stacked parameters, and their inputs."""

    def __init__(self, trainings: Sequence[Training]) -> None:
        super().__init__()
        first = trainings[0]
        self._student, self._method, self._epochs = first.student, first.method, first.recipe.epochs
        stacked, _ = stack_module_state([training.student for training in trainings])
        self._names = list(stacked)
        self.stacked = nn.ParameterList(stacked.values())
        self._rows = torch.arange(len(first.train), device=first.device)
        self._inputs = torch.stack([_inputs(one, self._rows) for one in trainings])
        self._labels = torch.stack([one.train.labels for one in trainings])
        self._teacher = self._stored(trainings)

    def losses(self, epoch: int) -> Losses:
        """Return the method's loss terms, (lanes,) each."""

        def of_one(
            parameters: Mapping[str, Tensor], inputs: Tensor, labels: Tensor, stored: tuple[Tensor, Tensor] | None
        ) -> Losses:
            student: Outputs = functional_call(self._student, dict(parameters), (inputs,))
            teacher = student.detach() if stored is None else Outputs(*stored)
            losses: Losses = self._method(student, teacher, Batch(self._rows, epoch, self._epochs, labels))
            return losses

        parameters = dict(zip(self._names, self.stacked, strict=True))
        places = (0, 0, 0, None if self._teacher is None else 0)
        losses: Losses = vmap(of_one, places)(parameters, self._inputs, self._labels, self._teacher)
        return losses

    @torch.no_grad()
    def write_back(self, trainings: Sequence[Training]) -> None:
        """Copy its own parameters to each student."""
        for lane, training in enumerate(trainings):
            own = {name: values[lane] for name, values in zip(self._names, self.stacked, strict=True)}
            training.student.load_state_dict(own)

    def _stored(self, trainings: Sequence[Training]) -> tuple[Tensor, Tensor] | None:
        outputs = [one.teacher.outputs(self._rows, None) for one in trainings if one.teacher is not None]
        if not outputs:
            return None
        return torch.stack([one.logits for one in outputs]), torch.stack([one.embedding for one in outputs])


def _train(trainings: Sequence[Training]) -> None:
    started = time.perf_counter()
    recipe, phase = trainings[0].recipe, trainings[0].phases[0].name
    lanes = _Lanes(trainings)
    optimizer = build_optimizer(recipe, [lanes])
    history = []
    for epoch in range(1, recipe.epochs + 1):
        set_learning_rate(optimizer, learning_rate(recipe, epoch - 1, recipe.epochs))
        losses = lanes.losses(epoch)
        optimizer.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        history.append(torch.stack(list(losses.values())).detach())
    gradients = [parameter.grad for parameter in lanes.parameters() if parameter.grad is not None]
    lanes.write_back(trainings)
    seconds = time.perf_counter() - started
    # (epochs, terms, lanes)
    curves = torch.stack(history) if history else torch.zeros(0, 0, len(trainings))
    if not curves.isfinite().all() or not all(gradient.isfinite().all() for gradient in gradients):
        raise NonFiniteLoss(f"a loss or gradient of one of {len(trainings)} runs trained together is not finite")
    names = list(losses) if history else []
    for lane, training in enumerate(trainings):
        training.progress.history = [
            {"epoch": number, "phase": phase, "losses": dict(zip(names, terms, strict=True)), "logged": {}}
            for number, terms in enumerate(curves[:, :, lane].tolist(), start=1)
        ]
        training.progress.best_epoch = recipe.epochs
        training.progress.seconds = seconds / len(trainings)
