"""The command `run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cmkd_bench.cli import jobs as cluster_jobs
from cmkd_bench.cli import options
from cmkd_bench.cli.exit_codes import ExitCode
from cmkd_bench.cli.options import Plugins, Results

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from cmkd_bench.experiment.store import Experiment
    from cmkd_bench.planning.grid import Grid


def run(
    context: typer.Context,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="e.g. train.epochs=30 method.c2kd.krc_threshold=0.1"),
    ] = None,
    methods: Annotated[str | None, typer.Option(help="Names separated by commas; all by default.")] = None,
    datasets: Annotated[str | None, typer.Option(help="Likewise; the embedded real ones by default.")] = None,
    pairs: Annotated[str | None, typer.Option(help="teacher:student, separated by commas, run both ways.")] = None,
    seeds: Annotated[str | None, typer.Option(help="How many, or which: 5, or 0,3,7.")] = None,
    folds: Annotated[str | None, typer.Option(help="Which, separated by commas, or all.")] = None,
    experiment: Annotated[str | None, typer.Option(help="Name of the folder; made of the settings by default.")] = None,
    results: Results = Path("results"),
    plugin: Plugins = None,
    launcher: Annotated[str | None, typer.Option(help="local, slurm, or another file of configs/launcher/.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Worker processes; one per core, or per GPU, by default.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda.")] = None,
    controls: Annotated[bool, typer.Option(help="Add the rows that every table should have.")] = True,
    one_way: Annotated[bool, typer.Option("--one-way", help="Only the directions as written in --pairs.")] = False,
    trials: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Tune: N draws of each method's hyper-parameters, the defaults first, on the first seed; then all "
            "seeds with the values that are best on validation.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and end.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run failed runs again.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="On a cluster: stay until all is over, then collect.")] = False,
) -> None:
    """Run a grid of methods, datasets, pairs and seeds; what is done already is not run again."""
    from rich.console import Console

    from cmkd_bench.api import execute, plan_grid
    from cmkd_bench.planning.request import GridOptions
    from cmkd_bench.planning.resolve import resolve

    console = Console()
    grid = resolve(
        GridOptions(
            methods=methods,
            datasets=datasets,
            pairs=pairs,
            seeds=options.seeds(seeds),
            folds=options.folds(folds),
            overrides=overrides or (),
            experiment=experiment,
            results=results,
            plugins=plugin or (),
            launcher=launcher,
            jobs=jobs,
            device=device,
            controls=controls,
            one_way=one_way,
            trials=trials,
            command=options.command(context),
        )
    )
    if dry_run:
        _show_plan(console, grid)
        return
    plan = plan_grid(grid, console)
    if grid.launcher["kind"] == "slurm":
        raise typer.Exit(cluster_jobs.run_on_cluster(grid, plan, console, retry_failed=retry_failed, wait=wait))
    from cmkd_bench.launch.local import Interrupted

    try:
        schedule, outcome = execute(grid, plan, console, retry_failed=retry_failed)
    except Interrupted:
        console.print(options.RESUME)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    _show_leaderboard(console, grid.experiment, outcome, list(plan.cells))
    if schedule.failed or schedule.blocked:
        raise typer.Exit(ExitCode.FAILED)


def _show_plan(console: Console, grid: Grid) -> None:
    """Print what would be run; nothing is prepared, nothing is written."""
    from cmkd_bench.planning.build import make_plan
    from cmkd_bench.report.plan_table import as_rich

    plan = make_plan(grid)
    console.print(as_rich(plan, grid.experiment))
    if grid.launcher["kind"] == "slurm":
        console.print(cluster_jobs.estimated_cost(grid, plan), markup=False)


def _show_leaderboard(
    console: Console, experiment: Experiment, results: pd.DataFrame, keys: list[tuple[Any, ...]]
) -> None:
    """Print the table of some of an experiment's cells."""
    from cmkd_bench.cli.leaderboard import files_of
    from cmkd_bench.experiment.record import read_plan
    from cmkd_bench.report.experiment_tables import make_board
    from cmkd_bench.report.formats import as_rich
    from cmkd_bench.report.predictions import PredictionCache

    record = read_plan(experiment).only(keys)
    board = make_board(PredictionCache(experiment), record, results)
    console.print(as_rich(board))
    console.print(f"{experiment.path}/: {files_of(board)}", style="dim", markup=False)
