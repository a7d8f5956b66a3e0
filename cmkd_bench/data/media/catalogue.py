"""The samples that a dataset's own annotations list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cmkd_bench.data.media.clips import Clip


@dataclass(frozen=True)
class Skipped:
    """A sample that is left out, as one line of skipped.csv.

    Attributes:
        sample_id: its id.
        modality: modality of the clip at fault; empty if the annotation is at fault.
        path: path of the file, relative to the root; empty if the annotation is at fault.
        reason: one line.
    """

    sample_id: str
    modality: str
    path: str
    reason: str


@dataclass(frozen=True)
class Catalogue:
    """All samples of a dataset as listed by its annotations, whether or not their files exist.

    Attributes:
        sample_ids: N, unique.
        labels: (N,) int64, 0 to C-1; zeros for segmentation.
        classes: the C class names.
        inputs: by modality, N clips, or N strings for a text.
        parts: by fold: the rows of train, validation and test, each sorted, without overlap. Derived from the whole
            catalogue, so that a missing file does not move other samples.
        groups: (N,) groups that must not be shared between parts, or None.
        targets: N label maps for segmentation, or None for classification.
        skipped: annotation lines that are left out on purpose, named in skipped.csv.
        notes: what a reader of a table must know, e.g. that a published split leaks.
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
