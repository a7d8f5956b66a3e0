"""A mixture of teachers against naive loops in float64, and where its gradients go."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.special import rel_entr, softmax

from cmkd_bench.losses import balance_loss, joint_kd, kd_loss, mixture_kd, top_weights

TEACHERS, SAMPLES, CLASSES, TEMPERATURE = 3, 5, 4, 2.5


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def divergence(one: np.ndarray, other: np.ndarray) -> float:
    """t^2 KL(one || other) of two rows of logits, by SciPy."""
    return TEMPERATURE**2 * float(rel_entr(softmax(one / TEMPERATURE), softmax(other / TEMPERATURE)).sum())


@pytest.fixture
def given() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    student, teachers = 3 * noise(SAMPLES, CLASSES), 3 * noise(TEACHERS, SAMPLES, CLASSES, seed=1)
    weights = noise(SAMPLES, TEACHERS, seed=2).softmax(1)
    return student.requires_grad_(), teachers.requires_grad_(), weights.requires_grad_()


def test_the_mixture_is_the_weighted_sum_of_divergences(given: tuple[torch.Tensor, ...]) -> None:
    student, teachers, weights = given
    expected = 0.0
    for sample, teacher in itertools.product(range(SAMPLES), range(TEACHERS)):
        rows = teachers[teacher, sample].detach().numpy(), student[sample].detach().numpy()
        expected += weights[sample, teacher].item() * divergence(*rows) / SAMPLES
    assert mixture_kd(student, teachers, weights, TEMPERATURE).item() == pytest.approx(expected, rel=1e-12)


def test_the_gradient_of_a_weight_is_its_divergence_and_teachers_get_none(given: tuple[torch.Tensor, ...]) -> None:
    student, teachers, weights = given
    mixture_kd(student, teachers, weights, TEMPERATURE).backward()
    assert weights.grad is not None
    for sample, teacher in itertools.product(range(SAMPLES), range(TEACHERS)):
        rows = teachers[teacher, sample].detach().numpy(), student[sample].detach().numpy()
        assert weights.grad[sample, teacher].item() == pytest.approx(divergence(*rows) / SAMPLES, rel=1e-12)
    assert student.grad is not None
    assert student.grad.any()
    assert teachers.grad is None


def test_equal_weights_are_the_mean_of_kd(given: tuple[torch.Tensor, ...]) -> None:
    student, teachers, _ = given
    equal = torch.full((SAMPLES, TEACHERS), 1 / TEACHERS, dtype=torch.float64)
    mean = sum(kd_loss(student, one, TEMPERATURE).item() for one in teachers) / TEACHERS
    assert mixture_kd(student, teachers, equal, TEMPERATURE).item() == pytest.approx(mean, rel=1e-12)


def test_weights_choose_the_preferred_teachers() -> None:
    router = torch.tensor([[2.0, 1.0, 3.0], [0.0, 5.0, 4.0]], dtype=torch.float64)
    assert top_weights(router, 1).tolist() == [[0, 0, 1], [0, 1, 0]]
    assert top_weights(router, 2).tolist() == [[0.5, 0, 0.5], [0, 0.5, 0.5]]
    assert torch.allclose(top_weights(router, 3), torch.full((2, 3), 1 / 3, dtype=torch.float64))


def test_a_loss_moves_the_router_toward_the_teacher_with_the_smaller_term() -> None:
    router = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    terms = torch.tensor([[3.0, 1.0, 2.0]], dtype=torch.float64)
    (top_weights(router, 1) * terms).sum().backward()
    assert router.grad is not None
    # the softmax's Jacobian at equal logits: g_e (term_e - mean term)
    assert router.grad.tolist() == [pytest.approx([1 / 3, -1 / 3, 0.0])]


@pytest.mark.parametrize("count", [0, 4])
def test_a_count_beyond_the_teachers_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 3, not {count}"):
        top_weights(torch.zeros(2, 3), count)


@pytest.mark.oracle("mst_distill", "the balance of three gates whose mean is (0.7, 0.3), worked out by hand")
def test_balance_by_hand() -> None:
    gates = torch.tensor([[0.7, 0.3], [0.5, 0.5], [0.9, 0.1]], dtype=torch.float64)
    assert balance_loss(gates.log()).item() == pytest.approx(0.0435883468, abs=1e-10)


def test_a_uniform_gate_is_in_balance_and_so_is_one_that_is_uniform_on_average() -> None:
    assert balance_loss(torch.zeros(4, 3, dtype=torch.float64)).item() == pytest.approx(0, abs=1e-15)
    opposite = torch.tensor([[0.9, 0.1], [0.1, 0.9]], dtype=torch.float64)
    assert balance_loss(opposite.log()).item() == pytest.approx(0, abs=1e-15)


def test_balance_stays_finite_where_a_teacher_is_never_chosen() -> None:
    router = torch.tensor([[200.0, 0.0]]).requires_grad_()
    loss = balance_loss(router)
    loss.backward()
    assert loss.item() == pytest.approx((100 - math.log(2)) / 2)
    assert router.grad is not None
    assert router.grad.isfinite().all()


@pytest.mark.parametrize("detached", [False, True])
def test_joint_kd_is_the_sum_over_ordered_pairs(detached: bool) -> None:
    networks = 3 * noise(3, SAMPLES, CLASSES)
    expected = 0.0
    for one, other in itertools.permutations(networks, 2):
        expected += sum(map(divergence, one.numpy(), other.numpy())) / SAMPLES
    assert joint_kd(networks, TEMPERATURE, detached).item() == pytest.approx(expected, rel=1e-12)


def test_joint_kd_trains_both_networks_of_a_divergence_unless_detached() -> None:
    """For two networks: KL(p || q) + KL(q || p), whose gradient has a part for each side of each divergence."""
    found = {}
    for detached in (False, True):
        one, other = (noise(SAMPLES, CLASSES, seed=seed).requires_grad_() for seed in (0, 1))
        (found[detached],) = torch.autograd.grad(joint_kd(torch.stack([one, other]), 1.0, detached), one)
        p, q = one.detach().softmax(1), other.detach().softmax(1)
        as_student = (p - q) / SAMPLES
        ratio = (p / q).log()
        as_teacher = p * (ratio - (p * ratio).sum(1, keepdim=True)) / SAMPLES
        assert torch.allclose(found[detached], as_student if detached else as_student + as_teacher, atol=1e-12)


def test_bad_input_is_refused() -> None:
    logits, wider, one = noise(2, 3), noise(1, 2, 4), torch.ones(2, 1)
    with pytest.raises(ValueError, match="temperature"):
        mixture_kd(logits, logits[None], one, 0.0)
    with pytest.raises(ValueError, match="temperature"):
        joint_kd(noise(2, 2, 3), 0.0, detached=False)
    with pytest.raises(ValueError, match="share one shape"):
        mixture_kd(logits, wider, one, 1.0)
    with pytest.raises(ValueError, match="at least 2 classes"):
        joint_kd(noise(2, 2, 1), 1.0, detached=False)


def test_weights_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(1, 2\)"):
        mixture_kd(noise(2, 3), noise(1, 2, 3), torch.ones(1, 2), 1.0)
