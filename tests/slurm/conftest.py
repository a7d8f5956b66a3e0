"""The clusters that the tests share; each starts once, when the first test asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from programs import do_without
from slurm_cluster import Cluster, running_cluster
from slurm_daemons import PACKAGES, Settings, missing_programs
from slurm_grid import Grid


def _cluster(settings: Settings) -> Iterator[Cluster]:
    if missing := missing_programs(settings.accounting):
        do_without(f"no {', '.join(missing)} here: apt-get install --no-install-recommends {' '.join(PACKAGES)}")
    with running_cluster(settings) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def _plain() -> Iterator[Cluster]:
    yield from _cluster(Settings())


@pytest.fixture(scope="session")
def _accounted() -> Iterator[Cluster]:
    yield from _cluster(Settings(accounting=True))


@pytest.fixture
def cluster(_plain: Cluster) -> Iterator[Cluster]:
    """Two nodes, without accounting; no job is left when the test ends."""
    yield _plain
    _plain.cancel_all()


@pytest.fixture
def accounted(_accounted: Cluster) -> Iterator[Cluster]:
    """Two nodes, with slurmdbd and a database; no job is left when the test ends."""
    yield _accounted
    _accounted.cancel_all()


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory, _plain: Cluster) -> Grid:
    """A grid of six runs by the local launcher, which those on a cluster are compared with."""
    grid = Grid(tmp_path_factory.mktemp("alone"), _plain)
    grid.run_here()
    assert len(list(grid.runs())) == 6
    assert b"absent" not in grid.bytes().values()
    return grid
