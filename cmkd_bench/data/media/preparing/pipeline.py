"""The pipeline of `cmkd-bench prepare`: read the catalogue, decode what is missing, write the manifest."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cmkd_bench.data.media.catalogue import Catalogue
from cmkd_bench.data.media.checking.download_check import catalogue_of
from cmkd_bench.data.media.integrity import column_hash, file_hash, load_array
from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.data.media.prepared import SetFolder, open_prepared, usable_rows
from cmkd_bench.data.media.preparing.columns import StoredColumn, columns_of
from cmkd_bench.data.media.preparing.progress import PreparationDisplay
from cmkd_bench.data.media.preparing.skipped import Reasons, count_reasons, list_skipped, write_skipped
from cmkd_bench.data.media.preparing.workers import Decoding, DecodingJob
from cmkd_bench.data.media.preparing.writing import (
    bad_rows,
    begin,
    finish,
    forget_torn_rows,
    locked,
)
from cmkd_bench.data.media.preparing.writing import start_anew as remove_files
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.files import discard_temporary, read_object


@dataclass(frozen=True)
class Report:
    """The outcome of preparing a dataset."""

    folder: Path  # folder of the set
    samples: int  # number of samples in the catalogue
    usable: int  # number of samples with all their clips
    decoded: int  # number of samples that were decoded now; 0 if the set was already complete
    skipped: Counter[str]  # how often each reason occurs, including annotation lines
    bytes: int  # size of the set on disk
    seconds: float  # duration
    fixture: bool  # whether the files are a miniature


def prepare_dataset(
    dataset: MediaDataset[Any],
    root: Path,
    workers: int,
    display: PreparationDisplay,
    *,
    start_anew: bool = False,
    retry_skipped: bool = False,
) -> Report:
    """Prepare a dataset or resume its preparation; the bytes depend neither on the workers nor on interruptions.

    Args:
        dataset: with options and preparation.
        root: folder of the dataset.
        workers: number of processes.
        display: shows the progress.
        start_anew: discard what is prepared with the same settings.
        retry_skipped: retry bad clips, e.g. after missing files were added.

    Raises:
        UserError: for annotations unlike the official ones, another copy of the dataset than before, a full disk, or a
            modality of which nothing can be read.
    """
    begin_time = time.monotonic()
    folder = dataset.folder_of_set()
    catalogue = catalogue_of(dataset, root)
    columns = columns_of(dataset, catalogue)
    with locked(folder):
        if start_anew:
            remove_files(folder)
        discard_temporary(folder.path)
        if (complete := open_prepared(folder)) is not None:
            complete.check()
        was_begun = folder.begun.exists()
        begun = begin(folder, dataset, root, catalogue, columns)
        reasons = Reasons(folder)
        decoded = 0
        if retry_skipped and len(reasons):
            folder.manifest.unlink(missing_ok=True)
            reasons.forget()
        if not folder.manifest.exists():
            for column in columns if was_begun else ():
                with display.of(f"checking {column.name}", begun["samples"]) as show:
                    forget_torn_rows(folder, column.name, column.kind, show)
            decoded = _decode(dataset, folder, root, columns, reasons, workers, display)
            finish(folder, begun)
        return _report(folder, catalogue, columns, reasons, decoded, begin_time, begun["fixture"])


def check_prepared(dataset: MediaDataset[Any], display: PreparationDisplay) -> list[str]:
    """Compare a prepared set with its manifest, row by row.

    Returns:
        One line per problem; empty if every byte is unchanged.

    Raises:
        UserError: if nothing is prepared with these settings.
    """
    found = open_prepared(dataset.folder_of_set())
    if found is None:
        name = dataset.registry_name
        raise UserError(f"dataset '{name}' is not prepared with these settings. Run the same command without --check.")
    folder, manifest = found.folder, found.manifest
    is_changed = not folder.samples.is_file() or file_hash(folder.samples) != manifest["index"]
    problems = [f"{folder.samples.name} was changed"] if is_changed else []
    columns: dict[str, Any] = manifest["columns"]
    with display.of(f"checking {dataset.registry_name}", len(columns) * manifest["samples"]) as show:
        for number, (name, stored) in enumerate(columns.items()):
            try:
                for row in _problems_of_column(folder, name, stored, problems):
                    show(number * manifest["samples"] + row + 1)
            except Damaged as damage:
                problems.append(f"{damage.path.name} {damage.reason}")
    return problems


def _problems_of_column(folder: SetFolder, name: str, stored: Mapping[str, Any], problems: list[str]) -> Iterator[int]:
    """Add the problems of a column to a list, and yield each row that was checked."""
    if column_hash(load_array(folder.digests(name), folder.dataset), stored) != stored["hash"]:
        problems.append(f"{folder.digests(name).name} was changed")
    if stored["kind"] and folder.moments(name).is_file() and file_hash(folder.moments(name)) != stored["moments"]:
        problems.append(f"{folder.moments(name).name} was changed")
    sample_ids = _sample_ids(folder)
    for row, bad in bad_rows(folder, name, stored["kind"]):
        if bad:
            problems.append(f"{folder.array(name).name}, row {row}{sample_ids.get(row, '')}")
        yield row


def _sample_ids(folder: SetFolder) -> dict[int, str]:
    """Return the ids of the samples as texts for messages; empty if the index cannot be read."""
    try:
        return {row: f": {name}" for row, name in enumerate(read_object(folder.samples)["sample_ids"])}
    except (Damaged, KeyError, TypeError):
        return {}


def _decode(
    dataset: MediaDataset[Any],
    folder: SetFolder,
    root: Path,
    columns: Sequence[StoredColumn],
    reasons: Reasons,
    workers: int,
    display: PreparationDisplay,
) -> int:
    """Decode the clips that are neither stored nor known to be bad, and return the number of samples."""
    assert dataset.preparation is not None, "the folder's key was made of it"
    todo = {}
    for column in columns:
        todo[column.name] = ~np.load(folder.digests(column.name), allow_pickle=False).any(axis=1)
        todo[column.name][list(reasons.of(column.name))] = False
    samples = int(np.logical_or.reduce(list(todo.values())).sum())
    with display.of(dataset.registry_name, samples) as show:
        Decoding(DecodingJob(folder, root, dataset.preparation, columns, todo), reasons, show).run(workers)
    return samples


def _report(
    folder: SetFolder,
    catalogue: Catalogue,
    columns: Sequence[StoredColumn],
    reasons: Reasons,
    decoded: int,
    begin_time: float,
    fixture: bool,
) -> Report:
    skipped = list_skipped(catalogue, columns, reasons)
    write_skipped(folder.path.parent / "skipped.csv", skipped)
    usable = usable_rows(folder, [column.name for column in columns], len(catalogue.sample_ids))
    return Report(
        folder=folder.path,
        samples=len(usable),
        usable=int(usable.sum()),
        decoded=decoded,
        skipped=count_reasons(skipped),
        bytes=sum(path.stat().st_blocks * 512 for path in folder.path.iterdir()),
        seconds=time.monotonic() - begin_time,
        fixture=fixture,
    )
