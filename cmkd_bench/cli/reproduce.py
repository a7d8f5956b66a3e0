"""The commands that run grids along an axis: `reproduce` and `sweep`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cmkd_bench.cli import options
from cmkd_bench.cli.exit_codes import ExitCode
from cmkd_bench.cli.options import RESUME, Results

if TYPE_CHECKING:
    from rich.console import Console


def reproduce(
    name: Annotated[str | None, typer.Argument(help="A published experiment; all are listed by default.")] = None,
    seeds: Annotated[int | None, typer.Option(help="How many draws; the paper's number by default.")] = None,
    results: Results = Path("results"),
    jobs: Annotated[int | None, typer.Option(help="Worker processes; one per core by default.")] = None,
    together: Annotated[bool, typer.Option(help="Train the draws as one computation where that is possible.")] = True,
) -> None:
    """Run a published experiment again: measured beside published, a picture, and a verdict by a rule fixed before."""
    from rich.console import Console

    console = Console()
    if name is None:
        _list()
        return
    from cmkd_bench.studies.reproduction import reproduce as run
    from cmkd_bench.studies.reproduction_table import as_rich, stem

    with _ended(console):
        found = run(name, draws=seeds, results=results, jobs=jobs, together=together)
    console.print(as_rich(found))
    console.print(f"{results / name}/{stem(found.draws)}: .md .csv .png .svg", style="dim", markup=False)


def sweep(
    dataset: Annotated[str, typer.Argument(help="Its name, see cmkd-bench list datasets.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="For all values, e.g. train.epochs=30")
    ] = None,
    vary: Annotated[str, typer.Option(help="KNOB=from:to:step, e.g. misalignment=0:1:0.1")] = "",
    methods: Annotated[
        str | None, typer.Option(help="Names, comma-separated (default: those of the configuration).")
    ] = None,
    pair: Annotated[str | None, typer.Option(help="teacher:student, this direction alone.")] = None,
    seeds: Annotated[int, typer.Option(help="How many draws, with a seed and a fold of its own each.", min=1)] = 5,
    results: Results = Path("results"),
    jobs: Annotated[int | None, typer.Option(help="Worker processes; one per core by default.")] = None,
) -> None:
    """Turn a knob of a dataset: every method's gain over the student alone, and what the knob moved, with intervals."""
    from rich.console import Console

    from cmkd_bench.config.compose import grid_defaults
    from cmkd_bench.studies.sweep import sweep as run
    from cmkd_bench.studies.sweep_table import as_rich

    console = Console()
    names = options.names(methods) or grid_defaults()["sweep_methods"]
    with _ended(console):
        found = run(
            dataset,
            vary,
            methods=names,
            pair=pair,
            draws=seeds,
            overrides=overrides or (),
            results=results,
            jobs=jobs,
        )
    console.print(as_rich(found))
    folder = results / f"sweep-{dataset}-{found.knob}"
    files = "gains: .md .csv .png .svg" + (", measured.csv" if found.measured else "")
    console.print(f"{folder}/{files}", style="dim", markup=False)


@contextmanager
def _ended(console: Console) -> Iterator[None]:
    """An interruption and a failed run as exit codes."""
    from cmkd_bench.launch.local import Interrupted
    from cmkd_bench.studies.point import Unfinished

    try:
        yield
    except (Interrupted, KeyboardInterrupt):  # the latter while runs are trained together
        console.print(RESUME)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except Unfinished as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(ExitCode.FAILED) from None


def _list() -> None:
    from cmkd_bench.studies.preset import load_preset, preset_names

    for name in preset_names():
        typer.echo(f"{name:<24} {load_preset(name).title}")
