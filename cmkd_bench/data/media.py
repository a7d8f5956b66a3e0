"""Datasets that a user downloads: found on disk, catalogued from their own annotations, read from prepared arrays."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np

from cmkd_bench.data.clips import Clip
from cmkd_bench.data.dataset import Dataset, PairedData
from cmkd_bench.data.preparation import Preparation

P = TypeVar("P")


@dataclass(frozen=True)
class Skipped:
    """A sample that is left out, as a line of skipped.csv.

    Attributes:
        sample_id: its id.
        modality: which of its clips is at fault; empty where the annotation is.
        path: of the file, relative to the root; empty where the annotation is at fault.
        reason: one line.
    """

    sample_id: str
    modality: str
    path: str
    reason: str


@dataclass(frozen=True)
class Catalogue:
    """All samples of a dataset as its annotations list them, whether their files are there or not.

    Attributes:
        sample_ids: N, unique.
        labels: (N,) int64, 0 to C-1; zeros for segmentation.
        classes: the C class names.
        inputs: by modality, N clips, or N strings for a text.
        parts: by fold: the rows of train, validation and test, each sorted, without overlap. Made from the whole
            catalogue, so that a missing file moves no other sample.
        groups: (N,) what must not be shared between parts, or None.
        targets: N label maps for segmentation, or None for classification.
        skipped: annotation lines that are left out on purpose, by name.
        notes: what a reader of a table must know, e.g. that a split of the literature leaks.
    """

    sample_ids: Sequence[str]
    labels: np.ndarray
    classes: tuple[str, ...]
    inputs: Mapping[str, Sequence[Clip] | Sequence[str]]
    parts: Sequence[Mapping[str, np.ndarray]]
    groups: np.ndarray | None = None
    targets: Sequence[Clip] | None = None
    skipped: Sequence[Skipped] = ()
    notes: tuple[str, ...] = ()


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

    def __init__(self, options: P, preparation: Preparation | None = None) -> None:
        super().__init__(options)
        self.preparation = preparation

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
        from cmkd_bench.data.prepared import load_prepared

        return load_prepared(self, fold)
