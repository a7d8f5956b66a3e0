"""Which pictures there are, and writing those of an experiment."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cmkd_bench.errors import UnknownName, UserError
from cmkd_bench.experiment.files import write_bytes
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.plots.material import Material, read_material
from cmkd_bench.report.plots.page import FORMATS, Picture, Refusal, render

KINDS = {
    "gains": "what each method gains over the student alone",
    "transfer": "the same as a matrix of teacher's and student's modalities",
    "critical": "average ranks, with critical differences",
    "cost": "accuracy against training time and extra parameters",
    "learning": "learning curves",
    "logged": "what methods logged while they trained",
    "gap": "gap between the modalities against the gain",
    "tuning": "test accuracy against the number of draws",
}
"""By name, which is also that of the module, what is drawn."""

DEFAULT_FORMATS = ("png", "svg")


@dataclass
class Written:
    """What became of the pictures.

    Attributes:
        files: in the order of drawing.
        refusals: what could not be drawn.
    """

    files: list[Path] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)


def draw(material: Material, kinds: Sequence[str] = tuple(KINDS)) -> Iterator[Picture | Refusal]:
    """The pictures of some kinds, one after the other.

    Raises:
        UnknownName: for a kind that is not there.
    """
    check(kinds, DEFAULT_FORMATS)
    for kind in kinds:
        yield from importlib.import_module(f"cmkd_bench.report.plots.{kind}").draw(material)


def write_pictures(
    experiment: Experiment, kinds: Sequence[str] = tuple(KINDS), formats: Sequence[str] = DEFAULT_FORMATS
) -> Written:
    """Draw an experiment's pictures into its folder `plots`.

    Raises:
        UnknownName: for a kind or format that is not there, before anything is drawn.
    """
    check(kinds, formats)
    written = Written()
    for one in draw(read_material(experiment), kinds):
        if isinstance(one, Refusal):
            written.refusals.append(one)
        else:
            written.files += save(one, experiment.path / "plots", formats)
    return written


def save(picture: Picture, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write a picture in each of the formats."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for one in formats:
        files.append(folder / f"{picture.name}.{one}")
        write_bytes(files[-1], render(picture.figure, one))
    return files


def check(kinds: Sequence[str], formats: Sequence[str]) -> None:
    """That all of them exist.

    Raises:
        UnknownName: for the first that does not.
        UserError: if there is no format.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise UnknownName("kind of picture", kind, KINDS)
    for one in formats:
        if one not in FORMATS:
            raise UnknownName("format", one, FORMATS)
    if not formats:
        raise UserError(f"no format is given. Available: {', '.join(FORMATS)}.")
