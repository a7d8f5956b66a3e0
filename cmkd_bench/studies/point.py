"""Run an ordinary grid at one point of an axis, and return its numbers by row and draw."""

from __future__ import annotations

import shlex
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.console import Console

from cmkd_bench.api import execute
from cmkd_bench.errors import GridError
from cmkd_bench.experiment.label_budget import ALL
from cmkd_bench.experiment.plan import Plan
from cmkd_bench.experiment.record import add_plan
from cmkd_bench.planning.build import make_plan
from cmkd_bench.planning.grid import Grid
from cmkd_bench.planning.request import GridOptions
from cmkd_bench.planning.resolve import resolve
from cmkd_bench.report.tidy import tidy

Draw = tuple[int, int]
K = TypeVar("K", bound=Hashable)


class Unfinished(Exception):
    """Raised when runs have no result, so that there is nothing to compare."""


@dataclass(frozen=True)
class Setting:
    """The settings that all points of an axis share."""

    folder: Path  # contains one experiment per point
    dataset: str  # name of the dataset
    pair: str  # `teacher:student`; only this direction is run
    # (seed, fold) pairs. Draws of independent data need different seeds, or they share one initialization.
    draws: tuple[Draw, ...]
    jobs: int | None = None  # number of worker processes; None means one per core
    plugins: tuple[Path, ...] = ()  # files that register methods or datasets

    def grid(self, point: str, methods: Sequence[str], overrides: Sequence[str]) -> Grid:
        """Resolve and check the grid of a point without running it.

        Raises:
            GridError: listing all problems.
        """
        options = GridOptions(
            methods=methods,
            datasets=[self.dataset],
            pairs=[self.pair],
            seeds=[seed for seed, _ in self.draws],
            folds=[fold for _, fold in self.draws],
            labels=ALL,  # as in the publications
            overrides=overrides,
            experiment=point,
            results=self.folder,
            plugins=self.plugins,
            jobs=self.jobs,
            controls=False,
            one_way=True,
        )
        return resolve(options)

    def plan(self, grid: Grid) -> Plan:
        """Plan the runs of a point and merge them into its experiment without running them."""
        plan, part = Plan(grid.baseline), grid.datasets[self.dataset]
        for seed, fold in self.draws:  # only these pairs; a grid would combine every seed with every fold
            one = {self.dataset: replace(part, folds=(fold,))}
            plan.merge(make_plan(replace(grid, seeds=(seed,), datasets=one)))
        add_plan(grid.experiment, plan)
        return plan

    def values(self, grid: Grid, plan: Plan, console: Console) -> dict[str, np.ndarray]:
        """Run the unfinished part of a point's grid and return its accuracies.

        Returns:
            test accuracies in percent, (draws,), for the teacher and each method.

        Raises:
            Unfinished: if a run failed.
            KeyboardInterrupt: after Ctrl-C.
        """
        _, runs = execute(grid, plan, console)
        table = tidy(plan, runs).pivot(index=["seed", "fold"], columns="method", values="value").loc[list(self.draws)]
        values = {str(row): column.to_numpy(np.float64) for row, column in table.items()}
        if missing := [row for row, of in values.items() if np.isnan(of).any()]:
            raise Unfinished(
                f"{grid.experiment.name}: some runs of {', '.join(missing)} have no result. See: "
                f"cmkd-bench leaderboard {grid.experiment.name} --results {shlex.quote(str(self.folder))}"
            )
        return values


def check_all(setting: Setting, wanted: Mapping[K, tuple[str, Sequence[str], Sequence[str]]]) -> dict[K, Grid]:
    """Resolve and check all grids of an axis before the first one runs.

    Args:
        wanted: by key, the arguments of `Setting.grid`.

    Raises:
        GridError: listing the problems of all grids, each only once.
    """
    grids: dict[K, Grid] = {}
    problems: list[str] = []
    for key, arguments in wanted.items():
        try:
            grids[key] = setting.grid(*arguments)
        except GridError as error:
            problems += error.problems
    if problems:
        raise GridError(list(dict.fromkeys(problems)))
    return grids
