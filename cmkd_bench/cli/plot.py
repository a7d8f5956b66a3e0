"""`cmkd-bench plot` and `cmkd-bench diagnose`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from cmkd_bench.cli import options
from cmkd_bench.cli.options import Results
from cmkd_bench.errors import UnknownName, UserError

if TYPE_CHECKING:
    from cmkd_bench.diagnostics.collect import Diagnosed
    from cmkd_bench.experiment.store import Experiment
    from cmkd_bench.planning.directions import Direction

Formats = Annotated[str, typer.Option("--format", help="Image formats, comma-separated: png, svg, pdf.")]


def plot(
    experiment: Annotated[str | None, typer.Argument(help="Experiment name (default: the latest experiment).")] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            help="Plots: gains, transfer, critical, cost, learning, logged, gap or tuning; repeatable (default: all)."
        ),
    ] = None,
    formats: Formats = "png,svg",
    results: Results = Path("results"),
) -> None:
    """Plot an experiment: gains, transfer, ranks, cost, learning curves, logged values, tuning."""
    from cmkd_bench.api import find_experiment
    from cmkd_bench.report.plots.save import KINDS, check, save_pictures

    kinds = options.names(kind) or list(KINDS)
    chosen = options.names(formats)
    check(kinds, chosen)
    found = find_experiment(experiment, results)
    console = Console()
    with console.status("Drawing"):
        files, refusals = save_pictures(found, kinds, chosen)
    for file in files:
        console.print(Text(str(file)), soft_wrap=True)
    for refusal in refusals:
        console.print(Text(f"not plotted: {refusal.name}: {refusal.reason}", style="yellow"), soft_wrap=True)


def diagnose(
    dataset: Annotated[str, typer.Argument(help="Name of a dataset with finished runs.")],
    pairs: Annotated[
        str | None,
        typer.Option(help="Directed pairs teacher:student, comma-separated (default: all pairs of the experiment)."),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(help="Number of seeds, or a list of seeds: 5, or 0,3,7 (default: all).")
    ] = None,
    methods: Annotated[
        str | None, typer.Option(help="Methods of the students, comma-separated (default: the student alone).")
    ] = None,
    experiment: Annotated[
        str | None, typer.Option(help="Experiment name (default: the latest with this dataset).")
    ] = None,
    temperature: Annotated[float, typer.Option(help="Temperature of the KD loss terms.")] = 1.0,
    formats: Formats = "png,svg",
    results: Results = Path("results"),
    device: Annotated[str, typer.Option(help="Device: cpu or cuda.")] = "cpu",
    plugin: Annotated[
        list[Path] | None, typer.Option("--plugin", help="Python file that registers a dataset; repeatable.")
    ] = None,
) -> None:
    """Compare teacher and student of finished runs: accuracy gap, agreement, ranks, KD loss terms, CKA."""
    import torch

    from cmkd_bench.api import find_experiment
    from cmkd_bench.config.roots import Roots
    from cmkd_bench.diagnostics.collect import Question, diagnose_runs, latest_with
    from cmkd_bench.diagnostics.saved import SavedRuns
    from cmkd_bench.report.plots.save import check

    options.load_plugins(plugin)
    chosen = options.names(formats)
    check((), chosen)
    _check_device(device)
    if temperature <= 0:
        raise UserError(f"--temperature {temperature:g}: expected a number above 0.")
    asked = options.seeds(seeds)
    question = Question(
        dataset=dataset,
        pairs=_pairs(dataset, options.names(pairs)),
        methods=options.names(methods) or None,
        seeds=range(asked) if isinstance(asked, int) else asked,
        temperature=temperature,
    )
    found = latest_with(dataset, results) if experiment is None else find_experiment(experiment, results)
    console = Console()
    with console.status("Running the saved students over the test part"):
        diagnosed = list(diagnose_runs(found, question, SavedRuns(found, torch.device(device), Roots.read())))
    _show(console, found, diagnosed, temperature, chosen)


def _pairs(dataset: str, names: list[str]) -> list[Direction] | None:
    """Return the pairs in the direction in which they are written.

    Raises:
        GridError: if the dataset does not exist or does not have them.
    """
    from cmkd_bench.planning.request import GridOptions
    from cmkd_bench.planning.resolve import resolve

    options = GridOptions(datasets=(dataset,), pairs=tuple(names) or None, seeds=(0,), controls=False, one_way=True)
    directions = resolve(options).datasets[dataset].directions
    return list(directions) if names else None


def _check_device(device: str) -> None:
    import torch

    from cmkd_bench.config.compose import DEVICES

    if device not in DEVICES:
        raise UnknownName("device", device, DEVICES)
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: torch finds no GPU. Use --device cpu.")


def _show(
    console: Console, experiment: Experiment, found: list[Diagnosed], temperature: float, formats: list[str]
) -> None:
    """Print a table per direction, and save it and its plot beside the other plots."""
    from cmkd_bench.diagnostics.collect import as_csv
    from cmkd_bench.diagnostics.diagnosis_table import as_rich
    from cmkd_bench.experiment.files import write_text
    from cmkd_bench.experiment.record import read_plan
    from cmkd_bench.report.board import leaderboard
    from cmkd_bench.report.cells import column_of
    from cmkd_bench.report.plots.diagnosis import plot_diagnosis
    from cmkd_bench.report.plots.save import save
    from cmkd_bench.report.results import collect

    folder = experiment.path / "plots"
    every = leaderboard(read_plan(experiment), collect(experiment)).marks
    for column in dict.fromkeys(column_of(one.cell) for one in found):
        part, marks = [one for one in found if column_of(one.cell) == column], every[column.block]
        plotted = plot_diagnosis(part, temperature, marks)
        files = save(plotted, folder, formats)
        write_text(folder / f"{plotted.name}.csv", as_csv(part))
        console.print(as_rich(part, temperature, marks))
        console.print(
            f"{folder}/: {', '.join([*(file.name for file in files), f'{plotted.name}.csv'])}\n", markup=False
        )
