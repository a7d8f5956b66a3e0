"""NYU-Depth V2: reversed axes, official parts, scenes held out, the classes' mappings, and defects that are found."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from cmkd_bench.data.fixtures.encoding import write_mat, write_mat73
from cmkd_bench.data.media.catalogue import Catalogue
from cmkd_bench.data.media.clips import BadClip
from cmkd_bench.data.splits import check_parts
from cmkd_bench.datasets import nyudv2
from cmkd_bench.datasets.nyudv2 import FILE, DepthRow, LabelRow, NyudV2, Options, RgbRow
from cmkd_bench.errors import UserError
from cmkd_bench.registry import datasets

# scene types with the number of their images in the original, and the ten classes
TYPES = {
    "bedroom": (383, "bedroom"),
    "kitchen": (225, "kitchen"),
    "living_room": (221, "living_room"),
    "bathroom": (121, "bathroom"),
    "dining_room": (117, "dining_room"),
    "office": (78, "office"),
    "home_office": (50, "home_office"),
    "classroom": (49, "classroom"),
    "bookstore": (36, "bookstore"),
    "basement": (7, "others"),
    "cafe": (5, "others"),
    "computer_lab": (6, "others"),
    "conference_room": (5, "others"),
    "dinette": (4, "others"),
    "excercise_room": (3, "others"),
    "foyer": (4, "others"),
    "furniture_store": (27, "others"),
    "home_storage": (5, "others"),
    "indoor_balcony": (2, "others"),
    "laundry_room": (3, "others"),
    "office_kitchen": (10, "others"),
    "playroom": (31, "others"),
    "printer_room": (3, "others"),
    "reception_room": (17, "others"),
    "student_lounge": (5, "others"),
    "study": (25, "others"),
    "study_room": (7, "others"),
}
FROM_40_TO_13 = {
    "bed": "bed",
    "books": "books",
    "ceiling": "ceiling",
    "chair": "chair",
    "floor, floor mat": "floor",
    "cabinet, bookshelf, counter, shelves, dresser, refridgerator, night stand, otherfurniture": "furniture",
    "picture": "picture",
    "sofa": "sofa",
    "table, desk": "table",
    "television": "tv",
    "wall, door": "wall",
    "window, blinds, curtain": "window",
    "pillow, mirror, clothes, paper, towel, shower curtain, box, whiteboard, person, toilet, sink, lamp, bathtub, bag, "
    "otherstructure, otherprop": "objects",
}


def write(root: Path, scenes: Sequence[str], types: Sequence[str], test: Sequence[int], size: Any = (3, 4)) -> None:
    """A small file in the official layout, counting through all values; `test` counts from 1."""
    shape = (len(scenes), *size[::-1])
    count = np.arange(np.prod(shape)).reshape(shape)
    write_mat73(
        root / FILE,
        {
            "images": np.stack([count, count + 1, count + 2], axis=1).astype(np.uint8),
            "depths": count.astype(np.float32),
            "rawDepths": np.where(count % 2, count, 0).astype(np.float32),
            "labels": count.astype(np.uint16),
            "scenes": np.array([scenes], object),
            "sceneTypes": np.array([types], object),
        },
    )
    train = np.setdiff1d(np.arange(1, len(scenes) + 1), test)
    write_mat(root / "splits.mat", {"trainNdxs": np.uint16(train)[:, None], "testNdxs": np.uint16(test)[:, None]})
    write_mat(root / "classMapping40.mat", {"mapClass": (np.arange(894) % 40 + 1).astype(np.uint8)[None]})


def write_ten(root: Path) -> None:
    write(root, [f"cafe_{number:04d}" for number in range(10)], ["cafe"] * 10, test=[1, 2])


def read(root: Path, **options: Any) -> Catalogue:
    return NyudV2(Options(**options)).catalogue(root)


@pytest.fixture(scope="module")
def fixture_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("nyudv2")
    NyudV2.write_fixture(root, 96, np.random.default_rng(0))
    return root


def test_classes_are_the_published_ones() -> None:
    assert datasets.get("nyudv2") is NyudV2
    assert (len(nyudv2.CLASSES_40), len(nyudv2.CLASSES_13), len(nyudv2.SCENES)) == (40, 13, 10)
    assert [nyudv2.CLASSES_40[number - 1] for number in (1, 2, 20, 24, 32, 40)] == [
        *("wall", "floor", "floor mat", "refridgerator", "night stand", "otherprop")
    ]
    assert NyudV2.classes == nyudv2.CLASSES_40


def test_40_classes_become_13_as_published() -> None:
    expected = {name: target for names, target in FROM_40_TO_13.items() for name in names.split(", ")}
    found = {name: nyudv2.CLASSES_13[to - 1] for name, to in zip(nyudv2.CLASSES_40, nyudv2.FROM_40_TO_13, strict=True)}
    assert found == expected


def test_27_scene_types_become_ten_classes(tmp_path: Path) -> None:
    write(tmp_path, [f"{name}_0001" for name in TYPES], list(TYPES), test=[1, 2, 3])
    catalogue = read(tmp_path, task="scene")
    found = [catalogue.classes[label] for label in catalogue.labels]
    assert found == [target for _, target in TYPES.values()]
    assert sum(count for count, _ in TYPES.values()) == 1449
    assert sum(count for (count, _), target in zip(TYPES.values(), found, strict=True) if target == "others") == 169
    assert catalogue.targets is None


def test_rows_are_turned_upright(tmp_path: Path) -> None:
    write_ten(tmp_path)
    image = RgbRow(FILE, 2).read(tmp_path, "images")
    # image 2 starts at 2 * 12 = 24; HDF5 runs down the columns of 3 pixels
    assert image[..., 0].tolist() == [[24, 27, 30, 33], [25, 28, 31, 34], [26, 29, 32, 35]]
    assert image[0, 0].tolist() == [24, 25, 26]
    assert DepthRow(FILE, 1, "depths").metres(tmp_path).tolist() == [
        [12, 15, 18, 21],
        [13, 16, 19, 22],
        [14, 17, 20, 23],
    ]
    assert DepthRow(FILE, 1, "rawDepths").metres(tmp_path)[0].tolist() == [0, 15, 0, 21]


def test_labels_are_mapped_and_unlabelled_pixels_ignored(tmp_path: Path) -> None:
    write_ten(tmp_path)
    targets = {task: read(tmp_path, task=task).targets for task in ("segmentation40", "segmentation13")}
    assert all(isinstance(clip, LabelRow) for clips in targets.values() for clip in clips or ())
    # labels 0 to 11 of the first image; the file at hand maps label n to class n
    forty, thirteen = (clips[0].classes(tmp_path) for clips in targets.values() if clips)
    assert forty.tolist() == [[255, 2, 5, 8], [0, 3, 6, 9], [1, 4, 7, 10]]
    assert [nyudv2.CLASSES_13[label] for label in thirteen[1]] == ["wall", "bed", "table", "furniture"]
    assert forty.dtype == thirteen.dtype == np.uint8


def test_decoding_passes_what_was_read_to_the_resizing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ten(tmp_path)
    for name in ("resize_rgb", "resize_depth", "resize_labels"):
        monkeypatch.setattr(nyudv2, name, lambda array, preparation: (array, preparation))
    preparation: Any = "the preparation"
    clips = [RgbRow(FILE, 3), DepthRow(FILE, 3, "depths"), LabelRow(FILE, 3, bytes(range(256)) * 4)]
    for clip in pickle.loads(pickle.dumps(clips)):
        array, given = clip.decode(tmp_path, preparation)
        assert array.shape[:2] == (3, 4)
        assert array.flat[0] == 36
        assert given is preparation


def test_rows_that_hold_nothing_are_bad_clips(tmp_path: Path) -> None:
    write(tmp_path, [f"cafe_{number:04d}" for number in range(75)], ["cafe"] * 75, test=[1])
    with pytest.raises(BadClip, match=r"label 899 .* 894"):
        LabelRow(FILE, 74, bytes(895)).classes(tmp_path)
    with pytest.raises(BadClip, match="cannot read row 75 of 'depths'"):
        DepthRow(FILE, 75, "depths").metres(tmp_path)
    with pytest.raises(BadClip, match="missing"):
        RgbRow("other.mat", 0).read(tmp_path, "images")


def test_official_numbers_count_from_one(tmp_path: Path) -> None:
    write_ten(tmp_path)
    catalogue = read(tmp_path)
    assert catalogue.sample_ids[0] == "0001"
    assert catalogue.parts[0]["test"].tolist() == [0, 1]
    assert sorted([*catalogue.parts[0]["train"], *catalogue.parts[0]["validation"]]) == list(range(2, 10))
    assert catalogue.labels.tolist() == [0] * 10


def test_validation_is_made_of_whole_scenes_for_every_task(fixture_root: Path) -> None:
    catalogues = [read(fixture_root, task=task) for task in ("segmentation40", "segmentation13", "scene")]
    for catalogue in catalogues:
        assert catalogue.groups is not None
        assert catalogue.notes == ()
        check_parts("nyudv2", catalogue.parts[0], len(catalogue.sample_ids), catalogue.groups)
        for part, rows in catalogue.parts[0].items():
            assert np.array_equal(rows, catalogues[0].parts[0][part])


def test_scenes_that_the_official_parts_share_are_noted(tmp_path: Path) -> None:
    scenes = [f"cafe_{number // 2:04d}" for number in range(40)]
    write(tmp_path, scenes, ["cafe"] * 40, test=[2, *range(31, 41)])
    catalogue = read(tmp_path)
    assert catalogue.groups is None
    assert catalogue.notes == ("the official parts share 1 scenes, e.g. cafe_0000; train and validation share none",)
    train, validation = ({scenes[row] for row in catalogue.parts[0][part]} for part in ("train", "validation"))
    assert validation
    assert not train & validation


def test_a_class_that_validation_lacks_is_noted(tmp_path: Path) -> None:
    scenes = [f"cafe_{number:04d}" for number in range(20)] + ["office_0001"] * 3
    write(tmp_path, scenes, ["cafe"] * 20 + ["office"] * 3, test=[1, 2])
    assert read(tmp_path, task="scene").notes == ("no validation image shows 'office'",)
    assert read(tmp_path).notes == ()


def test_mappings_may_lie_in_a_subfolder_and_are_missed_with_their_origin(tmp_path: Path) -> None:
    write_ten(tmp_path)
    (tmp_path / "meta").mkdir()
    for name in ("splits.mat", "classMapping40.mat"):
        (tmp_path / name).rename(tmp_path / "meta" / name)
    assert len(read(tmp_path).sample_ids) == 10
    (tmp_path / "meta" / "classMapping40.mat").unlink()
    assert len(read(tmp_path, task="scene").sample_ids) == 10
    with pytest.raises(UserError, match=r"classMapping40\.mat.*ankurhanda/nyuv2-meta-data.*task=scene"):
        read(tmp_path)
    (tmp_path / "meta" / "splits.mat").unlink()
    with pytest.raises(UserError, match=r"splits\.mat.*horatio\.cs\.nyu\.edu"):
        read(tmp_path, task="scene")


def test_a_portrait_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path, ["cafe_0001"] * 3, ["cafe"] * 3, test=[1], size=(4, 3))
    with pytest.raises(UserError, match=r"'images' of shape \(3, 3, 3, 4\).* \(3, 3, width, height\)"):
        read(tmp_path)


def test_files_unlike_the_official_one_are_refused(tmp_path: Path) -> None:
    write_ten(tmp_path)
    write_mat(tmp_path / "classMapping40.mat", {"mapClass": np.zeros((1, 893), np.uint8)})
    with pytest.raises(UserError, match="'mapClass' has 893 numbers from 0 to 0; expected 894 from 1 to 40"):
        read(tmp_path)
    write_mat(tmp_path / "splits.mat", {"trainNdxs": np.arange(10), "testNdxs": np.arange(2)})
    with pytest.raises(UserError, match=r"10 trainNdxs and 2 testNdxs .* 1 to 10"):
        read(tmp_path)
    write_mat73(tmp_path / FILE, {"scenes": np.array([["a"]], object), "sceneTypes": np.array([["cafe"]], object)})
    with pytest.raises(UserError, match="has no 'images'"):
        read(tmp_path)
    write_mat73(tmp_path / FILE, {"scenes": np.array([["a", "b"]], object), "sceneTypes": np.array([["c"]], object)})
    with pytest.raises(UserError, match="has 2 'scenes' and 1 'sceneTypes'"):
        read(tmp_path)
    (tmp_path / FILE).write_bytes(b"<html>")
    with pytest.raises(UserError, match="is not a readable HDF5 file"):
        read(tmp_path)


def test_an_unknown_scene_type_is_named_with_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, ["a_0001"] * 3, ["cafe", "cafe", "bedrom"], test=[1])
    with pytest.raises(UserError, match=r"'bedrom' of image 3\. Did you mean 'bedroom'"):
        read(tmp_path)


def test_the_fixture_has_the_official_layout(fixture_root: Path) -> None:
    with h5py.File(fixture_root / FILE) as file:
        assert file["images"].shape == (192, 3, 64, 48)
        assert file["images"].dtype == np.uint8
        assert file["labels"].dtype == np.uint16
        assert file["rawDepths"].dtype == file["depths"].dtype == np.float32
        assert file["depths"].shape == file["rawDepths"].shape == file["labels"].shape == (192, 64, 48)
        assert (file["images"][:, :, 0] == 255).all()
        assert (file["rawDepths"][:, 0] == 0).all()
    parts = {part: len(rows) for part, rows in read(fixture_root).parts[0].items()}
    assert parts["train"] - 4 >= 48
    assert parts["validation"] >= 12
    assert parts["test"] >= 16


def test_every_class_of_the_fixture_is_in_every_part(fixture_root: Path) -> None:
    catalogue = read(fixture_root, task="scene")
    for rows in catalogue.parts[0].values():
        names = {catalogue.classes[label] for label in catalogue.labels[rows]}
        assert names == {"bedroom", "kitchen", "living_room", "others"}
    targets = read(fixture_root).targets
    assert targets is not None
    shown = [set(np.unique(clip.classes(fixture_root))) for clip in targets[4:] if isinstance(clip, LabelRow)]
    things = {"bedroom": "bed", "kitchen": "cabinet", "living_room": "chair", "others": "otherprop"}
    for label, classes in zip(catalogue.labels[4:], shown, strict=True):
        expected = ("wall", "floor", things[catalogue.classes[label]])
        assert classes == {255, *(nyudv2.CLASSES_40.index(name) for name in expected)}


@pytest.mark.parametrize(("depth", "bad"), [("filled", ["0001", "0002"]), ("raw", ["0003"])])
def test_images_without_depth_are_found(fixture_root: Path, depth: str, bad: list[str]) -> None:
    catalogue = read(fixture_root, depth=depth)
    reasons = {}
    for name, clip in zip(catalogue.sample_ids, catalogue.inputs["depth"], strict=True):
        assert isinstance(clip, DepthRow)
        try:
            assert clip.metres(fixture_root).max() > 1
        except BadClip as error:
            reasons[name] = str(error)
    assert reasons == dict.fromkeys(bad, "no pixel has a depth")


def test_the_image_without_labels_is_found(fixture_root: Path) -> None:
    reasons = {}
    for number, clip in enumerate(read(fixture_root).targets or ()):
        assert isinstance(clip, LabelRow)
        try:
            clip.classes(fixture_root)
        except BadClip as error:
            reasons[number] = str(error)
    assert reasons == {3: "no pixel is labeled"}


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        NyudV2.write_fixture(tmp_path / folder, 16, np.random.default_rng(seed))
    files = {folder: [path.read_bytes() for path in sorted((tmp_path / folder).iterdir())] for folder in "abc"}
    assert len(files["a"]) == 3
    assert files["a"] == files["b"]
    assert files["a"] != files["c"]
    assert all(len(rows) for rows in read(tmp_path / "a").parts[0].values())
