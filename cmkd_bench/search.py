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
    """Every number from low to high alike.

    Raises:
        ValueError: if low is not below high.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"Uniform({self.low}, {self.high}): the first number must be below the second")

    @property
    def ends(self) -> tuple[Value, ...]:
        """What a hyper-parameter must allow so that it allows every draw."""
        return (self.low, self.high)

    def draw(self, generator: random.Random) -> Value:
        """One value."""
        return _readable(self.low + (self.high - self.low) * generator.random(), self.low, self.high)

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class LogUniform:
    """Every order of magnitude from low to high alike.

    Raises:
        ValueError: if low is not above 0 and below high.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high:
            raise ValueError(
                f"LogUniform({self.low}, {self.high}): 0 must be below the first, the first below the second"
            )

    @property
    def ends(self) -> tuple[Value, ...]:
        """What a hyper-parameter must allow so that it allows every draw."""
        return (self.low, self.high)

    def draw(self, generator: random.Random) -> Value:
        """One value."""
        exponent = math.log(self.low) + (math.log(self.high) - math.log(self.low)) * generator.random()
        return _readable(math.exp(exponent), self.low, self.high)

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}, log"


@dataclass(frozen=True)
class Among:
    """Each of some values alike.

    Raises:
        ValueError: for fewer than two, or one that stands there twice.
    """

    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if len(set(self.values)) < max(2, len(self.values)):
            raise ValueError(f"Among({self.values}): two or more different values are wanted")

    @property
    def ends(self) -> tuple[Value, ...]:
        """What a hyper-parameter must allow so that it allows every draw."""
        return self.values

    def draw(self, generator: random.Random) -> Value:
        """One value."""
        return self.values[int(generator.random() * len(self.values))]

    def __str__(self) -> str:
        return f"among {', '.join(map(str, self.values))}"


Space = Uniform | LogUniform | Among


def own_generator(method: str, parameter: str, number: int) -> random.Random:
    """The generator of one hyper-parameter's value in one draw.

    It depends on nothing else, so another hyper-parameter, method, seed or number of draws changes no value.
    """
    name = json.dumps([method, parameter, number]).encode()
    return random.Random(int.from_bytes(hashlib.blake2b(name, digest_size=8).digest()))  # noqa: S311 (no secret)


def _readable(value: float, low: float, high: float) -> float:
    """Three significant digits, so that the value in a table is the value that was run."""
    return min(max(float(f"{value:.3g}"), low), high)
