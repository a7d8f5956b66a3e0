"""Find datasets that a grid needs and that are not prepared, and prepare them before anything is trained."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmkd_bench.data.media.location import find_root, is_fixture, search
from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.data.media.prepared import open_prepared
from cmkd_bench.dataset import Dataset
from cmkd_bench.errors import GridError, UserError

if TYPE_CHECKING:
    from rich.console import Console


def is_miniature(dataset: Dataset[Any]) -> bool:
    """Return whether a dataset on disk is a miniature."""
    if not isinstance(dataset, MediaDataset):
        return False
    prepared = open_prepared(dataset.folder_of_set())
    if prepared is not None:
        return bool(prepared.manifest["fixture"])
    root = search(dataset.download(), dataset.roots.data).root
    return root is not None and is_fixture(root)


def find_missing(datasets: Iterable[Dataset[Any]]) -> list[tuple[MediaDataset[Any], Path]]:
    """Return the datasets that are not prepared yet, with their folders.

    Raises:
        GridError: if some are neither prepared nor found, each with the searched folders.
    """
    found: list[tuple[MediaDataset[Any], Path]] = []
    problems = []
    for dataset in datasets:
        if not isinstance(dataset, MediaDataset) or open_prepared(dataset.folder_of_set()) is not None:
            continue
        try:
            found.append((dataset, find_root(dataset.download(), dataset.roots.data)))
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise GridError(problems)
    return found


def prepare_missing(datasets: Iterable[Dataset[Any]], console: Console) -> None:
    """Prepare the datasets that are not prepared yet, on all cores.

    Raises:
        GridError: if some are neither prepared nor found.
    """
    for dataset, root in find_missing(datasets):
        _prepare(dataset, root, console)


def _prepare(dataset: MediaDataset[Any], root: Path, console: Console) -> None:
    from cmkd_bench.data.media.preparing.pipeline import prepare_dataset
    from cmkd_bench.data.media.preparing.progress import PreparationDisplay

    name = dataset.registry_name
    console.print(f"{name}: not prepared yet; reading {root}", style="dim", markup=False, soft_wrap=True)
    report = prepare_dataset(dataset, root, len(os.sched_getaffinity(0)), PreparationDisplay(console))
    lost = f"; {report.samples - report.usable} left out (see skipped.csv)" if report.usable < report.samples else ""
    console.print(f"{name}: {report.usable} samples in {report.folder}{lost}", markup=False, soft_wrap=True)
