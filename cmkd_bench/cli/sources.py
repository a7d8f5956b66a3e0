"""The experiments of a command that only reads: names, folders anywhere, and exported files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cmkd_bench.cli import completion
from cmkd_bench.errors import UserError, shortened

if TYPE_CHECKING:
    from cmkd_bench.experiment.store import Experiment

EXPERIMENTS = typer.Argument(
    metavar="[EXPERIMENT]...",
    help="Experiment names, folders of experiments, or exported files (default: the latest experiment). Several are "
    "read as one.",
    autocompletion=completion.experiments,
)
Different = Annotated[
    bool,
    typer.Option(
        "--allow-different",
        help="With several experiments: give what was run differently a table or a row of its own, instead of "
        "refusing it.",
    ),
]


@contextmanager
def opened(texts: Sequence[str] | None, results: Path) -> Iterator[list[tuple[str, Experiment]]]:
    """Find experiments, each with the text that names it; exported files are read from a temporary folder.

    Raises:
        UserError: for a text that names none.
    """
    from cmkd_bench.api import find_experiment

    if not texts:
        latest = find_experiment(None, results)
        yield [(latest.name, latest)]
        return
    with tempfile.TemporaryDirectory() as folder:
        # Commands for runs that are not done name the results folder unless it is called `results`.
        yield [(text, _open(text, results, Path(folder, str(i), "results"))) for i, text in enumerate(texts)]


def is_file(text: str) -> bool:
    """Return whether a text names an exported file."""
    return text.endswith(".zip") and Path(text).is_file()


def need_place(found: Sequence[tuple[str, Experiment]], out: Path | None, option: str) -> None:
    """Check that a place is given where there is no folder of one experiment to write into.

    Raises:
        UserError: if none is given.
    """
    if out is None and (len(found) > 1 or is_file(found[0][0])):
        raise UserError(f"{' '.join(text for text, _ in found)}: give a place to write to: {option}.")


def _open(text: str, results: Path, scratch: Path) -> Experiment:
    from cmkd_bench.api import find_experiment
    from cmkd_bench.report.exchange import import_file

    path = Path(text)
    if is_file(text):
        return import_file(path, scratch)[0]
    if os.sep not in text and not text.endswith(".zip"):
        return find_experiment(text, results)
    if not path.is_dir():
        raise UserError(f"{shortened(text)} is neither the folder of an experiment nor an exported file.")
    return find_experiment(path.name, path.parent)
