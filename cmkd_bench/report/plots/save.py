"""Save the plots of an experiment."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from cmkd_bench.errors import UnknownName, UserError
from cmkd_bench.experiment.faults import make_folder
from cmkd_bench.experiment.files import write_bytes
from cmkd_bench.report.experiment_data import ExperimentData
from cmkd_bench.report.plots.kinds import KINDS
from cmkd_bench.report.plots.picture import FORMATS, Picture, Refusal, render
from cmkd_bench.report.plots.plot_data import PlotData, plot_data_of

_MODULES = {"tuning": "tuning_curve"}  # where it is not the kind's name
DEFAULT_FORMATS = ("png", "svg")


def plot(data: PlotData, kinds: Sequence[str] = tuple(KINDS)) -> Iterator[Picture | Refusal]:
    """Plot the pictures of some kinds, one after the other.

    Raises:
        UnknownName: for an unknown kind.
    """
    check(kinds, DEFAULT_FORMATS)
    for kind in kinds:
        yield from importlib.import_module(f"cmkd_bench.report.plots.{_MODULES.get(kind, kind)}").plot(data)


def save_pictures(
    data: ExperimentData,
    folder: Path,
    kinds: Sequence[str] = tuple(KINDS),
    formats: Sequence[str] = DEFAULT_FORMATS,
) -> tuple[list[Path], list[Refusal]]:
    """Plot an experiment's pictures, save them in a folder, and return the files and what has no picture.

    Raises:
        UnknownName: for an unknown kind or format, before anything is plotted.
    """
    check(kinds, formats)
    files, refusals = [], []
    for one in plot(plot_data_of(data), kinds):
        if isinstance(one, Refusal):
            refusals.append(one)
        else:
            files += save(one, folder, formats)
    return files, refusals


def save(picture: Picture, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Save a picture in each of the formats, and return the files."""
    if not make_folder(folder):
        return []
    files = [folder / f"{picture.name}.{one}" for one in formats]
    for file, one in zip(files, formats):
        write_bytes(file, render(picture.figure, one))
    return files


def check(kinds: Sequence[str], formats: Sequence[str]) -> None:
    """Check that all kinds and formats exist.

    Raises:
        UnknownName: for the first that does not.
        UserError: if there is no format.
    """
    for what, names, known in (("kind of picture", kinds, KINDS), ("format", formats, FORMATS)):
        for name in names:
            if name not in known:
                raise UnknownName(what, name, known)
    if not formats:
        raise UserError(f"no format given. Available: {', '.join(FORMATS)}.")
