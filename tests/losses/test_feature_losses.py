"""Losses of NKD, CTKD, PKT, CSC, SKD, VID, ITRD and PEFD, against values computed in float64 without this package."""

from __future__ import annotations

import math

import paper_fixture as given
import pytest
import torch

from cmkd_bench.losses import (
    class_contrast,
    correlation_loss,
    cosine_distance,
    direction_loss,
    kd_loss,
    mutual_information_loss,
    nkd_terms,
    pkt_loss,
    tckd_nckd,
    vid_loss,
)

LABELS = given.LABELS
TWO_CLASSES = torch.tensor([0, 0, 1])
VARIANCE = torch.tensor([5.0, 2.0, 0.5], dtype=torch.float64)

# losses of logits and of embeddings, by name
LOGITS = {
    "nkd_target": lambda s, t: nkd_terms(s, t, LABELS, 2.0)[0],
    "nkd_others": lambda s, t: nkd_terms(s, t, LABELS, 2.0)[1],
    "direction": lambda s, t: direction_loss(s, t, 0.1),
}
EMBEDDINGS = {
    "pkt": lambda s, t: pkt_loss(s, t, with_itself=False),
    "pkt_code": lambda s, t: pkt_loss(s, t, with_itself=True),
    "vid": lambda s, t: vid_loss(s, t, VARIANCE),
    "correlation": lambda s, t: correlation_loss(s, t, 1.01),
    "mutual": mutual_information_loss,
    "cosine": cosine_distance,
}


@pytest.mark.oracle("nkd_terms", "both terms at temperature 1, computed in float64 elsewhere")
def test_nkd():
    target, others = nkd_terms(given.STUDENT, given.TEACHER, LABELS, 1.0)
    assert [target.item(), others.item()] == pytest.approx([0.8863713083, 0.9101653041], abs=5e-10)


@pytest.mark.oracle("nkd_terms", "the gradient of DKD's non-target part, none on the label's logit")
def test_the_gradient_of_nkds_second_term_is_that_of_nckd():
    ours, theirs = (given.STUDENT.clone().requires_grad_() for _ in range(2))
    nkd_terms(ours, given.TEACHER, LABELS, 4.0)[1].backward()
    (16 * tckd_nckd(theirs, given.TEACHER, LABELS, 4.0)[1].mean()).backward()
    torch.testing.assert_close(ours.grad, theirs.grad)
    assert not ours.grad[range(3), LABELS].any()


@pytest.mark.oracle("kd_loss", "value and gradient at a temperature that is learned, computed in float64 elsewhere")
def test_kd_at_a_learned_temperature():
    theta = torch.ones((), dtype=torch.float64, requires_grad=True)
    loss = kd_loss(given.STUDENT, given.TEACHER, 1 + 20 * theta.sigmoid())
    loss.backward()
    assert loss.item() == pytest.approx(0.4888291541, abs=5e-10)
    assert theta.grad.item() == pytest.approx(-0.0021705779, abs=5e-10)


@pytest.mark.oracle("pkt_loss", "the released code's mean with the diagonal, and the paper's sum without it")
def test_pkt():
    both = given.STUDENT_EMBEDDING, given.TEACHER_EMBEDDING
    assert pkt_loss(*both, with_itself=True).item() == pytest.approx(0.0011533126, abs=5e-10)
    assert 3 * pkt_loss(*both, with_itself=False).item() == pytest.approx(0.0079189011, abs=1e-8)


@pytest.mark.oracle("class_contrast", "the value with two samples of one class, computed in float64 elsewhere")
def test_class_contrast():
    loss = class_contrast(given.WIDE_STUDENT_EMBEDDING, given.TEACHER_EMBEDDING, TWO_CLASSES, 0.07, 0.01)
    assert loss.item() == pytest.approx(1.0758846553, abs=5e-10)


def test_class_contrast_knows_the_classes_and_trains_both_sides():
    student, teacher = (one.clone().requires_grad_() for one in (given.WIDE_STUDENT_EMBEDDING, given.TEACHER_EMBEDDING))
    loss = class_contrast(student, teacher, TWO_CLASSES, 0.07, 0.01)
    other = class_contrast(student, teacher, torch.tensor([0, 1, 0]), 0.07, 0.01)
    assert loss.item() != pytest.approx(other.item(), rel=1e-3)
    loss.backward()
    assert student.grad.any()
    assert teacher.grad.any()


def test_pairs_of_negative_cosine_have_the_least_temperature():
    student = torch.tensor([[1.0, 0.0], [-1.0, 0.1]], dtype=torch.float64)
    loss = class_contrast(student, -student, torch.tensor([0, 1]), 0.07, 0.01)
    cosines = -(student / student.norm(dim=1, keepdim=True)) @ (student / student.norm(dim=1, keepdim=True)).T
    rows = []
    for i in range(2):
        scores = [float(cosines[i, j]) / max(float(cosines[i, j]) + 0.07, 0.01) for j in range(2)]
        rows.append(math.log(sum(map(math.exp, scores))) - scores[i])
    assert loss.item() == pytest.approx(sum(rows) / 2, rel=1e-9)


@pytest.mark.oracle("direction_loss", "values at three ridges, computed in float64 elsewhere")
@pytest.mark.parametrize(("ridge", "value"), [(0.1, 1.1005887320), (1.0, 0.4423684973), (1e4, 0.46512071558e-2)])
def test_direction(ridge, value):
    assert direction_loss(given.STUDENT, given.TEACHER, ridge).item() == pytest.approx(value, rel=2e-5)


def test_equal_logits_have_a_finite_gradient():
    student = given.TEACHER.clone().requires_grad_()
    loss = direction_loss(student, given.TEACHER, 0.1)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=2e-6)
    assert student.grad.isfinite().all()


def test_one_sample_has_no_covariance():
    with pytest.raises(ValueError, match="2"):
        direction_loss(given.STUDENT[:1], given.TEACHER[:1], 0.1)


@pytest.mark.oracle("vid_loss", "two channels by hand, and the least value at the mean squared residual")
def test_vid():
    mean, target = torch.tensor([[1.0, 2.0]]), torch.tensor([[2.0, 2.0]])
    assert vid_loss(mean, target, torch.full((2,), 5.0)).item() == pytest.approx(0.8547189562, abs=1e-7)
    residuals = (given.WIDE_STUDENT_EMBEDDING - given.TEACHER_EMBEDDING).square().mean(dim=0) + 1e-9
    least = vid_loss(given.WIDE_STUDENT_EMBEDDING, given.TEACHER_EMBEDDING, residuals).item()
    for factor in (0.7, 1.4):
        assert vid_loss(given.WIDE_STUDENT_EMBEDDING, given.TEACHER_EMBEDDING, factor * residuals).item() > least


@pytest.mark.oracle("mutual_information_loss", "the difference of two sums of squares, computed in float64 elsewhere")
def test_mutual_information():
    loss = mutual_information_loss(given.STUDENT_EMBEDDING, given.TEACHER_EMBEDDING)
    assert loss.item() == pytest.approx(0.6444444444 - 0.4244444444, abs=5e-10)


@pytest.mark.oracle("correlation_loss", "the value with biased deviations, computed in float64 elsewhere")
def test_correlation():
    loss = correlation_loss(given.WIDE_STUDENT_EMBEDDING, given.TEACHER_EMBEDDING, 1.01)
    assert loss.item() == pytest.approx(-4.2729741259, abs=2e-4)
    same = correlation_loss(given.TEACHER_EMBEDDING, given.TEACHER_EMBEDDING, 1.01)
    assert same.item() == pytest.approx(-20, abs=1e-3)


@pytest.mark.oracle("cosine_distance", "the mean over three rows, computed in float64 elsewhere")
def test_cosine():
    loss = cosine_distance(given.WIDE_STUDENT_EMBEDDING, given.TEACHER_EMBEDDING)
    assert loss.item() == pytest.approx(0.0513167019, abs=5e-10)


@pytest.mark.parametrize("name", [*LOGITS, *EMBEDDINGS])
def test_the_teacher_gets_no_gradient_and_the_students_is_the_derivative(name):
    loss = LOGITS.get(name) or EMBEDDINGS[name]
    student = given.STUDENT if name in LOGITS else given.WIDE_STUDENT_EMBEDDING
    teacher = given.TEACHER if name in LOGITS else given.TEACHER_EMBEDDING
    teacher = teacher.clone().requires_grad_()
    student = (student + 0.01 * torch.arange(student.numel()).view(student.shape)).requires_grad_()
    loss(student, teacher).backward()
    assert teacher.grad is None
    assert student.grad.any()
    assert torch.autograd.gradcheck(lambda s: loss(s, teacher.detach()), [student])


@pytest.mark.parametrize("name", EMBEDDINGS)
def test_dead_channels_and_rows_are_finite(name):
    for dead in (given.WIDE_STUDENT_EMBEDDING * torch.tensor([1, 0, 1]), torch.zeros(3, 3, dtype=torch.float64)):
        student = dead.clone().requires_grad_()
        loss = EMBEDDINGS[name](student, given.TEACHER_EMBEDDING)
        loss.backward()
        assert loss.isfinite()
        assert student.grad.isfinite().all()


@pytest.mark.parametrize("name", LOGITS)
@pytest.mark.parametrize("constant", [0.0, 3.0])
def test_constant_logits_are_finite(name, constant):
    student = torch.full_like(given.STUDENT, constant).requires_grad_()
    loss = LOGITS[name](student, given.TEACHER)
    loss.backward()
    assert loss.isfinite()
    assert student.grad.isfinite().all()
