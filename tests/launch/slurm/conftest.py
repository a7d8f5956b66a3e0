"""A cluster of fakes on the path, and a grid for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from planned_grid import FakeSlurm, Planned, planned

import cmkd_bench


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    cluster = FakeSlurm(tmp_path / "slurm")
    monkeypatch.setenv("PATH", f"{cluster.bin}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_SLURM", str(cluster.file))
    monkeypatch.setenv("COLUMNS", "160")
    package = Path(cmkd_bench.__file__).parent.parent
    monkeypatch.setenv("PYTHONPATH", str(package))
    return cluster


@pytest.fixture
def grid(slurm: FakeSlurm, tmp_path: Path) -> Planned:
    return planned(tmp_path / "results")
