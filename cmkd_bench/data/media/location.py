"""Find the folders of downloaded datasets and prepared arrays, and recognize them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cmkd_bench.config.roots import DATA_ROOT
from cmkd_bench.errors import UserError

FIXTURE_MARK = "FIXTURE.json"  # at the top of a miniature, so that its results are never mistaken for the dataset's


@dataclass(frozen=True)
class Download:
    """The description of a dataset as a folder on the user's disk."""

    name: str  # in the registry
    folder: str  # the usual name of its folder below the data root
    # files or folders relative to its folder, with globs and `a|b` for either; a folder with all of them is the dataset
    marks: tuple[str, ...]
    obtain: str  # how a user obtains it, in one to three sentences
    licenses: tuple[str, ...]  # licenses of its files


@dataclass(frozen=True)
class Search:
    """The outcome of a search for a dataset."""

    root: Path | None  # its folder, or None
    candidates: tuple[Path, ...]  # the searched folders, in order
    missing: tuple[str, ...]  # the marks that the best candidate lacks


def search(download: Download, data_root: Path | None, given: Path | None = None) -> Search:
    """Search for a dataset's folder: the given one, or those below the data root.

    Args:
        download: the dataset.
        data_root: folder of the downloaded datasets; None if the user set none.
        given: the only folder to search, if not None.
    """
    candidates = tuple(dict.fromkeys(_candidates(download, data_root, given)))
    lacks = [_missing_marks(download, folder) for folder in candidates]
    for folder, missing in zip(candidates, lacks, strict=True):
        if not missing:
            return Search(folder, candidates, ())
    return Search(None, candidates, min(lacks, key=len, default=download.marks))


def find_root(download: Download, data_root: Path | None, given: Path | None = None) -> Path:
    """Return the dataset's folder.

    Raises:
        UserError: with the searched folders, what is missing there, how to obtain the dataset, and the next command.
    """
    found = search(download, data_root, given)
    if found.root is not None:
        return found.root
    name = download.name
    looked = ", ".join(map(str, found.candidates)) or f"nowhere, because {DATA_ROOT} is not set"
    raise UserError(
        f"dataset '{name}' was not found. Searched: {looked}. Its folder must contain "
        f"{', '.join(download.marks)}; missing: {', '.join(found.missing)}.\n"
        f"How to get it: {download.obtain} License: {'; '.join(download.licenses) or 'unknown'}.\n"
        f"Then run: cmkd-bench prepare {name} --root DIR. To try things out with a miniature: "
        f"cmkd-bench fixture {name} --out DIR"
    )


def is_fixture(root: Path) -> bool:
    """Return whether a dataset's folder is a miniature written by `cmkd-bench fixture`."""
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
        yield folder / download.folder  # an archive's folder inside a folder of the same name


def _missing_marks(download: Download, folder: Path) -> tuple[str, ...]:
    if not folder.is_dir():
        return download.marks
    return tuple(mark for mark in download.marks if not any(_has(folder, one) for one in mark.split("|")))


def _has(folder: Path, pattern: str) -> bool:
    return next(folder.glob(pattern), None) is not None
