"""Typed parameters of methods and datasets: a frozen dataclass declares their names, defaults and sources."""

from __future__ import annotations

import dataclasses
import math
import random
import typing
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar, cast

from cmkd_bench.errors import nearest_match
from cmkd_bench.search import Space, Value, own_generator

P = TypeVar("P")


@dataclass(frozen=True)
class NoParameters:
    """The parameters of something that has none."""


@dataclass(frozen=True)
class Parameter:
    """The description of one parameter for a reader."""

    name: str
    type: str
    default: Any
    meaning: str
    source: str
    choices: tuple[Any, ...]
    search: Space | None = None


def parameter(
    default: Any,
    meaning: str,
    *,
    source: str = "",
    choices: tuple[Any, ...] = (),
    minimum: float | None = None,
    maximum: float | None = None,
    search: Space | None = None,
) -> Any:
    """Declare a parameter of a frozen dataclass.

    Args:
        default: the value if no other is given.
        meaning: one line for `cmkd-bench show`.
        source: origin of the default: paper, released code, or our own choice.
        choices: the allowed values, if they are few.
        minimum: the smallest allowed number, inclusive.
        maximum: the largest allowed number, inclusive.
        search: the search space of `run --trials`; without one, the parameter keeps its default.

    Raises:
        ValueError: if the search space exceeds the allowed range.
    """
    metadata = {"meaning": meaning, "source": source, "choices": choices, "minimum": minimum, "maximum": maximum}
    field: dataclasses.Field[Any] = dataclasses.field(default=default, metadata={**metadata, "search": search})
    for value in search.ends if search else ():
        try:
            _check_range(field, value)
        except ValueError as error:
            raise ValueError(f"search space {search}: {value}: {error}") from None
    return field


def describe(parameters: type) -> list[Parameter]:
    """Return the parameters of a dataclass, in the order of their declaration."""
    types = _types(parameters)
    return [
        Parameter(
            name=field.name,
            type=_value_type(types[field.name]).__name__,
            default=field.default,
            meaning=field.metadata.get("meaning", ""),
            source=field.metadata.get("source", ""),
            choices=field.metadata.get("choices", ()),
            search=field.metadata.get("search"),
        )
        for field in dataclasses.fields(parameters)
    ]


def sample(parameters: type, method: str, number: int, fixed: Collection[str] = ()) -> dict[str, Value]:
    """Return the values of the hyper-parameters that have a search space in one trial; trial 0 has their defaults.

    Args:
        parameters: the dataclass.
        method: name of the method, which enters the generators.
        number: number of the trial, from 0.
        fixed: names of hyper-parameters that the user has set, so that they are not sampled.
    """
    free = [one for one in describe(parameters) if one.search is not None and one.name not in fixed]
    if number == 0:
        return {one.name: one.default for one in free}
    return {one.name: _sampled(one, own_generator(method, one.name, number)) for one in free}


def problems_of(parameters: type, given: Mapping[str, Any], prefix: str) -> list[str]:
    """Return everything that is wrong with the given values: unknown names, wrong types, values out of range.

    Args:
        parameters: the dataclass.
        given: values by name, as they were read from the command line.
        prefix: how the user addresses the dataclass, e.g. `method.c2kd`.
    """
    fields = {field.name: field for field in dataclasses.fields(parameters)}
    types = _types(parameters)
    problems = []
    for name, value in given.items():
        if name not in fields:
            problems.append(_unknown(prefix, name, value, list(fields)))
            continue
        try:
            _check_range(fields[name], convert(value, types[name]))
        except (TypeError, ValueError) as error:
            problems.append(f"{prefix}.{name}={value}: {error}")
    return problems


def build(parameters: type[P], given: Mapping[str, Any]) -> P:
    """Return the dataclass with the given values, converted to the declared types.

    Raises:
        TypeError: for a name or type that `problems_of` reports.
        ValueError: for a value out of range.
    """
    types = _types(cast(type, parameters))
    values = {name: convert(value, types[name]) for name, value in given.items()}
    for field in dataclasses.fields(parameters):  # type: ignore[arg-type]
        if field.name in values:
            _check_range(field, values[field.name])
    return parameters(**values)


def convert(value: Any, wanted: type) -> Any:
    """Return the value in the expected type. An int is a valid float; nothing else is converted.

    Raises:
        TypeError: for any other type; the message names both.
        ValueError: for a float that is not finite, or an int that does not fit into 64 bits.
    """
    wanted = _value_type(wanted)
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError("too large; integers have 64 bits")
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is wanted:
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError("expected a finite number")
        return value
    raise TypeError(f"expected {wanted.__name__}, got {type(value).__name__} ({value!r})")


@cache
def _types(parameters: type) -> dict[str, Any]:
    """Return the declared types by name."""
    return typing.get_type_hints(parameters)


def _sampled(one: Parameter, generator: random.Random) -> Value:
    assert one.search is not None
    value = one.search.sample(generator)
    return round(value) if one.type == "int" and isinstance(value, float) else value


def _value_type(declared: Any) -> type:
    """Return the type of a value; for a Literal, the type of its choices."""
    if typing.get_origin(declared) is typing.Literal:
        return type(typing.get_args(declared)[0])
    return cast(type, declared)


def _check_range(field: dataclasses.Field[Any], value: Any) -> None:
    choices = field.metadata.get("choices") or ()
    if choices and value not in choices:
        nearest = nearest_match(str(value), map(str, choices))
        hint = f" Did you mean '{nearest}'?" if nearest else ""
        raise ValueError(f"expected one of {', '.join(map(str, choices))}.{hint}")
    minimum, maximum = field.metadata.get("minimum"), field.metadata.get("maximum")
    if minimum is not None and not value >= minimum:
        raise ValueError(f"must be at least {minimum}")
    if maximum is not None and not value <= maximum:
        raise ValueError(f"must be at most {maximum}")


def _unknown(prefix: str, name: str, value: Any, allowed: list[str]) -> str:
    nearest = nearest_match(name, allowed)
    hint = f" Did you mean '{prefix}.{nearest}'?" if nearest else ""
    return f"{prefix}.{name}={value}: no such parameter.{hint} Available: {', '.join(allowed) or 'none'}."
