"""Where downloaded datasets and prepared arrays lie, and how a dataset's folder is recognised."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmkd_bench.errors import UserError

if TYPE_CHECKING:
    from cmkd_bench.data.media.media_dataset import MediaDataset

DATA_ROOT, PREPARED_ROOT, WEIGHTS = "CMKD_DATA_ROOT", "CMKD_PREPARED_ROOT", "CMKD_WEIGHTS"
FIXTURE_MARK = "FIXTURE.json"  # at the top of a miniature, so that its results are never taken for the dataset's


@dataclass(frozen=True)
class Search:
    """What came of looking for a dataset.

    Attributes:
        root: its folder, or None.
        candidates: where it was looked for, in this order.
        missing: the marks that the nearest candidate lacks.
    """

    root: Path | None
    candidates: tuple[Path, ...]
    missing: tuple[str, ...]


def data_root() -> Path | None:
    """The folder that holds the downloaded datasets, if the user named one."""
    value = os.environ.get(DATA_ROOT)
    return Path(value).expanduser() if value else None


def prepared_root() -> Path:
    """The folder of the prepared arrays: where the user says, or `prepared` here."""
    return Path(os.environ.get(PREPARED_ROOT) or "prepared").expanduser()


def use_roots(
    root: Path | str | None = None, prepared: Path | str | None = None, weights: Path | str | None = None
) -> None:
    """Let this process and those that it starts look in the given folders, for data and for pretrained weights."""
    for name, given in ((DATA_ROOT, root), (PREPARED_ROOT, prepared), (WEIGHTS, weights)):
        if given is not None:
            os.environ[name] = str(Path(given).expanduser().absolute())


def search(cls: type[MediaDataset[Any]], given: Path | None = None) -> Search:
    """Look for a dataset's folder: the given one, or those below the data root.

    Args:
        cls: the dataset.
        given: a folder; nothing else is looked at then.
    """
    candidates = tuple(dict.fromkeys(_candidates(cls, given)))
    lacks = [_missing_marks(cls, folder) for folder in candidates]
    for folder, missing in zip(candidates, lacks, strict=True):
        if not missing:
            return Search(folder, candidates, ())
    return Search(None, candidates, min(lacks, key=len, default=cls.marks))


def find_root(cls: type[MediaDataset[Any]], given: Path | None = None) -> Path:
    """The dataset's folder.

    Raises:
        UserError: where it was looked for, what is missing there, how one gets the dataset, and the next command.
    """
    found = search(cls, given)
    if found.root is not None:
        return found.root
    name = cls.registry_name
    looked = ", ".join(map(str, found.candidates)) or f"nowhere: {DATA_ROOT} is not set"
    licences = "; ".join(dict.fromkeys(source.licence for source in cls.sources)) or "unknown"
    raise UserError(
        f"dataset '{name}' is not found. Looked in: {looked}. A folder is taken for it if it has "
        f"{', '.join(cls.marks)}; missing: {', '.join(found.missing)}.\n"
        f"How to get it: {cls.obtain} Licence: {licences}.\n"
        f"Then: cmkd-bench prepare {name} --root DIR. For a miniature to try things with: "
        f"cmkd-bench fixture {name} --out DIR"
    )


def is_fixture(root: Path) -> bool:
    """Whether a dataset's folder is a miniature that `cmkd-bench fixture` wrote."""
    return (root / FIXTURE_MARK).is_file()


def _candidates(cls: type[MediaDataset[Any]], given: Path | None) -> Iterator[Path]:
    base = data_root()
    if given is not None:
        folders = [given.expanduser()]
    elif base is not None:
        folders = [base / cls.folder, base / cls.registry_name, base]
    else:
        folders = []
    for folder in folders:
        yield folder
        yield folder / cls.folder  # an archive's own folder inside one of the same name


def _missing_marks(cls: type[MediaDataset[Any]], folder: Path) -> tuple[str, ...]:
    if not folder.is_dir():
        return cls.marks
    return tuple(mark for mark in cls.marks if not any(_has(folder, one) for one in mark.split("|")))


def _has(folder: Path, pattern: str) -> bool:
    return next(folder.glob(pattern), None) is not None
