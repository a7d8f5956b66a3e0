"""The commands that produce missing numbers, and those that repeat one run."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from cmkd_bench.config.compose import compose
from cmkd_bench.config.overrides import parse_overrides
from cmkd_bench.config.settings_files import GROUPS
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.label_budget import LabelBudget, as_option
from cmkd_bench.experiment.plan import Cell
from cmkd_bench.experiment.spec import Scalar
from cmkd_bench.experiment.spec import settings as pairs
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.registry import datasets, methods

REPEATED = "repeated"  # the folder that repeated runs go to
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_WORDS = ("true", "false", "null", "nan", "inf")  # a text that reads like these needs quotes


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


def one_run(experiment: Experiment, cell: Cell, method: str, conditions: Mapping[str, Scalar], state: str) -> str:
    """Return the command of one run, up to its settings; a run that is done is repeated in another folder.

    Tuned values given by hand would be the untuned row's, so those runs go to another folder as well.
    """
    start = grid([method], cell.dataset, [(cell.teacher_modality, cell.student_modality)], cell.labels)
    fold = f" --folds {cell.fold}," if has_folds(conditions) else ""
    is_own = state != "done" and not cell.tuned
    target = place(experiment.name, experiment.root.name, retry=True) if is_own else place(experiment.name, REPEATED)
    return f"{start} --seeds {cell.seed},{fold}{target}"


def has_folds(conditions: Mapping[str, Scalar]) -> bool:
    """Whether a dataset has several folds."""
    return int(conditions["folds"]) > 1


def settings(conditions: Mapping[str, Scalar], dataset: str, chosen: Mapping[str, Mapping[str, Scalar]]) -> str:
    """Return the part that sets what is not the default; everything for names that are not registered.

    Args:
        conditions: of the dataset, as the plan records them.
        chosen: by method all of its hyper-parameters.
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


def _text(value: Scalar | None) -> str:
    """Write a value as Hydra reads it back."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str) or (_PLAIN.fullmatch(value) and value.lower() not in _WORDS):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
