"""The plain ensemble of teachers against KD from the mean of their softened probabilities."""

from __future__ import annotations

import pytest
import torch

from cmkd_bench.method import Batch
from cmkd_bench.outputs import Outputs
from cmkd_bench.registry import methods
from cmkd_bench.testing._tiny_run import DIRECTIONS, build_tiny_run


def outputs(seed: int, gradient: bool = False) -> Outputs:
    logits = 3 * torch.randn(6, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return Outputs(logits.requires_grad_(gradient), torch.zeros(6, 2))


@pytest.mark.oracle("kd_ensemble", "the gradient of KD from the mean of softened probabilities, by autograd")
def test_its_gradient_is_that_of_the_mean_of_the_teachers_probabilities() -> None:
    cell = build_tiny_run(methods.get("kd_ensemble"), {"alpha": 0.6, "temperature": 2.0}, DIRECTIONS[0])
    assert not isinstance(cell, str)
    student, first, second = outputs(0, gradient=True), outputs(1), outputs(2)
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    batch = Batch(torch.arange(6), 1, 1, labels, teachers={"composite": second})
    losses = cell.method(student, first, batch)
    (found,) = torch.autograd.grad(torch.stack(list(losses.values())).sum(), student.logits)
    with torch.no_grad():
        mean = ((first.logits / 2).softmax(1) + (second.logits / 2).softmax(1)) / 2
        ours = (student.logits / 2).softmax(1)
        hard = student.logits.softmax(1) - torch.eye(3, dtype=torch.float64)[labels]
        expected = (0.4 * hard + 0.6 * 2 * (ours - mean)) / 6
    assert torch.allclose(found, expected, atol=1e-12)


@pytest.mark.oracle("kd_ensemble", "KD, where both teachers say the same")
def test_equal_teachers_are_one() -> None:
    cells = {name: build_tiny_run(methods.get(name), {}, DIRECTIONS[0]) for name in ("kd", "kd_ensemble")}
    student, teacher = outputs(0), outputs(1)
    batch = Batch(torch.arange(6), 1, 1, torch.tensor([0, 1, 2, 0, 1, 2]), teachers={"composite": teacher})
    losses = {name: cell.method(student, teacher, batch) for name, cell in cells.items() if not isinstance(cell, str)}
    assert losses["kd"].keys() == losses["kd_ensemble"].keys()
    for name, value in losses["kd"].items():
        assert torch.allclose(value, losses["kd_ensemble"][name], rtol=1e-12)
