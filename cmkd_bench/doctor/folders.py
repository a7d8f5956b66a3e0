"""Check the folders of data, prepared arrays and results: they exist, can be written and locked, and have room."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from cmkd_bench.config.roots import DATA_ROOT, PREPARED_ROOT, WEIGHTS, Roots
from cmkd_bench.data.media.location import search
from cmkd_bench.doctor import Finding
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.store import check_results_folder

GIB = 2**30
SCARCE_DISK_BYTES, SCARCE_SHARED_BYTES = 2 * GIB, 2**26
NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP)
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108
# Mount options that make locks visible on one node only, so that two nodes could work on the same run.
NODE_LOCAL_LOCKS = ("localflock", "local_lock=flock", "local_lock=all")


def check_data() -> Iterator[Finding]:
    """Yield the folders of downloaded datasets and prepared arrays, and which datasets are in them."""
    from cmkd_bench.data.media.media_dataset import MediaDataset
    from cmkd_bench.registry import datasets

    roots = Roots.read()
    root, prepared = roots.data, roots.prepared
    media = [cls for name in datasets.names() if issubclass(cls := datasets.get(name), MediaDataset)]
    if root is None:
        advice = f"To use downloaded datasets: export {DATA_ROOT}=DIR"
        yield Finding(DATA_ROOT, "not set; bundled datasets do not need it", "note", advice)
    elif not os.access(root, os.R_OK | os.X_OK):
        yield Finding(DATA_ROOT, f"{root} does not exist or cannot be read", "missing", f"Correct {DATA_ROOT}.")
    elif there := [cls.registry_name for cls in media if search(cls.download(), root).root is not None]:
        yield Finding(DATA_ROOT, f"{root}: {', '.join(there)}")
    else:
        advice = "`cmkd-bench list datasets NAME` shows how a dataset is recognized."
        yield Finding(DATA_ROOT, f"{root}: no known dataset", "note", advice)
    sets = {cls.registry_name: len(list((prepared / cls.registry_name).glob("*/manifest.json"))) for cls in media}
    listed = ", ".join(f"{name} ({count} set{'s' if count > 1 else ''})" for name, count in sets.items() if count)
    yield _writable(PREPARED_ROOT, prepared, listed or "nothing is prepared yet")
    if roots.weights is not None:
        yield _weights(roots.weights)


def _weights(path: Path) -> Finding:
    if path.exists():
        return Finding(WEIGHTS, str(path))
    return Finding(WEIGHTS, f"{path} does not exist", "missing", f"Correct or unset {WEIGHTS}.")


def check_folders(results: Path) -> Iterator[Finding]:
    """Yield whether results can be written and locked, and whether there is enough space."""
    try:
        check_results_folder(results)
        yield _writable("results", results, "")
    except UserError as error:
        yield Finding("results", str(error), "missing", "Choose another --results.")
    folder = _nearest(results)
    yield _locks(folder)
    yield _room("disk", folder, SCARCE_DISK_BYTES)
    if SHARED_MEMORY.is_dir() and os.access(SHARED_MEMORY, os.W_OK):
        yield _room(str(SHARED_MEMORY), SHARED_MEMORY, SCARCE_SHARED_BYTES)
    else:
        found = "cannot be written, but worker processes need it"
        yield Finding(str(SHARED_MEMORY), found, "missing", "Ask your administrator.")


def _writable(subject: str, folder: Path, content: str) -> Finding:
    """Return whether a folder can be written, or created."""
    existing = _nearest(folder)
    where = f"{folder.absolute()}{'' if folder.is_dir() else ', created when needed'}"
    text = f"{where}: {content}" if content else where
    try:
        with tempfile.NamedTemporaryFile(dir=existing):
            return Finding(subject, text)
    except OSError as error:
        return Finding(subject, f"{text}; {existing} cannot be written: {error.strerror}", "missing", "Change it.")


def _locks(folder: Path) -> Finding:
    """Return whether a second lock on a file is refused, so that two workers cannot have the same run."""
    advice = "Keep results on a file system whose locks work across nodes."
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as first, Path(first.name).open("rb") as second:
            fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _lock(second):
                return Finding("flock", f"locks in {folder} have no effect", "missing", advice)
    except OSError as error:
        reason = "its file system does not support them" if error.errno in NO_LOCKS else str(error.strerror)
        return Finding("flock", f"no file locks in {folder}: {reason}", "missing", advice)
    kind, options = mount_of(folder.resolve())
    if local := next((option for option in NODE_LOCAL_LOCKS if option in options), None):
        found = f"works in {folder} ({kind}), but only within one node: mounted with {local}"
        return Finding("flock", found, "missing", advice)
    return Finding("flock", f"works in {folder} ({kind})")


def _lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def mount_of(folder: Path, table: Path = Path("/proc/self/mounts")) -> tuple[str, list[str]]:
    """Return the type and options of a folder's file system."""
    best, kind, options = "", "unknown file system", ""
    for line in table.read_text().splitlines() if table.is_file() else []:
        _, point, its_kind, its_options, *_ = line.split()
        point = point.replace("\\040", " ")
        if folder.is_relative_to(point) and len(point) >= len(best):
            best, kind, options = point, its_kind, its_options
    return kind, options.split(",")


def _room(subject: str, folder: Path, scarce: int) -> Finding:
    usage = shutil.disk_usage(folder)
    found = f"{usage.free / GIB:.1f} of {usage.total / GIB:.1f} GiB free in {folder}"
    return Finding(subject, found) if usage.free >= scarce else Finding(subject, found, "note", "Little space is left.")


def _nearest(folder: Path) -> Path:
    """Return the folder, or its nearest existing parent."""
    return next(one for one in (folder.absolute(), *folder.absolute().parents) if one.is_dir())
