"""A prepared set on disk: memory-mapped arrays, an index, and a digest and sums per row.

The folder is `<prepared root>/<dataset>/<key>/`; the key is a hash of the dataset's name, its options and the
preparation. `begun.json` describes the planned set, `manifest.json` appears by rename when the set is complete.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from cmkd_bench.config.preparation import Preparation
from cmkd_bench.data.manifest import TARGETS
from cmkd_bench.data.media.integrity import check_hash, check_rows, column_hash, load_array, read_manifest, repair_of
from cmkd_bench.dataset import PARTS, PairedData
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.files import read_object

FORMAT = 2  # incremented when the same input is stored differently
PARTIAL = "partial copy:"  # how notes on samples that a copy lacks begin
MOMENTS = 3  # sum, sum of squares, count


@dataclass(frozen=True)
class SetFolder:
    """The files of one prepared set."""

    path: Path

    @property
    def dataset(self) -> str:
        """The name of the dataset."""
        return self.path.parent.name

    @property
    def begun(self) -> Path:
        """The inputs of the set; written first."""
        return self.path / "begun.json"

    @property
    def manifest(self) -> Path:
        """The hashes of a complete set; written last."""
        return self.path / "manifest.json"

    @property
    def samples(self) -> Path:
        """Ids, labels, groups, parts, classes, notes and texts."""
        return self.path / "samples.json"

    @property
    def skipped(self) -> Path:
        """The reasons why clips could not be used, by column and row."""
        return self.path / "skipped.json"

    @property
    def lock(self) -> Path:
        """Held by the process that prepares the set."""
        return self.path / "lock"

    def array(self, column: str) -> Path:
        """Return the file with (N, ...), the decoded clips of a modality or the targets."""
        return self.path / f"{column}.npy"

    def digests(self, column: str) -> Path:
        """Return the file with (N, 16) uint8, blake2b of each row's bytes; zeros if there is no row yet."""
        return self.path / f"{column}.digests.npy"

    def moments(self, column: str) -> Path:
        """Return the file with (N, channels, 3) float64: sum, sum of squares and count of each row's values."""
        return self.path / f"{column}.moments.npy"


def set_folder(root: Path, name: str, options: Any, preparation: Preparation) -> SetFolder:
    """Return the location of a set.

    Args:
        root: folder of the prepared arrays.
        name: name of the dataset.
        options: options of the dataset, a dataclass.
        preparation: how clips are stored.
    """
    identity = [name, dataclasses.asdict(options), dataclasses.asdict(preparation), FORMAT]
    key = hashlib.blake2b(json.dumps(identity, sort_keys=True).encode(), digest_size=5).hexdigest()
    return SetFolder(root / name / key)


def open_prepared(folder: SetFolder) -> PreparedSet | None:
    """Return the prepared set in a folder, or None if there is no complete one.

    Raises:
        Damaged: if its manifest is damaged.
    """
    if not folder.manifest.is_file():
        return None
    return PreparedSet(folder, read_manifest(folder.manifest, folder.dataset))


def load_prepared(name: str, folder: SetFolder) -> PreparedSet:
    """Return the prepared set of a dataset.

    Raises:
        UserError: if nothing is prepared with these settings.
    """
    if (found := open_prepared(folder)) is not None:
        return found
    state = "is only partly prepared" if folder.begun.exists() else "is not prepared with these settings"
    raise UserError(
        f"dataset '{name}' {state} ({folder.path}). Run, with the same settings: cmkd-bench prepare {name} --root DIR"
    )


@dataclass(frozen=True)
class PreparedSet:
    """A complete set, whose files are checked when they are first used; `Damaged` names one that differs."""

    folder: SetFolder  # its files
    manifest: Mapping[str, Any]  # settings, column shapes and hashes

    @cached_property
    def samples(self) -> Mapping[str, Any]:
        """The index, as JSON values."""
        check_hash(self.folder.samples, self.manifest["index"], self.folder.dataset)
        return read_object(self.folder.samples)

    @cached_property
    def usable(self) -> np.ndarray:
        """(N,) bool: whether all clips of the sample are available."""
        usable = np.ones(len(self.samples["sample_ids"]), bool)
        for name in self.manifest["columns"]:
            usable &= self._digests(name).any(axis=1)
        return usable

    def check(self) -> None:
        """Check the index, the digests and the sums, and the arrays by a sample of their rows.

        Raises:
            Damaged: for the first file that differs from the manifest.
        """
        self.paired(0)

    def paired(self, fold: int) -> PairedData:
        """Return the data with the parts of one fold. Samples with a bad clip keep their row, but are in no part.

        Raises:
            UserError: for a fold that the files are not enough for.
        """
        samples, columns = self.samples, self.manifest["columns"]
        if fold >= (folds := len(samples["parts"])):
            raise UserError(
                f"dataset '{self.folder.dataset}' has no fold {fold} with the files that are there. Available: 0 to "
                f"{folds - 1}."
            )
        modalities = [name for name in columns if name != TARGETS]
        parts = {part: np.array(samples["parts"][fold][part], np.int64) for part in PARTS}
        used = {part: rows[self.usable[rows]] for part, rows in parts.items()}
        texts = {name: np.array(strings, np.str_) for name, strings in samples["texts"].items()}
        arrays = {name: self._array(name) for name in columns}
        return PairedData(
            inputs={**{name: arrays[name] for name in modalities}, **texts},
            labels=np.array(samples["labels"], np.int64),
            parts=used,
            sample_ids=np.array(samples["sample_ids"], np.str_),
            groups=None if samples["groups"] is None else np.array(samples["groups"]),
            hashes={name: columns[name]["hash"] for name in columns},
            classes=tuple(samples["classes"]),
            targets=arrays.get(TARGETS),
            moments={name: self._moments(name) for name in modalities},
            notes=(*samples["notes"], *_loss(parts, used)),
            fixture=bool(self.manifest["fixture"]),
        )

    def _array(self, name: str) -> np.ndarray:
        path = self.folder.array(name)
        array = load_array(path, self.folder.dataset, mapped=True)
        check_rows(path, array, self._digests(name), self.manifest["columns"][name], self.folder.dataset)
        return array

    def _digests(self, name: str) -> np.ndarray:
        path, shape = self.folder.digests(name), self.manifest["columns"][name]
        digests = load_array(path, self.folder.dataset)
        if column_hash(digests, shape) != shape["hash"] or len(digests) != self.manifest["samples"]:
            raise Damaged(path, "was changed: its content does not match the manifest", repair_of(self.folder.dataset))
        return digests

    def _moments(self, name: str) -> np.ndarray:
        path = self.folder.moments(name)
        check_hash(path, self.manifest["columns"][name]["moments"], self.folder.dataset)
        return load_array(path, self.folder.dataset)


def usable_rows(folder: SetFolder, columns: list[str], samples: int) -> np.ndarray:
    """Return (N,) bool: the rows that are available in all columns."""
    usable = np.ones(samples, bool)
    for column in columns:
        usable &= load_array(folder.digests(column), folder.dataset).any(axis=1)
    return usable


def row_moments(row: np.ndarray, kind: str) -> np.ndarray:
    """Return sums over one row, which give the statistics of any part without reading the arrays.

    They depend on the values alone: NumPy adds in the order of the memory, so the row is brought into the stored one.

    Args:
        row: a clip as stored.
        kind: kind of the modality. The channels are the second axis of a video and the first of all others; of depth,
            known pixels count.

    Returns:
        (channels, 3) float64: sum, sum of squares, count.
    """
    row = np.ascontiguousarray(row)
    channels = row.swapaxes(0, 1) if kind == "video" else row
    # Integers are summed as integers, which is several times faster; 255 squared fits into 16 bits.
    wide, total = (np.uint16, np.uint64) if row.dtype == np.uint8 else (np.float64, np.float64)
    sums = np.empty((len(channels), MOMENTS))
    for number, channel in enumerate(channels):
        known = channel[channel > 0] if kind == "depth" else channel
        squares = np.square(known, dtype=wide)
        sums[number] = known.sum(dtype=total), squares.sum(dtype=total), known.size
    return sums


def _loss(parts: Mapping[str, np.ndarray], used: Mapping[str, np.ndarray]) -> list[str]:
    """Return a note on the share of each part that is there, if samples are lacking."""
    if all(len(used[part]) == len(parts[part]) for part in PARTS):
        return []
    shares = ", ".join(share_of(len(used[part]), len(parts[part]), part) for part in PARTS if len(parts[part]))
    return [f"{PARTIAL} {shares} have all their clips (skipped.csv)"]


def share_of(count: int, total: int, part: str) -> str:
    """Return the share of a part that is there, as text; 100.0 % is all of it."""
    return f"{1000 * count // total / 10} % of {part} ({count} of {total})"
