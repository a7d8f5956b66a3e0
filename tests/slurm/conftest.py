"""The clusters that the tests share; each starts once, when the first test asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from programs import do_without
from slurm_cluster import Cluster, running_cluster
from slurm_daemons import PACKAGES, Settings, missing_programs


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
