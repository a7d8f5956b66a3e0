"""An experiment's plan on disk: which run stands behind each cell, merged over the commands that were given."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cmkd_bench.errors import GridError
from cmkd_bench.files import file_lock, read_json, write_json
from cmkd_bench.plan import Cell, Plan
from cmkd_bench.registry import datasets
from cmkd_bench.spec import RunSpec, Scalar, settings
from cmkd_bench.store import Experiment
from cmkd_bench.trials import Group, Trials


@dataclass
class Record:
    """What an experiment consists of.

    Attributes:
        baseline: the method that is the student alone.
        conditions: by dataset: protocol, recipe and networks, the same for all cells of the dataset.
        cells: by key.
        notes: by dataset, what a reader of its tables must know.
        trials: the draws for tuning, by what the selected values are for.
    """

    baseline: str
    conditions: dict[str, dict[str, Scalar]] = field(default_factory=dict)
    cells: dict[tuple[Any, ...], Cell] = field(default_factory=dict)
    notes: dict[str, list[str]] = field(default_factory=dict)
    trials: dict[Group, Trials] = field(default_factory=dict)

    def only(self, keys: Iterable[tuple[Any, ...]]) -> Record:
        """The same with some of the cells, and the draws that tuned ones among them were selected from."""
        chosen = {key: self.cells[key] for key in keys if key in self.cells}
        wanted = {cell.dataset for cell in chosen.values()}
        conditions = {dataset: values for dataset, values in self.conditions.items() if dataset in wanted}
        notes = {dataset: texts for dataset, texts in self.notes.items() if dataset in wanted}
        groups = {cell.group for cell in chosen.values() if cell.tuned}
        trials = {group: one for group, one in self.trials.items() if group in groups}
        return Record(self.baseline, conditions, chosen, notes, trials)


def read_record(experiment: Experiment) -> Record:
    """The plan of an experiment, as the commands so far have made it."""
    stored = read_json(experiment.plan)
    cells = [Cell(**cell) for cell in stored["cells"]]
    trials = [Trials.from_json(one) for one in stored.get("trials", ())]
    return Record(
        baseline=stored["baseline"],
        conditions=stored["conditions"],
        cells={cell.key: cell for cell in cells},
        notes=stored["notes"],
        trials={one.group: one for one in trials},
    )


def read_specs(experiment: Experiment, record: Record) -> dict[str, RunSpec]:
    """The runs of all cells and draws by id, each teacher before its first student; every file is read once."""
    specs: dict[str, RunSpec] = {}

    def add(run_id: str | None) -> None:
        if run_id and run_id not in specs:
            spec = experiment.read_spec(run_id)
            add(spec.teacher)
            specs[run_id] = spec

    for cell in record.cells.values():
        add(cell.teacher_id)
        add(cell.run_id)
    for trials in record.trials.values():
        for run_id in trials.run_ids:
            add(run_id)
    return specs


def merge(experiment: Experiment, plan: Plan, baseline: str) -> list[str]:
    """Add a command's cells to the experiment, and its runs to the store.

    Returns:
        what the user should know: methods whose cells have other settings now.

    Raises:
        GridError: if a dataset has other conditions in the experiment; then numbers would not be comparable.
    """
    with _locked(experiment):
        record = read_record(experiment) if experiment.plan.exists() else Record(baseline)
        conditions = {name: conditions_of(plan, name) for name in plan.configurations}
        problems = [p for name in conditions for p in _differences(experiment, record, name, conditions[name])]
        if problems := [*problems, *_mixed(experiment, {**record.conditions, **conditions})]:
            raise GridError(problems)
        replaced = {
            cell.row
            for cell in plan.cells
            if cell.key in record.cells and record.cells[cell.key].run_id not in ("", cell.run_id)
        }
        record.conditions.update(conditions)
        record.notes.update(plan.notes)
        for spec in plan.specs.values():
            experiment.add(spec)
        _drop_stale(experiment, record, plan)
        record.cells.update({cell.key: cell for cell in plan.cells})
        record.trials.update(plan.trials)
        write_json(
            experiment.plan,
            {
                "baseline": record.baseline,
                "conditions": record.conditions,
                "notes": record.notes,
                "cells": [dataclasses.asdict(cell) for cell in record.cells.values()],
                "trials": [dataclasses.asdict(one) for one in record.trials.values()],
            },
        )
    return [
        f"{row}: the settings differ from those of an earlier command; its earlier runs stay in runs/ but leave the "
        "tables. Use --experiment NAME to keep both."
        for row in sorted(replaced)
    ]


def _drop_stale(experiment: Experiment, record: Record, plan: Plan) -> None:
    """Take out tuned cells whose values are no longer the selected ones, and draws around other defaults."""
    changed = {
        cell.group
        for cell in plan.cells
        if not cell.tuned and cell.key in record.cells and record.cells[cell.key].run_id != cell.run_id
    }
    selected = {c.group: plan.specs[c.run_id].hyperparameters for c in plan.cells if c.tuned and c.run_id}
    doubtful = [c for c in record.cells.values() if c.tuned and c.run_id and c.group in {*plan.trials, *changed}]
    for cell in doubtful:
        wanted = selected.get(cell.group)
        if wanted is None or experiment.read_spec(cell.run_id).hyperparameters != wanted:
            del record.cells[cell.key]
    for group in changed:
        record.trials.pop(group, None)


def conditions_of(plan: Plan, dataset: str) -> dict[str, Scalar]:
    """What all cells of a dataset have in common."""
    configuration = plan.configurations[dataset]
    specs = [spec for spec in plan.specs.values() if spec.dataset == dataset]
    sections = {"train": settings(configuration.recipe), "augment": settings(configuration.augmentation)}
    if specs:
        sections |= {"prepare": specs[0].preparation, f"dataset.{dataset}": specs[0].options}
    values = {f"{section}.{name}": value for section, pairs in sections.items() for name, value in pairs}
    model = {f"model.{name}": value for name, value in configuration.model.items() if name != "pretrained"}
    return {
        "protocol": configuration.protocol,
        "folds": datasets.get(dataset).folds,
        "fixture": dataset in plan.fixtures,
        "pretrained": " ".join(sorted({one.pretrained for one in specs} - {""})),
        **values,
        **model,
    }


def _differences(
    experiment: Experiment, record: Record, dataset: str, conditions: Mapping[str, Scalar]
) -> Iterator[str]:
    stored = record.conditions.get(dataset, conditions)
    for name, value in conditions.items():
        if stored.get(name) != value:
            yield (
                f"{dataset}: {name}={value}, but experiment '{experiment.name}' has {stored.get(name)}; the numbers "
                "would not be comparable. Choose another --experiment."
            )


def _mixed(experiment: Experiment, conditions: Mapping[str, Mapping[str, Scalar]]) -> Iterator[str]:
    """Numbers of a miniature never stand beside those of a dataset."""
    fixtures = sorted(name for name, values in conditions.items() if values.get("fixture"))
    real = sorted(set(conditions) - set(fixtures))
    if fixtures and real:
        yield (
            f"experiment '{experiment.name}' would hold fixtures ({', '.join(fixtures)}) beside real datasets "
            f"({', '.join(real)}), and their numbers mean nothing to each other. Choose another --experiment for one "
            "of them."
        )


@contextmanager
def _locked(experiment: Experiment) -> Iterator[None]:
    """One command at a time changes the plan."""
    experiment.path.mkdir(parents=True, exist_ok=True)
    with file_lock(experiment.path / ".lock", patience=math.inf):
        yield
