"""Hashes of the data and the split of one fold, which prove that two results come from the same samples."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from cmkd_bench.dataset import PARTS, Dataset, PairedData
from cmkd_bench.errors import UserError

TARGETS = "targets"  # the name of label maps, used like the name of a modality
COMMITTED = Path(__file__).parent.parent / "datasets" / "embedded" / "manifests.json"


@dataclass(frozen=True)
class Manifest:
    """The hashes of one fold."""

    # sha256 over the dataset's name and options, the fold, the sample ids of each part in order, the labels, the
    # groups, and the classes and targets if there are any
    split: str
    inputs: Mapping[str, str]  # by modality, sha256 over the type, the shape and the bytes of the raw array

    @property
    def hash(self) -> str:
        """One sha256 over the split and its modalities."""
        return _sha256(json.dumps([self.split, sorted(self.inputs.items())]).encode())


def build_manifest(
    dataset: Dataset[Any], fold: int, data: PairedData, modalities: Iterable[str] | None = None
) -> Manifest:
    """Return the manifest of data that `dataset.load(fold)` returned.

    Args:
        dataset: with its options.
        fold: 0 to folds-1.
        data: the raw arrays.
        modalities: the modalities in use (default: all).
    """
    names = data.inputs if modalities is None else modalities
    return Manifest(split_hash(dataset, fold, data), {name: input_hash(data, name) for name in names})


def split_hash(dataset: Dataset[Any], fold: int, data: PairedData) -> str:
    """Return the hash of a fold without its inputs."""
    head = [dataset.registry_name, dataclasses.asdict(dataset.options), fold]
    ids = {part: data.sample_ids[data.parts[part]].tolist() for part in PARTS}
    split = hashlib.sha256(json.dumps([head, ids], sort_keys=True).encode())
    split.update(_array_bytes(data.labels))
    if data.groups is not None:
        split.update(_array_bytes(data.groups))
    if data.classes is not None:
        split.update(json.dumps(data.classes).encode())
    if data.targets is not None:
        split.update(_hash_of(data, TARGETS, data.targets).encode())
    return split.hexdigest()


def input_hash(data: PairedData, modality: str) -> str:
    """Return the hash of a modality's raw array."""
    return _hash_of(data, modality, data.inputs[modality])


def verify(dataset: Dataset[Any], fold: int, hashes: Mapping[str, str]) -> None:
    """Compare with the committed hashes, if there are any: for bundled datasets with their default options.

    Args:
        dataset: with its options.
        fold: 0 to folds-1.
        hashes: by modality, and that of the split under `split`.

    Raises:
        UserError: if the split or an input differs.
    """
    committed = _committed().get(f"{dataset.registry_name}/{fold}")
    if committed is None or dataset.options != dataset.Options():
        return
    if wrong := [name for name, found in hashes.items() if found != committed.get(name)]:
        raise UserError(
            f"dataset '{dataset.registry_name}', fold {fold}: {', '.join(wrong)} differs from the published data "
            "(datasets/embedded/manifests.json), so results would not be comparable. Reinstall the package; after a "
            "deliberate change, run: python datasets/embedded/rebuild.py manifests"
        )


@cache
def _committed() -> dict[str, dict[str, str]]:
    if not COMMITTED.is_file():
        return {}
    content: dict[str, dict[str, str]] = json.loads(COMMITTED.read_text(encoding="utf-8"))
    return content


def _hash_of(data: PairedData, name: str, array: np.ndarray) -> str:
    """Return the hash that was computed when the array was stored, or else a hash of its bytes."""
    return (data.hashes or {}).get(name) or _sha256(_array_bytes(array))


def _array_bytes(array: np.ndarray) -> bytes:
    if array.dtype.kind == "U":  # the width of NumPy's strings depends on the longest one
        return json.dumps(array.tolist()).encode()
    little_endian = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return f"{little_endian.dtype.str}{array.shape}".encode() + little_endian.tobytes()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
