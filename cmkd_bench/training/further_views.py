"""The outputs of the teacher for the training view, and of both networks for the views beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from torch.func import functional_call

from cmkd_bench.method import Batch, Method
from cmkd_bench.network import Network, Seen
from cmkd_bench.outputs import Outputs
from cmkd_bench.training.batches import BatchInputs
from cmkd_bench.training.segmentation import as_positions
from cmkd_bench.training.teacher import Teacher, outputs_without_teacher

Further = tuple[tuple[Outputs, Outputs], ...]


class _Training(Protocol):
    """What is read of a training."""

    student: Network
    method: Method[Any]

    @property
    def teacher(self) -> Teacher | None: ...

    @property
    def further_teachers(self) -> Mapping[str, Teacher]: ...


def teacher_outputs(training: _Training, student: Outputs, seen: BatchInputs) -> Outputs:
    """Return what a method gets as the teacher's outputs for the training view, given those of the student."""
    if training.teacher is None:
        return outputs_without_teacher(training.method, student, seen.student)
    return training.teacher.outputs(seen.teacher_index, seen.teacher)


def outputs_by_role(training: _Training, seen: BatchInputs) -> dict[str, Outputs]:
    """Return what `Batch.teachers` holds: the outputs of the further teachers."""
    return {
        role: teacher.outputs(seen.teacher_index, seen.teachers.get(role))
        for role, teacher in training.further_teachers.items()
    }


def further_outputs(training: _Training, seen: BatchInputs, batch: Batch) -> Further:
    """Return what `Batch.further` holds: the outputs of student and teacher for each further view.

    Args:
        training: the networks and the method.
        seen: the inputs of the batch.
        batch: the batch; for segmentation, its positions are those of all views.
    """
    further = []
    for inputs, shown in seen.further:
        student = pass_without_traces(training.student, inputs, training.method.student_layers())
        teacher = student.detach()
        if training.teacher is not None:
            teacher = training.teacher.outputs(seen.teacher_index, shown)
        if seen.targets is not None:
            student, teacher, _ = as_positions(student, teacher, batch, seen.targets, seen.box)
        further.append((student, teacher))
    return tuple(further)


def pass_without_traces(network: Network, inputs: Seen, layers: Sequence[int]) -> Outputs:
    """Return a network's outputs, with gradients, but leave its buffers as they are.

    The running statistics of batch normalization are those of the training view, whatever a method does with others:
    so a method whose further views have no weight is the student alone, bit for bit.
    """
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    outputs: Outputs = functional_call(network, buffers, (inputs, layers))
    return outputs
