"""What a plan says of the methods that are shown several views of a sample."""

from __future__ import annotations

from collections.abc import Iterable

from cmkd_bench.config.augmentation import PREFIX
from cmkd_bench.config.compose import Configuration
from cmkd_bench.experiment.spec import RunSpec, Settings, settings
from cmkd_bench.parameters import build
from cmkd_bench.planning.grid import Grid
from cmkd_bench.registry import methods


def strong_conditions(configuration: Configuration, specs: Iterable[RunSpec]) -> dict[str, Settings]:
    """Return the settings of strong views if some runs have such views."""
    has = any(name.startswith(PREFIX) for spec in specs for name, _ in spec.augmentation)
    return {"strong": settings(configuration.strong)} if has else {}


def notes_on_views(grid: Grid) -> list[str]:
    """Name the methods that see several views of a sample, since these have further information and further costs."""
    named: dict[int, list[str]] = {}
    for name, row in grid.rows.items():
        cls = methods.declared(row.method)
        named.setdefault(len(cls.further_views(build(cls.HyperParameters, row.given))), []).append(name)
    return [
        f"{', '.join(names)}: {1 + further} views of each sample per step; each costs about as much as the first."
        for further, names in named.items()
        if further
    ]
