"""Losses of the logit methods, against values computed in float64 without this package."""

from __future__ import annotations

import pytest
import torch
from paper_fixture import LABELS, STUDENT, TEACHER
from torch.nn import functional as F

from cmkd_bench.losses import (
    dist_terms,
    dkd_loss,
    kd_loss,
    ofa_loss,
    prediction_relations,
    rld_terms,
    standardize_logits,
    transformed_teacher_loss,
)

CONSTANT = torch.ones_like(STUDENT)


def standardized_kd(student, teacher, temperature=2.0):
    return kd_loss(standardize_logits(student), standardize_logits(teacher), temperature)


LOSSES = {
    "dist_inter": lambda s, t: dist_terms(s, t, 1.0)[0],
    "dist_intra": lambda s, t: dist_terms(s, t, 1.0)[1],
    "lskd": standardized_kd,
    "rld_confidence": lambda s, t: rld_terms(s, t, LABELS, 4.0, 1.0)[0].mean(),
    "rld_correlation": lambda s, t: rld_terms(s, t, LABELS, 4.0, 1.0)[1].mean(),
    "ttm": lambda s, t: transformed_teacher_loss(s, t, 0.2, weighted=False),
    "wttm": lambda s, t: transformed_teacher_loss(s, t, 0.2, weighted=True),
    "mlld_batch": lambda s, t: prediction_relations(s, t, 4.0)[0],
    "mlld_class": lambda s, t: prediction_relations(s, t, 4.0)[1],
    "ofa": lambda s, t: ofa_loss(s, t, LABELS, 1.5, all_classes=False),
}


@pytest.mark.oracle("dist_terms", "values at temperatures 1 and 4, computed in float64 elsewhere")
@pytest.mark.parametrize(
    ("temperature", "inter", "intra"), [(1.0, 0.6150071547, 1.0705756730), (4.0, 0.3335312557, 0.7491742795)]
)
def test_dist(temperature, inter, intra):
    terms = [term.item() for term in dist_terms(STUDENT, TEACHER, temperature)]
    assert terms == pytest.approx([inter, intra], abs=5e-10)


@pytest.mark.oracle("dist_terms", "one minus the correlations of the logits, the limit of a high temperature")
def test_dist_at_a_high_temperature_correlates_logits():
    inter, intra = dist_terms(STUDENT, TEACHER, 200.0)  # far above, the guard against a division by 0 matters
    assert inter.item() == pytest.approx(0.2686446422, abs=5e-3)
    assert intra.item() == pytest.approx(0.6447219302, abs=5e-3)


def test_dist_ignores_shift_and_scale_of_the_students_probabilities():
    mixed = (0.5 * STUDENT.softmax(dim=1) + 0.5 / 4).log()
    assert dist_terms(mixed, TEACHER, 1.0)[0].item() == pytest.approx(0.6150071547, abs=1e-7)


@pytest.mark.oracle("standardize_logits", "the KD of z-scores at temperature 2, with the unbiased deviation")
def test_kd_of_standardized_logits():
    assert standardized_kd(STUDENT, TEACHER).item() == pytest.approx(0.2252744113, abs=1e-7)


@pytest.mark.oracle("standardize_logits", "no divergence from any increasing affine map of the teacher's logits")
def test_standardized_logits_ignore_shift_and_scale():
    assert standardized_kd(0.3 * TEACHER + 5, TEACHER).item() == pytest.approx(0, abs=1e-9)
    assert standardized_kd(3 * STUDENT + 1, TEACHER).item() == pytest.approx(0.2252744113, abs=1e-7)


@pytest.mark.oracle("rld_terms", "SCD and MCD on rows where the teacher is right, and on one where it is wrong")
@pytest.mark.parametrize(
    ("labels", "confidence_temperature", "confidence", "correlation"),
    [
        ([0, 1, 2], 4.0, 0.3754384436, 0.2018201310),
        ([0, 1, 2], 1.0, 0.3948211542, 0.2018201310),
        ([1, 1, 2], 1.0, 0.2618572731, 0.2076294213),
    ],
)
def test_rld(labels, confidence_temperature, confidence, correlation):
    scd, mcd, _ = rld_terms(STUDENT, TEACHER, torch.tensor(labels), 4.0, confidence_temperature)
    assert [scd.mean().item(), mcd.mean().item()] == pytest.approx([confidence, correlation], abs=5e-10)


@pytest.mark.oracle("rld_terms", "DKD, where the teacher is right")
def test_rld_of_a_teacher_that_is_right_is_dkd():
    scd, mcd, masked = rld_terms(STUDENT, TEACHER, LABELS, 4.0, 4.0)
    assert (scd + 8 * mcd).mean().item() == pytest.approx(dkd_loss(STUDENT, TEACHER, LABELS, 1, 8, 4.0).item())
    assert masked.item() == 1 / 4


def test_a_label_that_the_teacher_ranks_last_masks_every_class():
    student = STUDENT.clone().requires_grad_()
    _, correlation, masked = rld_terms(student, TEACHER, TEACHER.argmin(dim=1), 4.0, 1.0)
    correlation.sum().backward()
    assert masked.item() == 1
    assert correlation.tolist() == [0, 0, 0]
    assert not student.grad.any()


def test_rld_in_half_precision_is_finite():
    terms = rld_terms(STUDENT.half(), TEACHER.half(), LABELS, 4.0, 1.0)
    assert all(term.isfinite().all() for term in terms)


@pytest.mark.oracle("transformed_teacher_loss", "TTM and WTTM at the exponent 0.2, and KD at the exponent 1")
@pytest.mark.parametrize(
    ("exponent", "weighted", "value"),
    [
        (0.2, False, 0.2617755695),
        (0.2, True, 0.7196519331),
        (1.0, False, 0.4350560505),
        (1.0, True, 0.4350560505),
        (1e-9, True, 1.5902588265),
    ],
)
def test_transformed_teacher(exponent, weighted, value):
    loss = transformed_teacher_loss(STUDENT, TEACHER, exponent, weighted)
    assert loss.item() == pytest.approx(value, abs=1e-8)


@pytest.mark.oracle("transformed_teacher_loss", "the gradient U (p_S - q) / B")
def test_gradient_of_wttm():
    student = STUDENT.clone().requires_grad_()
    transformed_teacher_loss(student, TEACHER, 0.2, weighted=True).backward()
    powers = TEACHER.softmax(dim=1) ** 0.2
    total = powers.sum(dim=1, keepdim=True)
    expected = total * (STUDENT.softmax(dim=1) - powers / total) / 3
    torch.testing.assert_close(student.grad, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.oracle("prediction_relations", "batch and class terms at temperatures 4 and 2, and sums over 2 to 6")
def test_multi_level():
    four, two = prediction_relations(STUDENT, TEACHER, 4.0), prediction_relations(STUDENT, TEACHER, 2.0)
    assert [term.item() for term in four] == pytest.approx([0.0006765846, 0.0010747631], abs=5e-11)
    assert [term.item() for term in two] == pytest.approx([0.0085575414, 0.0066100339], abs=5e-11)
    sums = torch.stack([torch.stack(prediction_relations(STUDENT, TEACHER, float(t))) for t in range(2, 7)]).sum(0)
    assert sums.tolist() == pytest.approx([0.0116666898, 0.0109735309], abs=5e-10)


@pytest.mark.oracle("ofa_loss", "the cross-entropy with the teacher at the exponent 1, and both forms at 1.5")
@pytest.mark.parametrize(
    ("exponent", "all_classes", "value"),
    [(1.0, True, 1.2521469686), (1.0, False, 1.2521469686), (1.5, True, 1.6540973835), (1.5, False, 1.9060800948)],
)
def test_one_for_all(exponent, all_classes, value):
    assert ofa_loss(STUDENT, TEACHER, LABELS, exponent, all_classes).item() == pytest.approx(value, abs=5e-10)


@pytest.mark.oracle("ofa_loss", "the paper's value, which contains the cross-entropy with the labels")
def test_one_for_all_with_cross_entropy_is_the_papers():
    loss = ofa_loss(STUDENT, TEACHER, LABELS, 1.5, all_classes=False) + F.cross_entropy(STUDENT, LABELS)
    assert loss.item() == pytest.approx(3.1899391625, abs=5e-10)


@pytest.mark.parametrize("name", LOSSES)
def test_the_teacher_gets_no_gradient_and_the_students_is_the_derivative(name):
    teacher = TEACHER.clone().requires_grad_()
    student = STUDENT.clone().requires_grad_()
    LOSSES[name](student, teacher).backward()
    assert teacher.grad is None
    assert student.grad.any()
    assert torch.autograd.gradcheck(lambda s: LOSSES[name](s, TEACHER), [student])


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in ("wttm", "ttm", "ofa", "rld_confidence")])
def test_equal_logits_are_a_minimum(name):
    generator = torch.Generator().manual_seed(0)
    least = LOSSES[name](TEACHER, TEACHER).item()
    assert least == pytest.approx(0, abs=1e-6)
    for _ in range(20):
        noise = 0.1 * torch.randn(TEACHER.shape, generator=generator, dtype=torch.float64)
        assert LOSSES[name](TEACHER + noise, TEACHER).item() >= least


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(("student", "teacher"), [(CONSTANT, TEACHER), (STUDENT, CONSTANT), (CONSTANT, CONSTANT)])
def test_constant_rows_are_finite(name, student, teacher):
    student = student.clone().requires_grad_()
    loss = LOSSES[name](student, teacher)
    loss.backward()
    assert loss.isfinite()
    assert student.grad.isfinite().all()
