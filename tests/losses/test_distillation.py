from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from cmkd_bench.losses import dkd_loss, kd_loss, mutual_kl, tckd_nckd

TEMPERATURE = 4.0


def softmax(row):
    powers = [math.exp(x - max(row)) for x in row]
    return [p / sum(powers) for p in powers]


def kl(p, q):
    return sum(x * math.log(x / y) for x, y in zip(p, q, strict=True) if x > 0)


def batch(samples=5, classes=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = 3 * torch.randn((2, samples, classes), generator=generator, dtype=torch.float64)
    return student, teacher, torch.arange(samples) % classes


def naive_terms(student, teacher, labels, temperature):
    """TCKD and NCKD of each sample as the paper defines them, on lists of probabilities."""
    terms = []
    for s, t, label in zip(student.tolist(), teacher.tolist(), labels.tolist(), strict=True):
        p, q = softmax([x / temperature for x in t]), softmax([x / temperature for x in s])
        tckd = kl([p[label], 1 - p[label]], [q[label], 1 - q[label]])
        p_rest, q_rest = (softmax([x / temperature for c, x in enumerate(row) if c != label]) for row in (t, s))
        terms.append((tckd, kl(p_rest, q_rest)))
    return np.array(terms).T


@pytest.mark.oracle("kd_loss", "two classes by hand: 3/4 log(3/2) + 1/4 log(1/2)")
def test_kd_of_two_classes_by_hand():
    # teacher (3/4, 1/4), student (1/2, 1/2): KL = 3/4 log(3/2) + 1/4 log(1/2)
    loss = kd_loss(torch.zeros(1, 2), torch.tensor([[math.log(3.0), 0.0]]), 1.0)
    assert loss.item() == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5), rel=1e-6)


@pytest.mark.oracle("kd_loss", "the definition on lists of probabilities, row by row")
def test_kd_is_summed_over_classes_averaged_over_samples_and_scaled_by_the_squared_temperature():
    student, teacher, _ = batch()
    expected = np.mean(
        [
            kl(softmax([x / TEMPERATURE for x in t]), softmax([x / TEMPERATURE for x in s]))
            for s, t in zip(student.tolist(), teacher.tolist(), strict=True)
        ]
    )
    assert kd_loss(student, teacher, TEMPERATURE).item() == pytest.approx(16 * expected, rel=1e-12)


@pytest.mark.oracle("kd_loss", "the gradient worked out: t (p_S - p_T) / B, and none for the teacher")
def test_kd_gradient_is_temperature_times_the_difference_of_probabilities_over_the_batch():
    student, teacher, _ = batch()
    kd_loss(student.requires_grad_(), teacher.requires_grad_(), TEMPERATURE).backward()
    expected = TEMPERATURE * ((student / TEMPERATURE).softmax(1) - (teacher / TEMPERATURE).softmax(1)) / len(student)
    torch.testing.assert_close(student.grad, expected.detach(), rtol=0, atol=1e-15)
    assert teacher.grad is None


@pytest.mark.oracle("kd_loss", "cross-entropy, where the teacher is one-hot")
def test_kd_of_a_one_hot_teacher_is_cross_entropy():
    student, _, labels = batch()
    teacher = 1000.0 * F.one_hot(labels, 7).double()
    assert kd_loss(student, teacher, 1.0).item() == pytest.approx(F.cross_entropy(student, labels).item(), rel=1e-12)


@pytest.mark.oracle("kd_loss", "its own value after any shift of either side's logits")
@given(shift=st.floats(-50, 50))
@settings(max_examples=20, deadline=None)
def test_kd_does_not_see_a_shift_of_either_side(shift):
    student, teacher, _ = batch()
    reference = kd_loss(student, teacher, 2.0).item()
    assert kd_loss(student + shift, teacher - 2 * shift, 2.0).item() == pytest.approx(reference, rel=1e-10)
    assert kd_loss(teacher + shift, teacher, 2.0).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.oracle("tckd_nckd", "TCKD and NCKD as the paper defines them, on lists of probabilities")
@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("classes", [2, 3, 28])
def test_terms_equal_the_definition(classes, temperature):
    student, teacher, labels = batch(classes=classes)
    tckd, nckd = tckd_nckd(student, teacher, labels, temperature)
    expected = naive_terms(student, teacher, labels, temperature)
    np.testing.assert_allclose(tckd, expected[0], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(nckd, expected[1], rtol=1e-9, atol=1e-12)


@pytest.mark.oracle("tckd_nckd", "the identity KD = TCKD + (1 - p_t) NCKD, for any classes and temperature")
@pytest.mark.oracle("kd_loss", "the identity KD = TCKD + (1 - p_t) NCKD")
@given(seed=st.integers(0, 10**6), classes=st.integers(2, 40), temperature=st.sampled_from([1.0, 2.0, 4.0]))
@settings(max_examples=40, deadline=None)
def test_kd_is_tckd_plus_the_teachers_non_target_mass_times_nckd(seed, classes, temperature):
    student, teacher, labels = batch(classes=classes, seed=seed)
    tckd, nckd = tckd_nckd(student, teacher, labels % classes, temperature)
    target = (teacher / temperature).softmax(1)[range(5), labels % classes]
    kd = kd_loss(student, teacher, temperature) / temperature**2
    assert (tckd + (1 - target) * nckd).mean().item() == pytest.approx(kd.item(), rel=1e-9, abs=1e-13)


def test_dkd_weighs_both_terms():
    student, teacher, labels = batch()
    tckd, nckd = naive_terms(student, teacher, labels, TEMPERATURE)
    loss = dkd_loss(student, teacher, labels, 0.7, 8.0, TEMPERATURE)
    assert loss.item() == pytest.approx(16 * (0.7 * tckd + 8 * nckd).mean(), rel=1e-10)


def test_dkd_with_both_weights_one_exceeds_kd():
    student, teacher, labels = batch()
    assert dkd_loss(student, teacher, labels, 1, 1, 1.0) > 1.001 * kd_loss(student, teacher, 1.0)


@pytest.mark.oracle("dkd_loss", "KD, where both weights are 1 and the teacher gives the target no mass")
def test_dkd_with_both_weights_one_is_kd_where_the_teachers_target_has_no_mass():
    student, teacher, labels = batch()
    teacher[range(5), labels] = -60
    dkd, kd = dkd_loss(student, teacher, labels, 1, 1, 1.0), kd_loss(student, teacher, 1.0)
    assert dkd.item() == pytest.approx(kd.item(), rel=1e-12)


@pytest.mark.oracle("dkd_loss", "KD times alpha, where there are two classes")
def test_two_classes_leave_dkd_only_its_target_part():
    student, teacher, labels = batch(classes=2)
    labels %= 2
    assert tckd_nckd(student, teacher, labels, 1.0)[1].abs().max() == 0
    dkd = dkd_loss(student, teacher, labels, 3.0, 8.0, 2.0)
    assert dkd.item() == pytest.approx(3 * kd_loss(student, teacher, 2.0).item(), rel=1e-12)


@pytest.mark.oracle("dkd_loss", "no gradient of NCKD on the target's logit")
def test_nckd_alone_has_no_gradient_on_the_target_logit():
    student, teacher, labels = batch()
    dkd_loss(student.requires_grad_(), teacher, labels, 0.0, 1.0, TEMPERATURE).backward()
    on_target = student.grad[range(5), labels]
    assert on_target.abs().max() < 1e-16
    assert student.grad.abs().max() > 1e-2


@pytest.mark.oracle("dkd_loss", "the gradient of TCKD on the other classes, in proportion to their probability")
def test_tckd_alone_pulls_the_others_in_proportion_to_their_probability():
    student, teacher, labels = batch()
    dkd_loss(student.requires_grad_(), teacher.requires_grad_(), labels, 1.0, 0.0, TEMPERATURE).backward()
    others = F.one_hot(labels, 7) == 0
    ratio = (student.grad / (student / TEMPERATURE).softmax(1))[others].view(5, 6)
    torch.testing.assert_close(ratio, ratio[:, :1].expand(-1, 6), rtol=1e-9, atol=0)
    assert teacher.grad is None


@pytest.mark.oracle("dkd_loss", "numerical differentiation")
def test_dkd_gradient_is_the_derivative():
    student, teacher, labels = batch()
    assert torch.autograd.gradcheck(
        lambda z: dkd_loss(z, teacher, labels, 1.0, 8.0, TEMPERATURE), student.requires_grad_()
    )


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_a_logit_gap_of_a_thousand_is_finite(temperature):
    student = torch.tensor([[0.0, 1000.0, 3.0]], requires_grad=True)
    teacher = torch.tensor([[1000.0, 0.0, 2.0]])
    labels = torch.tensor([0])
    tckd, nckd = tckd_nckd(student, teacher, labels, temperature)
    assert tckd.item() == pytest.approx(1000 / temperature, rel=1e-5)
    loss = dkd_loss(student, teacher, labels, 1.0, 8.0, temperature) + kd_loss(student, teacher, temperature)
    loss.backward()
    assert nckd.isfinite().all()
    assert student.grad.isfinite().all()
    assert student.grad[0, 0] < 0  # towards the teacher


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_the_float32_loss_of_the_rounded_values(dtype):
    student, teacher, labels = batch(classes=28)
    student, teacher = student.to(dtype), teacher.to(dtype)
    wide = student.float().requires_grad_()
    narrow = student.clone().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = kd_loss(narrow, teacher, 4.0) + dkd_loss(narrow, teacher, labels, 1.0, 8.0, 1.0)
    expected = kd_loss(wide, teacher.float(), 4.0) + dkd_loss(wide, teacher.float(), labels, 1.0, 8.0, 1.0)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, expected)
    loss.backward()
    expected.backward()
    assert narrow.grad.dtype == dtype
    torch.testing.assert_close(narrow.grad.float(), wide.grad, rtol=0.02, atol=1e-3)


@pytest.mark.parametrize(
    ("student", "teacher", "labels", "temperature", "message"),
    [
        ((3, 4), (3, 5), (3,), 1.0, r"\(3, 4\) and \(3, 5\)"),
        ((3,), (3,), (3,), 1.0, "one shape"),
        ((3, 1), (3, 1), (3,), 1.0, "at least 2 classes"),
        ((3, 4), (3, 4), (4,), 1.0, r"shape \(3,\), not \(4,\)"),
        ((3, 4), (3, 4), (3,), 0.0, "temperature must be greater than 0"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(student, teacher, labels, temperature, message):
    labels = torch.zeros(labels, dtype=torch.long)
    with pytest.raises(ValueError, match=message):
        dkd_loss(torch.zeros(student), torch.zeros(teacher), labels, 1.0, 1.0, temperature)


def test_soft_labels_are_refused():
    with pytest.raises(ValueError, match="class indices"):
        tckd_nckd(torch.zeros(3, 4), torch.zeros(3, 4), torch.zeros(3), 1.0)


@pytest.mark.oracle("mutual_kl", "SciPy's relative entropy both ways, and the gradients (q - p) / B")
def test_mutual_kl_is_kd_both_ways_and_each_trains_its_second_argument():
    generator = torch.Generator().manual_seed(3)
    one, other = (torch.randn(5, 4, generator=generator, dtype=torch.float64, requires_grad=True) for _ in range(2))
    to_other, to_one = mutual_kl(one, other)
    p, q = (special.softmax(x.detach().numpy(), axis=1) for x in (one, other))
    assert to_other.item() == pytest.approx(special.rel_entr(p, q).sum() / 5)
    assert to_one.item() == pytest.approx(special.rel_entr(q, p).sum() / 5)
    assert torch.autograd.grad(to_other, one, retain_graph=True, allow_unused=True) == (None,)
    assert torch.autograd.grad(to_one, other, retain_graph=True, allow_unused=True) == (None,)
    # the gradient of a KL at its second argument's logits is (q - p) / B
    assert torch.autograd.grad(to_other, other)[0].numpy() == pytest.approx((q - p) / 5)
    assert torch.autograd.grad(to_one, one)[0].numpy() == pytest.approx((p - q) / 5)
