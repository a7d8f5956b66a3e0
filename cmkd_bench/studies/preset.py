"""Define a published experiment as configuration: grids, published numbers, and a verdict rule fixed in advance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from cmkd_bench.errors import UnknownName

FOLDER = Path(__file__).parent.parent / "configs" / "reproduction"


@dataclass(frozen=True)
class Point:
    """One point on the axis of the experiment."""

    label: str  # name of the point; its experiments are named after it
    x: float | None = None  # position on the axis; None if the axis has only names
    overrides: Sequence[str] = ()  # `KEY=VALUE`, for all grids of the point
    grids: Mapping[str, Sequence[str]] = field(default_factory=dict)  # additional overrides for individual grids


@dataclass(frozen=True)
class Block:
    """One of the grids to run at every point."""

    methods: Sequence[str]
    overrides: Sequence[str] = ()


@dataclass(frozen=True)
class ReproductionRow:
    """A curve or table row: the teacher, or a method of one of the grids."""

    grid: str
    of: str


@dataclass(frozen=True)
class Claim:
    """A claim of the paper about the difference between two rows, phrased so that an interval decides it."""

    says: str  # the claim in words
    row: str  # the first row
    minus: str  # the row that is subtracted from it
    expect: str  # `positive`, `negative`, or `small` at a point; `rising` or `falling` along the axis
    at: str = ""  # label of the point
    limit: float = 0.0  # what counts as `small`, in points


@dataclass(frozen=True)
class PublishedSource:
    """Published numbers."""

    name: str  # where the numbers come from
    tolerance: float  # largest allowed distance between the measured mean and the published number, in points
    why: str  # the reason for the tolerance
    values: Mapping[str, Sequence[float | None]]  # by row, one number or None per point


@dataclass(frozen=True)
class Preset:
    """The definition of a reproduction."""

    name: str  # the stem of its file
    title: str  # one line
    paper: str  # citation
    dataset: str  # name in the registry
    pair: str  # `teacher:student`
    draws: int  # number of repetitions in the paper
    axis: str  # label of the axis
    blocks: Mapping[str, Block]  # the grids, by name
    rows: Mapping[str, ReproductionRow]  # by name, in the order of the table
    points: Sequence[Point]  # in the order of the axis
    claims: Sequence[Claim]  # all of them must hold to reproduce the trend
    sources: Sequence[PublishedSource]  # each gets its own verdict
    crossing: Sequence[str] = ()  # the two rows whose difference changes sign along the axis, or empty
    overrides: Sequence[str] = ()  # `KEY=VALUE`, for all grids
    deviations: Sequence[str] = ()  # differences from the published setup, one sentence each


def preset_names() -> list[str]:
    """List the presets in configs/reproduction/."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_preset(name: str) -> Preset:
    """Load a preset.

    Raises:
        UnknownName: if there is no such preset, with the nearest match and the list.
    """
    if name not in preset_names():
        raise UnknownName("reproduction", name, preset_names(), "cmkd-bench reproduce")
    values: Any = OmegaConf.to_container(OmegaConf.load(FOLDER / f"{name}.yaml"))
    parts: dict[str, Any] = {
        "blocks": {key: Block(**block) for key, block in values.pop("grids").items()},
        "rows": {key: ReproductionRow(*row) for key, row in values.pop("rows").items()},
        "points": [Point(**point) for point in values.pop("points")],
        "claims": [Claim(**claim) for claim in values.pop("claims")],
        "sources": [PublishedSource(**source) for source in values.pop("published")],
    }
    return Preset(name=name, **values, **parts)
