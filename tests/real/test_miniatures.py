"""The miniatures' annotation files have the form of the official ones: marks, line endings, quotes, fields, headers."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from official_layout import content

from cmkd_bench.registry import datasets

# by dataset: an official file, the miniature's, the delimiter, and a pattern of each line after a header
LINE = r"\d{4}_[A-Z]{3}_[A-Z]{3}_[A-Z]{2},[A-Z]{3}"
FORMS = [
    *(
        ("ave", f"{part}Set.txt", f"{part}Set.txt", "&", r"[^&]+&[\w-]{11}&good&\d+&\d+")
        for part in ("train", "val", "test")
    ),
    ("ave", "Annotations.txt", "Annotations.txt", "&", r"[^&]+&[\w-]{11}&good&\d+&\d+"),
    ("vggsound", "train.csv.gz", "vggsound.csv", ",", r'[\w-]{11},\d+,(?:"[^"]+,[^"]+"|[^",]+),(?:train|test)'),
    ("cremad", "SentenceFilenames.csv", "SentenceFilenames.csv", ",", r'\d+,"\w+"'),
    *(("cremad", f"{part}.csv", f"C2KD/{part}.csv", ",", LINE) for part in ("train", "test")),
    *(
        (
            "crisismmd",
            f"task_{task}_text_img_agreed_lab_{part}.tsv.gz",
            f"crisismmd_datasplit_agreed_label/task_{task}_text_img_agreed_lab_{part}.tsv",
            "\t",
            r"\w+\t\d+\t\d+_\d\t[^\t]+\tdata_image/\w+/\d+_\d+_\d{4}/\d+_\d\.(?:jpg|png)\t\w+\t\w+\t\w+\tPositive",
        )
        for task in ("informative", "humanitarian")
        for part in ("train", "dev", "test")
    ),
    *(
        ("sketchy", f"invalid-{kind}.txt", f"info/invalid-{kind}.txt", ",", r"n\d+_\d+-\d+")
        for kind in ("error", "pose")
    ),
    ("sketchy", "testset.txt", "info/testset.txt", ",", r"[^/]+/n\d+_\d+\.jpg"),
]


@pytest.fixture(scope="module")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a small miniature, written once."""
    root = tmp_path_factory.mktemp("miniatures")

    def write(name: str) -> Path:
        if not (folder := root / name).exists():
            folder.mkdir()
            cls: Any = datasets.get(name)
            cls.write_fixture(folder, 24, np.random.default_rng(0))
        return folder

    return write


def form(text: bytes, delimiter: str) -> dict[str, object]:
    """What a reader of the file has to cope with."""
    lines = text.decode("utf-8").splitlines()
    quoting = csv.QUOTE_MINIMAL if delimiter == "," else csv.QUOTE_NONE
    return {
        "byte-order mark": text.startswith(b"\xef\xbb\xbf"),
        "Windows line endings": text.count(b"\r\n") == text.count(b"\n"),
        "ends with a line ending": text.endswith(b"\n"),
        "fields": {len(fields) for fields in csv.reader(lines, delimiter=delimiter, quoting=quoting)},
    }


@pytest.mark.slow
@pytest.mark.parametrize(("name", "official", "ours", "delimiter", "line"), FORMS, ids=[one[1] for one in FORMS])
def test_text_files(
    name: str,
    official: str,
    ours: str,
    delimiter: str,
    line: str,
    real_files: Path,
    miniature: Callable[[str], Path],
) -> None:
    texts = (content(real_files / name / official), (miniature(name) / ours).read_bytes())
    one, other = (form(text, delimiter) for text in texts)
    assert one == other
    unlike = [[text for text in lines if not re.fullmatch(line, text)] for lines in map(lines_of, texts)]
    assert unlike[0] == unlike[1]  # the header, if there is one
    assert len(unlike[0]) <= 1


def lines_of(text: bytes) -> Sequence[str]:
    return text.decode("utf-8").replace("\r\n", "\n").removesuffix("\n").split("\n")


def shapes(path: Path) -> dict[str, tuple[int, str]]:
    """The number of dimensions and the type of each variable of a MATLAB file, and of a cell's content."""
    found = {name: value for name, value in scipy.io.loadmat(str(path)).items() if not name.startswith("__")}
    return {
        name: (value.ndim, value.flat[0].dtype.kind if value.dtype == object else value.dtype.str)
        for name, value in found.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "official", "ours"),
    [
        ("nyudv2", "splits.mat", "splits.mat"),
        ("nyudv2", "classMapping40.mat", "classMapping40.mat"),
        ("sunrgbd", "allsplit.mat", "SUNRGBDtoolbox/traintestSUNRGBD/allsplit.mat"),
    ],
)
def test_matlab_files(name: str, official: str, ours: str, real_files: Path, miniature: Callable[[str], Path]) -> None:
    written = shapes(miniature(name) / ours)
    assert written.items() <= shapes(real_files / name / official).items()


@pytest.mark.slow
def test_a_room_of_sun_rgbd(real_files: Path, miniature: Callable[[str], Path]) -> None:
    """Names and types of the files of a folder of an old camera, whose depth map is not named like its photo."""
    room = "SUNRGBD/kv1/b3dodata/img_0063"
    official = {
        re.sub(r"\d{4}", "0000", path.relative_to(real_files / "sunrgbd").as_posix())
        for path in (real_files / "sunrgbd" / room).rglob("*.*")
    }
    root = miniature("sunrgbd")
    ours = sorted((root / "SUNRGBD/kv1/b3dodata").iterdir())[-1]
    written = {re.sub(r"\d{4}", "0000", path.relative_to(root).as_posix()) for path in ours.rglob("*.*")}
    assert written == official
    assert not (real_files / "sunrgbd" / room / "scene.txt").read_bytes().endswith(b"\n")


def test_the_names_of_ravdess(real_files: Path) -> None:
    from cmkd_bench.datasets.ravdess import SOUND

    lines = (real_files / "ravdess" / "audio_files.txt").read_text().splitlines()
    names = [line.partition(" ")[0].partition("/")[2] for line in lines]
    assert all(re.fullmatch(r"Actor_\d\d", name.partition("/")[0]) for name in names)
    assert all(SOUND.fullmatch(name.partition("/")[2]) for name in names)
