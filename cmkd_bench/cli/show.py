"""`cmkd-bench list` and `cmkd-bench show`."""

from __future__ import annotations

from typing import Annotated

import typer

from cmkd_bench.cli import completion
from cmkd_bench.cli.options import Plugins


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
    plugin: Plugins = None,
) -> None:
    """List methods and datasets; `list datasets` shows which are on this machine, complete, and prepared."""
    from cmkd_bench.cli.listing import print_list

    print_list(kind, name, plugin)


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
) -> None:
    """Show a method's paper, deviations and hyper-parameters, a dataset's options, or the configuration."""
    from cmkd_bench.cli.listing import print_fidelity, print_one

    if fidelity:
        print_fidelity(name, plugin)
    else:
        print_one(name, plugin)
