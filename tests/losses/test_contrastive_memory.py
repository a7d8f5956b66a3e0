from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cmkd_bench import losses
from cmkd_bench.losses import negative_counts

TEMPERATURE = 0.07


def problem(batch=4, rows=20, width=8, count=12, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    embedding = F.normalize(torch.randn((batch, width), generator=generator, dtype=dtype), dim=1)
    bank = F.normalize(torch.randn((rows, width), generator=generator, dtype=dtype), dim=1)
    index = torch.randperm(rows, generator=generator)[:batch]
    negatives = torch.randint(rows, (batch, count), generator=generator)
    return embedding, bank, index, negatives


def crd_side_loss(embedding, bank, index, negatives, temperature, normalizer):
    counts = negative_counts(negatives, len(bank), embedding.dtype)
    return losses.crd_side_loss(embedding, bank, index, counts, temperature, normalizer)


def crd_normalizer(embedding, bank, index, negatives, temperature):
    counts = negative_counts(negatives, len(bank), embedding.dtype)
    return losses.crd_normalizer(embedding, bank, index, counts, temperature)


def naive(embedding, bank, index, negatives, temperature, normalizer):
    """The formula of the released code, one sample and one negative after the other."""
    noise, total = negatives.shape[1] / len(bank), 0.0
    for b, v in enumerate(embedding.detach().numpy()):
        p = np.exp(bank.numpy() @ v / temperature) / normalizer
        positive = p[index[b]]
        total -= math.log(positive / (positive + noise + 1e-7))
        total -= sum(math.log(noise / (p[k] + noise + 1e-7)) for k in negatives[b])
    return total / len(embedding)


@pytest.mark.oracle("crd_side_loss", "the released code's formula, one sample and one negative after the other")
@pytest.mark.parametrize("normalizer", [1.0, 44.0, 1e6])
@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_equals_the_definition(temperature, normalizer):
    data = problem()
    loss = crd_side_loss(*data, temperature, torch.tensor(normalizer, dtype=torch.float64))
    assert loss.item() == pytest.approx(naive(*data, temperature, normalizer), rel=1e-10)


@pytest.mark.oracle("crd_side_loss", "equal scores: log(K + 1) + K log(1 + 1 / K), 9.318 and 10.704")
@pytest.mark.parametrize(("count", "expected"), [(4096, 9.318), (16384, 10.704)])
def test_equal_scores_give_the_known_constant(count, expected):
    bank = torch.ones(1000, 1)
    data = torch.ones(2, 1), bank, torch.tensor([0, 1]), torch.randint(1000, (2, count))
    normalizer = crd_normalizer(*data, TEMPERATURE)
    assert normalizer.item() == pytest.approx(1000 * math.exp(1 / TEMPERATURE), rel=1e-4)
    loss = crd_side_loss(*data, TEMPERATURE, normalizer).item()
    # the guard in the denominators adds M * eps, 1e-4 here
    assert loss == pytest.approx(math.log(count + 1) + count * math.log(1 + 1 / count) + 1e-4, abs=2e-4)
    assert loss == pytest.approx(expected, abs=1e-3)


def test_the_order_of_the_negatives_does_not_matter_and_their_number_does():
    embedding, bank, index, negatives = problem()
    one = torch.tensor(44.0, dtype=torch.float64)
    loss = crd_side_loss(embedding, bank, index, negatives, TEMPERATURE, one)
    assert torch.equal(crd_side_loss(embedding, bank, index, negatives.flip(1), TEMPERATURE, one), loss)
    assert crd_side_loss(embedding, bank, index, negatives[:, :6], TEMPERATURE, one) < loss


@pytest.mark.oracle("crd_side_loss", "numerical differentiation of that formula; no gradient for bank and normaliser")
def test_gradient_is_the_derivative_and_reaches_only_the_embedding():
    embedding, bank, index, negatives = problem()
    bank.requires_grad_()
    normalizer = torch.tensor(44.0, dtype=torch.float64, requires_grad=True)
    crd_side_loss(embedding.requires_grad_(), bank, index, negatives, 0.3, normalizer).backward()
    assert bank.grad is None
    assert normalizer.grad is None
    step = 1e-6
    for b, d in ((0, 0), (3, 5)):
        nudged = embedding.detach().clone()
        nudged[b, d] += step
        up = naive(nudged, bank.detach(), index, negatives, 0.3, 44.0)
        nudged[b, d] -= 2 * step
        down = naive(nudged, bank.detach(), index, negatives, 0.3, 44.0)
        assert embedding.grad[b, d].item() == pytest.approx((up - down) / (2 * step), rel=1e-5)


def test_a_temperature_whose_exponential_overflows_stays_finite():
    embedding, bank, index, negatives = problem(dtype=torch.float32)
    bank[index] = embedding
    embedding.requires_grad_()
    loss = crd_side_loss(embedding, bank, index, negatives, 0.001, torch.tensor(1.0))
    loss.backward()
    assert loss.isfinite()
    assert embedding.grad.isfinite().all()


@pytest.mark.oracle("crd_normalizer", "a loop over all scores")
def test_normalizer_is_the_mean_exponential_score_times_the_size_of_the_bank():
    embedding, bank, index, negatives = problem()
    scores = [
        math.exp(float(embedding[b] @ bank[row]) / TEMPERATURE)
        for b in range(4)
        for row in [int(index[b]), *negatives[b].tolist()]
    ]
    normalizer = crd_normalizer(embedding.requires_grad_(), bank, index, negatives, TEMPERATURE)
    assert normalizer.item() == pytest.approx(20 * np.mean(scores), rel=1e-10)
    assert not normalizer.requires_grad


@pytest.mark.oracle("crd_normalizer", "its expectation for random unit vectors, exp(s^2 / 2)")
def test_normalizer_of_random_unit_vectors_has_the_known_size():
    # scores are normal with deviation s = 1 / (0.07 sqrt(128)): the mean exponential is exp(s^2 / 2) = 2.22
    data = problem(batch=64, rows=5000, width=128, count=1024, dtype=torch.float32)
    assert crd_normalizer(*data, TEMPERATURE).item() / 5000 == pytest.approx(2.22, abs=0.08)


def test_bfloat16_under_autocast_is_the_float32_loss_of_the_rounded_values():
    embedding, bank, index, negatives = problem(dtype=torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = crd_side_loss(embedding, bank, index, negatives, TEMPERATURE, torch.tensor(44.0))
    expected = crd_side_loss(embedding.float(), bank.float(), index, negatives, TEMPERATURE, torch.tensor(44.0))
    assert loss.dtype == torch.float32
    assert torch.equal(loss, expected)


@pytest.mark.oracle("negative_counts", "two samples by hand")
def test_counts_say_how_often_each_row_was_drawn():
    counts = negative_counts(torch.tensor([[0, 2, 2], [1, 0, 1]]), rows=4)
    assert counts.tolist() == [[1, 0, 2, 0], [1, 2, 0, 0]]


@pytest.mark.oracle("crd_side_loss", "that formula, with another number of negatives for each sample")
def test_samples_may_have_different_numbers_of_negatives():
    embedding, bank, index, negatives = problem(batch=2)
    counts = negative_counts(negatives, len(bank), embedding.dtype)
    counts[1] = 0
    counts[1, 3] = 5
    one = torch.tensor(44.0, dtype=torch.float64)
    first = naive(embedding[:1], bank, index[:1], negatives[:1], TEMPERATURE, 44.0)
    second = naive(embedding[1:], bank, index[1:], torch.full((1, 5), 3), TEMPERATURE, 44.0)
    loss = losses.crd_side_loss(embedding, bank, index, counts, TEMPERATURE, one)
    assert loss.item() == pytest.approx((first + second) / 2, rel=1e-10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bank": torch.zeros(20, 7)}, r"must share d, not have the shapes \(4, 8\) and \(20, 7\)"),
        ({"index": torch.zeros(3, dtype=torch.long)}, r"index must be \(4,\)"),
        ({"counts": torch.zeros(4, 19, dtype=torch.float64)}, r"counts torch.float64 \(4, 20\)"),
        ({"counts": torch.zeros(4, 20)}, "torch.float32"),
        ({"temperature": 0.0}, "temperature"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(change, message):
    embedding, bank, index, negatives = problem()
    given = {"embedding": embedding, "bank": bank, "index": index, "temperature": 1.0, "normalizer": torch.ones(())}
    given["counts"] = negative_counts(negatives, len(bank), torch.float64)
    with pytest.raises(ValueError, match=message):
        losses.crd_side_loss(**{**given, **change})
