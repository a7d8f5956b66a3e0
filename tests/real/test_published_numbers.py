"""Every sample of every official annotation file is read, and the published numbers are those of the files.

The files are counted here by their own fields, apart from the loaders.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from official_layout import content, table

from cmkd_bench.data.media.catalogue import Catalogue
from cmkd_bench.data.media.checking.download_check import count_samples
from cmkd_bench.registry import datasets

Counts = dict[str, Counter[str]]
Read = Callable[..., Catalogue]
PARTS = {"train": "train", "validation": "val", "test": "test"}
SPLITS = {"train": "train", "validation": "dev", "test": "test"}


def fields(path: Path, separator: str) -> list[list[str]]:
    return [line.split(separator) for line in content(path).decode().split("\n") if line.strip()]


def ave(folder: Path) -> Counts:
    return {part: Counter(line[0] for line in fields(folder / f"{own}Set.txt", "&")) for part, own in PARTS.items()}


def vggsound(folder: Path, files: str = "{}.csv.gz") -> Counts:
    """The label is between the second comma and the last, with or without quotes."""
    pattern = re.compile(r'^[^,]+,\d+,"?([^"\n]+?)"?,(?:train|test)\r$', re.MULTILINE)
    texts = {part: content(folder / files.format(part)).decode() for part in ("train", "test")}
    found = {part: Counter(pattern.findall(text)) for part, text in texts.items()}
    assert {part: own.total() for part, own in found.items()} == {part: texts[part].count("\n") for part in texts}
    return {"train+validation": found["train"], "test": found["test"]}


def cremad(folder: Path) -> Counts:
    names = [row["Filename"] for row in table(folder / "SentenceFilenames.csv")]
    return {"train+validation+test": Counter(name[9:12] for name in names)}


def cremad_lists(folder: Path) -> Counts:
    return {
        part: Counter(line[1].strip() for line in fields(folder / f"{part}.csv", ",")) for part in ("train", "test")
    }


def ravdess(folder: Path) -> Counts:
    emotions = dict(enumerate(datasets.get("ravdess").classes, start=1))
    found: Counts = {part: Counter() for part in PARTS}
    for (path,) in ([line[0].split()[0]] for line in fields(folder / "audio_files.txt", "\t")):
        actor = int(path[-6:-4])
        part = "test" if actor <= 4 else "validation" if actor <= 8 else "train"
        found[part][emotions[int(path.split("/")[-1][6:8])]] += 1
    return found


def crisismmd(folder: Path, task: str = "humanitarian", agreed: str = "_agreed_lab") -> Counts:
    names = {part: f"task_{task}_text_img{agreed}_{own}.tsv.gz" for part, own in SPLITS.items()}
    return {part: Counter(line[6] for line in fields(folder / name, "\t")[1:]) for part, name in names.items()}


def totals(counts: Counts) -> dict[str, int]:
    return {part: own.total() for part, own in counts.items()}


CASES: dict[str, tuple[str, dict[str, Any], Callable[[Path], Counts], dict[str, int], int]] = {
    # the dataset and its options, how to count, the numbers in the papers, and the number of classes
    "ave": ("ave", {}, ave, {"train": 3339, "validation": 402, "test": 402}, 28),
    "ave as published": ("ave", {"split": "official"}, ave, {"train": 3339, "validation": 402, "test": 402}, 28),
    "ave, one label": ("ave", {"labels": "first"}, ave, {"train": 3339, "validation": 402, "test": 402}, 28),
    "vggsound": ("vggsound", {}, vggsound, {"train+validation": 183_730, "test": 15_446}, 309),
    "vggsound, C2KD's": (
        *("vggsound", {"subset": "c2kd50"}),
        *(lambda folder: vggsound(folder, "{}_tiny.csv.gz"), {"train+validation": 25_835, "test": 2500}, 50),
    ),
    "cremad": ("cremad", {}, cremad, {"train+validation+test": 7442}, 6),
    "cremad, C2KD's": ("cremad", {"split": "c2kd"}, cremad_lists, {"train": 6698, "test": 744}, 6),
    "ravdess": ("ravdess", {}, ravdess, {"train": 960, "validation": 240, "test": 240}, 8),
    "crisismmd": ("crisismmd", {}, crisismmd, {"train": 6126, "validation": 998, "test": 955}, 5),
    "crisismmd, informative": (
        *("crisismmd", {"task": "informative"}),
        *(lambda folder: crisismmd(folder, "informative"), {"train": 9601, "validation": 1573, "test": 1534}, 2),
    ),
    "crisismmd, all rows": (
        *("crisismmd", {"task": "informative", "rows": "all"}),
        *(lambda folder: crisismmd(folder, "informative", ""), {"train": 13_608, "validation": 2237, "test": 2237}, 2),
    ),
}
SLOW = {"vggsound", "vggsound, C2KD's"}


@pytest.mark.parametrize("case", [pytest.param(one, marks=[pytest.mark.slow] * (one in SLOW)) for one in CASES])
def test_every_line_is_a_sample_or_left_out_for_a_reason(case: str, real_files: Path, read: Read) -> None:
    name, options, count, published, classes = CASES[case]
    expected = count(real_files / name)
    assert totals(expected) == published
    assert len(set().union(*expected.values())) == classes
    cls: Any = datasets.get(name)
    official = cls(cls.Options(**options)).official()
    assert official.samples == published
    for part, own in official.classes.items():
        assert own == expected[part]
    catalogue = read(name, **options)
    counts = list(count_samples(catalogue, official, np.ones(len(catalogue.sample_ids), bool)))
    listed = {part: Counter({one.label: one.listed for one in counts if one.part == part}) for part in published}
    assert {part: own.pop("") for part, own in listed.items()} == published
    assert listed == expected


def test_the_parts_of_nyu_depth_and_the_scenes_of_its_test_part(real_files: Path) -> None:
    nyudv2 = datasets.get("nyudv2")
    official = nyudv2(nyudv2.Options(task="scene")).official()
    assert official.samples == {"train+validation": 795, "test": 654}
    lines = content(real_files / "nyudv2" / "nyudepthv2_test_files_with_gt.txt").decode().splitlines()
    folders = Counter(line.partition("/")[0] for line in lines)
    test = dict(official.classes["test"])
    others = test.pop("others")
    assert {scene: folders.pop(scene) for scene in test} == test
    assert folders.total() == others
    whole = {scene: sum(own[scene] for own in official.classes.values()) for scene in official.classes["test"]}
    gupta = {"bedroom": 383, "kitchen": 225, "living_room": 221, "bathroom": 121, "dining_room": 117, "office": 78}
    assert whole == {**gupta, "home_office": 50, "classroom": 49, "bookstore": 36, "others": 169}


def test_the_parts_of_sun_rgbd(read: Read) -> None:
    catalogue = read("sunrgbd")
    sunrgbd = datasets.get("sunrgbd")
    counts = list(
        count_samples(catalogue, sunrgbd(sunrgbd.Options()).official(), np.zeros(len(catalogue.labels), bool))
    )
    assert [(one.part, one.listed, one.official) for one in counts if not one.label] == [
        ("train+validation", 5285, 5285),
        ("test", 5050, 5050),
    ]


def test_the_digits_of_mnist_s_test_part(real_files: Path) -> None:
    labels = Counter(content(real_files / "avmnist" / "t10k-labels-idx1-ubyte.gz")[8:])
    avmnist = datasets.get("avmnist")
    official = avmnist(avmnist.Options()).official()
    assert official.classes["test"] == {str(digit): count for digit, count in labels.items()}
    assert official.samples == {"train+validation": 60_000, "test": 10_000}
