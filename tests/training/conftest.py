"""Runs that are planned, to be executed in the test's own process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from devices import built_in_methods

from cmkd_bench.api import make_grid
from cmkd_bench.plan import make_plan
from cmkd_bench.record import merge
from cmkd_bench.store import Experiment

Planned = tuple[Experiment, dict[str, str]]


@pytest.fixture
def planned(tmp_path: Path) -> Callable[..., Planned]:
    """Plan a grid of one seed, mfeat and no controls unless said otherwise: the experiment, and methods by run id."""

    def plan(name: str, epochs: int = 2, overrides: tuple[str, ...] = (), **changes: Any) -> Planned:
        grid = make_grid(
            **{
                "methods_asked": built_in_methods(),
                "datasets_asked": ["mfeat"],
                "pairs": ["pixels:fourier"],
                "seeds": 1,
                "always": False,
                "one_way": True,
                "overrides": [f"train.epochs={epochs}", *overrides],
                "experiment": name,
                "results": tmp_path / name,  # or a run that is done in one would be copied to the next
                **changes,
            }
        )
        planned = make_plan(grid.request)
        merge(grid.experiment, planned, grid.request.baseline)
        specs = sorted(planned.specs.values(), key=lambda spec: spec.teacher is not None)  # teachers first
        return grid.experiment, {spec.id: spec.method for spec in specs}

    return plan
