"""A few steps with modules that are then thrown away: they find mistakes that training would find late, or never.

A run is rehearsed in full, from the first batch of each phase to the bytes of the weights file. That is done before the
first run of its kind in a process, and changes no number: the real modules are built afterwards, from their own seeds.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.method import Batch, Losses, Method, Phase
from cmkd_bench.training.batches import BatchInputs
from cmkd_bench.training.checkpoint import weights_file
from cmkd_bench.training.loop import Training

STEPS = 2
Kind = tuple[object, ...]
_rehearsed: set[Kind] = set()


class MethodMistake(Exception):
    """A mistake in a method or a network; the message names it."""


def rehearse_once(spec: RunSpec, device: torch.device, build: Callable[[], Training]) -> None:
    """Rehearse a run, unless this process has rehearsed one of the same method, networks and dataset.

    Args:
        spec: spec of the run.
        device: device of the networks; its random generator is left as it was.
        build: returns a training to throw away.

    Raises:
        MethodMistake: if the run would fail at its end, or train nothing.
        Exception: whatever the method itself raises.
    """
    kind = (spec.method, spec.dataset, spec.student_network, *(one.network for one in spec.teachers), str(device))
    if kind in _rehearsed or not dict(spec.recipe).get("epochs"):
        return
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        _Rehearsal(build()).run()
    _rehearsed.add(kind)


def check_layers(method: Method[object]) -> None:
    """Check that the layers whose feature maps a method reads exist.

    Raises:
        MethodMistake: for an index that is negative or too large.
    """
    for role, layers in (("student", method.student_layers()), ("teacher", method.teacher_layers())):
        count = len(getattr(method.pair, role).layers)
        for layer in layers:
            if not 0 <= layer < count:
                allowed = f"layers 0 to {count - 1}" if count else "no layer besides its head"
                raise MethodMistake(
                    f"method '{method.registry_name}': {role}_layers() returns {layer}, but the {role} has {allowed}"
                )


class _Rehearsal:
    """The first steps of each phase of a training."""

    def __init__(self, training: Training) -> None:
        self._training = training
        self._name = f"method '{training.method.registry_name}'"
        self._has_trained_student = False

    def run(self) -> None:
        """Take the steps, and try to save the student."""
        training = self._training
        for phase, epochs in zip(training.phases, training.epochs, strict=True):
            if epochs:
                self._rehearse(phase, epochs)
        if not self._has_trained_student:
            raise MethodMistake(f"{self._name}: no loss has a gradient for the student, so it would not be trained")
        _try_to_save(training.deployed, training.student.name)

    def _rehearse(self, phase: Phase, epochs: int) -> None:
        training, names, trains = self._training, "", False
        steps, terms = training.steps(phase), list[str]()

        def check(losses: Losses) -> None:
            self._check(losses, phase)
            terms.extend(losses)

        for batch, seen in itertools.islice(self._batches(phase, epochs), STEPS):
            terms.clear()
            losses = training.step(steps, seen, batch, "rehearsal", phase.name, batch.epoch, check=check)
            names = self._check_names(terms, names, phase)
            # A batch may have nothing to learn from, e.g. photos without a labeled pixel.
            trains |= any(value.requires_grad for value in losses.values())
            self._has_trained_student |= any(one.grad is not None for one in training.student.parameters())
        if names and not trains:
            raise MethodMistake(f"{self._name}: the loss of phase '{phase.name}' has no gradient, so it trains nothing")

    def _batches(self, phase: Phase, epochs: int) -> Iterator[tuple[Batch, BatchInputs]]:
        for epoch in range(1, min(epochs, STEPS) + 1):
            for seen in self._training.batches.epoch(phase.name, epoch, phase.views):
                yield self._training.batch(phase, seen, epoch, epochs), seen

    def _check(self, losses: Losses, phase: Phase) -> None:
        """Check what a loss returns, and what it logs."""
        where = f"{self._name}: phase '{phase.name}'"
        if not isinstance(losses, dict) or not losses:
            raise MethodMistake(f"{where} must return loss terms by name, not {losses!r}")
        for name, value in [*losses.items(), *self._training.method.logged.items()]:
            if not isinstance(value, Tensor) or value.numel() != 1:
                what = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
                raise MethodMistake(f"{where}: '{name}' must be a tensor with one number, but it is of {what}")

    def _check_names(self, terms: list[str], before: str, phase: Phase) -> str:
        """Check the names of all loss terms of a batch, and return them."""
        where = f"{self._name}: phase '{phase.name}'"
        if twice := sorted(name for name, count in Counter(terms).items() if count > 1):
            raise MethodMistake(f"{where} returns '{twice[0]}' from two of its steps; give its terms different names")
        names = ", ".join(sorted(terms))
        if before and names != before:
            raise MethodMistake(
                f"{where} returns other loss terms in its second step ({names}) than in its first ({before}). Return "
                "the same names in each step; a term that does not apply is zero"
            )
        return names


def _try_to_save(deployed: nn.Module, name: str) -> None:
    try:
        weights_file(deployed)
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise MethodMistake(f"network '{name}': its weights cannot be saved: {error}") from error
