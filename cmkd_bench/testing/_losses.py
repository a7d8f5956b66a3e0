"""Conformance of the loss terms of a method for one batch."""

from __future__ import annotations

import dataclasses

import torch

from cmkd_bench.method import Phase
from cmkd_bench.testing._case import MethodCase, both_directions, differing, not_finite, part_of
from cmkd_bench.testing._tiny_run import RECIPE, Direction, TinyRun

# Networks in bfloat16 have errors of up to 2^-8 = 0.4 percent per layer; divided by a temperature of 0.07 that is 6
# percent of a score, and a selection of samples may change.
BFLOAT16 = 0.1


class LossTests(MethodCase):
    """Tests of each phase separately, with the networks in their initial state."""

    @both_directions
    def test_losses_are_named_finite_scalars(self, direction: Direction) -> None:
        cell = self.cell(direction)
        for phase in cell.method.phases():
            losses = cell.losses(phase, 8)
            assert losses, f"phase '{phase.name}' returns no loss"
            for name, value in losses.items():
                assert isinstance(name, str), f"phase '{phase.name}': terms are named by strings, not {name!r}"
                assert isinstance(value, torch.Tensor), f"'{name}' is a {type(value).__name__}, not a tensor"
                assert value.ndim == 0, f"'{name}' has the shape {tuple(value.shape)}; take its mean over the batch"
                assert value.isfinite(), f"'{name}' is {value.item()}"

    @both_directions
    def test_every_phase_trains_what_it_declares_of_the_student(self, direction: Direction) -> None:
        for number in range(len(self.cell(direction).method.phases())):
            cell = self.cell(direction)
            phase = cell.method.phases()[number]
            loss = torch.stack(list(cell.losses(phase, 8).values())).sum()
            if loss.requires_grad:
                loss.backward()  # type: ignore[no-untyped-call]
            trained = cell.student.head if phase.trains == "head" else cell.student
            reached = any(p.grad is not None and p.grad.any() for p in trained.parameters())
            if phase.trains == "nothing":
                assert not reached, f"phase '{phase.name}' trains nothing of the student; detach its outputs"
            else:
                assert reached, f"no gradient of phase '{phase.name}' reaches the student; is something detached?"

    @both_directions
    def test_outputs_are_left_as_they_are(self, direction: Direction) -> None:
        cell = self.cell(direction)
        method = cell.method
        student_inputs, teacher_inputs = (
            cell.train.evaluation_view(modality, torch.arange(8)) for modality in (direction.student, direction.teacher)
        )
        cell.student.eval()
        cell.teacher.eval()
        for phase in method.phases():
            student = cell.student(student_inputs, method.student_layers())
            no_teacher = method.teacher == "none"
            teacher = student if no_teacher else cell.teacher(teacher_inputs, method.teacher_layers())
            given = [
                tensor
                for outputs in (student.detach(), teacher.detach())
                for tensor in (outputs.logits, outputs.embedding, *outputs.feature_maps.values())
            ]
            before = [tensor.clone() for tensor in given]
            for loss in phase.losses:
                loss(student, teacher if method.updates_teacher else teacher.detach(), cell.batch(phase, 8))
            same = all(map(torch.equal, before, given))
            assert same, f"phase '{phase.name}' changes outputs in place; other terms and methods read them too"

    @both_directions
    def test_after_step_leaves_the_student_as_it_is(self, direction: Direction) -> None:
        for number in range(len(self.cell(direction).method.phases())):
            cell = self.cell(direction)
            phase = cell.method.phases()[number]
            cell.losses(phase, 8)
            before = cell.state()
            with torch.no_grad():
                cell.method.after_step(cell.student)
            changed = differing(part_of(before, "student"), part_of(cell.state(), "student"))
            assert not changed, f"phase '{phase.name}': after_step changes what it may only read: {changed}"

    @both_directions
    def test_a_batch_of_one_is_finite_or_refused(self, direction: Direction) -> None:
        cell = self.cell(direction)
        for phase in cell.method.phases():
            refusal, losses = None, {}
            try:
                losses = cell.losses(phase, 1)
            except ValueError as error:
                refusal = str(error)
            assert refusal != "", f"phase '{phase.name}' refuses a batch of one without saying why"
            wrong = not_finite({name: value.item() for name, value in losses.items()})
            assert not wrong, f"a batch of one gives {wrong}; raise a ValueError that says how many are needed"

    @both_directions
    def test_two_classes_are_finite(self, direction: Direction) -> None:
        history = self.cell(direction, classes=2).run().progress.history  # raises NonFiniteLoss
        assert all(record["losses"] for record in history), f"no loss with two classes: {history}"

    @both_directions
    def test_bfloat16_is_near_float32(self, direction: Direction) -> None:
        for number in range(len(self.cell(direction).method.phases())):
            full, half = (self._first_step(self.cell(direction), number, kind) for kind in ("float32", "bfloat16"))
            wrong = {
                name: (value, half[name])
                for name, value in full.items()
                if not abs(half[name] - value) <= BFLOAT16 * (1 + abs(value))
            }
            assert not wrong, f"(float32, bfloat16): {wrong}; compute losses in float32, see cmkd_bench.losses"

    def _first_step(self, cell: TinyRun, number: int, precision: str) -> dict[str, float]:
        phase: Phase = cell.method.phases()[number]
        recipe = dataclasses.replace(RECIPE, epochs=1, batch_size=len(cell.train), precision=precision)
        losses: dict[str, float] = cell.run(recipe, only=phase).progress.history[0]["losses"]
        return losses
