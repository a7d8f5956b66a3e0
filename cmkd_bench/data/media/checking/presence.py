"""What is known about a dataset on disk without looking at it again: found, complete or partial, prepared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cmkd_bench.config.roots import Roots
from cmkd_bench.data.media.checking.download_check import Completeness
from cmkd_bench.data.media.location import Search, is_fixture, search
from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.data.media.prepared import SetFolder, open_prepared
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.faults import make_folder
from cmkd_bench.experiment.files import read_object, write_json

CHECK_FILE = "check.json"


@dataclass(frozen=True)
class Presence:
    """The state of a dataset on disk."""

    search: Search  # where it was looked for
    fixture: bool  # whether the folder is a miniature
    share: float | None  # of the samples, by the last check or the latest prepared set; None if unknown
    sets: int  # number of complete prepared sets

    @property
    def summary(self) -> str:
        """The state in a few words."""
        words = []
        if self.search.root is None:
            words = ["not found"]
        elif self.fixture:
            words = ["miniature"]
        elif self.share is None:
            words = ["found, not checked"]
        if self.share is not None and not self.fixture:
            words.append("complete" if self.share >= 1 else f"partial ({int(1000 * self.share) / 10} %)")
        return ", ".join([*words, "prepared"] if self.sets else words)


def presence_of(cls: type[MediaDataset[Any]], roots: Roots) -> Presence:
    """Return what is known about a dataset; no annotation and no media file is read."""
    found = search(cls.download(), roots.data)
    manifests = sorted((roots.prepared / cls.registry_name).glob("*/manifest.json"), key=_age)
    share = None if found.root is None else _checked_share(roots.prepared / cls.registry_name, found.root)
    if share is None and manifests:
        share = _prepared_share(SetFolder(manifests[0].parent))
    return Presence(found, found.root is not None and is_fixture(found.root), share, len(manifests))


def remember(dataset: MediaDataset[Any], found: Completeness) -> None:
    """Save the result of a check beside the prepared sets."""
    folder = dataset.roots.prepared / dataset.registry_name
    if make_folder(folder):
        values = {"root": str(found.root.absolute()), "share": found.share}
        write_json(folder / CHECK_FILE, values, durable=False)


def _checked_share(folder: Path, root: Path) -> float | None:
    """Return the share that the last check found; None if there was none, or it was of another folder."""
    try:
        values = read_object(folder / CHECK_FILE)
        return float(values["share"]) if values["root"] == str(root.absolute()) else None
    except (OSError, UserError, KeyError, TypeError, ValueError):
        return None


def _prepared_share(folder: SetFolder) -> float | None:
    """Return the share of a set's samples that could be decoded; None if it is damaged."""
    try:
        found = open_prepared(folder)
        return None if found is None else float(found.usable.mean())
    except (OSError, UserError):
        return None


def _age(path: Path) -> float:
    return -path.stat().st_mtime
