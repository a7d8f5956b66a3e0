"""The samples that a dataset's own annotations list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cmkd_bench.data.media.clips import Clip


@dataclass(frozen=True)
class Skipped:
    """A sample that is left out, as one line of skipped.csv."""

    sample_id: str  # its id
    modality: str  # modality of the clip at fault; empty if the annotation is at fault
    path: str  # path of the file, relative to the root; empty if the annotation is at fault
    reason: str  # one line
    # What `cmkd-bench check` counts. Not part of repr(), so that the hash of a catalogue stays the same.
    part: str = field(default="", repr=False)  # its part in the annotations; empty if they do not say
    label: str = field(default="", repr=False)  # name of its class; empty if it has none
    is_missing: bool = field(default=False, repr=False)  # a file is missing, as opposed to left out on purpose


@dataclass(frozen=True)
class Official:
    """The published numbers of samples, including those that the catalogue leaves out.

    The parts are those of the publication. Where we divide one further, its name joins ours: `train+validation`.
    """

    samples: Mapping[str, int]  # by part
    classes: Mapping[str, Mapping[str, int]] = field(
        default_factory=dict
    )  # by part and class, where they are published


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
