"""Conformance of short trainings in the loop of the engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load
from torch import Tensor, nn

from cmkd_bench.method import Batch, Losses
from cmkd_bench.outputs import Outputs
from cmkd_bench.registry import methods
from cmkd_bench.testing._case import MethodCase, both_directions, differing, part_of
from cmkd_bench.testing._tiny_run import RECIPE, Direction, TinyRun, build_tiny_run
from cmkd_bench.training.checkpoint import weights_file
from cmkd_bench.training.evaluation import evaluate, outputs_of


class TrainingTests(MethodCase):
    """Tests that compare two runs bit for bit, on the CPU."""

    @both_directions
    def test_only_the_declared_parts_are_trained(self, direction: Direction) -> None:
        cell = self.cell(direction)
        before = cell.state()
        cell.run()
        after = cell.state()
        assert differing(part_of(before, "student"), part_of(after, "student")), "the student was not trained"
        for teacher, network in cell.teachers.items():
            changed = differing(part_of(before, teacher), part_of(after, teacher))
            if cell.method.updates_teacher:
                still = {f"{teacher}.{name}" for name, _ in network.named_parameters()} - set(changed)
                assert not still, f"updates_teacher is set, but these did not change: {sorted(still)}"
            else:
                assert not changed, f"a teacher is frozen, but these changed: {changed}; or set updates_teacher = True"

    @both_directions
    def test_extras_are_trained(self, direction: Direction) -> None:
        cell = self.cell(direction)
        before = cell.state()
        names = {f"method.{name}" for name, _ in cell.method.named_parameters()}
        # Without weight decay, only its gradient changes a parameter.
        cell.run(dataclasses.replace(RECIPE, weight_decay=0.0))
        after = cell.state()
        assert before.keys() == after.keys(), "create extras in the constructor: those created later are never trained"
        still = names - set(differing(before, after))
        assert not still, f"these parameters of the method got no gradient in any phase: {sorted(still)}"

    @both_directions
    def test_each_step_trains_what_it_declares(self, direction: Direction) -> None:
        phases = self.cell(direction).method.phases()
        places = [(i, k) for i, phase in enumerate(phases) for k in range(len(phase.before))]
        if not places:
            pytest.skip("no phase has a step before its main step")
        for i, k in places:
            cell = self.cell(direction)
            before, phase = cell.state(), cell.method.phases()[i]
            step = dataclasses.replace(phase.before[k], undone=False)
            # Only the step has a gradient, and without weight decay only a gradient changes a parameter.
            cell.run(
                dataclasses.replace(RECIPE, weight_decay=0.0),
                only=dataclasses.replace(phase, before=(step,), loss=_no_loss),
            )
            changed = set(differing(before, cell.state())) & cell.parameter_names()
            prefixes = {name: _prefix(name, cell) for name in step.trains}
            beyond = [name for name in changed if not name.startswith(tuple(prefixes.values()))]
            assert not beyond, f"step {k} of phase '{phase.name}' trains {sorted(beyond)} beyond {set(step.trains)}"
            idle = [name for name, prefix in prefixes.items() if not any(one.startswith(prefix) for one in changed)]
            assert not idle, f"step {k} of phase '{phase.name}' declares that it trains {idle}, and does not"

    @both_directions
    def test_a_resumed_training_ends_alike(self, direction: Direction, tmp_path: Path) -> None:
        recipe = dataclasses.replace(RECIPE, epochs=4)
        whole = self.cell(direction)
        whole.run(recipe)
        for epoch in (1, 2, 3):
            self.cell(direction).run_until(epoch, tmp_path / "checkpoint.pt", recipe)
            resumed = self.cell(direction)
            resumed.resume(tmp_path / "checkpoint.pt", recipe)
            wrong = differing(whole.state(), resumed.state())
            assert not wrong, f"interrupted after {epoch}, these differ: {wrong}; keep state in parameters or buffers"

    @both_directions
    def test_what_is_deployed_is_selected_and_can_be_loaded(self, direction: Direction) -> None:
        cell, other = self.cell(direction), self.cell(direction, seed=1)
        known = {id(value) for value in _tensors(cell.student, cell.method, *cell.teachers.values())}
        made = [value for value in _tensors(cell.deployed) if id(value) not in known]
        assert not made, f"deployed() copies or creates {len(made)} tensors, which training cannot reach"
        value = cell.run().progress.best_value
        assert value == evaluate(cell.deployed, cell.validation, direction.student, cell.method.pair.classes).value
        other.deployed.load_state_dict(load(weights_file(cell.deployed)))
        logits, again = (outputs_of(one.deployed, one.validation, direction.student).logits for one in (cell, other))
        assert torch.equal(logits, again), "the weights of what is deployed do not determine what it returns"

    @both_directions
    def test_the_seed_fixes_everything(self, direction: Direction) -> None:
        states = []
        for seed in (0, 0, 1):
            cell = self.cell(direction, seed=seed)
            cell.run()
            states.append(cell.state())
        wrong = differing(states[0], states[1])
        assert not wrong, f"two runs with one seed differ in {wrong}; does the method use an unseeded generator?"
        assert differing(states[0], states[2]), "another seed does not change the result"

    @both_directions
    def test_label_free_phases_know_no_label(self, direction: Direction) -> None:
        phases = self.cell(direction).method.phases()
        numbers = [number for number, phase in enumerate(phases) if not phase.labels]
        if not numbers:
            pytest.skip("the method declares nothing label-free")
        for number in numbers:
            states = []
            for shuffled in (False, True):
                cell = self.cell(direction, shuffled_labels=shuffled)
                cell.run(only=cell.method.phases()[number])
                states.append(cell.state())
            wrong = differing(*states)
            assert not wrong, f"other labels change the label-free phase '{phases[number].name}': {wrong}"

    @both_directions
    @pytest.mark.parametrize("clip", [0.0, 0.05], ids=["unclipped", "clipped"])
    def test_without_distillation_it_is_the_student_alone(self, direction: Direction, clip: float) -> None:
        zero = self.method_class().without_distillation
        if zero is None:
            pytest.skip("the method declares no hyper-parameters under which it is the student alone")
        recipe = dataclasses.replace(RECIPE, gradient_clip=clip)
        cell = self.cell(direction, zero)
        alone = build_tiny_run(methods.get("none"), {}, direction)
        assert not isinstance(alone, str)
        cell.run(recipe)
        alone.run(recipe)
        wrong = differing(part_of(cell.state(), "student"), part_of(alone.state(), "student"))
        assert not wrong, (
            f"with {dict(zero)} the student differs from the student alone in {wrong}; the extras may draw from the "
            "global generator before the student does, or a term may not vanish"
        )


def _tensors(*modules: nn.Module) -> Iterator[Tensor]:
    for module in modules:
        yield from module.parameters()
        yield from module.buffers()


def _no_loss(student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
    return {"nothing": 0.0 * student.logits.sum()}


def _prefix(name: str, cell: TinyRun) -> str:
    """Return how the parameters of a trained module begin in a state."""
    known = {"student": "student.", "extras": "method.", **{teacher: f"{teacher}." for teacher in cell.teachers}}
    return known.get(name, f"method.{name}.")
