"""The commands that run grids along an axis: `reproduce` and `sweep`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cmkd_bench.cli import completion
from cmkd_bench.cli.exit_codes import ExitCode
from cmkd_bench.cli.options import Plugins, Results

if TYPE_CHECKING:
    from rich.console import Console


def reproduce(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Name of a published experiment (default: list all).", autocompletion=completion.reproductions
        ),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Number of random draws of the data (default: as in the paper).")
    ] = None,
    results: Results = Path("results"),
    jobs: Annotated[int | None, typer.Option(help="Number of worker processes (default: one per core).")] = None,
    vectorized: Annotated[bool, typer.Option(help="Train all draws as one vectorized computation if possible.")] = True,
) -> None:
    """Rerun a published experiment: measured and published results, a plot, and a verdict by a predefined rule."""
    from cmkd_bench.terminal import Terminal

    console = Terminal()
    if name is None:
        _list()
        return
    from cmkd_bench.studies.reproduction import reproduce as run
    from cmkd_bench.studies.reproduction_table import as_rich, stem

    with _ended(console):
        found = run(name, draws=seeds, results=results, jobs=jobs, vectorized=vectorized)
    console.print(as_rich(found))
    console.print(f"{results / name}/{stem(found.draws)}: .md .csv .png .svg", style="dim", markup=False)


def sweep(
    dataset: Annotated[
        str, typer.Argument(help="Dataset name; see cmkd-bench list datasets.", autocompletion=completion.datasets)
    ],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Settings for all values, e.g. train.epochs=30")
    ] = None,
    vary: Annotated[
        str,
        typer.Option(
            help="What to vary, KNOB=from:to:step or KNOB=value,value,...: labels, pairs_share, mispaired, "
            "teacher_labels, an option of the dataset, or any other setting by its key, e.g. labels=0.05,0.25,1, "
            "misalignment=0:1:0.1, or method.kd.temperature=1,2,4"
        ),
    ] = "",
    methods: Annotated[
        str | None,
        typer.Option(
            help="Method names or categories, comma-separated (default: kd).", autocompletion=completion.methods
        ),
    ] = None,
    pair: Annotated[
        str | None, typer.Option(help="Directed pair teacher:student (default: the dataset's first pair).")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Number of draws; each has its own seed and fold.", min=1)] = 5,
    labels: Annotated[
        str | None,
        typer.Option(help="Labels of the training part that may be seen, for all values (default: the protocol's)."),
    ] = None,
    experiment: Annotated[
        str | None, typer.Option(help="Name of the sweep's folder (default: derived from the settings).")
    ] = None,
    results: Results = Path("results"),
    plugin: Plugins = None,
    jobs: Annotated[int | None, typer.Option(help="Number of worker processes (default: one per core).")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and exit.")] = False,
) -> None:
    """Vary any setting: every method's gain over the student alone, and measured gaps, with intervals."""
    from cmkd_bench.studies.sweep import SweepOptions, check_sweep, run_sweep
    from cmkd_bench.studies.sweep_table import as_rich
    from cmkd_bench.terminal import Terminal

    console = Terminal()
    checked = check_sweep(
        SweepOptions(
            dataset=dataset,
            vary=vary,
            methods=methods,
            pair=pair,
            draws=seeds,
            labels=labels,
            overrides=overrides or (),
            experiment=experiment,
            results=results,
            plugins=plugin or (),
            jobs=jobs,
        )
    )
    if dry_run:
        from cmkd_bench.cli.dry_run import show_sweep

        show_sweep(console, checked)
        return
    with _ended(console):
        found = run_sweep(checked)
    console.print(as_rich(found))
    files = "gains: .md .csv .png .svg" + (", measured.csv" if found.measured else "")
    console.print(f"{checked.setting.folder}/{files}", style="dim", markup=False)


@contextmanager
def _ended(console: Console) -> Iterator[None]:
    """Turn a failed run into an exit code."""
    from cmkd_bench.studies.point import Unfinished

    try:
        yield
    except Unfinished as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(ExitCode.FAILED) from None


def _list() -> None:
    from cmkd_bench.studies.preset import load_preset, preset_names

    for name in preset_names():
        typer.echo(f"{name:<24} {load_preset(name).title}")
