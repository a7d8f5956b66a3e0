"""Search spaces, declared beside the defaults of hyper-parameters."""

from __future__ import annotations

import hashlib
import json
import math
import random
from dataclasses import dataclass

Value = str | int | float | bool


@dataclass(frozen=True)
class Uniform:
    """A uniform distribution between two numbers.

    Raises:
        ValueError: if low is not less than high.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"Uniform({self.low}, {self.high}): the first number must be less than the second")

    @property
    def ends(self) -> tuple[Value, ...]:
        """The extreme values, which the hyper-parameter must allow."""
        return (self.low, self.high)

    def sample(self, generator: random.Random) -> Value:
        """Return a random value."""
        return _readable(self.low + (self.high - self.low) * generator.random(), self.low, self.high)

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class LogUniform:
    """A uniform distribution of the logarithm between two numbers.

    Raises:
        ValueError: if low is not positive, or not less than high.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high:
            raise ValueError(f"LogUniform({self.low}, {self.high}): expected 0 < first number < second number")

    @property
    def ends(self) -> tuple[Value, ...]:
        """The extreme values, which the hyper-parameter must allow."""
        return (self.low, self.high)

    def sample(self, generator: random.Random) -> Value:
        """Return a random value."""
        exponent = math.log(self.low) + (math.log(self.high) - math.log(self.low)) * generator.random()
        return _readable(math.exp(exponent), self.low, self.high)

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}, log"


@dataclass(frozen=True)
class Among:
    """A uniform choice among some values.

    Raises:
        ValueError: for fewer than two values, or a repeated one.
    """

    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if len(set(self.values)) < max(2, len(self.values)):
            raise ValueError(f"Among({self.values}): expected two or more different values")

    @property
    def ends(self) -> tuple[Value, ...]:
        """The values, all of which the hyper-parameter must allow."""
        return self.values

    def sample(self, generator: random.Random) -> Value:
        """Return a random value."""
        return self.values[int(generator.random() * len(self.values))]

    def __str__(self) -> str:
        return f"among {', '.join(map(str, self.values))}"


Space = Uniform | LogUniform | Among


def own_generator(method: str, parameter: str, number: int) -> random.Random:
    """Return the generator of one hyper-parameter's value in one trial.

    It depends on nothing else, so another hyper-parameter, method, seed or number of trials changes no value.
    """
    name = json.dumps([method, parameter, number]).encode()
    return random.Random(int.from_bytes(hashlib.blake2b(name, digest_size=8).digest()))  # noqa: S311 (no secret)


def _readable(value: float, low: float, high: float) -> float:
    """Round to three significant digits, so that the value in a table is the value that was run."""
    return min(max(float(f"{value:.3g}"), low), high)
