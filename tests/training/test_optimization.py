"""Schedules against their closed forms, and the optimizers that a recipe names."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from torch import nn

from cmkd_bench.config.recipe import Recipe
from cmkd_bench.method import Phase
from cmkd_bench.training.loop import phase_epochs
from cmkd_bench.training.optimization import build_optimizer, learning_rate

RECIPE = Recipe(
    epochs=10,
    batch_size=4,
    optimizer="sgd",
    learning_rate=1e-2,
    final_learning_rate=1e-4,
    momentum=0.9,
    weight_decay=0.1,
    schedule="cosine",
    schedule_step="step",
    poly_power=0.9,
    gradient_clip=0.0,
    precision="float32",
    evaluate_every=1,
    select_on="validation",
    select_from=0.0,
    cache_mb=1.0,
)


@pytest.mark.parametrize(
    ("schedule", "step", "expected"),
    [
        ("constant", 70, 1e-2),
        ("cosine", 0, 1e-2),
        ("cosine", 50, (1e-2 + 1e-4) / 2),
        ("cosine", 25, 1e-4 + (1e-2 - 1e-4) * (1 + math.sqrt(0.5)) / 2),
        # the released C2KD code's decay at epochs 0, 50 and 99 of 100, as published: 1e-2, 5.405e-3, 2.569e-4
        ("poly", 0, 1e-2),
        ("poly", 50, 5.405e-3),
        ("poly", 99, 2.569e-4),
    ],
)
def test_the_schedule_has_its_closed_form(schedule: str, step: int, expected: float) -> None:
    recipe = dataclasses.replace(RECIPE, schedule=schedule)
    assert learning_rate(recipe, step, 100) == pytest.approx(expected, rel=1e-3)


def test_a_schedule_by_epoch_stands_still_within_an_epoch() -> None:
    recipe = dataclasses.replace(RECIPE, schedule="poly", schedule_step="epoch")
    assert learning_rate(recipe, 50.99, 100) == learning_rate(recipe, 50, 100) == pytest.approx(5.405e-3, rel=1e-3)
    assert learning_rate(recipe, 51, 100) < learning_rate(recipe, 50.99, 100)


def test_a_step_of_sgd_with_momentum_and_decay() -> None:
    module = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        module.weight.fill_(2.0)
    optimizer = build_optimizer(RECIPE, [module])
    expected, velocity = 2.0, 0.0
    for _ in range(3):
        module.weight.grad = torch.tensor([[3.0]])
        optimizer.step()
        velocity = 0.9 * velocity + 3.0 + 0.1 * expected
        expected -= 1e-2 * velocity
    assert module.weight.item() == pytest.approx(expected, rel=1e-6)


def test_a_step_of_adamw_decays_the_weight_apart_from_the_gradient() -> None:
    module = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        module.weight.fill_(2.0)
    optimizer = build_optimizer(dataclasses.replace(RECIPE, optimizer="adamw"), [module])
    module.weight.grad = torch.tensor([[3.0]])
    optimizer.step()
    # the first step of Adam is the learning rate times the gradient's sign
    assert module.weight.item() == pytest.approx(2.0 * (1 - 1e-2 * 0.1) - 1e-2, rel=1e-6)


@pytest.mark.parametrize(
    ("shares", "epochs", "expected"),
    [((1.0,), 7, [7]), ((0.3, 0.7), 15, [5, 10]), ((0.7, 0.3), 1, [1, 0]), ((0.2, 0.5, 0.3), 10, [2, 5, 3])],
)
def test_phases_share_the_epochs(shares: tuple[float, ...], epochs: int, expected: list[int]) -> None:
    phases = tuple(Phase(str(number), loss=lambda *_: {}, share=share) for number, share in enumerate(shares))
    assert phase_epochs(phases, epochs) == expected


def test_shares_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match=r"add up to 0.9"):
        phase_epochs((Phase("one", loss=lambda *_: {}, share=0.9),), 10)
