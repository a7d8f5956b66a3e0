"""`cmkd-bench plot` and `cmkd-bench diagnose`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from cmkd_bench.cli import completion, options
from cmkd_bench.cli.exit_codes import ExitCode
from cmkd_bench.cli.options import Results, say_damage, say_unwritten
from cmkd_bench.cli.sources import EXPERIMENTS, Different, need_place, opened
from cmkd_bench.errors import EnvironmentFault, UserError
from cmkd_bench.terminal import Terminal

if TYPE_CHECKING:
    from cmkd_bench.diagnostics.collect import Diagnosed
    from cmkd_bench.experiment.store import Experiment
    from cmkd_bench.planning.directions import Direction

Formats = Annotated[str, typer.Option("--format", help="Image formats, comma-separated: png, svg, pdf.")]


def plot(
    experiments: Annotated[list[str] | None, EXPERIMENTS] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            help="Plots: gains, labels, transfer, critical, cost, learning, logged, gap or tuning; repeatable "
            "(default: all).",
            autocompletion=completion.plots,
        ),
    ] = None,
    formats: Formats = "png,svg",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the plots (default: plots/ in the experiment's folder; needed for several experiments and "
            "for an exported file)."
        ),
    ] = None,
    allow_different: Different = False,
    results: Results = Path("results"),
) -> None:
    """Plot an experiment: gains, gains by labels, transfer, ranks, cost, learning curves, logged values, tuning."""
    from cmkd_bench.experiment.faults import tolerating_faults
    from cmkd_bench.report.experiment_data import read_experiment
    from cmkd_bench.report.joining import join
    from cmkd_bench.report.plots.kinds import KINDS
    from cmkd_bench.report.plots.save import check, save_pictures

    kinds = options.names(kind) or list(KINDS)
    chosen = options.names(formats)
    check(kinds, chosen)
    console = Terminal()
    with opened(experiments, results) as found, tolerating_faults() as unwritten:
        need_place(found, out, "--out FOLDER")
        folder = out or found[0][1].path / "plots"
        with console.status("Drawing"):
            several = len(found) > 1
            data = join(found, results, allow_different=allow_different) if several else read_experiment(found[0][1])
            files, refusals = save_pictures(data, folder, kinds, chosen)
        for _, experiment in found:
            say_damage(experiment)
    missing = {fault.place for fault in unwritten}
    for file in (one for one in files if str(one) not in missing):
        console.print(Text(str(file)), soft_wrap=True)
    for refusal in refusals:
        console.print(Text(f"not plotted: {refusal.name}: {refusal.reason}", style="yellow"), soft_wrap=True)
    _end(folder, unwritten)


def diagnose(
    dataset: Annotated[
        str, typer.Argument(help="Name of a dataset with finished runs.", autocompletion=completion.datasets)
    ],
    pairs: Annotated[
        str | None,
        typer.Option(help="Directed pairs teacher:student, comma-separated (default: all pairs of the experiment)."),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(help="Number of seeds, or a list of seeds: 5, or 0,3,7 (default: all).")
    ] = None,
    methods: Annotated[
        str | None,
        typer.Option(
            help="Rows of the students, comma-separated (default: the student alone).",
            autocompletion=completion.methods,
        ),
    ] = None,
    experiment: Annotated[
        str | None,
        typer.Option(
            help="Experiment name (default: the latest with this dataset).", autocompletion=completion.experiments
        ),
    ] = None,
    temperature: Annotated[float, typer.Option(help="Temperature of the KD loss terms.")] = 1.0,
    formats: Formats = "png,svg",
    results: Results = Path("results"),
    device: Annotated[str, typer.Option(help="Device: cpu or cuda.", autocompletion=completion.devices)] = "cpu",
    plugin: Annotated[
        list[Path] | None, typer.Option("--plugin", help="Python file that registers a dataset; repeatable.")
    ] = None,
) -> None:
    """Compare teacher and student of finished runs: accuracy gap, agreement, ranks, KD loss terms, CKA."""
    from cmkd_bench.api import find_experiment
    from cmkd_bench.config.roots import Roots
    from cmkd_bench.deployment.saved_run import torch_device
    from cmkd_bench.diagnostics.collect import Question, diagnose_runs, latest_with
    from cmkd_bench.diagnostics.saved import SavedRuns
    from cmkd_bench.experiment.faults import tolerating_faults
    from cmkd_bench.report.plots.save import check

    options.load_plugins(plugin)
    chosen = options.names(formats)
    check((), chosen)
    place = torch_device(device)
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
    console = Terminal()
    with console.status("Running the saved students over the test part"):
        diagnosed = list(diagnose_runs(found, question, SavedRuns(found, place, Roots.read())))
    with tolerating_faults() as unwritten:
        _show(console, found, diagnosed, temperature, chosen)
    _end(found.path / "plots", unwritten)


def _end(folder: Path, unwritten: Sequence[EnvironmentFault]) -> None:
    """Say what was not written, and exit if plots are among it."""
    say_unwritten(unwritten)
    if any(Path(fault.place).is_relative_to(folder) for fault in unwritten):
        raise typer.Exit(ExitCode.INCOMPLETE)


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


def _show(
    console: Console, experiment: Experiment, found: list[Diagnosed], temperature: float, formats: list[str]
) -> None:
    """Print a table per direction, and save it and its plot beside the other plots."""
    from cmkd_bench.experiment.files import write_text
    from cmkd_bench.experiment.record import read_plan
    from cmkd_bench.report.board import leaderboard
    from cmkd_bench.report.cells import column_of
    from cmkd_bench.report.diagnosis_table import diagnosis_csv, table_of
    from cmkd_bench.report.plots.diagnosis import plot_diagnosis
    from cmkd_bench.report.plots.save import save
    from cmkd_bench.report.results import collect
    from cmkd_bench.report.text_table import as_rich

    folder = experiment.path / "plots"
    every = leaderboard(read_plan(experiment), collect(experiment)).marks
    for column in dict.fromkeys(column_of(one.cell) for one in found):
        part, marks = [one for one in found if column_of(one.cell) == column], every[column.block]
        plotted = plot_diagnosis(part, temperature, marks)
        files = save(plotted, folder, formats)
        if files:
            write_text(folder / f"{plotted.name}.csv", diagnosis_csv(part))
        console.print(as_rich(table_of(part, temperature, marks)))
        if not files:
            continue
        console.print(
            f"{folder}/: {', '.join([*(file.name for file in files), f'{plotted.name}.csv'])}\n", markup=False
        )
