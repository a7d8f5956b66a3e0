"""The official split of SUN RGB-D: no recording leaks into the validation part, measured by what copying would gain."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from cmkd_bench.datasets import sunrgbd
from cmkd_bench.datasets._sun_recordings import recordings
from cmkd_bench.datasets.sunrgbd import SCENES

MINUTE = 60.0


@pytest.fixture(scope="module")
def folder(real_files: Path) -> Path:
    return real_files / "sunrgbd"


@pytest.fixture(scope="module")
def names(folder: Path) -> list[str]:
    """The official training images, then the test images."""
    listed = sunrgbd.read_split(folder / "allsplit.mat")
    assert {part: len(images) for part, images in listed.items()} == {"train": 5285, "test": 5050}
    return [*listed["train"], *listed["test"]]


@pytest.fixture(scope="module")
def scenes(folder: Path) -> dict[str, str]:
    """The content of scene.txt by name, where it is known."""
    with gzip.open(folder / "scene_labels.csv.gz", "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["scene"].replace("\\", "/").split("SUNRGBD/SUNRGBD/")[1]: row["scene_type"] for row in rows}


@pytest.fixture(scope="module")
def parts(names: list[str]) -> dict[str, list[str]]:
    found = sunrgbd._parts(names, np.array(recordings(names, 5285)), 5285)
    return {part: [names[row] for row in rows] for part, rows in found.items()}


def seconds(name: str) -> float | None:
    """The time of an image of the cameras whose names have one, worked out apart from the loader."""
    stem = name.split("/")[-1].replace("_long", "").replace("-", "_").split("_")
    if name.startswith("kv2/kinect2data"):
        stem = stem[1:]
    if name.startswith(("kv1", "xtion/sun3ddata")):
        return None
    return float(np.datetime64("{:0>4}-{:0>2}-{:0>2}T{:0>2}:{:0>2}:{:0>2}".format(*stem[:6])).astype("int64"))


def nearest(images: Sequence[str], training: Sequence[str]) -> dict[str, tuple[float, str]]:
    """By image: the seconds to the training image of the same camera that is nearest in time, and its name."""
    timed = [(name, time) for name in training if (time := seconds(name)) is not None]
    found = {}
    for name in images:
        own, time = name.split("/")[:2], seconds(name)
        others = [(abs(other - time), one) for one, other in timed if one.split("/")[:2] == own] if time else []
        if others:
            found[name] = min(others)
    return found


def copied(found: dict[str, tuple[float, str]], scenes: dict[str, str]) -> tuple[int, int]:
    """How many images of the 19 scenes have the scene of their nearest training image, and how many there are."""
    known = [name for name in found if scenes.get(name) in SCENES]
    return sum(scenes[name] == scenes.get(found[name][1]) for name in known), len(known)


def test_no_validation_image_is_near_a_training_image_in_time(
    parts: dict[str, list[str]], scenes: dict[str, str]
) -> None:
    found = nearest(parts["validation"], parts["train"])
    assert len(found) == 257
    assert min(gap for gap, _ in found.values()) > 10 * MINUTE
    right, count = copied(found, scenes)
    assert right / count < 0.3


def test_the_measure_sees_the_leak_of_single_images(names: list[str], scenes: dict[str, str]) -> None:
    """A tenth of each camera's images, one by one, is what the loader once held out."""
    held_out, kept = names[:5285:10], [name for row, name in enumerate(names[:5285]) if row % 10]
    found = nearest(held_out, kept)
    assert np.mean([gap <= MINUTE for gap, _ in found.values()]) > 0.85
    right, count = copied(found, scenes)
    assert right / count > 0.7


def test_the_test_part_is_apart_but_for_37_places(names: list[str], scenes: dict[str, str]) -> None:
    groups = np.array(recordings(names, 5285))
    shared = np.intersect1d(groups[:5285], groups[5285:])
    assert len(shared) == 37
    assert all(place.startswith("xtion/sun3ddata/") for place in shared)
    assert (np.isin(groups[:5285], shared).sum(), np.isin(groups[5285:], shared).sum()) == (469, 496)
    right, count = copied(nearest(names[5285:], names[:5285]), scenes)
    assert right / count < 0.15


def test_the_validation_part_has_a_tenth_and_every_scene(parts: dict[str, list[str]], scenes: dict[str, str]) -> None:
    assert (len(parts["train"]), len(parts["validation"]), len(parts["test"])) == (4783, 502, 5050)
    shown = Counter(scenes.get(name) for name in parts["validation"])
    assert min(shown[scene] for scene in SCENES) > 0


def test_the_19_scenes_are_not_all_with_80_images(scenes: dict[str, str], names: list[str]) -> None:
    counts = Counter(scenes.values())
    assert counts["office_kitchen"] == 81
    assert min(counts[scene] for scene in SCENES) == 168
    # published: 4845 and 4659; the list of scenes lacks 40 images
    assert (len(names), sum(name in scenes for name in names)) == (10335, 10295)
    assert [sum(scenes.get(name) in SCENES for name in part) for part in (names[:5285], names[5285:])] == [4824, 4643]
