"""The commands that make an experiment's whole grid again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from cmkd_bench.config.compose import compose
from cmkd_bench.config.overrides import parse_overrides
from cmkd_bench.config.settings_files import grid_defaults
from cmkd_bench.experiment.label_budget import as_option
from cmkd_bench.experiment.plan import Cell
from cmkd_bench.planning.directions import Direction, directions_of
from cmkd_bench.registry import datasets
from cmkd_bench.report.experiment_data import ExperimentData
from cmkd_bench.report.page import commands


@dataclass(frozen=True)
class _Part:
    """What a command says of the datasets that it runs; those that agree in all of it share a command."""

    rows: tuple[str, ...]
    has_controls: bool
    directions: tuple[Direction, ...]  # empty for those of the dataset
    options: tuple[str, ...]
    settings: str


def grid_commands(data: ExperimentData) -> list[str]:
    """Return the commands: one for all datasets that were run in the same way.

    They are made from the plan and not from what was typed, so that they hold for a grid of several commands, for one
    of a Python program, and for an experiment from elsewhere.
    """
    cells: dict[str, list[Cell]] = {}
    for cell in data.record.cells.values():
        cells.setdefault(cell.dataset, []).append(cell)
    found: dict[_Part, list[str]] = {}
    for dataset, here in cells.items():
        found.setdefault(_part(data, dataset, here), []).append(dataset)
    where = commands.place(data.experiment.name, data.experiment.root.name)
    return [_written(part, names) + where + part.settings for part, names in found.items()]


def _part(data: ExperimentData, dataset: str, cells: Sequence[Cell]) -> _Part:
    conditions = data.record.conditions[dataset]
    rows: dict[str, commands.ChosenRow] = {}
    for cell in sorted(cells, key=lambda cell: (cell.method, cell.tuned)):
        rows.setdefault(cell.name, _chosen(data, cell))
    always = set(grid_defaults()["always"])
    has_controls = always <= set(rows)
    named = [row for name, row in rows.items() if name not in (always if has_controls else {data.record.baseline})]
    directions = tuple(dict.fromkeys((cell.teacher_modality, cell.student_modality) for cell in cells))
    usual = set(directions) == set(_usual_directions(dataset, str(conditions["protocol"])))
    options = ["--seeds", _counted({cell.seed for cell in cells})]
    options += ["--labels", ",".join(dict.fromkeys(as_option(cell.labels) for cell in cells))]
    if (folds := sorted({cell.fold for cell in cells})) != [0]:
        options += ["--folds", commands.listed(folds)]
    if trials := max((len(one.trials) for one in data.record.studies.values() if one.dataset == dataset), default=0):
        options += ["--trials", str(trials)]
    return _Part(
        rows=tuple(commands.texts(named)) or (data.record.baseline,),
        has_controls=has_controls,
        directions=() if usual else directions,
        options=tuple(options),
        settings=commands.settings(conditions, dataset, rows.values()),
    )


def _chosen(data: ExperimentData, cell: Cell) -> commands.ChosenRow:
    """Return the row of a cell; only values that a command sets, so none of a tuned row."""
    values = {} if cell.tuned or not cell.run_id else data.hyperparameters(cell.run_id)
    return commands.ChosenRow(cell.method, cell.variant, dict(values))


def _usual_directions(dataset: str, protocol: str) -> tuple[Direction, ...]:
    """Return the directions of a dataset without `--pairs`; none where it is not registered."""
    if dataset not in datasets.names():
        return ()
    found, _ = compose(parse_overrides([f"protocol={protocol}"]), dataset)
    return () if found is None else directions_of(None, found.pairs, datasets.get(dataset), one_way=False)


def _counted(seeds: set[int]) -> str:
    """Write seeds as their number where they are the first ones."""
    return str(len(seeds)) if seeds == set(range(len(seeds))) else commands.listed(sorted(seeds))


def _written(part: _Part, names: Sequence[str]) -> str:
    options = ["--methods", ",".join(part.rows), "--datasets", ",".join(names)]
    if part.directions:
        options += ["--pairs", ",".join(":".join(pair) for pair in part.directions), "--one-way"]
    controls = [] if part.has_controls else ["--no-controls"]
    return f"cmkd-bench run {shlex.join([*options, *part.options, *controls])}"
