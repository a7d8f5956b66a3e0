"""Build the method under test, for all conformance tests."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from cmkd_bench.method import Method
from cmkd_bench.registry import methods
from cmkd_bench.testing._tiny_run import DIRECTIONS, Direction, TinyRun, build_tiny_run

both_directions = pytest.mark.parametrize("direction", DIRECTIONS, ids=str)


class MethodCase:
    """Holds one method and its hyper-parameters; the subclasses add the tests.

    Attributes:
        method: the registered name, or the class itself.
        hyperparameters: what differs from the defaults, e.g. a preset.
    """

    method: ClassVar[str | type[Method[Any]]]
    hyperparameters: ClassVar[Mapping[str, Any]] = {}

    def method_class(self) -> type[Method[Any]]:
        """Return the class under test."""
        return methods.get(self.method) if isinstance(self.method, str) else self.method

    def cell(self, direction: Direction, changes: Mapping[str, Any] | None = None, **options: Any) -> TinyRun:
        """Put the method between two tiny networks, or skip the test with the method's reason for refusing them.

        Args:
            direction: which modality teaches which.
            changes: to the hyper-parameters.
            options: passed to `build_cell`.
        """
        hyperparameters = {**self.hyperparameters, **(changes or {})}
        cell = build_tiny_run(self.method_class(), hyperparameters, direction, **options)
        if isinstance(cell, str):
            pytest.skip(f"unsupported: {cell}")
        return cell


def differing(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> list[str]:
    """Return the names whose values are not bit-identical in two states."""
    assert one.keys() == other.keys(), f"the states have different names: {sorted(one.keys() ^ other.keys())}"
    return [name for name, value in one.items() if not torch.equal(value, other[name])]


def not_finite(losses: Mapping[str, float]) -> dict[str, float]:
    """Return the terms that are infinite or not a number."""
    return {name: value for name, value in losses.items() if not math.isfinite(value)}


def part_of(state: Mapping[str, Tensor], module: str) -> dict[str, Tensor]:
    """Return the entries of a state that belong to one module, e.g. `student`."""
    return {name: value for name, value in state.items() if name.startswith(f"{module}.")}
