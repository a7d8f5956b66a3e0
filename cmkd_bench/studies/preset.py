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
    """One point on the axis of the experiment.

    Attributes:
        label: name of the point; its experiments are named after it.
        x: position on the axis; None if the axis has only names.
        overrides: `KEY=VALUE`, for all grids of the point.
        grids: additional overrides for individual grids.
    """

    label: str
    x: float | None = None
    overrides: Sequence[str] = ()
    grids: Mapping[str, Sequence[str]] = field(default_factory=dict)


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
    """A claim of the paper about the difference between two rows, phrased so that an interval decides it.

    Attributes:
        says: the claim in words.
        row: the first row.
        minus: the row that is subtracted from it.
        expect: `positive`, `negative`, or `small` at a point; `rising` or `falling` along the axis.
        at: label of the point.
        limit: what counts as `small`, in points.
    """

    says: str
    row: str
    minus: str
    expect: str
    at: str = ""
    limit: float = 0.0


@dataclass(frozen=True)
class PublishedSource:
    """Published numbers.

    Attributes:
        name: where the numbers come from.
        tolerance: largest allowed distance between the measured mean and the published number, in points.
        why: the reason for the tolerance.
        values: by row, one number or None per point.
    """

    name: str
    tolerance: float
    why: str
    values: Mapping[str, Sequence[float | None]]


@dataclass(frozen=True)
class Preset:
    """The definition of a reproduction.

    Attributes:
        name: the stem of its file.
        title: one line.
        paper: citation.
        dataset: name in the registry.
        pair: `teacher:student`.
        draws: number of repetitions in the paper.
        axis: label of the axis.
        blocks: the grids, by name.
        rows: by name, in the order of the table.
        points: in the order of the axis.
        claims: all of them must hold to reproduce the trend.
        sources: each gets its own verdict.
        crossing: the two rows whose difference changes sign along the axis, or empty.
        overrides: `KEY=VALUE`, for all grids.
        deviations: differences from the published setup, one sentence each.
    """

    name: str
    title: str
    paper: str
    dataset: str
    pair: str
    draws: int
    axis: str
    blocks: Mapping[str, Block]
    rows: Mapping[str, ReproductionRow]
    points: Sequence[Point]
    claims: Sequence[Claim]
    sources: Sequence[PublishedSource]
    crossing: Sequence[str] = ()
    overrides: Sequence[str] = ()
    deviations: Sequence[str] = ()


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
