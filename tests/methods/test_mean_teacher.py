"""The average of the student's weights, and how it teaches."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import paper_fixture as given
import pytest
import torch
from torch import nn

from cmkd_bench.losses import consistency_loss
from cmkd_bench.outputs import Outputs
from cmkd_bench.registry import methods
from cmkd_bench.testing._tiny_run import DIRECTIONS, build_tiny_run


def normed(value):
    """Return a network whose weights and running statistics are all of one value."""
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    for tensor in (*network.parameters(), *network.buffers()):
        tensor.data.fill_(value)
    return network


def averaged(toys, steps, **hyperparameters):
    """Return the average after steps in which all weights of the student are 1; they were 0."""
    pair = dataclasses.replace(toys.pair(), student_network=normed(0))
    method = toys.method("mean_teacher", pair, **hyperparameters)
    student, outputs = normed(1), toys.outputs()
    for step in range(steps):
        batch = dataclasses.replace(toys.batch(), step=step, further=((outputs, outputs),))
        method(outputs, outputs, batch)
        with torch.no_grad():
            method.after_step(student)
    return method.average


@pytest.mark.oracle("mean_teacher", "ten steps from 0 toward 1, worked out elsewhere; its limits at rates 0 and 1")
@pytest.mark.parametrize(
    ("rate", "steps", "expected"), [(0.99, 10, 0.0956179250), (0.0, 1, 1.0), (1.0, 10, 0.0), (0.5, 2, 0.75)]
)
def test_the_average_follows_at_its_rate(toys, rate, steps, expected):
    average = averaged(toys, steps, rate=rate, start="rate")
    for weights in average.parameters():
        torch.testing.assert_close(weights, torch.full_like(weights, expected))


def test_at_the_start_it_is_the_mean_of_all_weights_so_far(toys):
    # one time 0, then 9 times 1; from then on, the rate is the smaller one
    assert averaged(toys, 9, rate=0.99)[0].bias.tolist() == pytest.approx([0.9] * 3)
    assert averaged(toys, 2, rate=0.5)[0].bias.tolist() == pytest.approx([0.75] * 3)


def test_running_statistics_are_those_of_the_student(toys):
    assert all((buffer == 1).all() for buffer in averaged(toys, 1).buffers())


@pytest.mark.oracle("consistency_loss", "squared differences of probabilities in NumPy, entry by entry")
def test_consistency():
    def probabilities(logits):
        powers = np.exp(logits.numpy())
        return powers / powers.sum(axis=1, keepdims=True)

    ours, theirs = probabilities(given.STUDENT), probabilities(given.TEACHER)
    expected = sum((ours[i, j] - theirs[i, j]) ** 2 for i in range(3) for j in range(4)) / 12
    assert consistency_loss(given.STUDENT, given.TEACHER).item() == pytest.approx(expected, rel=1e-12)
    assert consistency_loss(given.STUDENT, given.STUDENT).item() == 0


@pytest.mark.oracle("mean_teacher", "the ramp exp(-5 (1 - x)^2) of the weight, at its start, middle and end")
@pytest.mark.parametrize(("epoch", "share"), [(1, math.exp(-4.05)), (5, math.exp(-1.25)), (10, 1.0), (20, 1.0)])
def test_consistency_grows_over_the_ramp(toys, epoch, share):
    method = toys.method("mean_teacher", toys.pair(), ramp=0.5, weight=10.0)
    weak, strong, average = (toys.outputs(seed=seed, grad=True) for seed in range(3))
    batch = dataclasses.replace(toys.batch(epoch=epoch, epochs=20), further=((strong, strong.detach()),))
    found = method(weak, average, batch)["consistency"]
    assert found.item() == pytest.approx(10 * share * consistency_loss(strong.logits, average.logits).item(), rel=1e-6)
    found.backward()
    assert (weak.logits.grad, average.logits.grad) == (None, None)
    assert strong.logits.grad.any()


@pytest.mark.parametrize(("samples", "classes"), [(1, 4), (3, 2)])
def test_small_and_constant_batches_have_finite_gradients(toys, samples, classes):
    constant = Outputs(torch.ones(samples, classes, requires_grad=True), torch.ones(samples, 5))
    batch = dataclasses.replace(toys.batch(samples, classes), further=((constant, constant.detach()),))
    terms = toys.method("mean_teacher", toys.pair(classes=classes))(constant, constant.detach(), batch)
    torch.stack(list(terms.values())).sum().backward()
    assert constant.logits.grad.isfinite().all()


@pytest.mark.parametrize("deployed", ["average", "student"])
def test_the_average_is_tested_or_the_student(deployed):
    cell = build_tiny_run(methods.get("mean_teacher"), {"deployed": deployed}, DIRECTIONS[0])
    assert cell.deployed is (cell.method.average if deployed == "average" else cell.student)
    cell.run()
    pairs = zip(cell.student.parameters(), cell.method.average.parameters(), strict=True)
    assert not any(torch.equal(own, averaged) for own, averaged in pairs)
    assert not any(one.requires_grad for one in cell.method.average.parameters())
