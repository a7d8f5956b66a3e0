"""Read batches ahead: the next ones are read from disk while the current one is computed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
AHEAD = 3


def read_ahead(jobs: Iterable[Callable[[], T]], ahead: int = AHEAD) -> Iterator[T]:
    """Yield the results of jobs in order.

    Args:
        jobs: each reads one batch; reading through torch leaves the interpreter free meanwhile.
        ahead: number of jobs to start in advance, each in its own thread; 0 runs each job when its result is needed.

    Raises:
        Exception: whatever a job raises, when its result is due.
    """
    if ahead == 0:
        for job in jobs:
            yield job()
        return
    remaining = iter(jobs)
    with ThreadPoolExecutor(ahead, thread_name_prefix="feed") as executor:
        waiting: deque[Future[T]] = deque(executor.submit(job) for job in islice(remaining, ahead))
        try:
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(executor.submit(job) for job in islice(remaining, 1))
                yield result
        finally:
            for future in waiting:
                future.cancel()
