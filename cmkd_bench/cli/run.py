"""The command `run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cmkd_bench.cli import completion, options
from cmkd_bench.cli import jobs as cluster_jobs
from cmkd_bench.cli.exit_codes import ExitCode
from cmkd_bench.cli.options import Plugins, Results

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from cmkd_bench.experiment.store import Experiment


def run(
    context: typer.Context,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Settings, e.g. train.epochs=30 method.c2kd.krc_threshold=0.1"),
    ] = None,
    methods: Annotated[
        str | None,
        typer.Option(
            help="Method names or categories, comma-separated, or all; see `cmkd-bench list methods`. Variants are "
            "rows of their own: 'kd,kd(temperature=1),kd(temperature=10)=soft'.",
            autocompletion=completion.methods,
        ),
    ] = None,
    datasets: Annotated[
        str | None,
        typer.Option(
            help="Dataset names, comma-separated (default: the bundled real datasets).",
            autocompletion=completion.datasets,
        ),
    ] = None,
    pairs: Annotated[
        str | None, typer.Option(help="Pairs teacher:student, comma-separated (default: each dataset's own pairs).")
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(help="Number of seeds, or a list of seeds: 5, or 0,3,7 (default: 5).")
    ] = None,
    folds: Annotated[str | None, typer.Option(help="Fold numbers, comma-separated, or `all` (default: 0).")] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="Labels of the training part that may be seen: shares, or numbers per class, comma-separated, e.g. "
            "0.05, or 0.01,6pc,1 (default: the protocol's)."
        ),
    ] = None,
    teacher_labels: Annotated[
        str | None, typer.Option(help="Labels of the teacher: same as the student's, or all (default: same).")
    ] = None,
    pairing: Annotated[
        str | None,
        typer.Option(
            help="What the teacher is shown: the same sample (paired), another one in each epoch (unpaired), or "
            "another one of the same class (same_class) (default: paired)."
        ),
    ] = None,
    pairs_share: Annotated[
        float | None, typer.Option(help="Share of the training samples whose partner is known (default: 1).")
    ] = None,
    mispaired: Annotated[
        float | None, typer.Option(help="Share of the pairs whose partner belongs to another sample (default: 0).")
    ] = None,
    experiment: Annotated[
        str | None,
        typer.Option(
            help="Experiment name (default: derived from the settings).", autocompletion=completion.experiments
        ),
    ] = None,
    results: Results = Path("results"),
    plugin: Plugins = None,
    launcher: Annotated[
        str | None,
        typer.Option(
            help="Launcher: local, slurm, or another file in configs/launcher/ (default: local).",
            autocompletion=completion.launchers,
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(help="Number of worker processes (default: one per core; on a GPU, as many as fit into memory)."),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            help="Device: cpu, cuda, or auto: the GPU, if there is one, for large networks (default: the launcher's).",
            autocompletion=completion.launch_devices,
        ),
    ] = None,
    controls: Annotated[bool, typer.Option(help="Include the control methods, which every table should have.")] = True,
    one_way: Annotated[
        bool, typer.Option("--one-way", help="Run each pair only from teacher to student, not in both directions.")
    ] = False,
    trials: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Tune: run N trials of each method's hyper-parameters (the first has the defaults) on the first seed, "
            "then all seeds with the values that are best on the validation part.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and exit.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Rerun failed runs.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Rerun all runs of this command, finished ones and teachers too.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="On a cluster: wait until all runs have ended, then collect the results.")
    ] = False,
) -> None:
    """Run a grid of methods, datasets, pairs and seeds. Finished runs are not repeated."""
    from cmkd_bench.api import execute, plan_grid
    from cmkd_bench.launch.repetition import Again
    from cmkd_bench.planning.request import GridOptions
    from cmkd_bench.planning.resolve import resolve
    from cmkd_bench.terminal import Terminal

    console, again = Terminal(), Again(retry_failed, force)
    grid = resolve(
        GridOptions(
            methods=methods,
            datasets=datasets,
            pairs=pairs,
            seeds=options.seeds(seeds),
            folds=options.folds(folds),
            labels=labels,
            teacher_labels=teacher_labels,
            pairing=pairing,
            pairs_share=pairs_share,
            mispaired=mispaired,
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
            command=options.command(context, without=("force",)),  # which repeated would start over for ever
        )
    )
    if dry_run:
        from cmkd_bench.cli.dry_run import show_plan

        show_plan(console, grid, force)
        return
    plan = plan_grid(grid, console)
    if grid.launcher["kind"] == "slurm":
        raise typer.Exit(cluster_jobs.run_on_cluster(grid, plan, console, again, wait))
    schedule, outcome = execute(grid, plan, console, again)
    _show_leaderboard(console, grid.experiment, outcome, list(plan.cells))
    if schedule.failed or schedule.blocked:
        raise typer.Exit(ExitCode.FAILED)


def _show_leaderboard(
    console: Console, experiment: Experiment, results: pd.DataFrame, keys: list[tuple[Any, ...]]
) -> None:
    """Print the leaderboard of some of an experiment's cells."""
    from cmkd_bench.cli.leaderboard import saved_files
    from cmkd_bench.experiment.record import read_plan
    from cmkd_bench.report.experiment_tables import make_board
    from cmkd_bench.report.formats import as_rich
    from cmkd_bench.report.predictions import PredictionCache

    record = read_plan(experiment).only(keys)
    board = make_board(PredictionCache(experiment), record, results)
    console.print(as_rich(board))
    console.print(saved_files(experiment, board), style="dim", markup=False)
