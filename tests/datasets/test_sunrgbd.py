"""SUN RGB-D: the official lists, recordings held out, scenes as they are spelled, rotated depth and label maps."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from cmkd_bench.data.fixtures.encoding import truncate, write_image, write_lfs_pointer, write_mat, write_mat73
from cmkd_bench.data.media.catalogue import Catalogue
from cmkd_bench.data.media.clips import BadClip, ImageClip
from cmkd_bench.data.splits import check_parts
from cmkd_bench.datasets import _sun_clips, sunrgbd
from cmkd_bench.datasets._sun_clips import CLASSES_37, LabelMap, RotatedDepth
from cmkd_bench.datasets._sun_recordings import recordings
from cmkd_bench.datasets.nyudv2 import CLASSES_40
from cmkd_bench.datasets.sunrgbd import PREFIX, Options, SunRgbd
from cmkd_bench.errors import UserError
from cmkd_bench.registry import datasets

SPLIT = "SUNRGBDtoolbox/traintestSUNRGBD/allsplit.mat"
META = "SUNRGBDtoolbox/Metadata/SUNRGBDMeta.mat"
LABELS = "SUNRGBDtoolbox/Metadata/SUNRGBD2Dseg.mat"
SESSION = "kv2/kinect2data/{}_2014-05-26_14-23-37_260595134347_rgbf{}-resize"


def write(root: Path, scenes: Mapping[str, str], test: Sequence[str], prefix: str = PREFIX) -> None:
    """Only the lists and the scenes; no media."""
    train = [name for name in scenes if name not in test]
    lists = {
        f"all{part}": np.array([[prefix + name for name in names]], object)
        for part, names in (("train", train), ("test", test))
    }
    write_mat(root / SPLIT, lists)
    for name, scene in scenes.items():
        (root / "SUNRGBD" / name).mkdir(parents=True, exist_ok=True)
        (root / "SUNRGBD" / name / "scene.txt").write_text(scene, encoding="utf-8")


def write_meta(root: Path, entries: Sequence[tuple[str, str, str]]) -> None:
    fields = [(name, object) for name in ("rgbpath", "rgbname", "depthname")]
    write_mat(root / META, {"SUNRGBDMeta": np.array(entries, fields)})


def read(root: Path, **options: Any) -> Catalogue:
    return SunRgbd(Options(**options)).catalogue(root)


def write_depth(path: Path, stored: Any) -> RotatedDepth:
    write_image(path, np.array(stored, np.uint16))
    return RotatedDepth(path.name)


@pytest.fixture(scope="module")
def fixture_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sunrgbd")
    SunRgbd.write_fixture(root, 96, np.random.default_rng(0))
    return root


def test_classes_are_the_published_ones() -> None:
    assert datasets.get("sunrgbd") is SunRgbd
    assert len(sunrgbd.SCENES) == 19
    assert sorted(sunrgbd.SCENES) == list(sunrgbd.SCENES)
    assert (sunrgbd.SCENES[0], sunrgbd.SCENES[12], sunrgbd.SCENES[18]) == ("bathroom", "lab", "study_space")
    # the 40 of NYU-Depth V2 without the last three; it spells one class otherwise
    assert [name.replace("refrid", "refri") for name in CLASSES_40[:37]] == list(CLASSES_37)
    assert SunRgbd.classes == sunrgbd.SCENES


def test_recordings_are_read_from_the_folders_names() -> None:
    names = [
        SESSION.format("000002", "000103"),
        SESSION.format("000003", "000120"),
        "kv2/kinect2data/000065_2014-05-16_20-14-38_260595134347_rgbf000121-resize",
        "kv2/align_kv2/2014-12-18_15-54-55_260595134347_rgbf000019-resize",
        "xtion/sun3ddata/mit_76_studyroom/76-1studyroom1/0000003-000000067032",
        "xtion/sun3ddata/mit_76_studyroom/76-1studyroom2/0000300-000010067032",
        "realsense/lg/2014_10_24-09_14_34-1311000073",
        "kv1/b3dodata/img_0063",
    ]
    firsts = [0, 0, 2, 3, "xtion/sun3ddata/mit_76_studyroom", "xtion/sun3ddata/mit_76_studyroom", 6, 7]
    assert recordings(names, len(names)) == [names[one] if isinstance(one, int) else one for one in firsts]


@pytest.mark.parametrize("form", ["kv1/NYUdata/NYU{:04d}", "kv1/b3dodata/img_{:04d}"])
def test_consecutive_numbers_are_together_up_to_the_next_part(form: str) -> None:
    names = [form.format(number) for number in (3, 4, 5, 10, 11, 1, 2, 9)]
    firsts = [int(group[-4:]) for group in recordings(names, 5)]
    assert firsts == [3, 3, 3, 10, 10, 1, 1, 9]


def test_a_break_of_more_than_ten_minutes_ends_a_recording() -> None:
    names = [
        "kv2/kinect2data/000007_2014-05-26_14-10-01_260595134347_rgbf000103-resize",
        "kv2/kinect2data/000001_2014-05-26_14-00-00_260595134347_rgbf000103-resize",
        "kv2/kinect2data/000003_long_2014-05-26_14-10-00_094959634447_rgbf000103-resize",
        "kv2/kinect2data/000004_2014-05-26_14-20-02_260595134347_rgbf000103-resize",
        # over midnight and the end of a month
        "realsense/sa/2014_10_31-23_59_30-1311000073",
        "realsense/sa/2014_11_01-00_02_30-1311000073",
        "realsense/lg/2014_10_31-23_59_40-1311000073",
        # carried together
        "kv2/align_kv2/2014-12-18_14-22-55_260595134347",
        "realsense/shr/2014_12_18-14_31_00-1311000073",
        "xtion/xtion_align_data/2014_12_18_14_22_2",
        "xtion/xtion_align_data/2014_12_18_14_42_22",
    ]
    assert [names.index(group) for group in recordings(names, len(names))] == [1, 1, 1, 3, 4, 4, 6, 9, 9, 9, 10]
    assert [names.index(group) for group in recordings(names, 2)] == [0, 1, 2, 3, 4, 4, 6, 9, 9, 9, 10]


def test_lists_are_read_whatever_their_slashes(tmp_path: Path) -> None:
    scenes = {f"kv1/b3dodata/img_{number:04d}": "office" for number in range(8)}
    write(tmp_path, scenes, test=["kv1/b3dodata/img_0001"])
    for prefix in ("/n/fs/sun3d/data/SUNRGBD//", "/n/fs/sun3d/data//SUNRGBD/"):
        lists = {"alltrain": [f"{prefix}{name}/" for name in scenes if "0001" not in name]}
        lists["alltest"] = [prefix + "kv1/b3dodata/img_0001/"]
        write_mat(tmp_path / SPLIT, {part: np.array([names], object) for part, names in lists.items()})
        catalogue = read(tmp_path)
        assert catalogue.sample_ids[:2] == ["kv1/b3dodata/img_0000", "kv1/b3dodata/img_0002"]
        assert [catalogue.sample_ids[row] for row in catalogue.parts[0]["test"]] == ["kv1/b3dodata/img_0001"]


def test_scenes_are_stripped_and_others_left_out_by_name(tmp_path: Path) -> None:
    given = ["office", " bedroom \n", "living room\r\n", "\ufefflab", "idk", "", "Office", "office_kitchen", "office"]
    scenes = {f"kv1/b3dodata/img_{number:04d}": scene for number, scene in enumerate(given)}
    write(tmp_path, scenes, test=["kv1/b3dodata/img_0008"])
    (tmp_path / "SUNRGBD/kv1/b3dodata/img_0000/scene.txt").unlink()
    catalogue = read(tmp_path)
    assert [catalogue.classes[label] for label in catalogue.labels] == ["bedroom", "living_room", "lab", "office"]
    assert {line.sample_id[-4:]: line.reason for line in catalogue.skipped} == {
        "0000": "no scene.txt",
        "0004": "scene 'idk' is not one of the 19",
        "0005": "scene '' is not one of the 19",
        "0006": "scene 'Office' is not one of the 19",
        "0007": "scene 'office_kitchen' is not one of the 19",
    }
    assert catalogue.skipped[0].path == "SUNRGBD/kv1/b3dodata/img_0000/scene.txt"


def test_what_is_left_out_moves_no_other_image(tmp_path: Path) -> None:
    scenes = {f"kv1/b3dodata/img_{number:04d}": "office" for number in range(0, 200, 2)}
    write(tmp_path, scenes, test=list(scenes)[:40])

    def validation() -> set[str]:
        catalogue = read(tmp_path)
        return {catalogue.sample_ids[row] for row in catalogue.parts[0]["validation"]}

    before = validation()
    assert len(before) == 6
    lost = {min(before), next(name for name in list(scenes)[40:] if name not in before)}
    for name in lost:
        shutil.rmtree(tmp_path / "SUNRGBD" / name)
    assert validation() == before - lost


def test_files_are_those_of_the_metadata_or_the_only_ones(tmp_path: Path) -> None:
    names = [f"kv1/b3dodata/img_{number:04d}" for number in range(4)]
    write(tmp_path, dict.fromkeys(names, "office"), test=names[3:])
    write_image(tmp_path / "SUNRGBD" / names[1] / "image" / "other.jpg", np.zeros((3, 4, 3), np.uint8))
    write_image(tmp_path / "SUNRGBD" / names[1] / "depth" / "far.png", np.zeros((3, 4), np.uint16))
    without = read(tmp_path, depth="depth")
    write_meta(tmp_path, [(f"{PREFIX}{names[0]}/image/a.jpg", "a.jpg", "b.png")])
    with_it = read(tmp_path, depth="depth")
    paths = [
        [clip.path for kind in ("rgb", "depth") for clip in data.inputs[kind][:2] if not isinstance(clip, str)]
        for data in (without, with_it)
    ]
    folder = "SUNRGBD/kv1/b3dodata"
    only = [f"{folder}/img_0001/image/other.jpg", f"{folder}/img_0001/depth/far.png"]
    guessed = [f"{folder}/img_0000/image/img_0000.jpg", f"{folder}/img_0000/depth/img_0000.png"]
    known = [f"{folder}/img_0000/image/a.jpg", f"{folder}/img_0000/depth/b.png"]
    assert paths == [[guessed[0], only[0], guessed[1], only[1]], [known[0], only[0], known[1], only[1]]]


def test_the_doubled_folder_of_unpacking_is_seen_through(tmp_path: Path) -> None:
    names = [f"kv1/b3dodata/img_{number:04d}" for number in range(4)]
    write(tmp_path, dict.fromkeys(names, "office"), test=names[3:])
    before = read(tmp_path)
    (tmp_path / "SUNRGBD").rename(tmp_path / "inner")
    (tmp_path / "SUNRGBD").mkdir()
    (tmp_path / "inner").rename(tmp_path / "SUNRGBD" / "SUNRGBD")
    after = read(tmp_path)
    assert after.sample_ids == before.sample_ids == names
    assert after.inputs["depth"][3] == RotatedDepth(f"SUNRGBD/SUNRGBD/{names[3]}/depth_bfx/img_0003.png")


def test_segmentation_takes_label_maps_in_the_metadatas_order(tmp_path: Path) -> None:
    names = [f"kv1/b3dodata/img_{number:04d}" for number in range(4)]
    write(tmp_path, dict.fromkeys(names, "idk"), test=names[3:])
    with pytest.raises(UserError, match=r"no 'SUNRGBDMeta\.mat'.*SUNRGBDtoolbox\.zip"):
        read(tmp_path, task="segmentation37")
    write_meta(tmp_path, [(f"{PREFIX}{names[row]}/image/a.jpg", "a.jpg", "a.png") for row in (3, 0, 2)])
    with pytest.raises(UserError, match=r"no 'SUNRGBD2Dseg\.mat'"):
        read(tmp_path, task="segmentation37")
    maps = np.empty((3, 1), object)
    maps[:, 0] = [np.full((4, 3), row, np.uint8) for row in range(3)]
    write_mat73(tmp_path / LABELS, {"SUNRGBD2Dseg/seglabel": maps})
    catalogue = read(tmp_path, task="segmentation37")
    assert catalogue.classes == CLASSES_37
    assert catalogue.labels.tolist() == [0, 0, 0]
    assert catalogue.sample_ids == [names[0], names[2], names[3]]
    assert catalogue.targets == [LabelMap(LABELS, row) for row in (1, 2, 0)]
    assert [(line.sample_id, line.reason) for line in catalogue.skipped] == [(names[1], "not in SUNRGBDMeta.mat")]


@pytest.mark.parametrize("lying", [False, True])
def test_label_maps_are_turned_and_void_is_ignored(tmp_path: Path, lying: bool) -> None:
    cells = np.empty((1, 5), object)
    labels = np.array([[0, 1, 37], [2, 3, 4]], np.uint8)
    for row, content in enumerate([labels.T, labels, labels.T * 0, labels.T + 1, np.zeros(3, np.uint8)]):
        cells[0, row] = content
    write_mat73(tmp_path / "a.mat", {"SUNRGBD2Dseg/seglabel": cells if lying else cells.T})
    assert LabelMap("a.mat", 0).classes(tmp_path).tolist() == [[255, 0, 36], [1, 2, 3]]
    reasons = []
    for row in range(1, 6):
        with pytest.raises(BadClip) as raised:
            LabelMap("a.mat", row).classes(tmp_path)
        reasons.append(str(raised.value).partition(":")[0].partition(",")[0])
    assert reasons == [
        "expected a label map (height",
        "no pixel is labeled",
        "label 38 exceeds the maximum",
        "expected a label map (height",
        "cannot read row 5 of 'seglabel'",
    ]


def test_depth_is_rotated_back_and_cut_at_eight_metres(tmp_path: Path) -> None:
    # 1 m is 1000 mm, stored as 8000; the three lowest bits come back as the highest: 8001 is 1000 + 8192 mm
    clip = write_depth(tmp_path / "a.png", [[8000, 0, 8001], [8, 63992, 64008]])
    metres = clip.metres(tmp_path)
    assert metres.dtype == np.float32
    np.testing.assert_allclose(metres, [[1, 0, 8], [0.001, 7.999, 8]], rtol=1e-6)


def test_depth_maps_that_are_none_are_bad_clips(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 65535, (48, 64))
    write_depth(tmp_path / "cut.png", noise)
    truncate(tmp_path / "cut.png")
    write_depth(tmp_path / "black.png", np.zeros((3, 4)))
    write_image(tmp_path / "eight.png", np.ones((3, 4), np.uint8))
    write_lfs_pointer(tmp_path / "pointer.png")
    (tmp_path / "empty.png").write_bytes(b"")
    expected = {
        "gone": "missing",
        "cut": "not a readable image",
        "empty": "empty file",
        "black": "no pixel has a depth",
        "eight": "16 bits per pixel, .* L",
        "pointer": "git-lfs pointer",
    }
    for name, reason in expected.items():
        with pytest.raises(BadClip, match=reason):
            RotatedDepth(f"{name}.png").metres(tmp_path)


def test_decoding_passes_what_was_read_to_the_resizing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = np.empty((1, 1), object)
    cells[0, 0] = np.full((4, 3), 6, np.uint8)
    write_mat73(tmp_path / "a.mat", {"SUNRGBD2Dseg/seglabel": cells})
    depth = write_depth(tmp_path / "a.png", np.full((3, 4), 40000))
    for name in ("resize_depth", "resize_labels"):
        monkeypatch.setattr(_sun_clips, name, lambda array, preparation: (array, preparation))
    preparation: Any = "the preparation"
    for clip in pickle.loads(pickle.dumps([depth, LabelMap("a.mat", 0)])):
        array, given = clip.decode(tmp_path, preparation)
        assert array.shape == (3, 4)
        assert (array == 5).all()
        assert given is preparation


def test_recordings_that_the_official_parts_share_are_noted(tmp_path: Path) -> None:
    names = [f"xtion/sun3ddata/mit_room/scan{number}/0000003-000000067032" for number in range(3)]
    others = [f"kv1/b3dodata/img_{number:04d}" for number in range(20)]
    write(tmp_path, dict.fromkeys(names + others, "office"), test=names[2:])
    catalogue = read(tmp_path)
    assert catalogue.groups is None
    shared = "share 1 recordings, e.g. xtion/sun3ddata/mit_room, with 2 training and 1 test images"
    assert shared in catalogue.notes[1]


@pytest.mark.parametrize(
    "entry", ["/n/fs/sun3d/data/kv1/NYUdata/NYU0001", PREFIX, f"{PREFIX}../../secret", "/SUNRGBD/kv1/../../../a"]
)
def test_entries_that_are_no_folder_of_the_dataset_are_refused(tmp_path: Path, entry: str) -> None:
    lists = {"alltrain": np.array([[entry, entry + "b"]], object), "alltest": np.array([[PREFIX + "a"]], object)}
    write_mat(tmp_path / SPLIT, lists)
    with pytest.raises(UserError, match=r"allsplit\.mat: expected a folder like /n/fs/sun3d/data/SUNRGBD/kv1.*, got '"):
        read(tmp_path)


def test_files_unlike_the_official_ones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no 'allsplit\.mat'.*rgbd\.cs\.princeton\.edu"):
        read(tmp_path)
    write(tmp_path, {"kv1/b3dodata/a": "gym", "kv1/b3dodata/b": "gym"}, test=["kv1/b3dodata/b"])
    with pytest.raises(UserError, match=r"none of the 2 images.*scene 'gym' is not one of the 19"):
        read(tmp_path)
    write_meta(tmp_path, [(f"{PREFIX}kv1/b3dodata/a/image/a.jpg", "../a.jpg", "a.png")])
    with pytest.raises(UserError, match=r"entry 1: .* '\.\./a\.jpg'"):
        read(tmp_path)
    write_mat(tmp_path / META, {"SUNRGBDMeta": np.array([("a", "b")], [("rgbpath", object), ("other", object)])})
    with pytest.raises(UserError, match=r"entry 1 has the fields rgbpath, other; .* depthname"):
        read(tmp_path)
    path = np.array([[PREFIX + "kv1/b3dodata/a"]], object)
    write_mat(tmp_path / SPLIT, {"alltrain": path, "alltest": path})
    with pytest.raises(UserError, match="lists 'kv1/b3dodata/a' twice"):
        read(tmp_path)


@pytest.mark.parametrize("task", ["scene", "segmentation37"])
def test_the_fixture_has_enough_in_every_part(fixture_root: Path, task: str) -> None:
    catalogue = read(fixture_root, task=task)
    check_parts("sunrgbd", catalogue.parts[0], len(catalogue.sample_ids), catalogue.groups)
    sizes = {part: len(rows) for part, rows in catalogue.parts[0].items()}
    assert sizes["train"] - 4 >= 48
    assert sizes["validation"] >= 12
    assert sizes["test"] >= 16
    assert catalogue.notes == (
        "includes all images of NYU-Depth V2; do not train on one dataset and test on the other",
    )
    if task == "scene":
        for rows in catalogue.parts[0].values():
            names = {catalogue.classes[label] for label in catalogue.labels[rows]}
            assert names == {"bathroom", "bedroom", "kitchen", "office"}


def test_the_fixtures_scene_files_are_kept_or_left_out(fixture_root: Path) -> None:
    catalogue = read(fixture_root)
    left_out = [line.sample_id for line in catalogue.skipped]
    assert left_out == ["realsense/sa/2014_05_01-02_01_00-1311000073"]
    odd = "kv2/kinect2data/000002_2014-05-01_01-00-40_260595134347_rgbf000002-resize"
    assert (fixture_root / "SUNRGBD" / odd / "scene.txt").read_bytes() == b"\xef\xbb\xbf kitchen\n"
    assert catalogue.classes[catalogue.labels[catalogue.sample_ids.index(odd)]] == "kitchen"


def test_the_fixtures_media_are_real_but_for_the_known_defects(fixture_root: Path) -> None:
    catalogue, bad = read(fixture_root), {}
    for name, rgb, depth in zip(catalogue.sample_ids, catalogue.inputs["rgb"], catalogue.inputs["depth"], strict=True):
        assert isinstance(rgb, ImageClip)
        assert isinstance(depth, RotatedDepth)
        try:
            assert 0.9 < depth.metres(fixture_root).max() < 6.1
            with Image.open(fixture_root / rgb.path) as image:
                assert image.format == "JPEG"
                assert np.asarray(image).shape == (48, 64, 3)
        except (BadClip, OSError) as error:
            bad[name] = str(error).partition(" ")[0]
    assert bad == {
        "kv1/b3dodata/img_0000": "missing",
        "kv2/kinect2data/000001_2014-05-01_01-00-20_260595134347_rgbf000001-resize": "image",
    }


def test_the_fixtures_label_maps_show_each_scenes_thing(fixture_root: Path) -> None:
    scenes, segments = read(fixture_root), read(fixture_root, task="segmentation37")
    things = {"bathroom": "toilet", "bedroom": "bed", "kitchen": "cabinet", "office": "desk"}
    scene_of = {name: scenes.classes[label] for name, label in zip(scenes.sample_ids, scenes.labels, strict=True)}
    empty = []
    for name, clip in zip(segments.sample_ids, segments.targets or (), strict=True):
        assert isinstance(clip, LabelMap)
        try:
            shown = {segments.classes[label] for label in np.unique(clip.classes(fixture_root))}
        except BadClip as error:
            empty.append((name, str(error)))
            continue
        assert shown == {"wall", "floor", things[scene_of.get(name, "office")]}
    assert empty == [("realsense/sa/2014_05_01-02_01_20-1311000073", "no pixel is labeled")]
    assert set(segments.sample_ids) - set(scene_of) == {
        "realsense/sa/2014_05_01-02_01_00-1311000073"
    }  # its idk is an office
    with h5py.File(fixture_root / LABELS) as file:
        assert file["SUNRGBD2Dseg"]["seglabel"].shape == (192, 1)


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        SunRgbd.write_fixture(tmp_path / folder, 16, np.random.default_rng(seed))
    files = {
        folder: {
            path.relative_to(tmp_path / folder): path.read_bytes()
            for path in sorted((tmp_path / folder).rglob("*.*"))
            if path.is_file()
        }
        for folder in "abc"
    }
    assert len(files["a"]) > 100
    assert files["a"] == files["b"]
    assert files["a"] != files["c"]
    assert all(len(rows) for rows in read(tmp_path / "a").parts[0].values())
