"""Where downloaded datasets and prepared arrays lie, and how a dataset's folder is recognised."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cmkd_bench.config.roots import DATA_ROOT
from cmkd_bench.errors import UserError

FIXTURE_MARK = "FIXTURE.json"  # at the top of a miniature, so that its results are never taken for the dataset's


@dataclass(frozen=True)
class Download:
    """A dataset as a folder on the user's disk.

    Attributes:
        name: in the registry.
        folder: the usual name of its folder below the data root.
        marks: files or folders relative to its folder, globs are allowed, and `a|b` for either; a folder that has all
            of them is the dataset.
        obtain: how a user gets it, in one to three sentences.
        licences: of its files.
    """

    name: str
    folder: str
    marks: tuple[str, ...]
    obtain: str
    licences: tuple[str, ...]


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


def search(download: Download, data_root: Path | None, given: Path | None = None) -> Search:
    """Look for a dataset's folder: the given one, or those below the data root.

    Args:
        download: the dataset.
        data_root: holds the downloaded datasets; None where the user named none.
        given: a folder; nothing else is looked at then.
    """
    candidates = tuple(dict.fromkeys(_candidates(download, data_root, given)))
    lacks = [_missing_marks(download, folder) for folder in candidates]
    for folder, missing in zip(candidates, lacks, strict=True):
        if not missing:
            return Search(folder, candidates, ())
    return Search(None, candidates, min(lacks, key=len, default=download.marks))


def find_root(download: Download, data_root: Path | None, given: Path | None = None) -> Path:
    """The dataset's folder.

    Raises:
        UserError: where it was looked for, what is missing there, how one gets the dataset, and the next command.
    """
    found = search(download, data_root, given)
    if found.root is not None:
        return found.root
    name = download.name
    looked = ", ".join(map(str, found.candidates)) or f"nowhere, because {DATA_ROOT} is not set"
    raise UserError(
        f"dataset '{name}' was not found. Looked in: {looked}. Its folder must hold "
        f"{', '.join(download.marks)}; missing: {', '.join(found.missing)}.\n"
        f"How to get it: {download.obtain} Licence: {'; '.join(download.licences) or 'unknown'}.\n"
        f"Then run: cmkd-bench prepare {name} --root DIR. To try things out with a miniature: "
        f"cmkd-bench fixture {name} --out DIR"
    )


def is_fixture(root: Path) -> bool:
    """Whether a dataset's folder is a miniature that `cmkd-bench fixture` wrote."""
    return (root / FIXTURE_MARK).is_file()


def _candidates(download: Download, data_root: Path | None, given: Path | None) -> Iterator[Path]:
    if given is not None:
        folders = [given.expanduser()]
    elif data_root is not None:
        folders = [data_root / download.folder, data_root / download.name, data_root]
    else:
        folders = []
    for folder in folders:
        yield folder
        yield folder / download.folder  # an archive's own folder inside one of the same name


def _missing_marks(download: Download, folder: Path) -> tuple[str, ...]:
    if not folder.is_dir():
        return download.marks
    return tuple(mark for mark in download.marks if not any(_has(folder, one) for one in mark.split("|")))


def _has(folder: Path, pattern: str) -> bool:
    return next(folder.glob(pattern), None) is not None
