from __future__ import annotations

import pytest
import torch

from cmkd_bench.losses import hint_loss


@pytest.mark.oracle("hint_loss", "four elements by hand")
def test_by_hand():
    # half the mean of 1, 4, 0, 9
    regressed, target = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[2.0, 0.0], [3.0, 1.0]])
    assert hint_loss(regressed, target).item() == pytest.approx(14 / 8)


@pytest.mark.oracle("hint_loss", "the paper's sum over a sample's elements")
def test_times_the_elements_of_a_sample_it_is_the_papers_sum():
    regressed, target = torch.randn(2, 3, 4, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    per_sample = [0.5 * float(((r - t) ** 2).sum()) for r, t in zip(regressed, target, strict=True)]
    assert hint_loss(regressed, target).item() * 100 == pytest.approx(sum(per_sample) / 3)


@pytest.mark.oracle("hint_loss", "the gradient by hand")
def test_gradient_is_the_difference_over_the_number_of_elements():
    regressed = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    target = torch.tensor([[2.0, 0.0], [3.0, 1.0]], requires_grad=True)
    hint_loss(regressed, target).backward()
    torch.testing.assert_close(regressed.grad, torch.tensor([[-0.25, 0.5], [0.0, 0.75]]))
    assert target.grad is None


def test_equal_features_give_zero():
    features = torch.randn(4, 8)
    assert hint_loss(features, features.clone()).item() == 0


def test_float16_does_not_overflow():
    loss = hint_loss(torch.full((2, 3), 300.0, dtype=torch.float16), torch.zeros(2, 3, dtype=torch.float16))
    assert loss.item() == 45000


def test_shapes_that_would_broadcast_are_refused():
    with pytest.raises(ValueError, match=r"\(4, 8\) and \(4, 1\)"):
        hint_loss(torch.zeros(4, 8), torch.zeros(4, 1))
