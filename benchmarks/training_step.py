"""Compare a training step of each method with its floor: both networks, without a distillation loss.

The floor is the forward pass of each teacher (and backward, where the phase trains the teachers) plus the student's
forward and backward pass under cross-entropy. The last column is the step as the engine runs it where the teachers are
frozen and their inputs are not augmented: their outputs are read, not computed. On the CPU, the time is that of this
process, so other processes disturb it only through the caches.

Run from the root of the repository: python -m benchmarks.training_step [--networks timm/resnet18] [--device cuda]
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn import functional as F

from benchmarks._timing import interleaved
from cmkd_bench.method import Batch, Head, Method, Pair, Phase
from cmkd_bench.network import InputShape, Network, shape_of
from cmkd_bench.networks import build_network
from cmkd_bench.networks.concat import Concat
from cmkd_bench.outputs import Outputs
from cmkd_bench.registry import methods
from cmkd_bench.training.further_views import pass_without_traces
from cmkd_bench.training.memory import peak_mb, reset_peak

Timing = Callable[[dict[str, Callable[[], object]], int], dict[str, float]]
BATCH, CLASSES, SAMPLES, ROUNDS = 64, 28, 2000, 60
ROLE = "composite"
NETWORKS = {
    "cnn2d": InputShape("image", (3, 32, 32)),
    "mlp": InputShape("vector", (512,)),
    "timm/resnet18": InputShape("image", (3, 224, 224)),
}


# One call at a time: a longer sample is interrupted more often on a busy machine.
ON_CPU = functools.partial(interleaved, clock=time.process_time, shortest=0.0)
HEADINGS = ("method", "phase", "own parameters", "floor, ms", "step / floor", "with stored teacher / floor", "peak, MB")


@dataclass
class Bench:
    """Two networks of one kind, and a batch for both."""

    teacher: Network
    student: Network
    teacher_inputs: Tensor
    student_inputs: Tensor
    labels: Tensor
    pair: Pair
    composite: Network

    def floor(self, trains: bool, roles: Sequence[str] = ()) -> None:
        """All networks, cross-entropy alone, with or without gradients for the teachers."""
        with torch.set_grad_enabled(trains):
            teachers = [self.teacher(self.teacher_inputs), *self.further_teachers(roles).values()]
        logits = [self.student(self.student_inputs).logits, *(one.logits for one in teachers if trains)]
        torch.autograd.backward(torch.stack([F.cross_entropy(one, self.labels) for one in logits]).sum())

    def step(
        self,
        method: Method[Any],
        phase: Phase,
        stored: Outputs | None,
        stored_further: Mapping[str, Outputs] | None = None,
    ) -> None:
        """The losses of all steps and their gradients; with stored outputs of the teachers, if there are any."""
        trains = _trains_teachers(method, phase)
        for loss in phase.losses:
            student = self.student(self.student_inputs, method.student_layers())
            if phase.trains != "student":
                student = Outputs(self.student.head(student.embedding.detach()), student.embedding.detach())
            teacher = stored
            if (own := method.own_teacher()) is not None:
                with torch.no_grad():
                    teacher = own(self.student_inputs, method.teacher_layers())
            if teacher is None:
                with torch.set_grad_enabled(trains):
                    teacher = self.teacher(self.teacher_inputs, method.teacher_layers())
            with torch.set_grad_enabled(trains):
                teachers = stored_further or self.further_teachers(method.further_teachers)
            further = self._further(method) if phase.views else ()
            index = torch.arange(BATCH, device=self.labels.device)
            batch = Batch(index, 1, 10, self.labels, further=further, teachers=teachers)
            torch.autograd.backward(torch.stack(list(loss(student, teacher, batch).values())).sum())
        with torch.no_grad():
            method.after_step(self.student)

    def further_teachers(self, roles: Sequence[str]) -> dict[str, Outputs]:
        """The outputs of further teachers by role."""
        inputs = {"teacher": self.teacher_inputs, "student": self.student_inputs}
        return {role: self.composite(inputs) for role in roles}

    def _further(self, method: Method[Any]) -> tuple[tuple[Outputs, Outputs], ...]:
        """The outputs for the method's further views, with the same inputs as those of the training view."""
        further = []
        for _ in method.further_views(method.hyperparameters):
            student = pass_without_traces(self.student, self.student_inputs, method.student_layers())
            teacher = student.detach()
            if method.teacher != "none":
                with torch.no_grad():
                    teacher = self.teacher(self.teacher_inputs, method.teacher_layers())
            further.append((student, teacher))
        return tuple(further)


def main() -> None:
    """Print one table per kind of network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", default="cnn2d,mlp", help=", ".join(NETWORKS))
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--methods", default="", help="comma-separated; all by default")
    given = parser.parse_args()
    timing = interleaved if given.device == "cuda" else ON_CPU
    torch.set_num_threads(1)
    torch.set_default_device(given.device)
    for name in given.networks.split(","):
        bench = build(name, NETWORKS[name])
        where = "CPU time of one thread" if given.device == "cpu" else torch.cuda.get_device_name()
        table = Table(title=f"{name}, batch {BATCH}, {CLASSES} classes, {where}, median of {ROUNDS} rounds")
        for heading in HEADINGS:
            table.add_column(heading, justify="left" if heading in ("method", "phase") else "right")
        for method in given.methods.split(",") if given.methods else methods.names():
            reset_peak(torch.device(given.device))
            own = f"{sum(one.numel() for one in _method(bench, method).parameters()):,}"
            for phase, floor, ratio, stored in measure(bench, method, timing):
                numbers = (f"{floor * 1e3:.2f}", f"{ratio:.2f}", f"{stored:.2f}" if stored else "-")
                table.add_row(method, phase, own, *numbers, f"{peak_mb(torch.device(given.device)):.0f}")
        Console().print(table)


def measure(bench: Bench, name: str, timing: Timing = interleaved) -> list[tuple[str, float, float, float | None]]:
    """For each phase of a method: its name, the floor in seconds, and the two ratios."""
    cls, method = methods.get(name), _method(bench, name)
    needs, roles = cls.teacher != "none", cls.further_teachers
    with torch.no_grad():
        stored = bench.teacher(bench.teacher_inputs, method.teacher_layers())
        others = bench.further_teachers(roles)
    rows = []
    for phase in method.phases():
        functions: dict[str, Callable[[], object]] = {
            "floor": lambda phase=phase: bench.floor(_trains_teachers(method, phase), roles),
            "step": lambda phase=phase: bench.step(method, phase, None if needs else stored),
        }
        if needs and not cls.updates_teacher and not method.further_views(method.hyperparameters):
            functions["stored"] = lambda phase=phase: bench.step(method, phase, stored, others)
        seconds = timing(functions, ROUNDS)
        floor = seconds["floor"]
        extra = seconds["stored"] / floor if "stored" in seconds else None
        rows.append((phase.name, floor, seconds["step"] / floor, extra))
    return rows


def _trains_teachers(method: Method[Any], phase: Phase) -> bool:
    return method.updates_teacher and phase.trains_teacher("teacher")


def _method(bench: Bench, name: str) -> Method[Any]:
    cls = methods.get(name)
    torch.manual_seed(0)
    return cls(cls.HyperParameters(), bench.pair).to(bench.labels.device)


def build(name: str, inputs: InputShape, of_teacher: InputShape | None = None) -> Bench:
    """A teacher, a student and a batch of noise; both see inputs of one shape unless the teacher's is given."""
    torch.manual_seed(0)
    of_teacher = of_teacher or inputs
    teacher, student = (build_network(name, shape, CLASSES) for shape in (of_teacher, inputs))
    composite = Concat(
        {"teacher": build_network(name, of_teacher, CLASSES), "student": build_network(name, inputs, CLASSES)}, CLASSES
    )
    shapes = shape_of(student, inputs), shape_of(teacher, of_teacher)
    of_composite = shape_of(composite, {"teacher": of_teacher, "student": inputs})
    labels = torch.randint(CLASSES, (SAMPLES,))
    return Bench(
        teacher=teacher.train(),
        student=student.train(),
        teacher_inputs=torch.randn(BATCH, *of_teacher.shape),
        student_inputs=torch.randn(BATCH, *inputs.shape),
        labels=labels[:BATCH],
        pair=Pair(
            *shapes, CLASSES, labels, Head(teacher.head), student, {ROLE: of_composite}, {ROLE: Head(composite.head)}
        ),
        composite=composite.train(),
    )


if __name__ == "__main__":
    main()
