"""Datasets that a user downloads: found on disk, catalogued from their own annotations, read from prepared arrays."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np

from cmkd_bench.config.preparation import Preparation
from cmkd_bench.config.roots import Roots
from cmkd_bench.data.media.catalogue import Catalogue
from cmkd_bench.data.media.location import Download
from cmkd_bench.data.media.prepared import SetFolder, load_prepared, set_folder
from cmkd_bench.dataset import Dataset, PairedData

P = TypeVar("P")


class MediaDataset(Dataset[P]):
    """A dataset whose files lie on the user's disk; subclasses say what stands where.

    Class attributes:
        folder: the usual name of its folder below the data root.
        marks: files or folders relative to the root, globs are allowed, and `a|b` for either; a folder that has all of
            them is the dataset.
        obtain: how a user gets it, in one to three sentences.
    """

    folder: ClassVar[str]
    marks: ClassVar[tuple[str, ...]]
    obtain: ClassVar[str]

    def __init__(self, options: P, preparation: Preparation | None = None, roots: Roots | None = None) -> None:
        super().__init__(options)
        self.preparation = preparation
        self.roots = roots or Roots()

    @classmethod
    def download(cls) -> Download:
        """How the dataset is recognized on disk, and obtained."""
        licences = tuple(dict.fromkeys(source.licence for source in cls.sources))
        return Download(cls.registry_name, cls.folder, cls.marks, cls.obtain, licences)

    def folder_of_set(self) -> SetFolder:
        """Where the prepared arrays of these options and this preparation lie, or would lie.

        Raises:
            ValueError: if the dataset was made without a preparation.
        """
        if self.preparation is None:
            raise ValueError(f"dataset '{self.registry_name}' was made without a preparation")
        return set_folder(self.roots.prepared, self.registry_name, self.options, self.preparation)

    @abstractmethod
    def catalogue(self, root: Path) -> Catalogue:
        """Read the annotations below the dataset's root; no media file is opened.

        Raises:
            UserError: if an annotation file is missing or unlike the official one; it names what was found.
        """

    @classmethod
    @abstractmethod
    def write_fixture(cls, root: Path, clips: int, rng: np.random.Generator) -> None:
        """Write a miniature in the official layout, with class signal in all modalities and the known defects in it.

        Args:
            root: an empty folder, which becomes the dataset's root.
            clips: about how many samples; enough of them for every class that is used and every part.
            rng: the only source of randomness.
        """

    def load(self, fold: int) -> PairedData:
        """The prepared arrays, read-only and not yet read; a sample with a bad clip is in no part.

        Raises:
            UserError: if the dataset is not prepared under these settings.
        """
        return load_prepared(self.registry_name, self.folder_of_set()).paired(fold)
