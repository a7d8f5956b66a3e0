"""The interface of datasets: modalities, classes, sources, and paired arrays with fixed parts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from cmkd_bench.composite import parts_of
from cmkd_bench.parameters import NoParameters

if TYPE_CHECKING:
    import numpy as np

ModalityKind = Literal["vector", "signal", "image", "video", "spectrogram", "depth", "text"]
Task = Literal["classification", "segmentation"]
PARTS = ("train", "validation", "test")
RESERVED = "+:,.()"  # with which the names of composite modalities, pairs and networks are written
P = TypeVar("P")


@dataclass(frozen=True)
class Modality:
    """One view of a sample.

    `kind` determines the default network and how the inputs are prepared: a vector (D,), a signal (channels, time), an
    image (channels, height, width), a video (frames, 3, height, width), a spectrogram (1, frequencies, columns), a
    depth map (1, height, width), a text (one string).
    """

    name: str
    kind: ModalityKind
    meaning: str

    def __post_init__(self) -> None:
        if set(self.name) & set(RESERVED):
            raise ValueError(f"modality '{self.name}': a name must not contain any of {' '.join(RESERVED)}")


@dataclass(frozen=True)
class Source:
    """The origin of a dataset's files, as shown by `cmkd-bench list datasets NAME`."""

    file: str
    origin: str
    license: str
    citation: str


@dataclass(frozen=True)
class PairedData:
    """A dataset in memory. Row i of every array is the same sample.

    Attributes:
        inputs: by modality: float or integer arrays (N, ...), or an array of N strings for a text.
        labels: (N,) int64, 0 to C-1.
        parts: the rows of train, validation and test, each sorted, without overlap.
        sample_ids: (N,) strings, unique, stable between versions.
        groups: (N,) groups that must not be shared between parts (subject, speaker, video), or None if there are none.
        hashes: by modality, for a dataset that was prepared on disk; None if the arrays themselves are hashed.
        classes: the class names if they depend on the options; None for those of the dataset.
        targets: (N, H, W) uint8 label maps for segmentation, 255 is ignored.
        moments: by modality of a dataset that was prepared on disk: (N, channels, 3) float64, the sum, the sum of
            squares and the count of the numbers of each sample.
        notes: what a reader of a table must know about the split.
        fixture: whether this is a miniature of the dataset.
    """

    inputs: Mapping[str, np.ndarray]
    labels: np.ndarray
    parts: Mapping[str, np.ndarray]
    sample_ids: np.ndarray
    groups: np.ndarray | None = None
    hashes: Mapping[str, str] | None = None
    classes: tuple[str, ...] | None = None
    targets: np.ndarray | None = None
    moments: Mapping[str, np.ndarray] | None = None
    notes: tuple[str, ...] = ()
    fixture: bool = False


class Dataset(ABC, Generic[P]):
    """A paired dataset. Each file in datasets/ contains one subclass; `P` is the dataclass of its options, if any.

    Attributes:
        modalities: at least two.
        classes: the class names, in the order of the labels.
        default_pairs: pairs of modalities; each is run in both directions if neither the user nor configs/ names some.
        folds: the number of splits; the fold is an axis of the grid, apart from the seed. An instance has fewer than
            its class if its options say so.
        sources: files, licenses, citations.
        task: what is predicted.
        tasks: classification or segmentation, or both if an option chooses.
        standardise: whether inputs are normalized with the training part's statistics; False if the published
            protocol uses them unchanged.
        registry_name: set by `register_dataset`.
    """

    Options: ClassVar[type] = NoParameters
    modalities: ClassVar[tuple[Modality, ...]]
    classes: ClassVar[tuple[str, ...]]
    default_pairs: ClassVar[tuple[tuple[str, str], ...]]
    sources: ClassVar[tuple[Source, ...]]
    task: ClassVar[str]
    tasks: ClassVar[tuple[Task, ...]] = ("classification",)
    folds: int = 1
    standardise: ClassVar[bool] = True
    registry_name: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # only the class's own bases: a subclass of a dataset may set Options itself
        for base in cls.__dict__.get("__orig_bases__", ()):
            if isinstance(arguments := getattr(base, "__args__", None), tuple) and isinstance(arguments[0], type):
                cls.Options = arguments[0]

    def __init__(self, options: P) -> None:
        self.options = options

    @abstractmethod
    def load(self, fold: int) -> PairedData:
        """Return the data with the parts of one fold, 0 to folds-1. They must not depend on the run's seed."""

    @classmethod
    def modality(cls, name: str) -> Modality:
        """Return the modality with that name.

        Raises:
            KeyError: if there is none.
        """
        return {modality.name: modality for modality in cls.modalities}[name]

    @classmethod
    def modalities_of(cls, name: str) -> tuple[Modality, ...]:
        """Return the modalities that a composite one is made of; of any other, itself."""
        return tuple(cls.modality(part) for part in parts_of(name))
