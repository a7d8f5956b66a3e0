"""`cmkd-bench new`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from cmkd_bench.cli import completion
from cmkd_bench.terminal import visible


def new(
    kind: Annotated[
        str,
        typer.Argument(
            metavar="method|dataset", help="What the package adds.", autocompletion=completion.kinds_of_packages
        ),
    ],
    name: Annotated[str, typer.Argument(help="Name of the method or dataset, e.g. my_method.")],
    out: Annotated[Path | None, typer.Option(help="Folder to write (default: ./cmkd-NAME).")] = None,
) -> None:
    """Write the package of a new method or dataset: a small one that works, with its tests, to be changed."""
    from cmkd_bench.scaffold.package import distribution_of, write_package

    folder = out or Path(distribution_of(name))
    for file in write_package(kind, name, folder):
        print(visible(str(file)))
    place = shlex.quote(str(folder))
    print(visible(f"Next: pip install -e {place} && pytest {place}, then what {folder / 'README.md'} says."))
