"""AV-MNIST: 70,000 handwritten digits, each with a spectrogram of somebody speaking the same digit in noise.

60,000 training and 10,000 test rows in the order of MNIST; of the former the last twelfth, rows 55,000 to 59,999, is
the validation part, as in MultiBench. No row is known to be defective.

An image is MNIST after a PCA of few components, which was fitted to the training and the test images separately, and
its mean was not added back, so values are signed. Whether 196 components were kept or as many as explain a quarter of
the variance is not verified, and neither are the numbers' types on disk: any real type is read, labels are cast.

Pairs share the class and nothing else. Recordings of the Free Spoken Digit Dataset were dealt out in turn to the images
of their digit and mixed with noise of ESC-50, so about 1500 recordings stand behind 60,000 rows, and the validation
part hears those of the training part again. The test part has recordings of its own (another speaker or other takes,
by the generator's variant; which one made the archive is not verified).
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from cmkd_bench.data.fixtures.signals import depth, sound
from cmkd_bench.data.media.catalogue import Catalogue
from cmkd_bench.data.media.clips import ArrayClip
from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.dataset import Modality, Source
from cmkd_bench.errors import UserError
from cmkd_bench.parameters import NoParameters
from cmkd_bench.registry import register_dataset

SHAPES = {"image": (1, 28, 28), "audio": (1, 112, 112)}


@register_dataset("avmnist")
class AvMnist(MediaDataset[NoParameters]):
    """Rows of the published arrays; they are taken as they are, but for the normalisation that all datasets get."""

    modalities = (
        Modality("image", "image", "the written digit after a PCA, signed grey values, (1, 28, 28)"),
        Modality("audio", "spectrogram", "the spoken digit in noise, (1, 112, 112)"),
    )
    classes = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
    default_pairs = (("audio", "image"),)
    sources = (
        Source(
            file="image/*.npy, audio/*.npy, train_labels.npy, test_labels.npy",
            origin="avmnist.tar.gz, linked in the README of github.com/pliang279/MultiBench",
            license="none of its own; Free Spoken Digit Dataset: CC BY-SA 4.0 (not verified)",
            citation="Vielzeuf, Lechervy, Pateux, Jurie: CentralNet: a Multilayer Approach for Multimodal Fusion. "
            "ECCV Workshops 2018; archive: Liang et al.: MultiBench. NeurIPS Datasets and Benchmarks 2021",
        ),
    )
    task = "which digit is written and spoken"
    folder = "avmnist"
    marks = ("image/train_data.npy", "audio/train_data.npy", "train_labels.npy")
    obtain = "Unpack avmnist.tar.gz, whose link (Google Drive) is in the README of github.com/pliang279/MultiBench."

    def catalogue(self, root: Path) -> Catalogue:
        """All rows, those of the training arrays first.

        Raises:
            UserError: if an array is missing, is no array of numbers, or has another shape than its labels ask for.
        """
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
            notes=("the validation part has the recordings of the training part; a pair shares its class only",),
        )

    @classmethod
    def write_fixture(cls, root: Path, clips: int, rng: np.random.Generator) -> None:
        """Four digits; three rows in two clips, as the validation part is but a twelfth of the training rows."""
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
    """(N,) int64, 0 to 9.

    Raises:
        UserError: for anything else.
    """
    name = f"{part}_labels.npy"
    array = _open(root, name)
    if array.ndim != 1:
        raise UserError(f"avmnist: {name} must have one number for each row, not the shape {array.shape}.")
    wrong = np.flatnonzero(~np.isin(array, np.arange(10)))
    if len(wrong):
        raise UserError(f"avmnist: {name} must hold digits from 0 to 9, but row {wrong[0]} is {array[wrong[0]]}.")
    return array.astype(np.int64)


def _check_shape(root: Path, name: str, rows: int, shape: tuple[int, ...]) -> None:
    found = _open(root, name).shape
    if len(found) < 2 or found[0] != rows or math.prod(found[1:]) != math.prod(shape):
        raise UserError(
            f"avmnist: {name} must have {rows} rows, as its labels have, of {math.prod(shape)} numbers. "
            f"Found: the shape {found}."
        )


def _open(root: Path, name: str) -> np.ndarray:
    """The array, of which nothing but the header is read yet."""
    if not (root / name).is_file():
        found = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.npy"))
        raise UserError(f"avmnist: {name} is missing in {root}. Found: {', '.join(found[:12]) or 'no .npy file'}.")
    try:
        array: np.ndarray = np.lib.format.open_memmap(root / name, mode="r")
    except (OSError, ValueError) as error:
        raise UserError(f"avmnist: {name} is no complete .npy file of numbers ({error}). Unpack it again.") from error
    if array.dtype.kind not in "fiu":
        raise UserError(f"avmnist: {name} must hold real numbers, not {array.dtype}.")
    return array


def _spectrogram(digit: int, rng: np.random.Generator) -> np.ndarray:
    """(112, 112): the magnitudes of 112 windows of a tone."""
    windows = sound(digit, 4, 112 * 222 / 8000, 8000, rng).reshape(112, 222)
    magnitudes: np.ndarray = np.abs(np.fft.rfft(windows)).T
    return magnitudes
