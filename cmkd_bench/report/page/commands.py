"""The commands that bring what is missing, and those that run one run again."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from cmkd_bench.errors import UserError
from cmkd_bench.experiment.plan import Cell
from cmkd_bench.experiment.spec import Scalar
from cmkd_bench.registry import datasets, methods

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_WORDS = ("true", "false", "null", "nan", "inf")  # a text that reads like these needs quotes


def grid(names: Iterable[str], dataset: str, pairs: Iterable[tuple[str, str]]) -> str:
    """The part of a command that says which rows in which directions of a dataset."""
    directions = ",".join(":".join(pair) for pair in pairs)
    options = ["--methods", ",".join(names), "--datasets", dataset, "--pairs", directions]
    return f"cmkd-bench run {shlex.join(options)} --one-way --no-controls"


def place(name: str, results: str, retry: bool = False) -> str:
    """The part that says where: the experiment, and the folder of experiments where it is not the default.

    Args:
        name: of the experiment.
        results: the folder's own name.
        retry: whether failed runs are to be run again.
    """
    where = "" if results in ("results", "") else f" --results {shlex.quote(results)}"
    return f" --experiment {shlex.quote(name)}{where}{' --retry-failed' if retry else ''}"


def settings(conditions: Mapping[str, Scalar], dataset: str, chosen: Mapping[str, Mapping[str, Scalar]]) -> str:
    """The part that sets what is not the default; all of it for what is not registered here.

    Args:
        conditions: of the dataset, as the plan records them.
        dataset: its name.
        chosen: by method its hyper-parameters, all of them.
    """
    protocol = str(conditions["protocol"])
    usual = _usual(protocol, dataset)
    changed = {name: value for name, value in conditions.items() if "." in name and usual.get(name) != value}
    pretrained = str(conditions.get("pretrained") or "")
    parts = [] if protocol == "fair" else [f"protocol={protocol}"]
    parts += [f"{name}={_text(value)}" for name, value in changed.items()]
    if pretrained:
        parts.append("model.pretrained=" + ("true" if pretrained == "hub" else "PATH"))
    for method, values in chosen.items():
        default = _defaults(method)
        parts += [f"method.{method}.{name}={_text(v)}" for name, v in values.items() if default.get(name) != v]
    return "".join(f" {shlex.quote(part)}" for part in parts)


def pairs_of(cells: Iterable[Cell]) -> list[tuple[str, str]]:
    """The directions of cells."""
    return list(dict.fromkeys((cell.teacher_modality, cell.student_modality) for cell in cells))


@cache
def _usual(protocol: str, dataset: str) -> dict[str, Any]:
    """The conditions of a dataset under a protocol without any override; nothing where they cannot be composed."""
    from cmkd_bench.config.compose import GROUPS, compose, parse_overrides
    from cmkd_bench.experiment.spec import settings as pairs

    if dataset not in datasets.names():
        return {}
    overrides = parse_overrides([f"{GROUPS[0]}={protocol}"])
    found = None if overrides.problems else compose(overrides, dataset)[0]
    if found is None:
        return {}
    sections = {
        "train": dict(pairs(found.recipe)),
        "augment": dict(pairs(found.augmentation)),
        "prepare": dict(pairs(found.preparation)),
        f"dataset.{dataset}": {**dict(pairs(datasets.get(dataset).Options())), **found.options},
        "model": found.model,
    }
    return {f"{section}.{name}": value for section, values in sections.items() for name, value in values.items()}


@cache
def _defaults(method: str) -> dict[str, Any]:
    if method not in methods.names():
        return {}
    try:
        parameters: Any = methods.declared(method).HyperParameters
    except UserError:
        return {}
    return dataclasses.asdict(parameters())


def _text(value: Scalar | None) -> str:
    """A value as Hydra reads it back."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str) or (_PLAIN.fullmatch(value) and value.lower() not in _WORDS):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
