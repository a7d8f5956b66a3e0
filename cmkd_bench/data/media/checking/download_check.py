"""Compare a download with what was published, sample by sample; media files are looked up, but not read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np

from cmkd_bench.data.media.catalogue import Catalogue, Official
from cmkd_bench.data.media.clips import BadClip, media_file
from cmkd_bench.data.media.location import Download, find_root, is_fixture, search
from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.data.media.prepared import PARTIAL, share_of
from cmkd_bench.dataset import PARTS

SMALL_BYTES = 1024  # a smaller file is opened: it may be a git-lfs pointer or a web page


class Extent(IntEnum):
    """How much of a dataset is there."""

    COMPLETE = 0
    PARTIAL = 1  # can be used, but results are not those of the whole dataset
    UNUSABLE = 2  # the training or test part is empty


@dataclass(frozen=True)
class Count:
    """The samples of a part, or of one of its classes."""

    part: str  # of the publication; our parts joined by `+`
    label: str  # name of the class; empty for all
    official: int | None  # published samples; None if unknown
    listed: int  # samples in the annotations
    left_out: int  # those left out on purpose
    present: int  # those that are used and have all their files

    @property
    def expected(self) -> int:
        """The samples that a complete copy would have."""
        return max(self.official or 0, self.listed) - self.left_out

    @property
    def missing(self) -> int:
        """The samples that are not listed, or lack a file."""
        return self.expected - self.present


@dataclass(frozen=True)
class Completeness:
    """What a folder contains of a dataset."""

    root: Path  # its folder
    fixture: bool  # whether it is a miniature, to which published numbers do not apply
    counts: Sequence[Count]  # by part, each followed by its classes
    files: Mapping[str, Mapping[str, str]]  # by modality and path: what is wrong with the file; empty if it is there
    left_out: Counter[str]  # how many samples are left out on purpose, by reason
    notes: tuple[str, ...]  # those of the catalogue
    extent: Extent  # how much is there

    @property
    def share(self) -> float:
        """The share of the expected samples that is present."""
        totals = [count for count in self.counts if not count.label]
        return sum(one.present for one in totals) / max(1, sum(one.expected for one in totals))


def folder_to_check(download: Download, data_root: Path | None, given: Path | None) -> Path:
    """Return the dataset's folder, even if media are missing by which it is otherwise recognized.

    Args:
        download: the dataset.
        data_root: folder of the downloaded datasets; None if the user set none.
        given: the dataset's folder or the one above it; None to search below the data root.

    Raises:
        UserError: if there is no such folder, saying how to obtain the dataset.
    """
    found = search(download, given or data_root)
    there = [folder for folder in found.candidates if folder.is_dir() and (given or folder != data_root)]
    return found.root or next(iter(there), None) or find_root(download, data_root, given)


def inspect_download(dataset: MediaDataset[Any], root: Path) -> Completeness:
    """Compare a folder with what the dataset's annotations list, and these with the published numbers.

    Raises:
        UserError: if the annotations cannot be read.
    """
    catalogue, fixture = dataset.catalogue(root), is_fixture(root)
    columns = _clips(catalogue)
    fault_of = {path: _fault(root, path) for path in {clip.path for clips in columns.values() for clip in clips}}
    present = np.ones(len(catalogue.sample_ids), bool)
    for clips in columns.values():
        present &= np.array([not fault_of[clip.path] for clip in clips], bool)
    counts = list(count_samples(catalogue, None if fixture else dataset.official(), present))
    empty = not all(present[catalogue.parts[0][part]].any() for part in ("train", "test"))
    lacking = any(count.missing for count in counts)
    return Completeness(
        root=root,
        fixture=fixture,
        counts=counts,
        files={name: {clip.path: fault_of[clip.path] for clip in clips} for name, clips in columns.items()},
        left_out=Counter(one.reason.partition(":")[0] for one in catalogue.skipped if not one.is_missing),
        notes=tuple(catalogue.notes),
        extent=Extent.UNUSABLE if empty else Extent.PARTIAL if lacking else Extent.COMPLETE,
    )


def count_samples(catalogue: Catalogue, official: Official | None, present: np.ndarray) -> Iterator[Count]:
    """Yield the counts of each part, followed by those of its classes.

    Args:
        catalogue: of any copy.
        official: the published numbers, or None.
        present: (N,) bool: whether a sample has all its files.
    """
    for part in official.samples if official else PARTS:
        own = part.split("+")
        rows = np.concatenate([catalogue.parts[0][name] for name in own])
        skipped = [one for one in catalogue.skipped if one.part in own]
        classes = (official.classes.get(part) if official else None) or {}
        published = official.samples[part] if official else None
        left_out = sum(not one.is_missing for one in skipped)
        yield Count(part, "", published, len(rows) + len(skipped), left_out, int(present[rows].sum()))
        if catalogue.targets is not None:
            continue  # the classes are those of pixels
        labels, names = np.asarray(catalogue.labels)[rows], np.array(catalogue.classes)
        listed, there = Counter(names[labels].tolist()), Counter(names[labels[present[rows]]].tolist())
        for name in dict.fromkeys([*catalogue.classes, *classes]):
            same = [one for one in skipped if one.label == name]
            left_out = sum(not one.is_missing for one in same)
            yield Count(part, name, classes.get(name), listed[name] + len(same), left_out, there[name])


def catalogue_of(dataset: MediaDataset[Any], root: Path) -> Catalogue:
    """Return the catalogue, with a note for tables if it lists fewer samples than were published.

    Raises:
        UserError: if the annotations cannot be read.
    """
    catalogue = dataset.catalogue(root)
    official = None if is_fixture(root) else dataset.official()
    counts = count_samples(catalogue, official, np.ones(len(catalogue.sample_ids), bool))
    fewer = [one for one in counts if not one.label and one.official is not None and one.listed < one.official]
    if not fewer:
        return catalogue
    shares = ", ".join(share_of(one.listed, one.official or 0, one.part) for one in fewer)
    return replace(
        catalogue, notes=(*catalogue.notes, f"{PARTIAL} {shares} are listed, compared with the published numbers")
    )


def _clips(catalogue: Catalogue) -> dict[str, Sequence[Any]]:
    """Return the clips by modality, without texts, which are part of the annotations."""
    columns = {name: clips for name, clips in catalogue.inputs.items() if len(clips) and not isinstance(clips[0], str)}
    return {**columns, **({"targets": catalogue.targets} if catalogue.targets is not None else {})}


def _fault(root: Path, path: str) -> str:
    try:
        if (root / path).stat().st_size < SMALL_BYTES:
            media_file(root, path)
    except FileNotFoundError:
        return "missing"
    except BadClip as error:
        return str(error)
    except OSError as error:
        return f"cannot be opened: {error.strerror}"
    return ""
