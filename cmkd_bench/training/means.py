"""Means of what the steps of an epoch report."""

from __future__ import annotations

from collections import Counter

from torch import Tensor


class Means:
    """Means by name over the steps that report the name; a step need not report every name."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._steps: Counter[str] = Counter()

    def add(self, values: dict[str, Tensor]) -> None:
        for name, value in values.items():
            self._sums[name] = self._sums[name] + value.detach() if name in self._sums else value.detach()
        self._steps.update(values.keys())

    def by_name(self) -> dict[str, float]:
        return {name: float(value) / self._steps[name] for name, value in self._sums.items()}
