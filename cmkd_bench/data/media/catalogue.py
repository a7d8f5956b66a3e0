"""The samples that a dataset's own annotations list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cmkd_bench.data.media.clips import Clip


@dataclass(frozen=True)
class Skipped:
    """A sample that is left out, as one line of skipped.csv."""

    sample_id: str  # its id
    modality: str  # modality of the clip at fault; empty if the annotation is at fault
    path: str  # path of the file, relative to the root; empty if the annotation is at fault
    reason: str  # one line


@dataclass(frozen=True)
class Catalogue:
    """All samples of a dataset as listed by its annotations, whether or not their files exist."""

    sample_ids: Sequence[str]  # N, unique
    labels: np.ndarray  # (N,) int64, 0 to C-1; zeros for segmentation
    classes: tuple[str, ...]  # the C class names
    inputs: Mapping[str, Sequence[Clip] | Sequence[str]]  # by modality, N clips, or N strings for a text
    # by fold: the rows of train, validation and test, each sorted, without overlap. Derived from the whole catalogue,
    # so that a missing file does not move other samples.
    parts: Sequence[Mapping[str, np.ndarray]]
    groups: np.ndarray | None = None  # (N,) groups that must not be shared between parts, or None
    targets: Sequence[Clip] | None = None  # N label maps for segmentation, or None for classification
    skipped: Sequence[Skipped] = ()  # annotation lines that are left out on purpose, named in skipped.csv
    notes: tuple[str, ...] = ()  # what a reader of a table must know, e.g. that a published split leaks.
