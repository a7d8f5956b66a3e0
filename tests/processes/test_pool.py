"""A forked worker leaves alone what its parent has not yet freed."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection

import pytest

from cmkd_bench.processes.pool import WorkerPool

freed: list[int] = []


class Context:
    """Like FFmpeg's contexts with threads of their own, which cannot be freed in another process."""

    def __init__(self) -> None:
        self.cycle = self

    def __del__(self) -> None:
        freed.append(1)


def collect(connection: Connection, inherited: Sequence[Connection]) -> None:
    for end in inherited:
        end.close()
    gc.collect()
    connection.send(len(freed))


@pytest.fixture
def without_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_collection")
def test_garbage_of_the_parent_is_freed_by_the_parent_alone() -> None:
    freed.clear()
    Context()
    pool: WorkerPool[int] = WorkerPool("fork", collect)
    pool.start()
    ((_, in_worker),) = pool.listen(60.0)
    pool.close(patience=None)
    assert in_worker == 0
    assert not freed
    gc.collect()
    assert freed == [1]
