"""Optimizers and learning-rate schedules of a recipe."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from cmkd_bench.config.recipe import Recipe


def build_optimizer(
    recipe: Recipe, modules: Sequence[nn.Module], factors: Sequence[float] | None = None
) -> torch.optim.Optimizer:
    """Return the recipe's optimizer in its fused form, with one parameter group per module that has parameters.

    Args:
        recipe: how networks are trained.
        modules: what is trained.
        factors: multiply the learning rate, one for each module; 1 by default.
    """
    trained = [
        {"params": parameters, "factor": factor}
        for module, factor in zip(modules, factors or [1.0] * len(modules), strict=True)
        if (parameters := list(module.parameters()))
    ]
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(trained, recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)
    return torch.optim.SGD(
        trained, recipe.learning_rate, momentum=recipe.momentum, weight_decay=recipe.weight_decay, fused=True
    )


def learning_rate(recipe: Recipe, epoch: float, epochs: int) -> float:
    """Return the learning rate of a step.

    Args:
        epoch: number of finished epochs in the phase, including the fraction of the current one.
        epochs: number of epochs of the phase.
    """
    start, end = recipe.learning_rate, recipe.final_learning_rate
    progress = (math.floor(epoch) if recipe.schedule_step == "epoch" else epoch) / epochs
    if recipe.schedule == "cosine":
        return end + (start - end) * 0.5 * (1 + math.cos(math.pi * progress))
    if recipe.schedule == "poly":
        return float(end + (start - end) * (1 - progress) ** recipe.poly_power)
    return start


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    """Set the learning rate of all parameters, times the factor of their group."""
    for group in optimizer.param_groups:
        group["lr"] = value * group.get("factor", 1.0)


def forget_gradients(optimizer: torch.optim.Optimizer) -> None:
    """Remove all gradients. The optimizer's own `zero_grad` takes longer than the update of a small network."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = None
