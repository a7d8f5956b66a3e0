"""Write files by rename, so that a kill at any moment leaves either the old file or the new one; and lock files."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from cmkd_bench.errors import fault_of
from cmkd_bench.experiment.faults import naming_faults

_LOOK_AGAIN = 0.1  # seconds


@naming_faults
def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file under a temporary name in the same folder, then rename it.

    Raises:
        EnvironmentFault: if the disk is full, read-only, or the like; nothing is left behind.
    """
    # The name is unique to host, process and thread, because several of them may write the same file at the same time.
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with temporary.open("wb") as file:
            write(file)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file by rename."""
    write_atomically(path, lambda file: file.write(content))


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8 by rename."""
    write_bytes(path, text.encode())


def write_json(path: Path, values: Any) -> None:
    """Write indented JSON by rename; the same values give the same bytes."""
    write_text(path, json.dumps(values, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def write_records(path: Path, records: Iterable[Any]) -> None:
    """Write a JSON list by rename, one record per line, which is fast for thousands of records."""
    lines = ",\n".join(json.dumps(record, sort_keys=True, ensure_ascii=False) for record in records)
    write_text(path, f"[\n{lines}\n]\n")


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_bytes())


@contextmanager
def file_lock(path: Path, refusal: Exception | None = None, patience: float = 0.0) -> Iterator[None]:
    """Hold the lock of a file within the block. It is a kernel lock, so it does not outlive its holder.

    Args:
        path: the file; created if it does not exist.
        refusal: exception to raise if another process keeps the lock; BlockingIOError if None.
        patience: how long to wait for another holder, in seconds.

    Raises:
        EnvironmentFault: if the file cannot be created, or its file system has no locks.
    """
    file = _opened(path)
    with file:
        end = time.monotonic() + patience
        while not _lock(file, path):
            if time.monotonic() >= end:
                raise refusal or BlockingIOError(f"{path} is locked")
            time.sleep(_LOOK_AGAIN)
        yield


def is_locked(path: Path) -> bool:
    """Return whether a process holds the lock of a file, which need not be writable.

    Where locks do not work, no process can hold one.
    """
    for mode in ("r+b", "rb"):  # some network file systems lock only what is open for writing
        with contextlib.suppress(OSError), path.open(mode) as file:
            return not _lock(file, path)
    return False


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("ab")
    except OSError as error:
        raise fault_of(error, path) or error from None


def _lock(file: IO[bytes], path: Path) -> bool:
    """Try to lock an open file, and return whether that worked."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise fault_of(error, path) or error from None
    return True
