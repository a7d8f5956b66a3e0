from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import rel_entr, softmax

from cmkd_bench.losses import mutual_nontarget_kl, nontarget_kl


def batch(samples=6, classes=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    student, teacher = 2 * torch.randn((2, samples, classes), generator=generator, dtype=torch.float64)
    return student, teacher, torch.randint(classes, (samples,), generator=generator)


def naive(student, teacher, labels, form):
    """Each sample's divergence, by deleting or zeroing the target logit."""
    losses = []
    for s, t, label in zip(student.numpy(), teacher.numpy(), labels.tolist(), strict=True):
        if form == "renormalized":
            s, t = np.delete(s, label), np.delete(t, label)
        else:
            s, t = s.copy(), t.copy()
            s[label] = t[label] = 0
        losses.append(rel_entr(softmax(t), softmax(s)).sum())
    return np.array(losses)


@pytest.mark.oracle(
    "nontarget_kl",
    "SciPy's relative entropy with the target deleted, or its logit set to 0",
)
@pytest.mark.parametrize("classes", [2, 3, 28])
@pytest.mark.parametrize("form", ["renormalized", "zeroed"])
def test_equals_the_definition(form, classes):
    student, teacher, labels = batch(classes=classes)
    expected = naive(student, teacher, labels, form).mean()
    assert nontarget_kl(student, teacher, labels, form=form).item() == pytest.approx(expected, rel=1e-11, abs=1e-14)


@pytest.mark.parametrize("form", ["renormalized", "zeroed"])
def test_only_kept_samples_count_and_the_reduction_divides(form):
    student, teacher, labels = batch(samples=8)
    keep = torch.tensor([True, False, False, True, False, False, False, False])
    total = naive(student, teacher, labels, form)[[0, 3]].sum()
    per_batch = nontarget_kl(student, teacher, labels, keep, form, "batch")
    per_kept = nontarget_kl(student, teacher, labels, keep, form, "kept")
    assert per_batch.item() == pytest.approx(total / 8, rel=1e-12)
    assert per_kept.item() == pytest.approx(total / 2, rel=1e-12)


@pytest.mark.oracle(
    "nontarget_kl",
    "the identity KL_zeroed = KL(u_T || u_S) + (1 - u_T) KL_renormalised, u the mass of the target set to 0",
)
@given(seed=st.integers(0, 10**6), classes=st.integers(2, 30))
@settings(max_examples=40, deadline=None)
def test_the_phantom_class_adds_a_binary_divergence(seed, classes):
    # KL_zeroed = KL(u_T || u_S) + (1 - u_T) KL_renormalized, u the phantom's mass
    student, teacher, labels = batch(1, classes, seed)
    others = np.arange(classes) != labels.item()
    u_t, u_s = (1 / (1 + np.exp(z.numpy()[0, others]).sum()) for z in (teacher, student))
    binary = rel_entr([u_t, 1 - u_t], [u_s, 1 - u_s]).sum()
    renormalized = nontarget_kl(student, teacher, labels).item()
    zeroed = nontarget_kl(student, teacher, labels, form="zeroed").item()
    assert zeroed == pytest.approx(binary + (1 - u_t) * renormalized, rel=1e-9, abs=1e-13)


@pytest.mark.oracle("nontarget_kl", "two classes by hand: 0 renormalised, a divergence of sigmoids zeroed")
def test_two_classes_carry_a_signal_only_in_the_zeroed_form():
    student, teacher = torch.tensor([[9.0, 0.0]]), torch.tensor([[-9.0, math.log(3.0)]])
    labels = torch.tensor([0])
    assert nontarget_kl(student, teacher, labels).item() == 0
    # sigmoids 3/4 and 1/2 of the single other logit
    expected = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert nontarget_kl(student, teacher, labels, form="zeroed").item() == pytest.approx(expected, rel=1e-6)


def test_a_shift_of_the_student_matters_only_to_the_zeroed_form():
    student, teacher, labels = batch()
    unshifted = [nontarget_kl(student, teacher, labels, form=form).item() for form in ("renormalized", "zeroed")]
    shifted = [nontarget_kl(student - 5, teacher, labels, form=form).item() for form in ("renormalized", "zeroed")]
    assert shifted[0] == pytest.approx(unshifted[0], rel=1e-10)
    assert abs(shifted[1] - unshifted[1]) > 0.1


@pytest.mark.oracle("nontarget_kl", "the gradients worked out in both forms; 0 on the target")
def test_gradients_are_differences_of_probabilities_without_the_target():
    student, teacher, labels = batch()
    others = torch.ones_like(student, dtype=torch.bool)
    others[range(6), labels] = False
    for form in ("renormalized", "zeroed"):
        student.requires_grad_().grad = None
        nontarget_kl(student, teacher.requires_grad_(), labels, form=form).backward()
        gap = np.full(student.shape, 0.0)
        for row, (s, t) in enumerate(zip(student.detach().numpy(), teacher.detach().numpy(), strict=True)):
            inside = others[row].numpy()
            phantom = [0.0] if form == "zeroed" else []
            q, p = (softmax(np.append(z[inside], phantom))[: inside.sum()] for z in (s, t))
            gap[row, inside] = (q - p) / 6
        np.testing.assert_allclose(student.grad, gap, rtol=0, atol=1e-15)
        assert (student.grad[~others] == 0).all()
        assert teacher.grad is None


@pytest.mark.parametrize("form", ["renormalized", "zeroed"])
@pytest.mark.parametrize("reduction", ["batch", "kept"])
def test_nothing_kept_is_an_exact_zero_that_backpropagates(form, reduction):
    student, teacher, labels = batch()
    keep = torch.zeros(6, dtype=torch.bool)
    loss = nontarget_kl(student.requires_grad_(), teacher, labels, keep, form, reduction)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(student.grad, torch.zeros_like(student))


@pytest.mark.parametrize("form", ["renormalized", "zeroed"])
def test_a_dropped_row_of_nan_poisons_nothing(form):
    student, teacher, labels = batch(samples=2)
    clean = nontarget_kl(student[:1], teacher[:1], labels[:1], form=form)
    student[1], teacher[1] = torch.nan, torch.inf
    student.requires_grad_()
    loss = nontarget_kl(student, teacher, labels, torch.tensor([True, False]), form)
    loss.backward()
    assert loss.item() == pytest.approx(clean.item() / 2, rel=1e-12)
    assert student.grad[0].abs().max() > 0
    assert (student.grad[1] == 0).all()


@pytest.mark.parametrize("form", ["renormalized", "zeroed"])
def test_extreme_teachers_stay_finite(form):
    student = torch.tensor([[0.0, -1000.0, 1000.0, 5.0]], requires_grad=True)
    teacher = torch.tensor([[0.0, 1000.0, -1000.0, 5.0]])
    loss = nontarget_kl(student, teacher, torch.tensor([0]), form=form)
    loss.backward()
    assert loss.item() == pytest.approx(2000, rel=1e-6)
    torch.testing.assert_close(student.grad, torch.tensor([[0.0, -1.0, 1.0, 0.0]]))


def test_bfloat16_under_autocast_is_the_float32_loss_of_the_rounded_values():
    student, teacher, labels = batch()
    student, teacher = student.bfloat16(), teacher.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = nontarget_kl(student, teacher, labels, form="zeroed")
    assert torch.equal(loss, nontarget_kl(student.float(), teacher.float(), labels, form="zeroed"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep": torch.ones(5, dtype=torch.bool)}, r"shape \(6,\)"),
        ({"keep": torch.ones(6)}, "keep must be bool"),
        ({"form": "masked"}, "'masked'"),
        ({"reduction": "mean"}, "'mean'"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(options, message):
    student, teacher, labels = batch()
    with pytest.raises(ValueError, match=message):
        nontarget_kl(student, teacher, labels, **options)


@pytest.mark.oracle("mutual_nontarget_kl", "two calls of the one-way loss, values and gradients")
@pytest.mark.parametrize("form", ["renormalized", "zeroed"])
@pytest.mark.parametrize("reduction", ["batch", "kept"])
def test_both_ways_at_once_are_the_two_calls(form, reduction):
    generator = torch.Generator().manual_seed(4)
    one, other = (torch.randn(6, 5, generator=generator, dtype=torch.float64, requires_grad=True) for _ in range(2))
    labels, keep = torch.tensor([0, 4, 2, 2, 1, 3]), torch.tensor([True, False, True, True, False, True])
    to_other, to_one = mutual_nontarget_kl(one, other, labels, keep, form, reduction)
    for value, trained, target in ((to_other, other, one), (to_one, one, other)):
        expected = nontarget_kl(trained, target, labels, keep, form, reduction)
        assert value.item() == pytest.approx(expected.item(), rel=1e-12)
        (gradient,) = torch.autograd.grad(value, trained)
        assert torch.allclose(gradient, torch.autograd.grad(expected, trained)[0], rtol=1e-12, atol=1e-15)


def test_both_ways_with_nothing_kept_are_zero_and_train_nothing():
    one, other = torch.randn(3, 4, requires_grad=True), torch.randn(3, 4, requires_grad=True)
    terms = mutual_nontarget_kl(one, other, torch.zeros(3, dtype=torch.long), torch.zeros(3, dtype=torch.bool))
    assert [term.item() for term in terms] == [0.0, 0.0]
    sum(terms).backward()
    assert not one.grad.any()
    assert not other.grad.any()
