"""The columns to decode: one per modality, with the shape of the first good clip."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cmkd_bench.config.preparation import Preparation
from cmkd_bench.data.manifest import TARGETS
from cmkd_bench.data.media.catalogue import Catalogue
from cmkd_bench.data.media.clips import BadClip, Clip
from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.errors import UserError

SHOWN = 3  # bad clips in a message


@dataclass(frozen=True)
class StoredColumn:
    """The clips of one modality, or the label maps."""

    name: str  # name of the modality, or `targets`
    kind: str  # kind of the modality; empty for the targets, which have no statistics
    clips: Sequence[Clip]  # the N clips

    def decode(self, row: int, root: Path, preparation: Preparation) -> np.ndarray:
        """Return one clip.

        Raises:
            BadClip: for any problem with the file; one of a million files may break a decoder in any way.
            UserError: if the settings are wrong, so that no clip could be decoded.
        """
        try:
            return self.clips[row].decode(root, preparation)
        except (BadClip, UserError):
            raise
        except Exception as error:
            raise BadClip(" ".join(f"{type(error).__name__}: {error}".split())) from error


def columns_of(dataset: MediaDataset[Any], catalogue: Catalogue) -> list[StoredColumn]:
    """Return everything that must be decoded; texts are stored unchanged.

    Raises:
        UserError: if the catalogue's lists differ in length or an id is repeated.
    """
    media = [modality for modality in dataset.modalities if modality.kind != "text"]
    columns: list[StoredColumn] = []
    for modality in media:
        clips: Any = catalogue.inputs[modality.name]
        columns.append(StoredColumn(modality.name, modality.kind, clips))
    if catalogue.targets is not None:
        columns.append(StoredColumn(TARGETS, "", catalogue.targets))
    samples = len(catalogue.sample_ids)
    lengths = {name: len(values) for name, values in catalogue.inputs.items()}
    lengths |= {column.name: len(column.clips) for column in columns}
    for what, length in {**lengths, "labels": len(catalogue.labels)}.items():
        if length != samples:
            raise UserError(f"dataset '{dataset.registry_name}': {length} {what}, but {samples} samples.")
    if len(set(catalogue.sample_ids)) != samples:
        raise UserError(f"dataset '{dataset.registry_name}': sample ids are not unique.")
    return columns


def catalogue_hash(catalogue: Catalogue) -> str:
    """Return a hash of a catalogue's content, which distinguishes copies of the dataset."""
    content = hashlib.blake2b(digest_size=16)
    content.update(json.dumps(index_of(catalogue), sort_keys=True).encode())
    clips = [*catalogue.inputs.values(), *([catalogue.targets] if catalogue.targets is not None else [])]
    for values in clips:
        for value in values:
            content.update(repr(value).encode())
    content.update(repr(list(catalogue.skipped)).encode())
    return content.hexdigest()


def index_of(catalogue: Catalogue) -> dict[str, Any]:
    """Return the content of a catalogue except for its clips, as JSON values."""
    texts = {
        name: [str(value) for value in values]
        for name, values in catalogue.inputs.items()
        if len(values) and isinstance(values[0], str)
    }
    return {
        "sample_ids": [str(name) for name in catalogue.sample_ids],
        "labels": np.asarray(catalogue.labels).tolist(),
        "classes": list(catalogue.classes),
        "groups": None if catalogue.groups is None else np.asarray(catalogue.groups).tolist(),
        "parts": [{part: np.asarray(rows).tolist() for part, rows in fold.items()} for fold in catalogue.parts],
        "texts": texts,
        "notes": list(catalogue.notes),
    }


def probe(
    dataset: str, column: StoredColumn, ids: Sequence[str], root: Path, preparation: Preparation
) -> dict[str, Any]:
    """Return the type and shape of a column's rows.

    Raises:
        UserError: if no clip can be decoded.
    """
    reasons = []
    for row, clip in enumerate(column.clips):
        try:
            array = column.decode(row, root, preparation)
        except BadClip as error:
            reasons.append(f"{ids[row]} ({clip.path}): {error}")
            continue
        return {"kind": column.kind, "dtype": array.dtype.str, "shape": list(array.shape)}
    examples = "; ".join(reasons[:SHOWN]) or "there are no samples"
    raise UserError(
        f"dataset '{dataset}': cannot read any clip of '{column.name}' below {root}. {examples}. "
        "Check that the media files are downloaded and unpacked."
    )
