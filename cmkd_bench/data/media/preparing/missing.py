"""What a grid needs prepared and is not: found before anything is trained, and prepared from the dataset's folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmkd_bench.config.compose import compose
from cmkd_bench.data.media.location import find_root, is_fixture, search
from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.data.media.prepared import open_prepared
from cmkd_bench.data.opening import open_configured
from cmkd_bench.errors import GridError, UserError
from cmkd_bench.planning.request import Request

if TYPE_CHECKING:
    from rich.console import Console


def has_fixtures(request: Request) -> bool:
    """Whether one of the datasets of a request is a miniature."""
    for dataset in _downloaded(request):
        prepared = open_prepared(dataset)
        root = None if prepared is not None else search(type(dataset)).root
        if (prepared is not None and prepared.manifest["fixture"]) or (root is not None and is_fixture(root)):
            return True
    return False


def prepare_missing(request: Request, console: Console) -> None:
    """Prepare the datasets of a request that are not prepared yet, over all cores.

    Raises:
        GridError: if some are neither prepared nor to be found, each with where it was looked for.
    """
    roots: list[tuple[MediaDataset[Any], Path]] = []
    problems = []
    for dataset in _downloaded(request):
        if open_prepared(dataset) is not None:
            continue
        try:
            roots.append((dataset, find_root(type(dataset))))
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise GridError(problems)
    for dataset, root in roots:
        _prepare(dataset, root, console)


def _downloaded(request: Request) -> Iterator[MediaDataset[Any]]:
    for name in request.datasets:
        configuration, _ = compose(request.overrides, name)
        assert configuration is not None, "check() has composed it"
        dataset = open_configured(name, configuration, request.overrides.datasets.get(name, {}))
        if isinstance(dataset, MediaDataset):
            yield dataset


def _prepare(dataset: MediaDataset[Any], root: Path, console: Console) -> None:
    from cmkd_bench.data.media.preparing.pipeline import prepare_dataset
    from cmkd_bench.data.media.preparing.progress import Display

    name = dataset.registry_name
    console.print(f"{name}: not prepared yet; reading {root}", style="dim", markup=False, soft_wrap=True)
    report = prepare_dataset(dataset, root, len(os.sched_getaffinity(0)), Display(console))
    lost = f"; {report.samples - report.usable} left out, see skipped.csv" if report.usable < report.samples else ""
    console.print(f"{name}: {report.usable} samples in {report.folder}{lost}", markup=False, soft_wrap=True)
