"""The commands that produce missing numbers, and those that repeat one run."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from cmkd_bench.config.compose import compose
from cmkd_bench.config.overrides import parse_overrides, value_text
from cmkd_bench.config.settings_files import GROUPS
from cmkd_bench.config.variants import definition
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.label_budget import LabelBudget, as_option
from cmkd_bench.experiment.plan import Cell
from cmkd_bench.experiment.spec import Scalar
from cmkd_bench.experiment.spec import settings as pairs
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.registry import datasets, methods

Values = Mapping[str, Scalar]
REPEATED = "repeated"  # the folder that repeated runs go to


def grid(names: Iterable[str], dataset: str, pairs: Iterable[tuple[str, str]], labels: LabelBudget) -> str:
    """Return the part of a command that selects rows and directions of a dataset, and how many labels are seen."""
    directions = ",".join(":".join(pair) for pair in pairs)
    options = ["--methods", ",".join(names), "--datasets", dataset, "--pairs", directions]
    options += ["--labels", as_option(labels)]
    return f"cmkd-bench run {shlex.join(options)} --one-way --no-controls"


def place(name: str, results: str, retry: bool = False) -> str:
    """Return the part that selects the experiment, and the folder of experiments where it is not the default."""
    return f" --experiment {shlex.quote(name)}{where(results)}{' --retry-failed' if retry else ''}"


def where(results: str) -> str:
    """Return the option that selects the folder of experiments; empty for the default."""
    return "" if results in ("results", "") else f" --results {shlex.quote(results)}"


def one_run(experiment: Experiment, cell: Cell, row: ChosenRow, conditions: Values, state: str) -> str:
    """Return the command of one run, up to its settings; a run that is done is repeated in another folder.

    Tuned values given by hand would be the untuned row's, so those runs go to another folder as well.
    """
    start = grid(texts([row]), cell.dataset, [(cell.teacher_modality, cell.student_modality)], cell.labels)
    fold = f" --folds {cell.fold}," if has_folds(conditions) else ""
    is_own = state != "done" and not cell.tuned
    target = place(experiment.name, experiment.root.name, retry=True) if is_own else place(experiment.name, REPEATED)
    return f"{start} --seeds {cell.seed},{fold}{target}"


def listed(numbers: Iterable[int]) -> str:
    """Write seeds or folds for an option; the trailing comma distinguishes one seed from a number of seeds."""
    ordered = sorted(numbers)
    return ",".join(map(str, ordered)) + ("," if len(ordered) == 1 else "")


def has_folds(conditions: Mapping[str, Scalar]) -> bool:
    """Whether a dataset has several folds."""
    return int(conditions["folds"]) > 1


@dataclass(frozen=True)
class ChosenRow:
    """A row of a command."""

    method: str  # its name
    variant: str  # name of the row; empty for that of the method itself
    values: Values  # all hyper-parameters


def texts(rows: Iterable[ChosenRow]) -> list[str]:
    """Return rows as `--methods` names them: a variant with the values that neither defaults nor settings give it."""
    rows = list(rows)
    general = {row.method: _changed(row.method, row.values) for row in rows if not row.variant}
    return [
        definition(row.method, _changed(row.method, row.values, general.get(row.method, ())) or row.values, row.variant)
        for row in rows
    ]


def settings(conditions: Values, dataset: str, rows: Iterable[ChosenRow]) -> str:
    """Return the part that sets what is not the default; everything for names that are not registered.

    Args:
        conditions: of the dataset, as the plan records them.
        rows: the rows of the command; variants have their values in its option.
    """
    protocol = str(conditions["protocol"])
    usual = _usual(protocol, dataset)
    changed = {name: value for name, value in conditions.items() if "." in name and usual.get(name) != value}
    pretrained = str(conditions.get("pretrained") or "")
    parts = [] if protocol == "fair" else [f"protocol={protocol}"]
    parts += [f"{name}={value_text(value)}" for name, value in changed.items()]
    if pretrained:
        parts.append("model.pretrained=" + ("true" if pretrained == "hub" else "PATH"))
    for row in rows:
        changes = {} if row.variant else _changed(row.method, row.values)
        parts += [f"method.{row.method}.{name}={value_text(value)}" for name, value in changes.items()]
    return "".join(f" {shlex.quote(part)}" for part in parts)


def _changed(method: str, values: Values, also: Container[str] = ()) -> dict[str, Scalar]:
    """Return the values that are not the default, and those of some names in any case."""
    default = _defaults(method)
    return {name: value for name, value in values.items() if name in also or default.get(name) != value}


@cache
def _usual(protocol: str, dataset: str) -> dict[str, Any]:
    """Return the conditions of a dataset under a protocol without overrides; empty where they cannot be composed."""
    if dataset not in datasets.names():
        return {}
    overrides = parse_overrides([f"{GROUPS[0]}={protocol}"])
    found = None if overrides.problems else compose(overrides, dataset)[0]
    if found is None:
        return {}
    sections = {
        "train": dict(pairs(found.recipe.on("cpu", half=False))),
        "supervision": dict(pairs(found.supervision)),
        "augment": dict(pairs(found.augmentation)),
        "strong": dict(pairs(found.strong)),
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
