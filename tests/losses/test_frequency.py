"""Frequencies of embeddings, and similarities to a queue."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from paper_fixture import TEACHER_EMBEDDING, WIDE_STUDENT_EMBEDDING

from cmkd_bench.losses import frequency_distances, frequency_parts, queue_distillation

QUEUE = torch.eye(3, dtype=torch.float64)[:2]


def noise(width, samples=4):
    return torch.randn(samples, width, generator=torch.Generator().manual_seed(width), dtype=torch.float64)


@pytest.mark.oracle("frequency_parts", "sines of known frequencies")
@pytest.mark.parametrize("width", [16, 17])
def test_a_sine_falls_into_the_part_of_its_frequency(width):
    places = torch.arange(width, dtype=torch.float64)
    waves = {k: torch.sin(2 * math.pi * k * places / width)[None] for k in (1, 4, 5, 7)}
    for frequency, wave in waves.items():
        low, high = frequency_parts(wave + 3)  # the mean is dropped
        expected = (wave, torch.zeros_like(wave)) if frequency <= 4 else (torch.zeros_like(wave), wave)
        torch.testing.assert_close((low, high), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("width", [4, 5, 8, 33])
def test_parts_are_orthogonal_and_add_up_to_the_embedding_without_its_mean(width):
    values = noise(width)
    low, high = frequency_parts(values)
    torch.testing.assert_close(low + high, values - values.mean(dim=1, keepdim=True))
    assert (low * high).sum(dim=1).abs().max() < 1e-12


@pytest.mark.oracle("frequency_distances", "the definition in NumPy")
def test_distances_by_the_definition():
    (low, high), (teacher_low, teacher_high) = frequency_parts(noise(8)), frequency_parts(noise(8) ** 2)

    def unit(rows):
        return rows.numpy() / np.linalg.norm(rows.numpy(), axis=1, keepdims=True)

    def slog(rows):
        return np.sign(rows) * np.log1p(np.abs(rows))

    expected = [
        np.mean((unit(low) - unit(teacher_low)) ** 2),
        np.mean((slog(unit(high)) - slog(unit(teacher_high))) ** 2),
    ]
    found = frequency_distances(low, high, teacher_low, teacher_high)
    assert [one.item() for one in found] == pytest.approx(expected, rel=1e-10)
    assert max(expected) <= 4 / 8


def test_a_dead_embedding_is_finite():
    values = torch.zeros(2, 8).requires_grad_()
    low, high = frequency_parts(values)
    sum(frequency_distances(low, high, *frequency_parts(noise(8, 2).float()))).backward()
    assert values.grad.isfinite().all()


def test_too_few_features_are_refused():
    with pytest.raises(ValueError, match="3"):
        frequency_parts(torch.zeros(2, 3))


@pytest.mark.oracle("queue_distillation", "the value with two stored rows, computed in float64 elsewhere")
def test_queue():
    every = torch.ones(2, dtype=torch.bool)
    loss = queue_distillation(WIDE_STUDENT_EMBEDDING, TEACHER_EMBEDDING, QUEUE, every, 0.05, 0.1)
    assert loss.item() == pytest.approx(0.7264660888, abs=5e-9)


@pytest.mark.oracle("queue_distillation", "the entropy of the teacher's distributions, at equal temperatures")
@pytest.mark.parametrize(("temperature", "value"), [(0.1, 0.3602605290), (0.05, 0.4850975017)])
def test_queue_of_the_teacher_itself(temperature, value):
    every = torch.ones(2, dtype=torch.bool)
    loss = queue_distillation(TEACHER_EMBEDDING, TEACHER_EMBEDDING, QUEUE, every, temperature, 0.1)
    assert loss.item() == pytest.approx(value, abs=5e-9)


def test_rows_that_are_not_filled_do_not_count():
    junk = torch.cat([QUEUE, noise(3, 5)])
    filled = torch.arange(7) < 2
    loss = queue_distillation(WIDE_STUDENT_EMBEDDING, TEACHER_EMBEDDING, junk, filled, 0.05, 0.1)
    assert loss.item() == pytest.approx(0.7264660888, abs=5e-9)


def test_only_the_student_gets_a_gradient():
    student, teacher, queue = (
        one.clone().requires_grad_() for one in (WIDE_STUDENT_EMBEDDING, TEACHER_EMBEDDING, QUEUE)
    )
    queue_distillation(student, teacher, queue, torch.ones(2, dtype=torch.bool), 0.05, 0.1).backward()
    assert student.grad.any()
    assert teacher.grad is queue.grad is None
