"""A published experiment as configuration: grids, published numbers, and the rule of the verdict, fixed beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cmkd_bench.errors import UnknownName

FOLDER = Path(__file__).parent.parent / "configs" / "reproduction"


@dataclass(frozen=True)
class Point:
    """One place on the axis of the experiment.

    Attributes:
        label: what it is called; its experiments are named after it.
        x: where it stands; None where the axis has names and no numbers.
        overrides: `KEY=VALUE`, for all grids of the point.
        grids: further ones by grid.
    """

    label: str
    x: float | None = None
    overrides: tuple[str, ...] = ()
    grids: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Block:
    """One of the grids that are run at every point."""

    methods: tuple[str, ...]
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReproductionRow:
    """A curve or table row: the teacher or a method of one of the grids."""

    grid: str
    of: str


@dataclass(frozen=True)
class Claim:
    """What the paper says of a difference between two rows, put so that an interval decides it.

    Attributes:
        says: in words.
        row: whose difference.
        minus: to which row.
        expect: `positive`, `negative`, or `small` at a point; `rising` or `falling` along the axis.
        at: label of the point.
        limit: for `small`: in points.
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
        name: whose they are.
        tolerance: how far the measured mean may be off, in points, for the level to be reproduced.
        why: what the tolerance allows for.
        values: by row, one per point; None where there is none.
    """

    name: str
    tolerance: float
    why: str
    values: Mapping[str, Sequence[float | None]]


@dataclass(frozen=True)
class Preset:
    """All of a reproduction.

    Attributes:
        name: that of its file.
        title: one line.
        paper: citation.
        dataset: in the registry.
        pair: `teacher:student`.
        draws: how many repetitions the paper has.
        axis: what the points are.
        crossing: the rows whose difference changes its sign along the axis, or empty.
        overrides: for all grids.
        deviations: what is not as published, one sentence each.
        blocks: by name.
        rows: by name, in the order of the table.
        points: in the order of the axis.
        claims: all must hold for the trend.
        sources: each gets a verdict.
    """

    name: str
    title: str
    paper: str
    dataset: str
    pair: str
    draws: int
    axis: str
    crossing: tuple[str, ...]
    overrides: tuple[str, ...]
    deviations: tuple[str, ...]
    blocks: Mapping[str, Block]
    rows: Mapping[str, ReproductionRow]
    points: tuple[Point, ...]
    claims: tuple[Claim, ...]
    sources: tuple[PublishedSource, ...]


def preset_names() -> list[str]:
    """The presets of configs/reproduction/."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load_preset(name: str) -> Preset:
    """A preset by its name.

    Raises:
        UnknownName: with the nearest match and the list.
    """
    if name not in preset_names():
        raise UnknownName("reproduction", name, preset_names(), "cmkd-bench reproduce")
    from omegaconf import OmegaConf

    values: Any = OmegaConf.to_container(OmegaConf.load(FOLDER / f"{name}.yaml"))
    return Preset(
        name=name,
        title=values["title"],
        paper=values["paper"],
        dataset=values["dataset"],
        pair=values["pair"],
        draws=values["draws"],
        axis=values["axis"],
        crossing=tuple(values.get("crossing", ())),
        overrides=tuple(values.get("overrides", ())),
        deviations=tuple(values.get("deviations", ())),
        blocks={key: Block(**_tuples(block)) for key, block in values["grids"].items()},
        rows={key: ReproductionRow(*row) for key, row in values["rows"].items()},
        points=tuple(_point(point) for point in values["points"]),
        claims=tuple(Claim(**claim) for claim in values["claims"]),
        sources=tuple(PublishedSource(**source) for source in values["published"]),
    )


def _point(values: dict[str, Any]) -> Point:
    grids = {name: tuple(overrides) for name, overrides in values.pop("grids", {}).items()}
    return Point(**_tuples(values), grids=grids)


def _tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
