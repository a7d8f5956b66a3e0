"""An ordinary grid at one point of an axis, and its numbers by row and draw."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.console import Console

from cmkd_bench.api import execute
from cmkd_bench.errors import GridError
from cmkd_bench.experiment.plan import Plan
from cmkd_bench.experiment.record import add_plan
from cmkd_bench.planning.build import make_plan
from cmkd_bench.planning.grid import Grid
from cmkd_bench.planning.request import GridOptions
from cmkd_bench.planning.resolve import resolve
from cmkd_bench.report.board import TEACHER

Draw = tuple[int, int]
K = TypeVar("K", bound=Hashable)


class Unfinished(Exception):
    """Some runs have no result, so there is nothing to compare."""


@dataclass(frozen=True)
class Setting:
    """What is the same at all points of an axis.

    Attributes:
        folder: under which every point is an experiment of its own.
        dataset: its name.
        pair: `teacher:student`; this direction alone.
        draws: (seed, fold) pairs. Independent data need another seed each, or all draws share one initialisation.
        jobs: worker processes; one per core where None is given.
        plugins: files that register methods or datasets.
    """

    folder: Path
    dataset: str
    pair: str
    draws: tuple[Draw, ...]
    jobs: int | None = None
    plugins: tuple[Path, ...] = ()

    def grid(self, point: str, methods: Sequence[str], overrides: Sequence[str]) -> Grid:
        """The grid of a point, checked; nothing is run.

        Raises:
            GridError: with all its problems.
        """
        options = GridOptions(
            methods=methods,
            datasets=[self.dataset],
            pairs=[self.pair],
            seeds=[seed for seed, _ in self.draws],
            folds=[fold for _, fold in self.draws],
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
        """The runs of a point, merged into its experiment; nothing is run."""
        plan, part = Plan(grid.baseline), grid.datasets[self.dataset]
        for seed, fold in self.draws:  # the draws alone, where a grid would take every seed with every fold
            one = {self.dataset: replace(part, folds=(fold,))}
            plan.merge(make_plan(replace(grid, seeds=(seed,), datasets=one)))
        add_plan(grid.experiment, plan)
        return plan

    def values(self, grid: Grid, plan: Plan, console: Console) -> dict[str, np.ndarray]:
        """Run what is not done of a point's grid.

        Returns:
            by row, the teacher and the methods: (draws,) test accuracies in percent.

        Raises:
            Unfinished: if a run failed.
            Interrupted: after Ctrl-C.
        """
        _, results = execute(grid, plan, console)
        by_run = dict(zip(results["run_id"], results["value"], strict=True))
        by_row: dict[str, dict[Draw, float]] = {}
        for cell in plan.cells.values():
            draw = (cell.seed, cell.fold)
            by_row.setdefault(cell.method, {})[draw] = by_run.get(cell.run_id, np.nan)
            by_row.setdefault(TEACHER, {})[draw] = by_run.get(cell.teacher_id, np.nan)
        values = {row: np.array([of[draw] for draw in self.draws], dtype=np.float64) for row, of in by_row.items()}
        if missing := [row for row, of in values.items() if np.isnan(of).any()]:
            raise Unfinished(
                f"{', '.join(missing)} at {grid.experiment.name}: not every run has a result. See: "
                f"cmkd-bench leaderboard {grid.experiment.name} --results {self.folder}"
            )
        return values


def check_all(setting: Setting, wanted: Mapping[K, tuple[str, Sequence[str], Sequence[str]]]) -> dict[K, Grid]:
    """All grids of an axis, checked before the first is run.

    Args:
        setting: what they have in common.
        wanted: the arguments of `Setting.grid`.

    Raises:
        GridError: with the problems of all of them, each said once.
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
