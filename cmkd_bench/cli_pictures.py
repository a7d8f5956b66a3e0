"""`cmkd-bench plot`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

Results = Annotated[Path, typer.Option(help="Folder of the experiments.")]
Formats = Annotated[str, typer.Option("--format", help="png, svg, pdf, separated by commas.")]


def plot(
    experiment: Annotated[str | None, typer.Argument(help="Its name; the latest by default.")] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="gains, transfer, critical, cost, learning, observed, gap; repeatable, all by default."),
    ] = None,
    formats: Formats = "png,svg",
    results: Results = Path("results"),
) -> None:
    """Draw an experiment: gains, transfer, ranks, cost, learning curves, and what methods observed."""
    from cmkd_bench.api import find_experiment
    from cmkd_bench.report.plots.write import KINDS, check, write_pictures

    kinds = names_of(kind) or list(KINDS)
    chosen = names_of([formats])
    check(kinds, chosen)
    found = find_experiment(experiment, results)
    console = Console()
    with console.status("Drawing"):
        written = write_pictures(found, kinds, chosen)
    for file in written.files:
        console.print(Text(str(file)), soft_wrap=True)
    for refusal in written.refusals:
        console.print(Text(f"not drawn: {refusal.name}: {refusal.reason}", style="yellow"), soft_wrap=True)


def names_of(given: Sequence[str] | None) -> list[str]:
    """The names of an option that may be repeated and may hold several, separated by commas."""
    return list(dict.fromkeys(name.strip() for text in given or () for name in text.split(",") if name.strip()))
