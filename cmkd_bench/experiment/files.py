"""Write files by rename, so that a kill or a power failure leaves the old or the new one; and lock files."""

from __future__ import annotations

import contextlib
import errno
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
from cmkd_bench.experiment.containment import NotJson, parse_bounded, read_bounded
from cmkd_bench.experiment.damage import RERUN, Damaged
from cmkd_bench.experiment.faults import naming_faults

ASIDE = ".damaged"
_LOOK_AGAIN = 0.1  # seconds
_NAMES = {list: "a list", str: "a text", type(None): "null", bool: "a truth value"}


@naming_faults
def write_atomically(path: Path, write: Callable[[IO[bytes]], object], *, durable: bool = True) -> None:
    """Write a file under a temporary name in the same folder, then rename it.

    Args:
        path: the file.
        write: writes its content.
        durable: whether a power failure must not lose the file or leave it empty. This takes milliseconds, so it is
            left out for what is written often and can be computed again.

    Raises:
        EnvironmentFault: if the disk is full, read-only, or the like; nothing is left behind.
    """
    # The name is unique to host, process and thread, because several of them may write the same file at the same time.
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with temporary.open("wb") as file:
            write(file)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
        if durable:
            _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Write a file by rename; by default one that can be made again, such as a table or a plot."""
    write_atomically(path, lambda file: file.write(content), durable=durable)


def write_text(path: Path, text: str, *, durable: bool = False) -> None:
    """Write a text file in UTF-8 by rename; by default one that can be made again."""
    write_bytes(path, text.encode(), durable=durable)


def write_json(path: Path, values: Any, *, durable: bool = True) -> None:
    """Write indented JSON by rename; by default a record. The same values give the same bytes."""
    write_text(path, json.dumps(values, indent=1, sort_keys=True, ensure_ascii=False) + "\n", durable=durable)


def write_records(path: Path, records: Iterable[Any], *, durable: bool = True) -> None:
    """Write a JSON list by rename, one record per line, which is fast for thousands of records."""
    lines = ",\n".join(json.dumps(record, sort_keys=True, ensure_ascii=False) for record in records)
    write_text(path, f"[\n{lines}\n]\n", durable=durable)


def read_json(path: Path, repair: str = RERUN) -> Any:
    """Read a JSON file.

    Args:
        path: the file.
        repair: what to do if it is damaged.

    Raises:
        Damaged: if it is not JSON, too large, or nested too deeply.
        FileNotFoundError: if it does not exist.
    """
    try:
        return parse_bounded(read_bounded(path))
    except IsADirectoryError:
        raise Damaged(path, "is a folder, not a file", repair) from None
    except NotJson as error:
        raise Damaged(path, str(error), repair) from None


def read_object(path: Path, repair: str = RERUN) -> dict[str, Any]:
    """Read a JSON file that contains an object.

    Raises:
        Damaged: if it is missing, or contains anything else.
    """
    try:
        values = read_json(path, repair)
    except FileNotFoundError:
        raise Damaged(path, "is missing", repair) from None
    if not isinstance(values, dict):
        raise Damaged(path, f"contains {_NAMES.get(type(values), 'a number')}, not an object", repair)
    return values


def set_aside(path: Path) -> Path:
    """Rename a file to `NAME.damaged`, and return its new path; nothing happens if it does not exist."""
    aside = path.with_name(f"{path.name}{ASIDE}")
    with contextlib.suppress(FileNotFoundError):
        path.replace(aside)
    return aside


def discard_temporary(folder: Path) -> None:
    """Remove what a killed process had begun to write; only the holder of the folder's lock may call this."""
    for path in folder.glob(".*.tmp"):
        path.unlink(missing_ok=True)


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


def _sync_folder(folder: Path) -> None:
    """Make a rename in a folder survive a power failure, where the file system supports it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


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
