"""Write files by rename, so that a kill at any moment leaves either the old file or the new one; and lock files."""

from __future__ import annotations

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

from cmkd_bench.errors import UserError
from cmkd_bench.experiment.containment import parse_bounded, read_bounded

_LOOK_AGAIN = 0.1  # seconds


class NotJson(UserError, ValueError):
    """A file that should be JSON."""


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file under a temporary name in the same folder, then rename it."""
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
    """Read a JSON file.

    Raises:
        UserError: if it is too large, nested too deeply, or not JSON.
    """
    try:
        return parse_bounded(read_bounded(path))
    except ValueError as error:
        raise NotJson(f"{path} cannot be read as JSON: {error}") from error


@contextmanager
def file_lock(path: Path, refusal: Exception | None = None, patience: float = 0.0) -> Iterator[None]:
    """Hold the lock of a file within the block. It is a kernel lock, so it does not outlive its holder.

    Args:
        path: the file; created if it does not exist.
        refusal: exception to raise if another process keeps the lock; BlockingIOError if None.
        patience: how long to wait for another holder, in seconds.
    """
    with path.open("a") as file:
        end = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= end:
                    raise refusal or error from None
                time.sleep(_LOOK_AGAIN)
        yield
