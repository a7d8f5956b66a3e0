"""What a dataset is to the engine: modalities, classes, sources, and paired arrays with fixed parts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from cmkd_bench.parameters import NoParameters

if TYPE_CHECKING:
    import numpy as np

ModalityKind = Literal["vector", "signal", "image", "video", "spectrogram", "depth", "text"]
PARTS = ("train", "validation", "test")
P = TypeVar("P")


@dataclass(frozen=True)
class Modality:
    """One view of a sample.

    `kind` decides the default network and how the inputs are prepared: a vector (D,), a signal (channels, time), an
    image (channels, height, width), a video (frames, 3, height, width), a spectrogram (1, frequencies, columns), a
    depth map (1, height, width), a text (one string).
    """

    name: str
    kind: ModalityKind
    meaning: str


@dataclass(frozen=True)
class Source:
    """Where a dataset's files come from, as `cmkd-bench list datasets` shows it."""

    file: str
    origin: str
    licence: str
    citation: str


@dataclass(frozen=True)
class PairedData:
    """A dataset in memory. Row i of every array is the same sample.

    Attributes:
        inputs: by modality: float or integer arrays (N, ...), or an array of N strings for a text.
        labels: (N,) int64, 0 to C-1.
        parts: the rows of train, validation and test, each sorted, without overlap.
        sample_ids: (N,) strings, unique, stable between versions.
        groups: (N,) what must not be shared between parts (subject, speaker, video), or None where there is none.
        hashes: by modality, of a dataset that was prepared on disk; None where the arrays themselves are hashed.
        classes: the class names where they depend on the options; None for those of the dataset.
        targets: (N, H, W) uint8 label maps for segmentation, 255 is ignored.
        moments: by modality of a dataset that was prepared on disk: (N, channels, 3) float64, the sum, the sum of
            squares and the count of the numbers of each sample.
        notes: what a reader of a table must know of the split.
        fixture: whether this is a miniature and not the dataset.
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
    """A paired dataset. One file of datasets/ holds one subclass; `P` is the dataclass of its options, if it has any.

    Class attributes:
        modalities: at least two.
        classes: the class names, in the order of the labels.
        default_pairs: pairs of modalities; each is run in both directions where the user names none.
        folds: the number of splits; the fold is an axis of the grid, apart from the seed.
        sources: files, licences, citations.
        task: what is to be told.
        standardise: whether inputs are normalised with the training part's statistics; False where the published
            protocol takes them as they are.
        registry_name: set by `register_dataset`.
    """

    Options: ClassVar[type] = NoParameters
    modalities: ClassVar[tuple[Modality, ...]]
    classes: ClassVar[tuple[str, ...]]
    default_pairs: ClassVar[tuple[tuple[str, str], ...]]
    sources: ClassVar[tuple[Source, ...]]
    task: ClassVar[str]
    folds: ClassVar[int] = 1
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
        """The data with the parts of one fold, 0 to folds-1. Nothing in it may depend on the run's seed."""

    @classmethod
    def modality(cls, name: str) -> Modality:
        """The modality of that name.

        Raises:
            KeyError: where there is none.
        """
        return {modality.name: modality for modality in cls.modalities}[name]
