"""Run ordinary grids at the points of an axis, and return the numbers of each by row and draw."""

from __future__ import annotations

import shlex
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.console import Console

from cmkd_bench.api import execute
from cmkd_bench.data.media.preparing.missing import prepare_missing
from cmkd_bench.errors import GridError, UserError
from cmkd_bench.experiment.label_budget import as_option
from cmkd_bench.experiment.plan import Plan
from cmkd_bench.experiment.record import add_plan
from cmkd_bench.launch.preview import announce, check_launch
from cmkd_bench.planning.build import make_plan
from cmkd_bench.planning.grid import Grid
from cmkd_bench.planning.request import GridOptions, Names
from cmkd_bench.planning.resolve import resolve
from cmkd_bench.report.tidy import by_row_name, tidy

Draw = tuple[int, int]
K = TypeVar("K", bound=Hashable)


class Unfinished(Exception):
    """Raised when runs have no result, so that there is nothing to compare."""


@dataclass(frozen=True)
class PointRequest:
    """What is run at one point of an axis."""

    name: str  # name of its experiment
    methods: Names  # names in the registry; the student alone is always included
    overrides: Sequence[str] = ()  # `KEY=VALUE`
    labels: float | str | None = None  # how many labels may be seen; None for the protocol's number


@dataclass(frozen=True)
class Setting:
    """The settings that all points of an axis share."""

    folder: Path  # contains one experiment per point
    dataset: str  # name of the dataset
    pair: str | None  # `teacher:student`; only this direction is run. None for the first pair of the dataset
    # (seed, fold) pairs. Draws of independent data need different seeds, or they share one initialization.
    draws: tuple[Draw, ...]
    jobs: int | None = None  # number of worker processes; None means one per core
    plugins: tuple[Path, ...] = ()  # files that register methods or datasets

    def grid(self, point: PointRequest) -> Grid:
        """Resolve and check the grid of a point without running it.

        Raises:
            GridError: listing all problems.
        """
        options = GridOptions(
            methods=point.methods,
            datasets=[self.dataset],
            pairs=None if self.pair is None else [self.pair],
            seeds=[seed for seed, _ in self.draws],
            folds=[fold for _, fold in self.draws],
            labels=point.labels,
            overrides=point.overrides,
            experiment=point.name,
            results=self.folder,
            plugins=self.plugins,
            jobs=self.jobs,
            controls=False,
            one_way=True,
        )
        grid = resolve(options)
        if grid.launcher["kind"] != "local":
            raise GridError([f"launcher={grid.launcher['kind']}: only `cmkd-bench run` can use a cluster."])
        if len(labels := grid.datasets[self.dataset].labels) > 1:
            shown = ",".join(map(as_option, labels))
            raise GridError(
                [f"labels={shown}: expected one number of labels; vary them instead: --vary labels={shown}"]
            )
        return grid

    def plan(self, grid: Grid, unprepared: Sequence[str] = ()) -> Plan:
        """Plan the runs of a point, without writing or running anything.

        Args:
            unprepared: datasets to plan although they are not prepared.

        Raises:
            UserError: if a dataset cannot be loaded.
        """
        plan, part = Plan(grid.baseline), grid.datasets[self.dataset]
        for seed, fold in self.draws:  # only these pairs; a grid would combine every seed with every fold
            one = {self.dataset: replace(part, folds=(fold,), directions=part.directions[:1])}
            plan.merge(make_plan(replace(grid, seeds=(seed,), datasets=one), unprepared=unprepared))
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
        frame = tidy(plan, runs)
        rows = by_row_name(frame)
        table = frame.assign(of=rows).pivot(index=["seed", "fold"], columns="of", values="value").loc[list(self.draws)]
        values = {str(row): table[row].to_numpy(np.float64) for row in rows.unique()}
        if missing := [row for row, of in values.items() if np.isnan(of).any()]:
            raise Unfinished(
                f"{grid.experiment.name}: some runs of {', '.join(missing)} have no result. See: "
                f"cmkd-bench leaderboard {grid.experiment.name} --results {shlex.quote(str(self.folder))}"
            )
        return values


def check_all(setting: Setting, points: Mapping[K, PointRequest], problems: Sequence[str] = ()) -> dict[K, Grid]:
    """Resolve and check all grids of an axis before the first one runs.

    Args:
        problems: those that are known already.

    Raises:
        GridError: listing the problems of all grids, each only once.
        EnvironmentFault: if nothing else is wrong, but the results cannot be written.
    """
    grids: dict[K, Grid] = {}
    found = list(problems)
    for key, point in points.items():
        try:
            grids[key] = setting.grid(point)
        except UserError as error:
            found += error.problems if isinstance(error, GridError) else [str(error)]
    if found:
        raise GridError(list(dict.fromkeys(found)))
    for grid in grids.values():
        check_launch(grid)
    return grids


def plan_all(setting: Setting, grids: Mapping[K, Grid], console: Console) -> dict[K, tuple[Grid, Plan]]:
    """Prepare the data, and plan and record the runs of all points.

    Raises:
        GridError: if a method is not defined at a point, or data are neither prepared nor found.
    """
    announce(next(iter(grids.values())), console)
    for grid in grids.values():
        prepare_missing([grid.datasets[setting.dataset].dataset], console)
    planned = {key: (grid, setting.plan(grid)) for key, grid in grids.items()}
    check_defined(planned)
    for grid, plan in planned.values():
        add_plan(grid.experiment, plan)
    return planned


def check_defined(planned: Mapping[K, tuple[Grid, Plan]]) -> None:
    """Check that every method is defined at every point, so that curves have no gaps.

    Raises:
        GridError: with the reason for each method and point.
    """
    problems = [
        f"{cell.name} is not defined at {grid.experiment.name}: {cell.impossible.removesuffix('.')}. "
        "Leave it out of --methods."
        for grid, plan in planned.values()
        for cell in plan.cells.values()
        if cell.impossible
    ]
    if problems:
        raise GridError(list(dict.fromkeys(problems)))
