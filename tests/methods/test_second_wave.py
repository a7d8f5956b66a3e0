"""What the methods of the second wave do beside their losses: adversaries, starting values, phases."""

from __future__ import annotations

import math

import paper_fixture as given
import pytest
import torch

from cmkd_bench.losses import kd_loss
from cmkd_bench.method import Batch
from cmkd_bench.outputs import Outputs


def theta_of(toys, epoch, epochs, **hyperparameters):
    method = toys.method("ctkd", toys.pair(), **hyperparameters)
    student, teacher = toys.outputs(seed=0, grad=True), toys.outputs(seed=1)
    loss = method(student, teacher, toys.batch(epoch=epoch, epochs=epochs))["distillation"]
    loss.backward()
    return method.theta, student, teacher, method


@pytest.mark.oracle("ctkd", "the first temperature, 1 + 20 sigmoid(1), and the ramp of the adversary")
@pytest.mark.parametrize(("epoch", "strength"), [(1, 0.0), (2, 0.0245), (6, 0.5), (11, 1.0), (240, 1.0)])
def test_the_temperature_of_ctkd_climbs_the_loss(toys, epoch, strength):
    theta, student, teacher, method = theta_of(toys, epoch, 240, alpha=1.0)
    assert method.logged["temperature"].item() == pytest.approx(15.6211715726, rel=1e-6)
    free = torch.ones((), dtype=torch.float64, requires_grad=True)
    kd_loss(student.logits.detach().double(), teacher.logits.double(), 1 + 20 * free.sigmoid()).backward()
    assert theta.grad.item() == pytest.approx(-strength * free.grad.item(), rel=2e-3, abs=1e-9)


@pytest.mark.oracle("ctkd", "the student's gradient, that of KD at the same temperature")
def test_the_student_of_ctkd_is_trained_as_by_kd(toys):
    _, student, teacher, method = theta_of(toys, 240, 240, alpha=0.5)
    alone = student.logits.detach().clone().requires_grad_()
    (0.5 * kd_loss(alone, teacher.logits, method.logged["temperature"].item())).backward()
    torch.testing.assert_close(student.logits.grad, alone.grad)


@pytest.mark.oracle("vid", "the first variance, 5")
def test_the_variances_of_vid_start_at_five(toys):
    method = toys.method("vid", toys.pair())
    method(toys.outputs(), toys.outputs(width=7), toys.batch())
    assert method.spread[0].item() == pytest.approx(4.9932291827, rel=1e-6)
    assert method.logged["median_variance"].item() == pytest.approx(5, rel=1e-6)


@pytest.mark.oracle("pefd", "the mean cosine distance of the averaged projections, row by row")
def test_pefd_averages_projections_that_differ(toys):
    method = toys.method("pefd", toys.pair(), weight=2.0)
    student, teacher = toys.outputs(), toys.outputs(width=7, seed=1)
    weights = [projection[0].weight for projection in method.projections]
    assert not any(torch.equal(weights[i], weights[j]) for i in range(3) for j in range(i))
    expected = 0.0
    for row, target in zip(student.embedding, teacher.embedding, strict=True):
        mean = sum(projection(row) for projection in method.projections) / 3
        expected += 1 - float(mean @ target) / float(mean.norm() * target.norm())
    assert method(student, teacher, toys.batch())["distillation"].item() == pytest.approx(expected * 2 / 6, rel=1e-5)


@pytest.mark.oracle("itrd", "the mutual term without a projection, where one side rotates")
@pytest.mark.oracle("pkt", "no change where one side rotates")
def test_relations_ignore_a_rotation(toys):
    turn = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(0)))[0]
    student, teacher = toys.outputs(), toys.outputs(width=7, seed=1)
    turned = type(student)(student.logits, student.embedding @ turn, {})
    for name, term in (("itrd", "mutual"), ("pkt", "similarity")):
        method = toys.method(name, toys.pair())
        values = [method(one, teacher, toys.batch())[term].item() for one in (student, turned)]
        assert values[0] == pytest.approx(values[1], rel=1e-4)


@pytest.mark.oracle("nkd", "1 and 1.5 times the two terms")
@pytest.mark.oracle("skd", "KD without the square of the temperature")
@pytest.mark.oracle("csc", "log B where the embeddings of all samples are equal")
def test_weights(toys):
    student = Outputs(given.STUDENT, given.STUDENT_EMBEDDING, {})
    teacher = Outputs(given.TEACHER, given.TEACHER_EMBEDDING, {})
    batch = Batch(torch.arange(3), 1, 1, given.LABELS)
    pair = toys.pair(student=2, teacher=3, classes=4)
    nkd = toys.method("nkd", pair)(student, teacher, batch)
    assert nkd["target"].item() + nkd["others"].item() == pytest.approx(2.2516192645, abs=1e-9)
    skd = toys.method("skd", pair)(student, teacher, batch)
    assert skd["distillation"].item() == pytest.approx(0.5045256418 / 16, abs=1e-9)
    assert skd["direction"].item() == pytest.approx(1.1005887320, abs=1e-8)
    same = Outputs(torch.zeros(3, 4), torch.ones(3, 2), {}), Outputs(torch.zeros(3, 4), torch.ones(3, 3), {})
    assert toys.method("csc", pair)(*same, batch)["contrast"].item() == pytest.approx(math.log(3), rel=1e-5)


@pytest.mark.oracle("soundnet", "KL at temperature 1 in the label-free phase")
def test_soundnet_distils_without_labels_and_then_trains_the_classifier(toys):
    method = toys.method("soundnet", toys.pair())
    first, second = method.phases()
    assert (first.labels, first.trains, second.trains) == (False, "student", "head")
    student, teacher = toys.outputs(seed=0), toys.outputs(seed=1)
    log_p, log_q = teacher.logits.log_softmax(1), student.logits.log_softmax(1)
    expected = sum(float((p.exp() * (p - q)).sum()) for p, q in zip(log_p, log_q, strict=True)) / 6
    assert first.loss(student, teacher, toys.batch(labels=False))["distillation"].item() == pytest.approx(expected)
