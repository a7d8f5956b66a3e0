from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from cmkd_bench.method import NetworkShape, Pair
from cmkd_bench.methods.cmcd import CMCD, CMCDParameters
from cmkd_bench.testing._tiny_run import RECIPE, Direction, build_tiny_run

TO_SIGNAL = Direction("vector", "signal")  # the student has batch statistics


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def without_diagonal(square):
    return square[~np.eye(len(square), dtype=bool)].reshape(len(square), -1)


def cmc(projected, teacher):
    scores = unit(projected) @ unit(teacher).T / 0.2
    return -(np.diag(log_softmax(scores, axis=1)) + np.diag(log_softmax(scores, axis=0))).mean() / 2


def cmd(projected, teacher):
    ours, theirs = (without_diagonal(unit(rows) @ unit(rows).T) for rows in (projected, teacher))
    return -(softmax(theirs / 0.5, axis=1) * log_softmax(ours / 0.2, axis=1)).sum(1).mean()


@pytest.mark.oracle("cmcd", "both losses in NumPy and SciPy, projection included")
@pytest.mark.parametrize("form", [cmc, cmd])
def test_distillation_equals_the_equations(toys, form):
    given = {"form": form.__name__, "temperature": 0.2, "teacher_temperature": 0.5}
    method = toys.method("cmcd", toys.pair(), **given).double()
    student = toys.outputs(dtype=torch.float64)
    teacher = toys.outputs(width=7, seed=1, dtype=torch.float64)
    losses = method.phases()[0].loss(student, teacher, toys.batch(labels=False))
    hidden, _, out = method.projection
    first, second = ((layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in (hidden, out))
    projected = np.maximum(student.embedding.numpy() @ first[0].T + first[1], 0) @ second[0].T + second[1]
    assert projected.shape == (6, 7)
    assert losses.keys() == {form.__name__}
    assert losses[form.__name__].item() == pytest.approx(form(projected, teacher.embedding.numpy()), rel=1e-10)


@pytest.mark.parametrize("form", ["cmc", "cmd"])
def test_the_teacher_gets_no_gradient(toys, form):
    method = toys.method("cmcd", toys.pair(), form=form)
    student, teacher = toys.outputs(grad=True), toys.outputs(width=7, seed=1, grad=True)
    sum(method.distil(student, teacher, toys.batch(labels=False)).values()).backward()
    assert teacher.embedding.grad is None
    assert student.embedding.grad.any()


@pytest.mark.oracle("cmcd", "the backbone's bytes before and after linear evaluation")
@pytest.mark.parametrize("evaluation", ["le", "ft"])
def test_linear_evaluation_leaves_the_backbone_bit_for_bit(evaluation):
    cell = build_tiny_run(CMCD, {"evaluation": evaluation}, TO_SIGNAL)
    before = cell.state()
    cell.run(only=cell.method.phases()[1])
    after = cell.state()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    student = {name for name in before if name.startswith("student.")}
    assert "student.layers.0.1.running_mean" in student
    assert changed == ({"student.head.weight", "student.head.bias"} if evaluation == "le" else student)


@pytest.mark.oracle("cmcd", "the first phase's weights with all labels shuffled: the same bytes")
@pytest.mark.parametrize("form", ["cmc", "cmd"])
def test_labels_reach_only_the_second_phase(form, tmp_path):
    states = []
    for shuffled in (False, True):
        cell = build_tiny_run(CMCD, {"form": form, "distillation_share": 0.5}, TO_SIGNAL, shuffled_labels=shuffled)
        cell.run_until(1, tmp_path / "checkpoint.pt", RECIPE)
        first = cell.state()
        cell.resume(tmp_path / "checkpoint.pt", RECIPE)
        states.append((first, cell.state()))
    (first, last), (first_shuffled, last_shuffled) = states
    assert all(torch.equal(first[name], first_shuffled[name]) for name in first)
    assert not torch.equal(last["student.head.weight"], last_shuffled["student.head.weight"])


def test_a_linear_student_is_refused_and_a_linear_teacher_is_not():
    hidden, linear = NetworkShape(5, ((5,),)), NetworkShape(9, ())
    labels = torch.arange(4)
    assert "its input" in CMCD.unsupported(CMCDParameters(), Pair(linear, hidden, 4, labels))
    assert CMCD.unsupported(CMCDParameters(), Pair(hidden, linear, 4, labels)) is None
