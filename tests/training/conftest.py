"""Runs that are planned, to be executed in the test's own process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from devices import built_in_methods

from cmkd_bench.experiment.record import add_plan
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.planning.build import make_plan
from cmkd_bench.planning.request import GridOptions
from cmkd_bench.planning.resolve import resolve

Planned = tuple[Experiment, dict[str, str]]


@pytest.fixture
def planned(tmp_path: Path) -> Callable[..., Planned]:
    """Plan a grid of one seed, mfeat and no controls unless said otherwise: the experiment, and methods by run id."""

    def plan(name: str, epochs: int = 2, overrides: tuple[str, ...] = (), **changes: Any) -> Planned:
        options = GridOptions(
            **{
                "methods": built_in_methods(),
                "datasets": ["mfeat"],
                "pairs": ["pixels:fourier"],
                "seeds": 1,
                "controls": False,
                "one_way": True,
                "labels": 1,
                "overrides": [f"train.epochs={epochs}", *overrides],
                "experiment": name,
                "results": tmp_path / name,  # or a run that is done in one would be copied to the next
                **changes,
            }
        )
        grid = resolve(options)
        planned = make_plan(grid)
        add_plan(grid.experiment, planned)
        specs = sorted(planned.specs.values(), key=lambda spec: spec.teacher is not None)  # teachers first
        return grid.experiment, {spec.id: spec.method for spec in specs}

    return plan
