"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cmkd_bench import cli_data, cli_doctor, cli_evidence, cli_grid, cli_options, cli_pictures, cli_report
from cmkd_bench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from cmkd_bench.store import Experiment

EXIT_USAGE, EXIT_FAILED, EXIT_INTERRUPTED = 2, 3, 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Cross-modal knowledge distillation, compared on equal terms.",
)

Results = Annotated[Path, typer.Option(help="Folder of the experiments.")]
Plugins = Annotated[
    list[Path] | None, typer.Option("--plugin", help="File that registers a method, dataset or network; repeatable.")
]


@app.command()
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

    from cmkd_bench.api import execute, make_grid
    from cmkd_bench.plan import make_plan
    from cmkd_bench.preparing.missing import prepare_missing

    console = Console()
    grid = make_grid(
        methods_asked=methods,
        datasets_asked=datasets,
        pairs=pairs,
        seeds=cli_options.seeds(seeds),
        folds=cli_options.folds(folds),
        overrides=overrides or (),
        experiment=experiment,
        results=results,
        plugins=plugin or (),
        launcher=launcher,
        jobs=jobs,
        device=device,
        always=controls,
        one_way=one_way,
        trials=trials,
        command=cli_options.command(context),
    )
    if not dry_run:
        prepare_missing(grid.request, console)
    with console.status("Planning") if console.is_terminal else nullcontext():
        plan = make_plan(grid.request)
    if dry_run:
        from cmkd_bench.report.plan_table import as_rich

        console.print(as_rich(plan, grid.experiment))
        if grid.launcher["kind"] == "slurm":
            console.print(cli_grid.estimated_cost(grid, plan), markup=False)
        return
    if grid.launcher["kind"] == "slurm":
        raise typer.Exit(cli_grid.run_on_cluster(grid, plan, console, retry_failed=retry_failed, wait=wait))
    from cmkd_bench.launch.local import Interrupted

    try:
        schedule, outcome = execute(grid, plan, console, retry_failed=retry_failed)
    except Interrupted:
        console.print("Stopped; nothing is lost. The same command goes on.")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    _show_leaderboard(console, grid.experiment, outcome, [cell.key for cell in plan.cells])
    if schedule.failed or schedule.blocked:
        raise typer.Exit(EXIT_FAILED)


@app.command()
def leaderboard(
    experiment: Annotated[str | None, typer.Argument(help="Its name; the latest by default.")] = None,
    form: Annotated[str, typer.Option("--format", help="rich, markdown, latex, csv or html.")] = "rich",
    metric: Annotated[
        str | None, typer.Option(help="e.g. macro_f1, ece, top5, seconds; each dataset's main one by default.")
    ] = None,
    gain: Annotated[
        bool | None, typer.Option(help="Show gains over the student alone; by default in markdown and html.")
    ] = None,
    compare: Annotated[str | None, typer.Option(help="published: the papers' numbers beside ours.")] = None,
    results: Results = Path("results"),
) -> None:
    """Show the table of an experiment with its statistics, and write it as Markdown and CSV."""
    from cmkd_bench.cli_leaderboard import show_leaderboard

    show_leaderboard(experiment, results, form, metric, gain, compare)


@app.command("list")
def list_(
    kind: Annotated[str | None, typer.Argument(help="methods, datasets or networks; all names by default.")] = None,
    plugin: Plugins = None,
) -> None:
    """List methods and datasets; `list datasets` gives files, licences and citations."""
    from cmkd_bench.cli_listing import list_all

    list_all(kind, plugin or [])


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A method, a dataset, or config.")],
    plugin: Plugins = None,
    fidelity: Annotated[
        bool, typer.Option("--fidelity", help="What holds a method to its paper: equations, oracles, other code.")
    ] = False,
) -> None:
    """Show a method's paper, departures and hyper-parameters, a dataset's options, or the configuration."""
    from cmkd_bench.cli_listing import show_fidelity, show_one

    if fidelity:
        show_fidelity(name, plugin or [])
    else:
        show_one(name, plugin or [])


app.command()(cli_data.prepare)
app.command()(cli_data.fixture)
app.command()(cli_doctor.doctor)
for command in (cli_grid.status, cli_grid.watch, cli_grid.cancel, cli_grid.retry, cli_grid.collect):
    app.command()(command)
app.command()(cli_pictures.plot)
app.command()(cli_pictures.diagnose)
app.command()(cli_report.report)
app.command()(cli_evidence.reproduce)
app.command()(cli_evidence.sweep)


def _show_leaderboard(
    console: Console, experiment: Experiment, results: pd.DataFrame, keys: list[tuple[Any, ...]]
) -> None:
    """Print the table of some of an experiment's cells."""
    from cmkd_bench.cli_leaderboard import files_of
    from cmkd_bench.record import read_record
    from cmkd_bench.report.experiment_tables import make_board
    from cmkd_bench.report.formats import as_rich
    from cmkd_bench.report.predictions import PredictionCache

    record = read_record(experiment).only(keys)
    board = make_board(PredictionCache(experiment), record, results)
    console.print(as_rich(board))
    console.print(f"{experiment.path}/: {files_of(board)}", style="dim", markup=False)


def main() -> None:
    """The command `cmkd-bench`: a user's mistake is one message and exit code 2."""
    try:
        app()
    except UserError as error:
        print(f"cmkd-bench: {error}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
