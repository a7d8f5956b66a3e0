"""The Free Spoken Digit Dataset and MNIST's own files, paired by digit: the source `fsdd` of avmnist.

Version 1.0.10 has 3000 recordings: 50 takes of ten digits by six speakers, at 8 kHz, 0.14 to 2.3 s long. The speakers'
levels differ by a factor of 13, so each spectrogram is normalized by itself (prepare.clip_norm). Fold k tests the k-th
speaker, validates on the next one, and trains on the others. A split by take would have all speakers in all parts; a
new speaker is much harder to recognize.

A recording is paired with one image of its digit, which no other recording gets. The image depends only on the digit,
speaker and take, so a missing recording does not change the other pairs. Images in odd rows are used for pairs; those
in even rows only determine the principal components of option image_energy, which therefore know nothing of any part.
"""

from __future__ import annotations

import functools
import gzip
import itertools
import math
import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cmkd_bench.config.preparation import Preparation
from cmkd_bench.data.fixtures.signals import picture, sound
from cmkd_bench.data.media.catalogue import Catalogue, Skipped
from cmkd_bench.data.media.clips import AudioClip, BadClip, Clip, media_file
from cmkd_bench.data.media.decoding.idx import read_idx
from cmkd_bench.data.splits import by_group
from cmkd_bench.errors import UserError

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
TAKES = 50
DIGITS = tuple("0123456789")
PAIRING_SEED = 0
RECORDINGS = ("recordings/*.wav", "*/recordings/*.wav")
_NAME = re.compile(r"([0-9])_([a-z]+)_([0-9]+)")


@dataclass(frozen=True)
class NoisyAudioClip(AudioClip):
    """A sound with white noise, which depends only on the file's name."""

    noise: float = 0.0  # root mean square of the noise, as a share of the sound's

    def decode(self, root: Path, preparation: Preparation) -> np.ndarray:
        """Return (1, frequencies, columns), the logarithm of the spectrogram."""
        from cmkd_bench.data.media.decoding.audio import waveform
        from cmkd_bench.data.media.decoding.spectrogram import log_spectrogram

        sound = waveform(media_file(root, self.path), self.start, self.end, preparation)
        level = self.noise * np.sqrt(np.square(sound, dtype=np.float64).mean())
        rng = np.random.default_rng(zlib.crc32(Path(self.path).name.encode()))
        noisy: np.ndarray = (sound + rng.normal(0, level, len(sound))).astype(np.float32)
        return log_spectrogram(noisy, preparation)


@dataclass(frozen=True)
class DigitClip(Clip):
    """An image of an idx file."""

    row: int  # its number
    energy: float = 1.0  # share of the variance that is kept by projection onto principal components

    def decode(self, root: Path, preparation: Preparation) -> np.ndarray:
        """Return (1, 28, 28) uint8."""
        images = read_idx(media_file(root, self.path))
        if images.ndim != 3 or not 0 <= self.row < len(images):
            raise BadClip(f"no image in row {self.row} of shape {images.shape}")
        image: np.ndarray = images[self.row][None]
        if self.energy == 1:
            return image
        status = (root / self.path).stat()
        mean, components = principal_components(root / self.path, self.energy, status.st_mtime_ns)
        kept: np.ndarray = mean + components @ (components.T @ (image.ravel() - mean))
        return kept.round().clip(0, 255).astype(np.uint8).reshape(image.shape)


@functools.lru_cache(maxsize=1)
def principal_components(path: Path, energy: float, _changed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean (D,) and the fewest components (D, K) with that share of the variance, of the even rows."""
    unpaired = read_idx(path)[::2].astype(np.float64)
    unpaired = unpaired.reshape(len(unpaired), -1)
    values, vectors = np.linalg.eigh(np.cov(unpaired, rowvar=False))
    shares = np.cumsum(values[::-1]) / values.sum()
    count = int(np.searchsorted(shares, energy * (1 - 1e-9))) + 1
    return unpaired.mean(0), vectors[:, ::-1][:, :count]


def spoken_digits(root: Path, image_energy: float, noise: float) -> Catalogue:
    """List the recordings that are there, each with its image.

    Args:
        root: a folder with `recordings/`, or with the clone that contains it, and MNIST's idx files.
        image_energy: share of the images' variance that is kept.
        noise: level of the noise, as a share of the sound's.

    Raises:
        UserError: if files are missing, or there are fewer than three speakers or too few images of a digit.
    """
    recordings, skipped = find_recordings(root)
    names = sorted(recordings, key=lambda name: (name[0], name[1], name[2]))
    speakers = [speaker for speaker in SPEAKERS if any(name[1] == speaker for name in names)]
    if len(speakers) < 3:
        found = ", ".join(speakers) or "none"
        raise UserError(
            f"avmnist: source=fsdd needs recordings of at least three of the speakers {', '.join(SPEAKERS)}, one for "
            f"each part; found in {root}: {found}."
        )
    images, rows, notes = paired_images(root, names)
    groups = np.array([speakers.index(speaker) for _, speaker, _ in names], np.int64)
    missing = len(SPEAKERS) * TAKES * len(DIGITS) - len(names)
    if missing:
        notes = (*notes, f"{missing} of 3000 recordings are missing; speakers: {', '.join(speakers)}")
    count = len(speakers)
    return Catalogue(
        sample_ids=[f"{digit}_{speaker}_{take:02d}" for digit, speaker, take in names],
        labels=np.array([digit for digit, _, _ in names], np.int64),
        classes=DIGITS,
        inputs={
            "image": [DigitClip(images, int(row), image_energy) for row in rows],
            "audio": [
                NoisyAudioClip(recordings[name], noise=noise) if noise else AudioClip(recordings[name])
                for name in names
            ],
        },
        parts=[by_group(groups, validation=[(fold + 1) % count], test=[fold]) for fold in range(count)],
        groups=groups,
        skipped=skipped,
        notes=(f"fold k tests speaker k of {', '.join(speakers)}, and validates on the next", *notes),
    )


Name = tuple[int, str, int]  # digit, speaker, take


def find_recordings(root: Path) -> tuple[dict[Name, str], list[Skipped]]:
    """Return the paths of the recordings by name, and what else is among them."""
    found: dict[Name, str] = {}
    skipped = []
    for file in sorted(path for pattern in RECORDINGS for path in root.glob(pattern)):
        path, match = file.relative_to(root).as_posix(), _NAME.fullmatch(file.stem)
        if match is None or match[2] not in SPEAKERS or int(match[3]) >= TAKES:
            skipped.append(Skipped(file.stem, "audio", path, "not one of the 3000 recordings of version 1.0.10"))
        else:
            found.setdefault((int(match[1]), match[2], int(match[3])), path)
    return found, skipped


def paired_images(root: Path, names: Sequence[Name]) -> tuple[str, list[int], tuple[str, ...]]:
    """Return the path of MNIST's images, the row of each recording's image, and notes."""
    part = next((part for part in ("train", "t10k") if _idx_file(root, part, "images", 3)), "")
    images, labels = (_idx_file(root, part, kind, axes) for kind, axes in (("images", 3), ("labels", 1)))
    if images is None or labels is None:
        raise UserError(
            f"avmnist: source=fsdd needs MNIST's train-images-idx3-ubyte and train-labels-idx1-ubyte, or those of "
            f"t10k, packed with gzip or not, in {root} or up to two folders below it. Found: "
            f"{', '.join(sorted(path.name for path in (images, labels) if path)) or 'neither'}."
        )
    try:
        digits = read_idx(media_file(root, labels.relative_to(root).as_posix()))
    except BadClip as problem:
        raise UserError(f"avmnist: {labels.name}: {problem}. Download it again.") from problem
    odd = np.arange(1, len(digits), 2)
    rows = []
    own = {digit: odd[digits.ravel()[odd] == digit] for digit in range(len(DIGITS))}
    order = {digit: np.random.RandomState([PAIRING_SEED, digit]).permutation(found) for digit, found in own.items()}
    for digit, speaker, take in names:
        place = take * len(SPEAKERS) + SPEAKERS.index(speaker)
        if place >= len(order[digit]):
            raise UserError(
                f"avmnist: {labels.name} has only {len(order[digit])} images of digit {digit} in odd rows, fewer than "
                "its recordings need. Download MNIST's files again."
            )
        rows.append(int(order[digit][place]))
    note = "images are from MNIST's test part, because its training part is missing"
    return images.relative_to(root).as_posix(), rows, (note,) if part == "t10k" else ()


def _idx_file(root: Path, part: str, kind: str, axes: int) -> Path | None:
    name = f"{part}-{kind}[-.]idx{axes}-ubyte"
    patterns = (f"{folders}{name}{suffix}" for folders in ("", "*/", "*/*/") for suffix in ("", ".gz"))
    return next((path for pattern in patterns for path in sorted(root.glob(pattern)) if path.is_file()), None)


def write_spoken_digits(root: Path, clips: int, rng: np.random.Generator) -> None:
    """Write a clone with four digits by six speakers, of whom one is quiet, and MNIST's test part, packed.

    One recording is missing, one is truncated, and two files are not of version 1.0.10.
    """
    from cmkd_bench.data.fixtures.encoding import truncate, write_wav

    folder = root / "free-spoken-digit-dataset/recordings"
    takes = min(TAKES, max(2, math.ceil(clips / 24)))
    for digit, speaker, take in itertools.product(range(4), SPEAKERS, range(takes)):
        voice = sound(digit, 4, float(rng.uniform(0.15, 0.6)), 8000, rng)
        write_wav(folder / f"{digit}_{speaker}_{take}.wav", voice * (0.02 if speaker == "theo" else 0.5), 8000)
    (folder / "0_george_0.wav").unlink()
    truncate(folder / "1_jackson_0.wav")
    for other in ("0_someone_0.wav", f"0_george_{TAKES}.wav"):
        write_wav(folder / other, sound(0, 4, 0.3, 8000, rng), 8000)
    digits = np.arange(8 * (takes + 1) * len(SPEAKERS), dtype=np.uint8) // 2 % 4
    images = np.stack([picture(int(digit), 4, (28, 28), rng)[..., 0] for digit in digits])
    for kind, array in (("images", images), ("labels", digits)):
        head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        path = root / f"t10k-{kind}-idx{array.ndim}-ubyte.gz"
        path.write_bytes(gzip.compress(head + array.tobytes(), mtime=0))
