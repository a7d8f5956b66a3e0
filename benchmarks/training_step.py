"""Compare a training step of each method with its floor: both networks, without a distillation loss.

The floor is the teacher's forward pass (and backward, where the method trains the teacher) plus the student's forward
and backward pass under cross-entropy. The last column is the step as the engine runs it where the teacher is frozen and
its inputs are not augmented: the teacher's outputs are read, not computed.

Run from the root of the repository: python -m benchmarks.training_step [--networks timm/resnet18] [--device cuda]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
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
from cmkd_bench.outputs import Outputs
from cmkd_bench.registry import methods
from cmkd_bench.training.further_views import pass_without_traces
from cmkd_bench.training.memory import peak_mb, reset_peak

Timing = Callable[[dict[str, Callable[[], object]], int], dict[str, float]]
BATCH, CLASSES, SAMPLES, ROUNDS = 64, 28, 2000, 15
NETWORKS = {
    "cnn2d": InputShape("image", (3, 32, 32)),
    "mlp": InputShape("vector", (512,)),
    "timm/resnet18": InputShape("image", (3, 224, 224)),
}


@dataclass
class Bench:
    """Two networks of one kind, and a batch for both."""

    teacher: Network
    student: Network
    teacher_inputs: Tensor
    student_inputs: Tensor
    labels: Tensor
    pair: Pair

    def floor(self, trains_teacher: bool) -> None:
        """Both networks, cross-entropy alone."""
        with torch.set_grad_enabled(trains_teacher):
            teacher = self.teacher(self.teacher_inputs).logits
        loss = F.cross_entropy(self.student(self.student_inputs).logits, self.labels)
        torch.autograd.backward(loss + F.cross_entropy(teacher, self.labels) if trains_teacher else loss)

    def step(self, method: Method[Any], phase: Phase, stored: Outputs | None) -> None:
        """The method's losses and their gradients; with stored outputs of the teacher, if there are any."""
        whole = phase.trains == "student"
        student = self.student(self.student_inputs, method.student_layers())
        if not whole:
            student = Outputs(self.student.head(student.embedding.detach()), student.embedding.detach())
        if (own := method.own_teacher()) is not None:
            with torch.no_grad():
                stored = own(self.student_inputs, method.teacher_layers())
        if stored is None:
            with torch.set_grad_enabled(method.updates_teacher):
                stored = self.teacher(self.teacher_inputs, method.teacher_layers())
        further = self._further(method) if phase.views else ()
        batch = Batch(torch.arange(BATCH, device=self.labels.device), 1, 10, self.labels, further=further)
        losses = phase.loss(student, stored, batch)
        torch.autograd.backward(torch.stack(list(losses.values())).sum())
        with torch.no_grad():
            method.after_step(self.student)

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
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_default_device(given.device)
    for name in given.networks.split(","):
        bench = build(name, NETWORKS[name])
        where = "one thread" if given.device == "cpu" else torch.cuda.get_device_name()
        table = Table(title=f"{name}, batch {BATCH}, {CLASSES} classes, {where}, median of {ROUNDS} rounds")
        for heading in ("method", "phase", "floor, ms", "step / floor", "with stored teacher / floor", "peak, MB"):
            table.add_column(heading, justify="left" if heading in ("method", "phase") else "right")
        for method in methods.names():
            reset_peak(torch.device(given.device))
            for phase, floor, ratio, stored in measure(bench, method):
                numbers = (f"{floor * 1e3:.2f}", f"{ratio:.2f}", f"{stored:.2f}" if stored else "-")
                table.add_row(method, phase, *numbers, f"{peak_mb(torch.device(given.device)):.0f}")
        Console().print(table)


def measure(bench: Bench, name: str, timing: Timing = interleaved) -> list[tuple[str, float, float, float | None]]:
    """For each phase of a method: its name, the floor in seconds, and the two ratios."""
    cls = methods.get(name)
    torch.manual_seed(0)
    method = cls(cls.HyperParameters(), bench.pair).to(bench.labels.device)
    trains, needs = cls.updates_teacher, cls.teacher != "none"
    with torch.no_grad():
        stored = bench.teacher(bench.teacher_inputs, method.teacher_layers())
    rows = []
    for phase in method.phases():
        functions: dict[str, Callable[[], object]] = {
            "floor": lambda: bench.floor(trains),
            "step": lambda phase=phase: bench.step(method, phase, None if needs else stored),
        }
        if needs and not trains and not method.further_views(method.hyperparameters):
            functions["stored"] = lambda phase=phase: bench.step(method, phase, stored)
        seconds = timing(functions, ROUNDS)
        floor = seconds["floor"]
        extra = seconds["stored"] / floor if "stored" in seconds else None
        rows.append((phase.name, floor, seconds["step"] / floor, extra))
    return rows


def build(name: str, inputs: InputShape, of_teacher: InputShape | None = None) -> Bench:
    """A teacher, a student and a batch of noise; both see inputs of one shape unless the teacher's is given."""
    torch.manual_seed(0)
    of_teacher = of_teacher or inputs
    teacher, student = (build_network(name, shape, CLASSES) for shape in (of_teacher, inputs))
    shapes = shape_of(student, inputs), shape_of(teacher, of_teacher)
    labels = torch.randint(CLASSES, (SAMPLES,))
    return Bench(
        teacher=teacher.train(),
        student=student.train(),
        teacher_inputs=torch.randn(BATCH, *of_teacher.shape),
        student_inputs=torch.randn(BATCH, *inputs.shape),
        labels=labels[:BATCH],
        pair=Pair(*shapes, CLASSES, labels, Head(teacher.head), student),
    )


if __name__ == "__main__":
    main()
