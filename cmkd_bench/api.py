"""The functions behind Python programs and the command line: plan, run, collect."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, Unpack

from rich.console import Console

from cmkd_bench.errors import EnvironmentFault, UnknownName, UserError, place_of
from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.faults import tolerating_faults
from cmkd_bench.experiment.plan import Plan
from cmkd_bench.experiment.record import REBUILD
from cmkd_bench.experiment.store import Experiment, experiment_names, last_change
from cmkd_bench.launch.repetition import NOT_AGAIN, Again, Repeated
from cmkd_bench.planning.grid import Grid
from cmkd_bench.planning.request import RESULTS, GridOptions
from cmkd_bench.planning.resolve import resolve
from cmkd_bench.terminal import Terminal

if TYPE_CHECKING:
    import pandas as pd

    from cmkd_bench.deployment.student import Student
    from cmkd_bench.launch.schedule import Schedule
    from cmkd_bench.report.choosing import Filters

P = ParamSpec("P")


def _taking(
    options: Callable[P, GridOptions],
) -> Callable[[Callable[[GridOptions], pd.DataFrame]], Callable[P, pd.DataFrame]]:
    """Return a decorator: the function takes the fields of the options as its own arguments."""

    def decorate(function: Callable[[GridOptions], pd.DataFrame]) -> Callable[P, pd.DataFrame]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> pd.DataFrame:
            return function(options(*args, **kwargs))

        call.__signature__ = inspect.signature(options)  # type: ignore[attr-defined]  # what help() shows
        return call

    return decorate


@_taking(GridOptions)
def run(options: GridOptions) -> pd.DataFrame:
    """Run a grid and return its results, as `cmkd-bench run` does. Arguments are the fields of `GridOptions`.

    Returns:
        one row per cell of the experiment's tables, as `load_results` returns them.

    Raises:
        UserError: with all problems of the request.
    """
    grid = resolve(options)
    console = Terminal(quiet=options.quiet)
    again = Again(options.retry_failed, options.force)
    _, runs = execute(grid, plan_grid(grid, console), console, again)
    return _by_cell(grid.experiment, runs)


def plan_grid(grid: Grid, console: Console) -> Plan:
    """Return the runs of a grid; data that are not prepared yet are prepared first.

    Raises:
        GridError: if data are neither prepared nor found, or the runs cannot be launched.
    """
    from cmkd_bench.data.media.preparing.missing import prepare_missing
    from cmkd_bench.launch.preview import announce, check_launch
    from cmkd_bench.planning.build import make_plan
    from cmkd_bench.planning.planning_display import planning_display

    check_launch(grid)
    announce(grid, console)
    prepare_missing([one.dataset for one in grid.datasets.values()], console)
    with planning_display(console) as say:
        return make_plan(grid, remember=True, say=say)


def execute(grid: Grid, plan: Plan, console: Console, again: Again = NOT_AGAIN) -> tuple[Schedule, pd.DataFrame]:
    """Run the unfinished runs of a plan, and write the tables, even after an interruption.

    A plan with trials has two steps: once the trials are over, all seeds are run with the selected values.

    Returns:
        the state of the plan's runs, and one row per run of the whole experiment.

    Raises:
        GridError: if the experiment contains runs under other conditions.
        UserError: if the configuration names a cluster.
        KeyboardInterrupt: after Ctrl-C, when all runs have stopped with a checkpoint.
        EnvironmentFault: e.g. if the disk is full; finished runs are kept.
    """
    if grid.launcher["kind"] != "local":
        raise UserError("launcher=slurm: a grid on a cluster can only be started by the command `cmkd-bench run`.")
    from cmkd_bench.planning.tuning import run_in_steps

    outcomes: list[tuple[Schedule, pd.DataFrame]] = []

    repeated = Repeated(grid.experiment, again)

    def launch(step: str) -> bool:
        outcomes.append(_execute(grid, plan, console, repeated, step))
        return True

    run_in_steps(plan, grid.experiment, lambda: repeated.over(plan), launch)
    return outcomes[-1]


def register(experiment: Experiment, plan: Plan) -> list[str]:
    """Add the runs of a plan to an experiment, and set aside what is damaged among them, so that it is repeated.

    Returns:
        one line for each damaged file and each row whose settings have changed.

    Raises:
        GridError: if the experiment contains runs under other conditions.
    """
    from cmkd_bench.experiment.inspection import mend
    from cmkd_bench.experiment.record import add_plan
    from cmkd_bench.report.predictions import PredictionCache

    messages = add_plan(experiment, plan)
    # Tables read the predictions of all runs in any case; what they would find damaged is found while it can be mended.
    PredictionCache(experiment).find(run_id for run_id in plan.specs if experiment.run(run_id).is_done())
    return messages + mend(experiment, plan.specs)


def load_results(experiment: str, results: Path | str = RESULTS, **filters: Unpack[Filters]) -> pd.DataFrame:
    """Return the results of an experiment, as in results.csv.

    Args:
        filters: `method`, `dataset`, `fold`, `labels`, `teacher_modality`, `student_modality`, `seed`, `tuned`: keep
            the rows with these values.

    Returns:
        one row per cell of the tables: each method, tuned or not, the student alone and the teacher (`role`), by
        dataset, fold, direction and seed, with its test score (`value`) and the difference from the student alone
        (`gain`). Cells without a result are rows with a `status` and no value.

    Raises:
        UserError: if there is no such experiment, filter or value, with the nearest match.
    """
    from cmkd_bench.report.choosing import choose

    found = find_experiment(experiment, Path(results))
    return choose(_by_cell(found, _by_run(found)), experiment, filters)


def load_student(
    experiment: str,
    results: Path | str = RESULTS,
    device: str = "cpu",
    plugins: Sequence[Path | str] = (),
    **filters: Unpack[Filters],
) -> Student:
    """Load what a finished run deploys, with its preprocessing, for raw samples.

    It needs the data that the run was trained on, because normalization and vocabulary are those of the training part.

    Args:
        device: `cpu` or `cuda`.
        plugins: files that register the method, dataset or network.
        filters: as for `load_results`. They must leave one run; the method `teacher` is the teacher of a direction.

    Raises:
        UserError: if no run or several runs match, with the filters that would decide; if the run is not done; or if
            its files or data are missing, damaged or changed.
    """
    from cmkd_bench.config.roots import Roots
    from cmkd_bench.deployment.saved_run import torch_device
    from cmkd_bench.deployment.trained import trained_student
    from cmkd_bench.experiment.plugins import load_plugins
    from cmkd_bench.experiment.record import read_plan
    from cmkd_bench.report.choosing import choose, only_run
    from cmkd_bench.report.tidy import cells_of

    place = torch_device(device)
    load_plugins(map(Path, plugins))
    found = find_experiment(experiment, Path(results))
    run_id = only_run(choose(cells_of(read_plan(found)), experiment, filters), experiment)
    with tolerating_faults():  # it reads
        return trained_student(found, run_id, place, Roots.read())


def load_runs(experiment: str, results: Path | str = RESULTS) -> pd.DataFrame:
    """Return all runs of an experiment, as in runs.csv: also untrained teachers and trials.

    Returns:
        one row per run, with what it cost. A run that several cells share, such as that of a teacher, is one row.

    Raises:
        UserError: if there is no such experiment, with the nearest match.
    """
    return _by_run(find_experiment(experiment, Path(results)))


def _by_run(experiment: Experiment) -> pd.DataFrame:
    from cmkd_bench.report.results import collect

    with tolerating_faults():  # it reads
        return collect(experiment)


def _by_cell(experiment: Experiment, runs: pd.DataFrame) -> pd.DataFrame:
    from cmkd_bench.experiment.record import read_plan
    from cmkd_bench.report.tidy import tidy

    return tidy(read_plan(experiment), runs)


def find_experiment(name: str | None, results: Path) -> Experiment:
    """Return an existing experiment; the most recently changed one if no name is given.

    Raises:
        UserError: if there is none.
        Damaged: if it has runs, but its plan is lost.
    """
    names = experiment_names(results)
    if name in {path.parent.name for path in results.glob("*/runs")} - set(names):
        raise Damaged(Experiment(results, name).plan, "is missing, although there are runs", REBUILD)
    if not names:
        raise UserError(f"no experiment in {results}/. Start one with: cmkd-bench run{place_of(results)}")
    if name is None:
        name = max(names, key=lambda one: last_change(results, one))
    if name not in names:
        raise UnknownName("experiment", name, names)
    return Experiment(results, name)


def _execute(grid: Grid, plan: Plan, console: Console, repeated: Repeated, step: str) -> tuple[Schedule, pd.DataFrame]:
    from cmkd_bench.launch.schedule import Schedule, first_teachers
    from cmkd_bench.report.experiment_tables import write_tables

    for warning in [*register(grid.experiment, plan), *repeated.reset(plan)]:
        console.print(warning, style="yellow", markup=False, soft_wrap=True)
    schedule = Schedule(grid.experiment, {spec.id: spec for spec in first_teachers(plan.specs.values())})
    try:
        _launch(grid, plan, schedule, console, step)
    except BaseException:
        with contextlib.suppress(EnvironmentFault):  # the reason for the end matters more
            write_tables(grid.experiment)
        raise
    return schedule, write_tables(grid.experiment)


def _launch(grid: Grid, plan: Plan, schedule: Schedule, console: Console, step: str) -> None:
    if schedule.is_over:
        return
    from cmkd_bench.launch.display import GridDisplay
    from cmkd_bench.launch.local import LocalLauncher
    from cmkd_bench.launch.preview import advice, local_workers
    from cmkd_bench.launch.worker import WorkerSettings

    settings = WorkerSettings(
        root=grid.experiment.root.resolve(),
        experiment=grid.experiment.name,
        device="cpu",
        checkpoint_seconds=grid.launcher["checkpoint_seconds"],
        plugins=grid.plugins,
        roots=grid.roots,
    )
    launcher = LocalLauncher(settings, local_workers(grid), [plan.specs[run_id] for run_id in schedule.waiting])
    try:
        with GridDisplay(console, step, plan.names) as display:
            launcher.run(schedule, display)
    finally:
        for note in [*schedule.notes, *advice(schedule, grid)]:
            console.print(note, style="yellow", markup=False, soft_wrap=True)
