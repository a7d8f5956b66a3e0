"""The rows of a request: methods, and variants of them with other hyper-parameters, each a row of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cmkd_bench.config.overrides import Malformed, Overrides
from cmkd_bench.config.variants import Variant, made_name, parse_variant, problem_with_name
from cmkd_bench.declaration import CATEGORIES, Declaration
from cmkd_bench.errors import UnknownName, shortened
from cmkd_bench.experiment.spec import settings
from cmkd_bench.parameters import build, problems_of
from cmkd_bench.planning.grid import GridRow
from cmkd_bench.registry import methods

ALL = "all"  # as a name: all methods
RESERVED = (ALL, "teacher", *CATEGORIES)
METHOD = "method"  # the key of a defined variant that names its method


def requested(
    texts: Iterable[str], defined: Mapping[str, Mapping[str, Any]], baseline: str
) -> tuple[list[Variant], list[str]]:
    """Return the rows that texts stand for, each once, and the problems of the texts.

    Args:
        texts: names of methods, categories or defined variants, `all`, and definitions of variants.
        defined: variants by name, each with its method and hyper-parameters.
        baseline: the method that has one row only.
    """
    found: dict[str, Variant] = {}
    problems = []
    for text in texts:
        try:
            rows = [_defined(text, defined[text])] if text in defined else _rows_of(text)
        except Malformed as error:
            problems.append(str(error))
            continue
        for row in rows:
            if (taken := found.setdefault(row.row, row)) != row:
                problems.append(f"two rows have the name '{row.row}': {_shown(taken)} and {_shown(row)}. Rename one.")
            elif problem := _problem_with(row, baseline):
                problems.append(problem)
    return list(found.values()), problems


def problems_of_rows(rows: Iterable[Variant], overrides: Overrides) -> Iterator[str]:
    """Yield what is wrong with the hyper-parameters of rows whose methods exist."""
    for row in rows:
        if row.given:
            yield from (f"'{row.row}': {problem}" for problem in problems_of_values(row.method, row.given))
        if row.given and row.method in overrides.listed:
            names = ", ".join(f"method.{row.method}.{name}" for name in overrides.listed[row.method])
            yield (
                f"'{row.row}': {names} has several values, which make variants of {row.method}. Give variants either "
                "there or in --methods."
            )
    for method, listed in overrides.listed.items():
        if method in methods.names():
            for values in _combinations(listed):
                yield from problems_of_values(method, values)


def grid_rows(rows: Iterable[Variant], overrides: Overrides) -> dict[str, GridRow]:
    """Return rows without problems by name, with all values that are set for them.

    Several values of a hyper-parameter make one row each, in place of the method's own.
    """
    found: dict[str, GridRow] = {}
    for row in rows:
        cls, general = methods.declared(row.method), overrides.methods.get(row.method, {})
        listed = overrides.listed.get(row.method, {})
        made = [Variant(row.method, values, made_name(row.method, values)) for values in _combinations(listed)]
        for one in made if listed else [row]:
            given = {**resolve_preset(cls, general), **resolve_preset(cls, one.given)}
            found[one.row] = GridRow(row.method, given, one.name)
    return found


def problems_of_equal(rows: Mapping[str, GridRow], trials: int | None) -> Iterator[str]:
    """Yield a problem for each variant that has the values of another row; tuned, they may still differ."""
    known: dict[object, str] = {}
    for name, row in rows.items():
        values: Any = build(methods.declared(row.method).HyperParameters, row.given)
        fixed = frozenset(row.given) if trials is not None else frozenset()
        other = known.setdefault((row.method, settings(values), fixed), name)
        if other != name:
            yield f"'{other}' and '{name}' have the same hyper-parameters. Leave one of them out."


def problems_of_values(method: str, given: Mapping[str, Any]) -> list[str]:
    """Return everything that is wrong with the values that are set for a method."""
    cls = methods.declared(method)
    preset = given.get("preset")
    if preset is not None and preset not in tuple(cls.presets):  # it may be a list, which has no hash
        return [str(UnknownName(f"preset of {method}", str(preset), cls.presets, f"cmkd-bench show {method}"))]
    return problems_of(cls.HyperParameters, resolve_preset(cls, given), f"method.{method}")


def resolve_preset(cls: type[Declaration[Any]], given: Mapping[str, Any]) -> dict[str, Any]:
    """Replace `preset` by its hyper-parameters; other given values override those of the preset."""
    values = dict(given)
    preset = values.pop("preset", None)
    return {**(cls.presets[preset] if preset is not None else {}), **values}


def _rows_of(text: str) -> list[Variant]:
    """Return the rows that a text stands for: one, or all methods, or those of a category."""
    if text == ALL:
        return [Variant(name) for name in methods.names()]
    if text in CATEGORIES:
        return [Variant(name) for name in methods.in_category(text)]
    return [parse_variant(text)]


def _defined(name: str, values: Mapping[str, Any]) -> Variant:
    given = dict(values) if isinstance(values, Mapping) else {}
    method = given.pop(METHOD, None)
    if not isinstance(method, str) or not given:
        raise Malformed(
            f"variant '{name}': expected its method and hyper-parameters, e.g. {{method: kd, temperature: 1}}."
        )
    return Variant(method, given, name)


def _problem_with(row: Variant, baseline: str) -> str | None:
    if not row.name:
        return None
    name, shown = shortened(row.name), _shown(row)
    if problem := problem_with_name(row.name):
        return f"'{name}': {problem}."
    if row.name in (*RESERVED, *methods.names()):
        return f"{shown}: '{name}' has another meaning already. Choose another name for the row."
    if row.method == baseline:
        return f"{shown}: {baseline} is the reference of all gains and has one row. Leave out the variant."
    if not row.given:
        return f"{shown}: no hyper-parameter is set. Use {row.method}, or see: cmkd-bench show {row.method}"
    try:
        other = parse_variant(row.name)
    except Malformed:
        return None
    if other.given and other.method in methods.names() and not _says_the_truth(other, row):
        return f"{shown}: the name states other values than the row has. Choose another name."
    return None


def _says_the_truth(name: Variant, row: Variant) -> bool:
    """Return whether a name that reads like a definition states values of its row; wrong values have other problems."""
    if name.method != row.method:
        return False
    if problems_of_values(row.method, row.given) or problems_of_values(name.method, name.given):
        return True
    cls = methods.declared(row.method)
    values: Any = build(cls.HyperParameters, resolve_preset(cls, row.given))
    return all(getattr(values, key) == value for key, value in resolve_preset(cls, name.given).items())


def _shown(row: Variant) -> str:
    made = made_name(row.method, row.given) if row.name else row.method
    return shortened(made if row.name in ("", made) else f"{made}={row.name}")


def _combinations(listed: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return every combination of values, the last parameter varying fastest."""
    return [dict(zip(listed, values, strict=True)) for values in itertools.product(*listed.values())]
