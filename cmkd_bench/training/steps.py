"""The optimizers of a phase, and the steps that it takes for each batch before its main step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cmkd_bench.config.recipe import Recipe
from cmkd_bench.method import Losses, Method, Phase, Step
from cmkd_bench.network import Network
from cmkd_bench.training.device import align_state
from cmkd_bench.training.optimization import build_optimizer, set_learning_rate

Values = Sequence[tuple[Tensor, Tensor]]
"""Tensors, and what they were."""


class Steps:
    """The optimizers of a phase: one for its main step, and one for each step before it.

    Args:
        recipe: how networks are trained.
        phase: the phase, in whose modes the modules are.
        student: the student.
        method: the method.
        teachers: the teachers' networks by name, if the method updates them.
    """

    def __init__(
        self, recipe: Recipe, phase: Phase, student: Network, method: Method[Any], teachers: Mapping[str, Network]
    ) -> None:
        self.phase = phase
        self._parts: dict[str, nn.Module] = {"student": student.head if phase.trains == "head" else student, **teachers}
        self._method = method
        own = () if phase.trains == "nothing" else ("student",)
        extras = ("extras",) if phase.extras is True else phase.extras or ()
        names = (*own, *extras, *(teachers if phase.teacher else ()))
        self.main = self._optimizer(recipe, names, phase.rates)
        self._before = [self._early_optimizer(recipe, step) for step in phase.before]
        # What is not trained in some step is frozen in it; what the method or the phase has frozen stays as it is.
        networks = (student, *teachers.values())
        trained = [one for module in (student, method, *teachers.values()) for one in module.parameters()]
        self._trained = [parameter for parameter in trained if parameter.requires_grad]
        self._statistics = [buffer for network in networks for buffer in network.buffers()]

    @property
    def all(self) -> list[torch.optim.Optimizer]:
        """All optimizers, in the order of their steps."""
        return [*self._before, self.main]

    def set_learning_rate(self, value: float) -> None:
        """Set the learning rate of all optimizers."""
        for optimizer in self.all:
            set_learning_rate(optimizer, value)

    def take_early(
        self,
        losses: Callable[[Step], Losses],
        update: Callable[[Losses, torch.optim.Optimizer], None],
    ) -> tuple[Losses, Values]:
        """Take the steps before the main one.

        Args:
            losses: computes the terms of a step, with the same random numbers in each.
            update: takes a step of an optimizer.

        Returns:
            the terms of all steps, and the values of the parameters that the main step must start from.
        """
        terms: Losses = {}
        start: dict[Tensor, Tensor] = {}
        for step, optimizer in zip(self.phase.before, self._before, strict=True):
            if step.undone:
                start = {one: one.detach().clone() for one in _parameters(optimizer)} | start
            statistics = [(one, one.clone()) for one in self._statistics]
            self._train_only(optimizer)
            found = losses(step)
            update(found, optimizer)
            restore(statistics)
            terms |= found
        if self._before:
            self._train_only(self.main)
        return terms, list(start.items())

    def state(self) -> dict[str, Any]:
        """Return the states of the optimizers."""
        return {"optimizer": self.main.state_dict(), "early": [one.state_dict() for one in self._before]}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore the optimizers."""
        self.main.load_state_dict(state["optimizer"])
        for optimizer, own in zip(self._before, state.get("early", []), strict=True):
            optimizer.load_state_dict(own)
        for optimizer in self.all:
            align_state(optimizer)

    def _train_only(self, optimizer: torch.optim.Optimizer) -> None:
        own = _parameters(optimizer)
        for parameter in self._trained:
            parameter.requires_grad_(parameter in own)

    def _optimizer(self, recipe: Recipe, names: Collection[str], rates: Mapping[str, float]) -> torch.optim.Optimizer:
        groups = self._groups(names, rates)
        return build_optimizer(recipe, list(groups.values()), [rates.get(name, 1.0) for name in groups])

    def _early_optimizer(self, recipe: Recipe, step: Step) -> torch.optim.Optimizer:
        if not step.undone:
            return self._optimizer(recipe, step.trains, step.rates)
        groups = [
            {"params": list(module.parameters()), "factor": step.rates.get(name, 1.0)}
            for name, module in self._groups(step.trains, step.rates).items()
        ]
        return torch.optim.SGD(groups, recipe.learning_rate)

    def _groups(self, names: Collection[str], rates: Mapping[str, float]) -> dict[str, nn.Module]:
        """Return the modules of a step by name, in a fixed order; those with a rate of their own are apart."""
        children = dict(self._method.named_children())
        known = {"student": self._parts["student"], "extras": self._method, **children, **self._parts}
        if wrong := sorted({*names, *rates} - known.keys()):
            raise ValueError(
                f"phase '{self.phase.name}' trains '{wrong[0]}', which the method does not have: {', '.join(known)}"
            )
        groups = {name: known[name] for name in known if name in names}
        apart = [name for name in children if name in rates]
        if "extras" in groups and apart:
            elsewhere = {one for name in apart for one in children[name].parameters()}
            groups["extras"] = nn.ParameterList([p for p in self._method.parameters() if p not in elsewhere])
            groups |= {name: children[name] for name in apart}
        return groups


@torch.no_grad()
def restore(values: Values) -> None:
    """Write the former values into tensors."""
    for tensor, value in values:
        tensor.copy_(value)


def _parameters(optimizer: torch.optim.Optimizer) -> set[Tensor]:
    return {parameter for group in optimizer.param_groups for parameter in group["params"]}
