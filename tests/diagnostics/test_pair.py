"""The diagnostics of a pair, worked out by hand, with SciPy, and from the definition of the KL divergence."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from cmkd_bench.diagnostics.agreement import agreement, kappa
from cmkd_bench.diagnostics.pair import Side, diagnose


def test_agreement_by_hand() -> None:
    labels = np.array([0, 0, 1, 1, 2, 2, 2, 0])
    teacher = np.array([0, 0, 1, 0, 2, 2, 1, 1])  # right: 1 1 1 0 1 1 0 0
    student = np.array([0, 1, 1, 0, 2, 0, 2, 1])  # right: 1 0 1 0 1 0 1 0
    found = agreement(teacher, student, labels)
    assert found["agreement"] == 62.5  # samples 0, 2, 3, 4, 7
    shares = [found[name] for name in ("both_right", "teacher_only", "student_only", "both_wrong")]
    assert shares == [37.5, 25.0, 12.5, 25.0]
    assert (found["teacher_accuracy"], found["student_accuracy"], found["gap"]) == (62.5, 50.0, 12.5)
    # shares of the classes: teacher 3, 3, 2 of 8; student 3, 3, 2 of 8
    chance = (9 + 9 + 4) / 64
    assert found["kappa"] == pytest.approx((5 / 8 - chance) / (1 - chance))


def test_kappa_is_0_by_chance_and_nan_where_nothing_can_differ() -> None:
    labels = np.zeros(4, dtype=np.int64)
    assert kappa(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])) == 0.0
    assert kappa(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0])) == -1.0
    assert math.isnan(kappa(labels, labels))
    with pytest.raises(ValueError, match="three vectors"):
        agreement(labels, labels[:3], labels)


@pytest.fixture
def sides() -> tuple[Side, Side, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = [torch.randn(12, 5, generator=generator) * 2 for _ in range(2)]
    embeddings = [torch.randn(12, width, generator=generator) for width in (3, 4)]
    labels = torch.randint(5, (12,), generator=generator)
    return Side(logits[0], embeddings[0]), Side(logits[1], embeddings[1]), labels


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_both_parts_of_the_loss_add_up_to_the_divergence(
    sides: tuple[Side, Side, torch.Tensor], temperature: float
) -> None:
    teacher, student, labels = sides
    found = diagnose(teacher, student, labels, temperature).numbers
    p = torch.softmax(teacher.logits.double() / temperature, 1).numpy()
    q = torch.softmax(student.logits.double() / temperature, 1).numpy()
    divergence = np.mean([stats.entropy(a, b) for a, b in zip(p, q, strict=True)])
    assert found["tckd"] + found["nckd_weighted"] == pytest.approx(divergence, rel=1e-9)
    assert found["nckd"] > found["nckd_weighted"] > 0


def test_rank_correlations_are_scipys(sides: tuple[Side, Side, torch.Tensor]) -> None:
    teacher, student, labels = sides
    expected = [stats.kendalltau(a, b)[0] for a, b in zip(teacher.logits.numpy(), student.logits.numpy(), strict=True)]
    found = diagnose(teacher, student, labels)
    assert found.correlations == pytest.approx(np.array(expected))
    numbers = found.numbers
    assert numbers["rank_correlation"] == pytest.approx(np.mean(expected))
    assert numbers["rank_correlation_median"] == pytest.approx(np.median(expected))
    assert numbers["rank_correlation_undefined"] == 0.0


def test_a_sample_without_a_rank_correlation_is_counted_apart(sides: tuple[Side, Side, torch.Tensor]) -> None:
    teacher, student, labels = sides
    teacher.logits[:3] = 1.0
    numbers = diagnose(teacher, student, labels).numbers
    assert numbers["rank_correlation_undefined"] == 25.0
    assert not math.isnan(numbers["rank_correlation"])


def test_a_network_compared_with_itself(sides: tuple[Side, Side, torch.Tensor]) -> None:
    teacher, _, labels = sides
    numbers = diagnose(teacher, teacher, labels).numbers
    assert (numbers["gap"], numbers["agreement"], numbers["kappa"]) == (0.0, 100.0, 1.0)
    assert numbers["rank_correlation_q1"] == pytest.approx(1.0)
    assert (numbers["tckd"], numbers["nckd"]) == pytest.approx((0.0, 0.0), abs=1e-12)
    assert numbers["cka"] == pytest.approx(1.0)
    assert numbers["cka_by_chance"] < 0.6
    assert numbers["teacher_accuracy"] == numbers["student_accuracy"]
    assert numbers["distance"] == 0.0
