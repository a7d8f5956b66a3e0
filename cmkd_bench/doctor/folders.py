"""Where data, prepared arrays and results lie: there, writable, lockable, with room."""

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

GIB = 2**30
SCARCE_DISK_BYTES, SCARCE_SHARED_BYTES = 2 * GIB, 2**26
NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP)
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108
# Mount options under which a lock is seen on one node only, so that two nodes could work on the same run.
NODE_LOCAL_LOCKS = ("localflock", "local_lock=flock", "local_lock=all")


def check_data() -> Iterator[Finding]:
    """Where downloaded datasets and prepared arrays lie, and which are there."""
    from cmkd_bench.data.media.media_dataset import MediaDataset
    from cmkd_bench.registry import datasets

    roots = Roots.read()
    root, prepared = roots.data, roots.prepared
    media = [cls for name in datasets.names() if issubclass(cls := datasets.get(name), MediaDataset)]
    if root is None:
        advice = f"export {DATA_ROOT}=DIR, to use downloaded datasets."
        yield Finding(DATA_ROOT, "not set; embedded datasets need none", "note", advice)
    elif not os.access(root, os.R_OK | os.X_OK):
        yield Finding(DATA_ROOT, f"{root} is not there or cannot be read", "missing", f"Set {DATA_ROOT} anew.")
    elif there := [cls.registry_name for cls in media if search(cls.download(), root).root is not None]:
        yield Finding(DATA_ROOT, f"{root}: {', '.join(there)}")
    else:
        advice = "cmkd-bench list datasets says how each is recognised."
        yield Finding(DATA_ROOT, f"{root}: no dataset that is known", "note", advice)
    sets = {cls.registry_name: len(list((prepared / cls.registry_name).glob("*/manifest.json"))) for cls in media}
    listed = ", ".join(f"{name} ({count} set{'s' if count > 1 else ''})" for name, count in sets.items() if count)
    yield _writable(PREPARED_ROOT, prepared, listed or "nothing prepared yet")
    if roots.weights is not None:
        yield _weights(roots.weights)


def _weights(path: Path) -> Finding:
    if path.exists():
        return Finding(WEIGHTS, str(path))
    return Finding(WEIGHTS, f"{path} is not there", "missing", f"Set {WEIGHTS} anew, or unset it.")


def check_folders(results: Path) -> Iterator[Finding]:
    """Whether results can be written and locked, and whether there is room."""
    yield _writable("results", results, "")
    folder = _nearest(results)
    yield _locks(folder)
    yield _room("disk", folder, SCARCE_DISK_BYTES)
    if SHARED_MEMORY.is_dir() and os.access(SHARED_MEMORY, os.W_OK):
        yield _room(str(SHARED_MEMORY), SHARED_MEMORY, SCARCE_SHARED_BYTES)
    else:
        found = "cannot be written, and worker processes need it"
        yield Finding(str(SHARED_MEMORY), found, "missing", "Ask the administrators.")


def _writable(subject: str, folder: Path, content: str) -> Finding:
    """Whether a folder can be written, or made."""
    existing = _nearest(folder)
    where = f"{folder.absolute()}{'' if folder.is_dir() else ', made when it is needed'}"
    text = f"{where}: {content}" if content else where
    try:
        with tempfile.NamedTemporaryFile(dir=existing):
            return Finding(subject, text)
    except OSError as error:
        return Finding(subject, f"{text}; {existing} cannot be written: {error.strerror}", "missing", "Choose another.")


def _locks(folder: Path) -> Finding:
    """Whether a second lock on a file is refused, as it must be to two workers with the same run."""
    advice = "Keep results on a file system whose locks hold on all nodes."
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as first, Path(first.name).open("rb") as second:
            fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _lock(second):
                return Finding("flock", f"locks in {folder} exclude nobody", "missing", advice)
    except OSError as error:
        reason = "its file system has none" if error.errno in NO_LOCKS else str(error.strerror)
        return Finding("flock", f"no locks in {folder}: {reason}", "missing", advice)
    kind, options = mount_of(folder.resolve())
    if local := next((option for option in NODE_LOCAL_LOCKS if option in options), None):
        found = f"works in {folder} ({kind}), but on one node at a time: it is mounted with {local}"
        return Finding("flock", found, "missing", advice)
    return Finding("flock", f"works in {folder} ({kind})")


def _lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def mount_of(folder: Path, table: Path = Path("/proc/self/mounts")) -> tuple[str, list[str]]:
    """Type and options of the file system that a folder lies on."""
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
    return Finding(subject, found) if usage.free >= scarce else Finding(subject, found, "note", "That is not much.")


def _nearest(folder: Path) -> Path:
    """The folder, or what there is of the way to it."""
    return next(one for one in (folder.absolute(), *folder.absolute().parents) if one.is_dir())
