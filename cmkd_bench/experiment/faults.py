"""Faults of the machine that writing a file meets: named with the file and the space that it needs, or tolerated."""

from __future__ import annotations

import contextlib
import functools
import shutil
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from cmkd_bench.errors import EnvironmentFault, fault_behind, fault_of

F = TypeVar("F", bound=Callable[..., None])
Write = Callable[[IO[bytes]], object]
_tolerated: ContextVar[list[EnvironmentFault] | None] = ContextVar("_tolerated", default=None)


@contextlib.contextmanager
def tolerating_faults() -> Iterator[list[EnvironmentFault]]:
    """Let what reads an experiment go on where its files cannot be written, e.g. on a read-only disk.

    Yields:
        the faults of the files that were not written, in their order.
    """
    unwritten: list[EnvironmentFault] = []
    token = _tolerated.set(unwritten)
    try:
        yield unwritten
    finally:
        _tolerated.reset(token)


class _Counter:
    """A file that counts what is written to it, and keeps nothing."""

    def __init__(self) -> None:
        self.bytes = 0

    def write(self, content: bytes) -> int:
        count = memoryview(content).nbytes
        self.bytes += count
        return count

    def flush(self) -> None:
        """Do nothing: nothing is kept."""


def naming_faults(function: F) -> F:
    """Return a function that writes a file, whose errors name the file and the space that it needs."""

    @functools.wraps(function)
    def call(path: Path, write: Write, **options: Any) -> None:
        try:
            function(path, write, **options)
        except Exception as error:
            # The writer of checkpoints raises an error of its own while it handles that of the disk.
            found = fault_behind(error, implicit=True)
            fault = None if found is None else fault_of(found, path, room_for(path, write))
            if fault is None:
                raise
            _tolerate(fault, error)

    return cast(F, call)


def make_folder(path: Path) -> bool:
    """Create a folder unless it exists, and return whether it exists now.

    Raises:
        EnvironmentFault: if it cannot be created, unless this is tolerated.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if (fault := fault_of(error, path)) is None:
            raise
        _tolerate(fault, error)
    return path.is_dir()


def _tolerate(fault: EnvironmentFault, cause: Exception) -> None:
    """Take a note of a fault where it is tolerated, or raise it."""
    if (unwritten := _tolerated.get()) is None:
        raise fault from cause
    unwritten.append(fault)


def room_for(path: Path, write: Write) -> str:
    """Return how much space a file needs, and how much is free, as a sentence."""
    counter = _Counter()
    with contextlib.suppress(Exception):
        write(cast(Any, counter))
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(_nearest(path)).free
        if free < counter.bytes:  # otherwise a quota is used up, or other files took the space until a moment ago
            return f"Writing it takes {size(counter.bytes)}; {size(free)} are free."
    return f"Writing it takes {size(counter.bytes)}."


def size(count: float) -> str:
    """Return a number of bytes as text, e.g. `1.5 MB`."""
    if count < 1000:
        return f"{count:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 1000:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:.1f} TB"


def _nearest(path: Path) -> Path:
    """Return the first folder above a path that exists."""
    return next(folder for folder in path.absolute().parents if folder.is_dir())
