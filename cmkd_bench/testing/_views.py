"""Conformance of methods that read several views of a sample."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from cmkd_bench.method import Batch
from cmkd_bench.outputs import Outputs
from cmkd_bench.testing._case import MethodCase, both_directions
from cmkd_bench.testing._tiny_run import Direction, TinyRun

SURE = 100.0  # factor of the logits, so that they pass a method's threshold of confidence


class ViewTests(MethodCase):
    """Tests of what a method does with the views that it declares."""

    @both_directions
    def test_the_further_views_are_read(self, direction: Direction) -> None:
        cell = self.cell(direction)
        names = cell.method.further_views(cell.method.hyperparameters)
        if not names:
            pytest.skip("the method reads the training view only")
        assert set(names) <= {"weak", "strong"}, f"further_views() returns {names}; a view is 'weak' or 'strong'"
        for number, name in enumerate(names):
            read = any(self._reads(cell, number, phase_number) for phase_number in range(len(cell.method.phases())))
            assert read, f"no phase reads further view {number} ('{name}'), although its outputs are computed"

    def _reads(self, cell: TinyRun, number: int, phase_number: int) -> bool:
        """Return whether other outputs of the student in a view change the loss of a phase."""
        phase = cell.method.phases()[phase_number]
        if not phase.views:
            return False
        batch = cell.batch(phase, 8)
        ours, theirs = batch.further[number]
        other = (dataclasses.replace(ours, logits=ours.logits.roll(1, dims=1), embedding=-ours.embedding), theirs)
        changed = (*batch.further[:number], other, *batch.further[number + 1 :])
        before = self._loss(cell, phase_number, batch)
        return not torch.equal(before, self._loss(cell, phase_number, dataclasses.replace(batch, further=changed)))

    def _loss(self, cell: TinyRun, phase_number: int, batch: Batch) -> Tensor:
        def outputs(network: torch.nn.Module, modality: str, layers: tuple[int, ...]) -> Outputs:
            seen: Outputs = network(cell.train.evaluation_view(modality, batch.index), layers)
            return dataclasses.replace(seen, logits=SURE * seen.logits)

        method = cell.method
        cell.student.eval()
        cell.teacher.eval()
        student = outputs(cell.student, cell.direction.student, method.student_layers())
        teacher = student.detach()
        if method.teacher != "none":
            teacher = outputs(cell.teacher, cell.direction.teacher, method.teacher_layers()).detach()
        return torch.stack(list(method.phases()[phase_number].loss(student, teacher, batch).values())).sum()
