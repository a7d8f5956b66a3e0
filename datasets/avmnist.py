"""AV-MNIST: handwritten digits, each with a recording of someone speaking the same digit, from one of two sources.

- source=multibench: the published arrays of 70,000 pairs, images after PCA and spectrograms in noise. There are 60,000
  training and 10,000 test rows in the order of MNIST. The last twelfth of the training rows (55,000 to 59,999) is the
  validation part, as in MultiBench. No row is known to be defective.
- source=fsdd: pairs made of the Free Spoken Digit Dataset and MNIST's own files, 30 MB in all. There are up to 3000
  pairs, no speaker and no image is in two parts, and a fold exists for each speaker. See `_spoken_digits.py`.

The published images are MNIST digits projected onto a few principal components. The PCA was fitted to the training and
test images separately, and its mean was not added back, so values are signed. Not verified: whether 196 components were
kept or enough to explain a quarter of the variance, and the data types on disk. Any real type is read; labels are cast.

Pairs share only their class. In the published arrays, recordings were assigned in turn to the images of their digit and
mixed with noise from ESC-50. The 60,000 rows therefore use about 1500 recordings, and the validation part repeats
recordings of the training part. The test part has its own recordings (another speaker or other takes, depending on the
variant of the generator; which one produced the archive is not verified).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cmkd_bench.config.preparation import Preparation
from cmkd_bench.data.fixtures.signals import depth, sound
from cmkd_bench.data.media.catalogue import Catalogue, Official
from cmkd_bench.data.media.clips import ArrayClip
from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.dataset import PARTS, Modality, Source
from cmkd_bench.datasets._spoken_digits import DIGITS, SPEAKERS, TAKES, spoken_digits, write_spoken_digits
from cmkd_bench.errors import UserError
from cmkd_bench.parameters import parameter
from cmkd_bench.registry import register_dataset

SHAPES = {"image": (1, 28, 28), "audio": (1, 112, 112)}

COUNTS = {  # of MNIST's digits from 0 to 9
    "train+validation": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
    "test": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
}


@dataclass(frozen=True)
class Options:
    """Options that select the files and, for source=fsdd, make the pairs harder."""

    source: str = parameter(
        "multibench",
        "multibench: the published arrays; fsdd: Free Spoken Digit Dataset and MNIST, disjoint speakers",
        source="MultiBench (multibench); ours (fsdd)",
        choices=("multibench", "fsdd"),
    )
    image_energy: float = parameter(
        1.0,
        "share of the variance of the images that a PCA keeps (only fsdd); the literature keeps 0.25",
        source="ours",
        minimum=0.01,
        maximum=1,
    )
    noise: float = parameter(
        0.0,
        "white noise added to the recordings, as a share of their root mean square (only fsdd); the literature mixes "
        "in recordings from ESC-50",
        source="ours",
        minimum=0,
        maximum=100,
    )


@register_dataset("avmnist")
class AvMnist(MediaDataset[Options]):
    """Rows of the published arrays, or pairs of real recordings and real images."""

    modalities = (
        Modality("image", "image", "the written digit, (1, 28, 28), gray values; after PCA and signed in multibench"),
        Modality("audio", "spectrogram", "the spoken digit; in multibench in noise, (1, 112, 112)"),
    )
    classes = DIGITS
    default_pairs = (("audio", "image"),)
    sources = (
        Source(
            file="image/*.npy, audio/*.npy, train_labels.npy, test_labels.npy",
            origin="avmnist.tar.gz, linked in the README of github.com/pliang279/MultiBench",
            license="none of its own; Free Spoken Digit Dataset: CC BY-SA 4.0 (not verified)",
            citation="Vielzeuf, Lechervy, Pateux, Jurie: CentralNet: a Multilayer Approach for Multimodal Fusion. "
            "ECCV Workshops 2018; archive: Liang et al.: MultiBench. NeurIPS Datasets and Benchmarks 2021",
        ),
        Source(
            file="recordings/*.wav (only for source=fsdd)",
            origin="github.com/Jakobovski/free-spoken-digit-dataset, version 1.0.10",
            license="CC BY-SA 4.0",
            citation="Jackson, Souza, Flaks, Pan, Nicolas, Thite: Jakobovski/free-spoken-digit-dataset: v1.0.8. "
            "Zenodo, 2018",
        ),
        Source(
            file="train-images-idx3-ubyte, train-labels-idx1-ubyte, or t10k-* (only for source=fsdd)",
            origin="MNIST, in its original files, packed with gzip or not",
            license="CC BY-SA 3.0 (as commonly stated, not verified)",
            citation="LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition. "
            "Proceedings of the IEEE 86(11), 1998",
        ),
    )
    task = "recognize which digit is written and spoken"
    folder = "avmnist"
    folds = len(SPEAKERS)
    marks = ("train_labels.npy|recordings/*.wav|*/recordings/*.wav",)
    obtain = (
        "Download avmnist.tar.gz from the Google Drive link in the README of github.com/pliang279/MultiBench and "
        "unpack it. For dataset.avmnist.source=fsdd, run git clone https://github.com/Jakobovski/"
        "free-spoken-digit-dataset in its folder, and add MNIST's train-images-idx3-ubyte.gz and "
        "train-labels-idx1-ubyte.gz."
    )

    def __init__(self, options: Options, preparation: Preparation | None = None) -> None:
        super().__init__(options, preparation)
        if options.source != "fsdd":
            self.folds = 1
            if (options.image_energy, options.noise) != (1, 0):
                raise UserError(
                    f"dataset.avmnist.image_energy={options.image_energy:g} and dataset.avmnist.noise="
                    f"{options.noise:g}: the published arrays cannot be changed. Add dataset.avmnist.source=fsdd."
                )

    def catalogue(self, root: Path) -> Catalogue:
        """List all pairs of the source.

        Raises:
            UserError: if a file is missing or unlike the official one.
        """
        if self.options.source == "fsdd":
            return spoken_digits(root, self.options.image_energy, self.options.noise)
        return self._published_rows(root)

    def _published_rows(self, root: Path) -> Catalogue:
        """List all rows, those of the training arrays first."""
        labels = {part: read_labels(root, part) for part in ("train", "test")}
        for modality, shape in SHAPES.items():
            for part, own in labels.items():
                _check_shape(root, f"{modality}/{part}_data.npy", len(own), shape)
        rows = [(part, row) for part, own in labels.items() for row in range(len(own))]
        trained = len(labels["train"])
        validated = math.ceil(trained / 12)
        return Catalogue(
            sample_ids=[f"{part}-{row:05d}" for part, row in rows],
            labels=np.concatenate([labels["train"], labels["test"]]),
            classes=self.classes,
            inputs={
                modality: [ArrayClip(f"{modality}/{part}_data.npy", row, shape) for part, row in rows]
                for modality, shape in SHAPES.items()
            },
            parts=[
                {
                    "train": np.arange(trained - validated),
                    "validation": np.arange(trained - validated, trained),
                    "test": np.arange(trained, len(rows)),
                }
            ],
            notes=("the validation part reuses recordings of the training part; pairs share only their class",),
        )

    def official(self) -> Official:
        """Return the numbers of rows, or of the recordings of all speakers, whom we divide."""
        recordings = {"+".join(PARTS): (len(SPEAKERS) * TAKES,) * len(self.classes)}
        counts = recordings if self.options.source == "fsdd" else COUNTS
        by_digit = {part: dict(zip(self.classes, own, strict=True)) for part, own in counts.items()}
        return Official({part: sum(own) for part, own in counts.items()}, by_digit)

    @classmethod
    def write_fixture(cls, root: Path, clips: int, rng: np.random.Generator) -> None:
        """Write both sources, four digits each.

        The arrays have 1.5 training rows per clip, because only a twelfth of them is for validation.
        """
        write_spoken_digits(root, clips, rng)
        for part, rows in (("train", 12 * math.ceil(clips / 8)), ("test", math.ceil(clips / 4))):
            digits = [row % 4 for row in range(rows)]
            arrays = {
                "image": np.stack([30 * (depth(digit, 4, (28, 28), rng) - 5).ravel() for digit in digits]),
                "audio": np.stack([_spectrogram(digit, rng) for digit in digits]),
            }
            for modality, array in arrays.items():
                (root / modality).mkdir(exist_ok=True)
                np.save(root / f"{modality}/{part}_data.npy", array.astype(np.float32))
            np.save(root / f"{part}_labels.npy", np.array(digits, np.float64 if part == "train" else np.uint8))


def read_labels(root: Path, part: str) -> np.ndarray:
    """Read the labels of a part, (N,) int64 from 0 to 9.

    Raises:
        UserError: if the file contains anything else.
    """
    name = f"{part}_labels.npy"
    array = _open(root, name)
    if array.ndim != 1:
        raise UserError(f"avmnist: {name}: expected one number per row, got shape {array.shape}.")
    wrong = np.flatnonzero(~np.isin(array, np.arange(10)))
    if len(wrong):
        raise UserError(f"avmnist: {name}: expected digits from 0 to 9, got {array[wrong[0]]} in row {wrong[0]}.")
    return array.astype(np.int64)


def _check_shape(root: Path, name: str, rows: int, shape: tuple[int, ...]) -> None:
    found = _open(root, name).shape
    if len(found) < 2 or found[0] != rows or math.prod(found[1:]) != math.prod(shape):
        raise UserError(
            f"avmnist: {name}: expected {rows} rows of {math.prod(shape)} numbers, one row per label, got shape "
            f"{found}."
        )


def _open(root: Path, name: str) -> np.ndarray:
    """Open an array, reading only its header."""
    if not (root / name).is_file():
        found = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.npy"))
        raise UserError(
            f"avmnist: {name} not found in {root}. Found: {', '.join(found[:12]) or 'no .npy file'}. To use recordings "
            "of the Free Spoken Digit Dataset and MNIST's own files instead, add dataset.avmnist.source=fsdd."
        )
    try:
        array: np.ndarray = np.lib.format.open_memmap(root / name, mode="r")
    except (OSError, ValueError) as error:
        raise UserError(f"avmnist: {name} is not a complete numeric .npy file ({error}). Unpack it again.") from error
    if array.dtype.kind not in "fiu":
        raise UserError(f"avmnist: {name}: expected real numbers, got {array.dtype}.")
    return array


def _spectrogram(digit: int, rng: np.random.Generator) -> np.ndarray:
    """Return the magnitudes of 112 windows of a tone, (112, 112)."""
    windows = sound(digit, 4, 112 * 222 / 8000, 8000, rng).reshape(112, 222)
    magnitudes: np.ndarray = np.abs(np.fft.rfft(windows)).T
    return magnitudes
