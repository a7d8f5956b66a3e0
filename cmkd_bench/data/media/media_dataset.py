"""Datasets that users download: found on disk, catalogued from their annotations, read from prepared arrays."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np

from cmkd_bench.config.preparation import Preparation
from cmkd_bench.config.roots import Roots
from cmkd_bench.data.manifest import split_hash
from cmkd_bench.data.media.catalogue import Catalogue, Official
from cmkd_bench.data.media.location import Download
from cmkd_bench.data.media.prepared import PARTIAL, SetFolder, load_prepared, set_folder
from cmkd_bench.dataset import Dataset, PairedData

P = TypeVar("P")


class MediaDataset(Dataset[P]):
    """A dataset with files on the user's disk; subclasses define their layout.

    Attributes:
        folder: the usual name of its folder below the data root.
        marks: files or folders relative to the root, with globs and `a|b` for either; a folder with all of them is
            the dataset.
        obtain: how a user obtains it, in one to three sentences.
    """

    folder: ClassVar[str]
    marks: ClassVar[tuple[str, ...]]
    obtain: ClassVar[str]

    roots = Roots()  # set by whoever opens the dataset

    def __init__(self, options: P, preparation: Preparation | None = None) -> None:
        super().__init__(options)
        self.preparation = preparation

    @classmethod
    def download(cls) -> Download:
        """Return how the dataset is recognized on disk and obtained."""
        licenses = tuple(dict.fromkeys(source.license for source in cls.sources))
        return Download(cls.registry_name, cls.folder, cls.marks, cls.obtain, licenses)

    def folder_of_set(self) -> SetFolder:
        """Return the folder of the prepared arrays for these options and this preparation.

        Raises:
            ValueError: if the dataset was created without a preparation.
        """
        if self.preparation is None:
            raise ValueError(f"dataset '{self.registry_name}' was created without a preparation")
        return set_folder(self.roots.prepared, self.registry_name, self.options, self.preparation)

    @abstractmethod
    def catalogue(self, root: Path) -> Catalogue:
        """Read the annotations below the dataset's root; no media file is opened.

        Raises:
            UserError: if an annotation file is missing or unlike the official one; the message names what was found.
        """

    def official(self) -> Official | None:
        """Return the published numbers of samples for these options; None if none are known."""
        return None

    @classmethod
    @abstractmethod
    def write_fixture(cls, root: Path, clips: int, rng: np.random.Generator) -> None:
        """Write a miniature in the official layout, with class signal in all modalities and the known defects.

        Args:
            root: an empty folder, which becomes the dataset's root.
            clips: approximate number of samples; every class in use and every part has enough.
            rng: the only source of randomness.
        """

    def load(self, fold: int) -> PairedData:
        """Return the prepared arrays, read-only and not yet read; samples with a bad clip are in no part.

        Raises:
            UserError: if the dataset is not prepared with these settings.
        """
        data = load_prepared(self.registry_name, self.folder_of_set()).paired(fold)
        if not any(note.startswith(PARTIAL) for note in data.notes):
            return data
        same = f"compare only with results of the same partial split, {split_hash(self, fold, data)[:12]}"
        return dataclasses.replace(data, notes=(*data.notes, same))
