"""Optimal transport and label alignment against sums by hand, and where common implementations fail."""

from __future__ import annotations

import itertools
import math

import paper_fixture as given
import pytest
import torch
from torch.nn import functional as F

from cmkd_bench.losses import label_alignment, sinkhorn_plan, transport_cost

SWAP = torch.tensor([[0.0, 1.0], [1.0, 0.0]], dtype=torch.float64)


@pytest.mark.oracle("sinkhorn_plan", "two points by hand: a cost of 1 / (1 + exp(1 / epsilon))")
@pytest.mark.parametrize(("epsilon", "cost"), [(0.1, 4.5397868702e-05), (1.0, 0.2689414214)])
def test_a_plan_of_two_points(epsilon, cost):
    assert (sinkhorn_plan(SWAP, epsilon, 50) * SWAP).sum().item() == pytest.approx(cost, rel=1e-9)


def test_a_plan_has_uniform_marginals_and_its_limits():
    costs = torch.rand(7, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    plan = sinkhorn_plan(costs, 0.1, 500)
    for marginal in (plan.sum(0), plan.sum(1)):
        torch.testing.assert_close(marginal, torch.full_like(marginal, 1 / 7))
    assert (sinkhorn_plan(costs, 1e4, 50) * costs).sum().item() == pytest.approx(costs.mean().item(), rel=1e-4)
    exact = min(
        sum(costs[row, column].item() for row, column in enumerate(order)) / 7
        for order in itertools.permutations(range(7))
    )
    assert (sinkhorn_plan(costs, 1e-3, 20000) * costs).sum().item() == pytest.approx(exact, abs=1e-4)


@pytest.mark.oracle("transport_cost", "the fixture's embeddings, by loops in float64")
def test_the_cost_on_the_fixture():
    student, teacher = given.WIDE_STUDENT_EMBEDDING, given.TEACHER_EMBEDDING
    assert transport_cost(student, teacher, "cosine", 0.1, 5000).item() == pytest.approx(0.0590785412, abs=1e-9)
    distances = torch.cdist(student, teacher)
    assert (sinkhorn_plan(distances, 0.1, 20000) * distances).sum().item() == pytest.approx(1.0001869676, abs=5e-7)
    # The number was computed with a stopping tolerance; the limit is 1.0001872682.
    relative = 0.1 / distances.mean().item()
    found = transport_cost(student, teacher, "euclidean", relative, 20000).item()
    assert found == pytest.approx(1.0001869676, abs=5e-7)


@pytest.mark.parametrize("cost", ["cosine", "euclidean"])
def test_the_order_of_the_teachers_rows_does_not_matter(cost):
    student, teacher = (torch.randn(6, 4, generator=torch.Generator().manual_seed(i)).double() for i in (0, 1))
    one, other = (transport_cost(student, rows, cost, 0.1, 50) for rows in (teacher, teacher[torch.randperm(6)]))
    assert one.item() == pytest.approx(other.item(), abs=1e-12)


@pytest.mark.oracle("transport_cost", "distances of thousands in float32, where the common kernel underflows to 0")
@pytest.mark.parametrize("cost", ["cosine", "euclidean"])
def test_large_embeddings_keep_their_cost_and_gradient(cost):
    student, teacher = (1000 * torch.randn(8, 16, generator=torch.Generator().manual_seed(i)) for i in (0, 1))
    student.requires_grad_()
    value = transport_cost(student, teacher, cost, 0.1, 50)
    value.backward()
    assert value > 0.1
    assert student.grad.abs().max() > 1e-6
    assert torch.exp(-torch.cdist(student, teacher) / 0.1).sum() == 0  # the kernel


@pytest.mark.oracle("transport_cost", "the plan is a constant: the gradient by finite differences with a fixed plan")
def test_the_gradient_is_that_of_the_costs_alone():
    student, teacher = given.WIDE_STUDENT_EMBEDDING.clone().requires_grad_(), given.TEACHER_EMBEDDING
    transport_cost(student, teacher, "euclidean", 0.1, 50).backward()
    distances = torch.cdist(student.detach(), teacher)
    plan = sinkhorn_plan(distances, 0.1 * distances.mean(), 50)
    step = 1e-6 * torch.eye(3, dtype=torch.float64)[0]
    moved = (plan * (torch.cdist(student.detach() + step, teacher) - distances)).sum() / 1e-6
    assert student.grad[:, 0].sum().item() == pytest.approx(moved.item(), rel=1e-4)


@pytest.mark.parametrize("cost", ["cosine", "euclidean"])
@pytest.mark.parametrize("rows", [1, 5])
def test_equal_and_empty_embeddings_are_finite(cost, rows):
    for embedding in (torch.zeros(rows, 4), torch.ones(rows, 4)):
        student = embedding.clone().requires_grad_()
        value = transport_cost(student, embedding, cost, 0.1, 50)
        value.backward()
        assert value.isfinite()
        assert student.grad.isfinite().all()


def test_only_equal_widths_have_a_cost():
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(2, 4\)"):
        transport_cost(torch.zeros(2, 3), torch.zeros(2, 4), "cosine", 0.1, 5)
    with pytest.raises(ValueError, match="epsilon"):
        transport_cost(torch.zeros(2, 3), torch.zeros(2, 3), "cosine", 0.0, 5)


@pytest.mark.oracle("label_alignment", "the fixture's logits row by row; hidden labels are left out")
def test_both_terms_of_the_alignment_of_labels():
    labels = torch.tensor([0, -100, 2])
    own, theirs = label_alignment(given.STUDENT, given.TEACHER, labels)
    expected_own, expected_theirs = 0.0, 0.0
    for row, label in ((0, 0), (2, 2)):
        ours, read = given.STUDENT[row].tolist(), given.TEACHER[row].tolist()
        expected_own += math.log(sum(map(math.exp, ours))) - ours[label]
        log_p = read[label] - math.log(sum(map(math.exp, read)))
        expected_theirs += math.exp(log_p) * log_p
    assert own.item() == pytest.approx(expected_own / 2)
    assert theirs.item() == pytest.approx(expected_theirs / 2)
    assert label_alignment(given.STUDENT, given.TEACHER, torch.full((3,), -100)) == (0.0, 0.0)
    whole, _ = label_alignment(given.STUDENT, given.TEACHER, given.LABELS)
    assert whole.item() == pytest.approx(1.2838590677)


@pytest.mark.oracle("label_alignment", "a step on the teacher's term, as printed, raises its cross-entropy")
def test_the_term_of_the_teacher_pushes_features_away_from_its_class():
    embedding = given.WIDE_STUDENT_EMBEDDING.clone().requires_grad_()
    weight = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    _, theirs = label_alignment(given.STUDENT, embedding @ weight.T, given.LABELS)
    (gradient,) = torch.autograd.grad(theirs, embedding)
    before, after = (
        F.cross_entropy(rows @ weight.T, given.LABELS).item()
        for rows in (embedding.detach(), embedding.detach() - 0.01 * gradient)
    )
    assert after > before
    # Row by row it is -k times the gradient of the teacher's cross-entropy.
    logits = (embedding @ weight.T).detach()
    single = embedding.detach().clone().requires_grad_()
    F.cross_entropy(single @ weight.T, given.LABELS).backward()
    share = logits.softmax(1)[torch.arange(3), given.LABELS]
    torch.testing.assert_close(gradient, -share[:, None] * single.grad)
