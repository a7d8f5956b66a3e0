"""The knob of a sweep: any setting of a grid, with the values that it takes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from cmkd_bench.config.settings_files import GROUPS
from cmkd_bench.config.supervision import Supervision
from cmkd_bench.errors import UserError, hint
from cmkd_bench.registry import datasets

LABELS = "labels"
SUPERVISION = tuple(field.name for field in fields(Supervision))
MOST_VALUES = 100


@dataclass(frozen=True)
class Knob:
    """A setting and its values."""

    name: str  # as given
    values: tuple[str, ...]  # as given, in this order

    @cached_property
    def numbers(self) -> np.ndarray | None:
        """The values as numbers; None if one of them is not a number."""
        try:
            return np.array([float(value) for value in self.values])
        except ValueError:
            return None

    @cached_property
    def is_logarithmic(self) -> bool:
        """Whether the values are positive numbers that are spaced more evenly by ratio than by difference."""
        if self.numbers is None or len(self.values) < 3 or self.numbers.min() <= 0:
            return False
        return _evenness(np.log(self.numbers)) > _evenness(self.numbers) + 1e-9

    @cached_property
    def scale(self) -> np.ndarray | None:
        """The values where a slope is fitted: logarithms to base 2 if they are spaced by ratio."""
        return np.log2(self.numbers) if self.numbers is not None and self.is_logarithmic else self.numbers


def _evenness(numbers: np.ndarray) -> float:
    """Return the smallest space between neighbors as a share of the whole range."""
    return float(np.diff(np.sort(numbers)).min() / np.ptp(numbers))


def parse_vary(text: str) -> Knob:
    """Parse `KNOB=from:to:step`, which includes the end, or `KNOB=value,value,...`.

    Raises:
        UserError: for anything else.
    """
    name, equals, given = text.partition("=")
    try:
        if not (name and equals):
            raise ValueError
        values = _range(given) if given.count(":") == 2 else [value.strip() for value in given.split(",")]
        if not all(values) or not _are_distinct(values):
            raise ValueError
    except ValueError:
        raise UserError(
            f"--vary {text or 'is missing'}: expected KNOB=from:to:step or KNOB=value,value,... with at most "
            f"{MOST_VALUES} steps and no repeated value, e.g. misalignment=0:1:0.1 or labels=0.05,0.25,1."
        ) from None
    return Knob(name, tuple(values))


def _range(text: str) -> list[str]:
    start, end, step = map(float, text.split(":"))
    if not step or not 0 <= (end - start) / step <= MOST_VALUES:
        raise ValueError
    steps = math.floor((end - start) / step + 1e-9)
    return [f"{round(start + place * step, 10):.15g}" for place in range(steps + 1)]


def _are_distinct(values: list[str]) -> bool:
    numbers = Knob("", tuple(values)).numbers
    if numbers is None:
        return len(set(values)) == len(values) <= MOST_VALUES + 1
    return bool(np.isfinite(numbers).all()) and len(set(numbers.tolist())) == len(numbers) <= MOST_VALUES + 1


def setting_of(knob: str, dataset: str) -> str:
    """Return the setting that a knob stands for: `labels`, or the key of an override.

    A name without a dot is `labels`, a scarcity such as `pairs_share`, a group of configurations such as `model`, or
    an option of the dataset. Anything else is a key, such as `train.epochs` or `method.kd.temperature`.

    Raises:
        UserError: if there is no such knob, with the nearest match.
    """
    if "." in knob or knob == LABELS or knob in GROUPS:
        return knob
    if knob in SUPERVISION:
        return f"supervision.{knob}"
    options = _options(dataset)
    if knob in options:
        return f"dataset.{dataset}.{knob}"
    known = (LABELS, *SUPERVISION, *options)
    raise UserError(
        f"--vary {knob}: no such knob.{hint(knob, known)} Vary {', '.join(known)}, or any setting by its key, e.g. "
        "train.epochs or method.kd.temperature. See: cmkd-bench show config"
    )


def _options(dataset: str) -> list[str]:
    return [field.name for field in fields(datasets.get(dataset).Options)] if dataset in datasets.names() else []


def is_set(setting: str, overrides: Iterable[str]) -> bool:
    """Whether an override sets the same setting."""
    return any(override.partition("=")[0] == setting for override in overrides)
