from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import log_softmax, softmax
from scipy.stats import ortho_group

from cmkd_bench.losses import info_nce, similarity_distillation


def embeddings(samples=6, width=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((2, samples, width), generator=generator, dtype=torch.float64)


def cosines(one, other):
    one, other = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (one.numpy(), other.numpy()))
    return one @ other.T


def naive_similarity_distillation(student, teacher, student_temperature, teacher_temperature):
    losses = []
    for i, (s, t) in enumerate(zip(cosines(student, student), cosines(teacher, teacher), strict=True)):
        p = softmax(np.delete(t, i) / teacher_temperature)
        losses.append(-(p * log_softmax(np.delete(s, i) / student_temperature)).sum())
    return np.mean(losses)


@pytest.mark.oracle("info_nce", "SciPy's log-softmax over both axes")
def test_info_nce_equals_the_definition():
    a, b = embeddings()
    similarity = cosines(a, b) / 0.2
    directions = [-np.diag(log_softmax(similarity, axis=axis)).mean() for axis in (0, 1)]
    assert info_nce(a, b, 0.2).item() == pytest.approx(sum(directions) / 2, rel=1e-12)
    assert directions[0] != pytest.approx(directions[1], rel=1e-3)


@pytest.mark.oracle("info_nce", "two orthogonal pairs by hand: log(1 + e^-2)")
def test_info_nce_of_two_orthogonal_pairs_by_hand():
    # similarities 1 and 0 at temperature 1/2: -log(e^2 / (e^2 + 1)), whatever the lengths
    a = torch.tensor([[3.0, 0.0], [0.0, 0.1]])
    assert info_nce(a, 7 * a, 0.5).item() == pytest.approx(math.log(1 + math.exp(-2)), rel=1e-5)


@pytest.mark.oracle("info_nce", "about 0 for aligned features, about log B for random ones")
def test_info_nce_of_aligned_distinct_features_is_about_zero_and_of_random_ones_about_log_b():
    a, b = embeddings(64, 128)
    assert info_nce(a, a, 0.1).item() == pytest.approx(0.004, abs=0.004)
    assert info_nce(a, b, 0.1).item() == pytest.approx(4.44, abs=0.2)


@pytest.mark.oracle("info_nce", "its own value with sides swapped, or both rotated; another one with one rotated")
def test_info_nce_is_symmetric_and_sees_a_rotation_of_one_side():
    a, b = embeddings()
    rotation = torch.from_numpy(ortho_group.rvs(5, random_state=0))
    assert info_nce(a, b, 0.1).item() == pytest.approx(info_nce(b, a, 0.1).item(), rel=1e-12)
    assert info_nce(a @ rotation, b @ rotation, 0.1).item() == pytest.approx(info_nce(a, b, 0.1).item(), rel=1e-10)
    assert abs(info_nce(a, a @ rotation, 0.1).item() - info_nce(a, a, 0.1).item()) > 1


@pytest.mark.oracle("info_nce", "numerical differentiation")
def test_info_nce_trains_both_sides_unless_one_is_detached():
    a, b = (x.requires_grad_() for x in embeddings())
    assert torch.autograd.gradcheck(lambda x, y: info_nce(x, y, 0.5), (a, b))
    info_nce(a, b.detach(), 0.5).backward()
    assert a.grad.abs().max() > 0
    assert b.grad is None


@pytest.mark.parametrize(
    "loss", [lambda a, b: info_nce(a, b, 0.1), lambda a, b: similarity_distillation(a, b, 0.1, 0.1)]
)
def test_a_single_sample_gives_exactly_zero(loss):
    a, b = embeddings(samples=1)
    value = loss(a.requires_grad_(), b)
    value.backward()
    assert value.item() == 0
    assert torch.equal(a.grad, torch.zeros_like(a))


def test_a_zero_embedding_keeps_loss_and_gradient_finite():
    a, b = embeddings()
    a[2] = 0
    a.requires_grad_()
    (info_nce(a, b, 0.07) + similarity_distillation(a, b, 0.07, 0.07)).backward()
    assert a.grad.isfinite().all()
    assert a.grad.abs().max() < 1e8


@pytest.mark.oracle("similarity_distillation", "the definition row by row with SciPy's softmax")
def test_similarity_distillation_equals_the_definition_with_unequal_widths():
    student, teacher = embeddings()
    loss = similarity_distillation(student, teacher[:, :3], 0.2, 0.1)
    assert loss.item() == pytest.approx(naive_similarity_distillation(student, teacher[:, :3], 0.2, 0.1), rel=1e-11)


def test_similarity_distillation_of_two_samples_has_one_choice():
    student, teacher = embeddings(samples=2)
    loss = similarity_distillation(student.requires_grad_(), teacher, 0.1, 0.1)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(student.grad, torch.zeros_like(student))


@pytest.mark.oracle("similarity_distillation", "the entropy of the teacher's distributions, its least value")
def test_similarity_distillation_is_least_at_the_teachers_own_similarities():
    student, teacher = embeddings()
    p = [softmax(np.delete(row, i) / 0.2) for i, row in enumerate(cosines(teacher, teacher))]
    entropy = np.mean([-(row * np.log(row)).sum() for row in p])
    at_teacher = teacher.clone().requires_grad_()
    loss = similarity_distillation(at_teacher, teacher, 0.2, 0.2)
    loss.backward()
    assert loss.item() == pytest.approx(entropy, rel=1e-11)
    assert at_teacher.grad.abs().max() < 1e-14
    assert similarity_distillation(student, teacher, 0.2, 0.2).item() > entropy + 0.1


@pytest.mark.oracle(
    "similarity_distillation", "the distance of a random student from a perfect one, known from a separate computation"
)
def test_without_the_diagonal_a_random_student_is_far_from_a_perfect_one():
    # with it the two differ by 0.004 nats at these sizes
    student, teacher = embeddings(64, 128)
    gap = similarity_distillation(student, teacher, 0.1, 0.1) - similarity_distillation(teacher, teacher, 0.1, 0.1)
    assert gap.item() == pytest.approx(0.77, abs=0.1)


@pytest.mark.oracle("similarity_distillation", "its own value after a rotation, and for any lengths")
def test_similarity_distillation_does_not_see_a_rotation_or_the_lengths():
    student, teacher = embeddings()
    rotation = torch.from_numpy(ortho_group.rvs(5, random_state=0))
    lengths = torch.linspace(0.1, 9, 6, dtype=torch.float64)[:, None]
    reference = similarity_distillation(student, teacher, 0.1, 0.1).item()
    assert similarity_distillation(lengths * student @ rotation, teacher, 0.1, 0.1).item() == pytest.approx(reference)
    assert similarity_distillation(student, lengths * teacher @ rotation, 0.1, 0.1).item() == pytest.approx(reference)


@pytest.mark.oracle("similarity_distillation", "numerical differentiation; no gradient for the teacher")
def test_similarity_distillation_trains_the_student_only():
    student, teacher = (x.requires_grad_() for x in embeddings())
    similarity_distillation(student, teacher, 0.5, 0.1).backward()
    assert teacher.grad is None
    assert torch.autograd.gradcheck(lambda x: similarity_distillation(x, teacher.detach(), 0.5, 0.1), student)


def test_bfloat16_under_autocast_is_the_float32_loss_of_the_rounded_values():
    a, b = embeddings(16, 32).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = info_nce(a, b, 0.07), similarity_distillation(a, b, 0.1, 0.07)
    a, b = a.float(), b.float()
    assert losses == (info_nce(a, b, 0.07), similarity_distillation(a, b, 0.1, 0.07))
    assert losses[0].dtype == torch.float32


def test_float32_under_autocast_is_not_rounded():
    a, b = F.normalize(embeddings(16, 32), dim=2).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = info_nce(a, b, 0.07)
    assert torch.equal(inside, info_nce(a, b, 0.07))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: info_nce(torch.zeros(3, 4), torch.zeros(3, 5), 0.1), r"one shape \(B, d\), not \(3, 4\) and \(3, 5\)"),
        (lambda: info_nce(torch.zeros(3, 4), torch.zeros(3, 4), 0.0), "temperature"),
        (lambda: similarity_distillation(torch.zeros(3, 4), torch.zeros(2, 4), 0.1, 0.1), "batch size"),
        (lambda: similarity_distillation(torch.zeros(3, 4), torch.zeros(3, 4), 0.1, -1), "teacher_temperature"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
