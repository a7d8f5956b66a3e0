"""The commands that run grids along an axis: `reproduce`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXIT_FAILED, EXIT_INTERRUPTED = 3, 130


def reproduce(
    name: Annotated[str | None, typer.Argument(help="A published experiment; all are listed by default.")] = None,
    seeds: Annotated[int | None, typer.Option(help="How many draws; the paper's number by default.")] = None,
    results: Annotated[Path, typer.Option(help="Folder of the experiments.")] = Path("results"),
    jobs: Annotated[int | None, typer.Option(help="Worker processes; one per core by default.")] = None,
    together: Annotated[bool, typer.Option(help="Train the draws as one computation where that is possible.")] = True,
) -> None:
    """Run a published experiment again: measured beside published, a picture, and a verdict by a rule fixed before."""
    from rich.console import Console

    console = Console()
    if name is None:
        _list()
        return
    from cmkd_bench.evidence.grid import Unfinished
    from cmkd_bench.evidence.reproduce import reproduce as run
    from cmkd_bench.evidence.table import as_rich, stem
    from cmkd_bench.launch.local import Interrupted

    try:
        found = run(name, draws=seeds, results=results, jobs=jobs, together=together)
    except Interrupted:
        console.print("Stopped; nothing is lost. The same command goes on.")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except Unfinished as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(EXIT_FAILED) from None
    console.print(as_rich(found))
    console.print(f"{results / name}/{stem(found.draws)}: .md .csv .png .svg", style="dim", markup=False)


def _list() -> None:
    from cmkd_bench.evidence.preset import load_preset, preset_names

    for name in preset_names():
        typer.echo(f"{name:<24} {load_preset(name).title}")
