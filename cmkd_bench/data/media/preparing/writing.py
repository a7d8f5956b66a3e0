"""The files of a set during preparation: created once, resumed after a kill, completed by a rename."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap

from cmkd_bench.data.media.catalogue import Catalogue
from cmkd_bench.data.media.integrity import DIGEST_BYTES, column_hash, digest, file_hash, load_array, repair_of
from cmkd_bench.data.media.location import is_fixture
from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.data.media.prepared import FORMAT, MOMENTS, SetFolder, row_moments
from cmkd_bench.data.media.preparing.columns import StoredColumn, catalogue_hash, index_of, probe
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.files import file_lock, read_object, write_json, write_text
from cmkd_bench.experiment.sealed import write_sealed

LOCK_SECONDS = 10.0  # time for the workers of a killed command to exit
LIBRARIES = ("av", "soundfile", "pillow", "torch", "torchaudio", "numpy", "scipy")
_SPARE = 64 * 1024 * 1024


@contextlib.contextmanager
def locked(folder: SetFolder) -> Iterator[None]:
    """Hold a set's lock within the block.

    Raises:
        UserError: if another command holds it.
    """
    folder.path.mkdir(parents=True, exist_ok=True)
    refusal = UserError(f"another command is preparing {folder.path}. Wait until it ends, or stop it.")
    with file_lock(folder.lock, refusal, LOCK_SECONDS):
        yield


def begin(
    folder: SetFolder, dataset: MediaDataset[Any], root: Path, catalogue: Catalogue, columns: Sequence[StoredColumn]
) -> dict[str, Any]:
    """Return the description of the set: the existing one, or a new one with empty arrays.

    Raises:
        UserError: if the set was started from another copy of the dataset, or if disk space is insufficient.
    """
    assert dataset.preparation is not None, "the folder's key was made of it"
    head: dict[str, Any] = {
        "format": FORMAT,
        "dataset": dataset.registry_name,
        "options": dataclasses.asdict(dataset.options),
        "preparation": dataclasses.asdict(dataset.preparation),
        "catalogue": catalogue_hash(catalogue),
        "fixture": is_fixture(root),
        "samples": len(catalogue.sample_ids),
    }
    if folder.begun.is_file():
        begun = read_begun(folder)
        _check_copy(folder, begun, head)
        return begun
    shapes = {
        column.name: probe(dataset.registry_name, column, catalogue.sample_ids, root, dataset.preparation)
        for column in columns
    }
    check_disk(folder, head["samples"], shapes)
    for name, shape in shapes.items():
        _create_arrays(folder, name, head["samples"], shape)
    index = json.dumps(index_of(catalogue), ensure_ascii=False, sort_keys=True) + "\n"
    write_text(folder.samples, index, durable=True)
    write_json(folder.begun, {**head, "columns": shapes})
    return {**head, "columns": shapes}


def read_begun(folder: SetFolder) -> dict[str, Any]:
    """Return the description of a set that was begun.

    Raises:
        Damaged: if it cannot be read.
    """
    begun = read_object(folder.begun, repair_of(folder.dataset))
    if missing := [key for key in ("catalogue", "columns", "fixture", "samples") if key not in begun]:
        reason = f"is not the description of a set: {', '.join(missing)} missing"
        raise Damaged(folder.begun, reason, repair_of(folder.dataset))
    return begun


def start_anew(folder: SetFolder) -> None:
    """Remove a set's files except for its lock, starting with those that identify it as a set."""
    for path in (folder.manifest, folder.begun):
        path.unlink(missing_ok=True)
    for path in folder.path.iterdir():
        if path != folder.lock:
            path.unlink()


def finish(folder: SetFolder, begun: Mapping[str, Any]) -> None:
    """Flush the arrays to the disk, then write the manifest: its presence means that the set is complete."""
    columns = {}
    for name, shape in begun["columns"].items():
        paths = [folder.array(name), folder.digests(name)]
        columns[name] = {**shape, "hash": column_hash(load_array(folder.digests(name), folder.dataset), shape)}
        if shape["kind"]:
            paths.append(folder.moments(name))
            columns[name]["moments"] = file_hash(folder.moments(name))
        for path in paths:
            with path.open("rb") as file:
                os.fsync(file.fileno())
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    index = {"index": file_hash(folder.samples), "versions": versions}
    write_sealed(folder.manifest, {**begun, **index, "columns": columns})


def bad_rows(folder: SetFolder, name: str, kind: str, sums: bool = True) -> Iterator[tuple[int, bool]]:
    """Yield the number of each stored row, and whether its bytes (and sums) have changed."""
    array = load_array(folder.array(name), folder.dataset, mapped=True)
    digests = load_array(folder.digests(name), folder.dataset, mapped=True)
    moments = load_array(folder.moments(name), folder.dataset, mapped=True) if kind and sums else None
    for row in np.flatnonzero(digests.any(axis=1)).tolist():
        bad = not np.array_equal(digest(array[row]), digests[row])
        if moments is not None and not bad:
            bad = not np.array_equal(row_moments(array[row], kind), moments[row])
        yield row, bad


def forget_torn_rows(folder: SetFolder, name: str, kind: str, show: Callable[[int], None]) -> None:
    """Mark rows of a column for decoding if a crash of the machine left them half-written."""
    torn = []
    for row, bad in bad_rows(folder, name, kind, sums=False):
        torn += [row] if bad else []
        show(row + 1)
    if torn:
        open_memmap(folder.digests(name), "r+")[torn] = 0


def check_disk(folder: SetFolder, samples: int, shapes: Mapping[str, Any]) -> None:
    """Check that the arrays fit on the disk.

    Raises:
        UserError: with the needed and the free space, and how to choose another disk.
    """
    rows = [math.prod(shape["shape"]) * np.dtype(shape["dtype"]).itemsize for shape in shapes.values()]
    needed = samples * sum(rows) + _SPARE
    free = shutil.disk_usage(folder.path).free
    if needed > free:
        raise UserError(
            f"preparing needs {needed / 1e9:.1f} GB ({samples} samples of {sum(rows) / 1e6:.2f} MB), but "
            f"{free / 1e9:.1f} GB are free at {folder.path}. Choose another disk with --prepared DIR or "
            "CMKD_PREPARED_ROOT, or use smaller arrays, e.g. prepare.frames=3 prepare.height=128 prepare.width=128."
        )


def _check_copy(folder: SetFolder, begun: Mapping[str, Any], head: Mapping[str, Any]) -> None:
    if all(begun[name] == head[name] for name in ("catalogue", "fixture", "samples")):
        return
    was, now = (f"{'a miniature' if one['fixture'] else 'files'} of {one['samples']} samples" for one in (begun, head))
    raise UserError(
        f"dataset '{head['dataset']}': {folder.path} was prepared from another copy with {was}; this one has "
        f"{now}{' with other annotations' if was == now else ''}. Start over with "
        f"`cmkd-bench prepare {head['dataset']} --force` and the same settings, or keep both with another "
        "CMKD_PREPARED_ROOT."
    )


def _create_arrays(folder: SetFolder, name: str, samples: int, shape: Mapping[str, Any]) -> None:
    rows = tuple(shape["shape"])
    open_memmap(folder.array(name), "w+", np.dtype(shape["dtype"]), (samples, *rows))
    open_memmap(folder.digests(name), "w+", np.dtype(np.uint8), (samples, DIGEST_BYTES))
    if shape["kind"]:
        channels = rows[1 if shape["kind"] == "video" else 0]
        open_memmap(folder.moments(name), "w+", np.dtype(np.float64), (samples, channels, MOMENTS))
