"""`cmkd-bench list` and `cmkd-bench show`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cmkd_bench.cli import completion
from cmkd_bench.cli.options import Form, Plugins, check_form
from cmkd_bench.errors import UserError


def list_(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="What to list: methods, datasets or networks (default: methods and datasets).",
            autocompletion=completion.kinds_to_list,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Argument(
            help="With datasets: show files, licenses, citations and state of this one.",
            autocompletion=completion.datasets,
        ),
    ] = None,
    origin: Annotated[
        str | None, typer.Option("--kind", help="With datasets: only those that are embedded, or downloaded.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="With datasets: only those for classification, or for segmentation.")
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(help="With datasets: folder of the downloaded ones (default: $CMKD_DATA_ROOT)."),
    ] = None,
    plugin: Plugins = None,
    form: Form = "rich",
) -> None:
    """List methods and datasets; `list datasets` shows which are on this machine, complete, and prepared."""
    from cmkd_bench.cli.listing import Listing, print_list

    check_form(form)
    print_list(Listing(kind, name, origin, task, root, form), plugin)


def show(
    name: Annotated[
        str,
        typer.Argument(
            help="Name of a method, dataset or network, a variant such as 'kd(temperature=1)', or `config`.",
            autocompletion=completion.anything,
        ),
    ],
    plugin: Plugins = None,
    fidelity: Annotated[
        bool,
        typer.Option(
            "--fidelity",
            help="Show how a method was checked against its paper: equations, oracles, other implementations.",
        ),
    ] = False,
    form: Form = "rich",
) -> None:
    """Show a method's paper, deviations and hyper-parameters, a dataset's options, or the configuration."""
    from cmkd_bench.cli.listing import print_fidelity, print_one

    check_form(form)
    if fidelity and form != "rich":
        raise UserError(f"--fidelity has no --format {form}; through a pipe, it is Markdown.")
    if fidelity:
        print_fidelity(name, plugin)
    else:
        print_one(name, plugin, form)
