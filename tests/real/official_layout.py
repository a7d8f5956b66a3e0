"""Lay the official annotation files out as the datasets' archives unpack, with empty files for media that are named."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

# by dataset: the file in the collection, and where its archive puts it
FILES = {
    "ave": {"*.txt": ""},
    "vggsound": {"train.csv.gz": "", "test.csv.gz": ""},
    "cremad": {"SentenceFilenames.csv": "", "summaryTable.csv.gz": "processedResults", "t*.csv": "C2KD"},
    "ravdess": {},
    "crisismmd": {
        "task_*_text_img_agreed_lab_*.gz": "crisismmd_datasplit_agreed_label",
        "task_*_text_img_[dt]*.gz": "crisismmd_datasplit_all",
    },
    "nyudv2": {"*.mat": ""},
    "sunrgbd": {"allsplit.mat": "SUNRGBDtoolbox/traintestSUNRGBD"},
    "sketchy": {"invalid-*.txt": "info", "testset.txt": "info"},
}


def content(path: Path) -> bytes:
    """Return the unpacked bytes of a file of the collection."""
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file with a header."""
    return list(csv.DictReader(content(path).decode("utf-8-sig").splitlines()))


def lay_out(collection: Path, name: str, target: Path) -> Path:
    """Write a dataset's annotations below a folder, and return its root."""
    for pattern, folder in FILES[name].items():
        for path in sorted((collection / name).glob(pattern)):
            _write(target / folder / path.name.removesuffix(".gz"), content(path))
    for path, text in _named(collection / name):
        _write(target / path, text)
    return target


def _named(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files that an annotation file of the collection lists instead of containing them."""
    if folder.name == "ravdess":
        for line in (folder / "audio_files.txt").read_text().splitlines():
            yield line.partition("/")[2].rpartition(" ")[0], b""
    if folder.name == "sunrgbd":
        for row in table(folder / "scene_labels.csv.gz"):
            name = row["scene"].replace("\\", "/").split("SUNRGBD/SUNRGBD/")[1]
            yield f"SUNRGBD/{name}/scene.txt", row["scene_type"].encode()


def _write(path: Path, text: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)
