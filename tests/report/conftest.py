"""An experiment's folder whose runs never ran: one dataset, two directions, rows that the tests choose."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest
from made_runs import write_experiment

from cmkd_bench.experiment.store import Experiment


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Experiment]:
    """`write_experiment` into a folder of its own."""
    return functools.partial(write_experiment, tmp_path / "results")
