"""Open the dataset under test, for all conformance tests; a downloadable one is opened on its miniature."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.data.media.miniature import write_miniature
from cmkd_bench.data.media.preparing.missing import prepare_missing
from cmkd_bench.dataset import Dataset
from cmkd_bench.planning.grid import Grid
from cmkd_bench.planning.request import GridOptions
from cmkd_bench.planning.resolve import resolve
from cmkd_bench.registry import datasets
from cmkd_bench.terminal import Terminal

CLIPS = 40  # of a miniature, about
SMALL = (
    "protocol=smoke",
    "model=tiny",
    "prepare.height=48",
    "prepare.width=48",
    "augment.height=40",
    "augment.width=40",
)


class DatasetCase:
    """Holds one dataset and its options; the subclasses add the tests.

    Attributes:
        dataset: the registered name, or the class itself.
        options: what differs from the defaults.
    """

    dataset: ClassVar[str | type[Dataset[Any]]]
    options: ClassVar[Mapping[str, Any]] = {}

    def dataset_class(self) -> type[Dataset[Any]]:
        """Return the class under test."""
        return datasets.get(self.dataset) if isinstance(self.dataset, str) else self.dataset

    @pytest.fixture
    def grid(self, tmp_path_factory: pytest.TempPathFactory) -> Grid:
        """Return the grid that a command without settings runs on the dataset, or the smallest one on a miniature."""
        return _grid(self.dataset_class(), tuple(self.options.items()), tmp_path_factory.getbasetemp())

    @pytest.fixture
    def opened(self, grid: Grid) -> Dataset[Any]:
        """Return the dataset with its options, not loaded yet."""
        return grid.datasets[self.dataset_class().registry_name].dataset


@functools.cache
def _grid(cls: type[Dataset[Any]], options: tuple[tuple[str, Any], ...], base: Path) -> Grid:
    """Resolve the grid once for all tests of a dataset, because a miniature takes seconds to write and prepare."""
    name, folder = cls.registry_name, Path(tempfile.mkdtemp(prefix=f"{cls.registry_name}-", dir=base))
    overrides = [f"dataset.{name}.{option}={value}" for option, value in options]
    if issubclass(cls, MediaDataset):
        write_miniature(cls, folder, CLIPS)
        overrides += [*SMALL, f"data.root='{folder}'", f"data.prepared='{folder / 'prepared'}'"]
    asked = GridOptions(datasets=name, methods="none", seeds=1, folds=0, overrides=overrides, results=folder)
    grid = resolve(asked)
    prepare_missing([one.dataset for one in grid.datasets.values()], Terminal(quiet=True))
    return grid
