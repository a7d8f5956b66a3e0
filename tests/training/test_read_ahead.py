"""Reading ahead keeps the order, reads no further than it was told, and hands errors on at their turn."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator

import pytest

from cmkd_bench.training.read_ahead import read_ahead


@pytest.mark.parametrize("ahead", [0, 1, 3, 50])
def test_results_come_in_order(ahead: int) -> None:
    assert list(read_ahead((functools.partial(int, number) for number in range(20)), ahead)) == list(range(20))


def test_no_more_is_begun_than_it_was_told() -> None:
    begun: list[int] = []

    def jobs() -> Iterator[Callable[[], None]]:
        for number in range(10):
            begun.append(number)
            yield lambda: None

    results = read_ahead(jobs(), ahead=3)
    next(results)
    assert len(begun) == 4
    results.close()  # type: ignore[attr-defined]
    assert len(begun) == 4


def test_reading_happens_in_another_thread_unless_it_is_not_asked_for() -> None:
    names = {ahead: next(read_ahead([lambda: threading.current_thread().name], ahead)) for ahead in (0, 2)}
    assert names[0] == threading.current_thread().name
    assert names[2] != names[0]


@pytest.mark.parametrize("ahead", [0, 2])
def test_an_error_comes_at_its_turn(ahead: int) -> None:
    def fail() -> int:
        raise OSError("disk")

    results = read_ahead([lambda: 1, fail, lambda: 3], ahead)
    assert next(results) == 1
    with pytest.raises(OSError, match="disk"):
        next(results)
