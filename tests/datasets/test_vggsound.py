"""VGGSound: both forms of the lists, files wherever they lie, and no video in two parts."""

from __future__ import annotations

import colorsys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from cmkd_bench.data.fixtures import encoding
from cmkd_bench.data.media.catalogue import Catalogue
from cmkd_bench.data.media.clips import AudioClip, VideoClip
from cmkd_bench.data.splits import check_parts
from cmkd_bench.errors import UserError
from cmkd_bench.registry import datasets

VGGSOUND = datasets.get("vggsound")
FOLDER = "scratch/shared/beegfs/hchen/train_data/VGGSound_final/video"
QUOTED = """---g-f_I2yQ,1,people marching,test
--U7joUcTCo,0,people coughing,test
--0PQM4-hqg,30,waterfall burbling,train
"""


def read(root: Path, **options: Any) -> Catalogue:
    return VGGSOUND(VGGSOUND.Options(**options)).catalogue(root)


def ids(catalogue: Catalogue, part: str) -> list[str]:
    return [catalogue.sample_ids[row] for row in catalogue.parts[0][part]]


def paths(catalogue: Catalogue) -> dict[str, str]:
    assert [clip.path for clip in catalogue.inputs["video"]] == [clip.path for clip in catalogue.inputs["audio"]]
    return {name: clip.path for name, clip in zip(catalogue.sample_ids, catalogue.inputs["video"], strict=True)}


def video(number: int) -> str:
    return f"_v{number:08d}-"


def lines(rows: dict[str, range], part: str) -> str:
    """One clip at second 5 of each video in the range, by label."""
    return "".join(f'{video(number)},5,"{label}",{part}\n' for label, numbers in rows.items() for number in numbers)


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_lines_become_samples_named_after_their_clips(tmp_path: Path) -> None:
    (tmp_path / "vggsound.csv").write_text(QUOTED, encoding="utf-8")
    catalogue = read(tmp_path)
    assert catalogue.sample_ids == ["---g-f_I2yQ_000001", "--U7joUcTCo_000000", "--0PQM4-hqg_000030"]
    assert catalogue.classes == ("people coughing", "people marching", "waterfall burbling")
    assert catalogue.labels.tolist() == [1, 0, 2]
    assert catalogue.labels.dtype == np.int64
    assert [rows.tolist() for rows in catalogue.parts[0].values()] == [[2], [], [0, 1]]
    assert catalogue.groups is not None
    assert catalogue.groups.tolist() == ["---g-f_I2yQ", "--U7joUcTCo", "--0PQM4-hqg"]
    assert catalogue.inputs["video"][2] == VideoClip(f"{FOLDER}/--0PQM4-hqg_000030.mp4", 0.0, None)
    assert catalogue.inputs["audio"][2] == AudioClip(f"{FOLDER}/--0PQM4-hqg_000030.mp4", 0.0, None)


@pytest.mark.parametrize("folder", ["", "data"])
@pytest.mark.parametrize("quote", ['"', ""])
@pytest.mark.parametrize("header", ["file name,label\n", ""])
def test_both_forms_of_the_lists_give_the_same_samples(tmp_path: Path, folder: str, quote: str, header: str) -> None:
    labels = {"pigeon, dove cooing": range(20), "playing hammond organ": range(20, 40)}
    (tmp_path / "vggsound.csv").write_text(
        lines(labels, "train") + "glLQrEijrKg,300,playing hammond organ,test\n", encoding="utf-8"
    )
    expected = read(tmp_path)
    (tmp_path / "vggsound.csv").unlink()
    train = "".join(
        f"{video(number)}_000005.mp4,{quote}{label}{quote}\n" for label, numbers in labels.items() for number in numbers
    )
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / "train.csv").write_text(header + train, encoding="utf-8")
    (tmp_path / folder / "test.csv").write_text(
        f"\ufeff{header}glLQrEijrKg_000300.mp4,{quote}playing hammond organ{quote}\n", encoding="utf-8"
    )
    found = read(tmp_path)
    assert found.sample_ids == expected.sample_ids
    assert found.classes == expected.classes == ("pigeon, dove cooing", "playing hammond organ")
    assert found.labels.tolist() == expected.labels.tolist() == [0] * 20 + [1] * 21
    for part, rows in expected.parts[0].items():
        assert found.parts[0][part].tolist() == rows.tolist()
    assert [len(rows) for rows in found.parts[0].values()] == [36, 4, 1]


def test_clips_are_found_wherever_they_lie(tmp_path: Path) -> None:
    (tmp_path / "vggsound.csv").write_text(QUOTED + "abcdefghijk,7,people marching,train\n", encoding="utf-8")
    touch(
        tmp_path,
        "train-videos/train-set/--0PQM4-hqg_000030.mp4",
        "train-videos/train-set-img/Image-01-FPS/abcdefghijk_000007.mp4/00001.jpg",  # a folder, not the clip
        "copy/--U7joUcTCo_000000.mp4",
        f"{FOLDER}/--U7joUcTCo_000000.mp4",
        "test-videos/--U7joUcTCo_000000.mp4",
        "---g-f_I2yQ_000001.mp4",
        "abcdefghijk_000008.mp4",  # another clip of the video
    )
    assert paths(read(tmp_path)) == {
        "--0PQM4-hqg_000030": "train-videos/train-set/--0PQM4-hqg_000030.mp4",
        "--U7joUcTCo_000000": f"{FOLDER}/--U7joUcTCo_000000.mp4",
        "---g-f_I2yQ_000001": "---g-f_I2yQ_000001.mp4",
        "abcdefghijk_000007": f"{FOLDER}/abcdefghijk_000007.mp4",
    }


def test_a_tenth_of_each_class_validates_and_no_video_is_divided(tmp_path: Path) -> None:
    text = lines({"thunder": range(100), "wind noise": range(100, 160)}, "train")
    text += "".join(f"{video(number)},99,wind noise,train\n" for number in range(0, 100, 2))
    text += lines({"thunder": range(200, 210), "wind noise": range(210, 220)}, "test")
    (tmp_path / "vggsound.csv").write_text(text, encoding="utf-8")
    catalogue = read(tmp_path)
    check_parts("vggsound", catalogue.parts[0], 230, catalogue.groups)
    assert catalogue.groups is not None
    held_out = {*catalogue.groups[catalogue.parts[0]["validation"]].tolist()}
    assert len(held_out & {video(number) for number in range(100)}) == 10
    assert len(held_out & {video(number) for number in range(100, 160)}) == 6
    assert len(held_out) == 16
    assert len(catalogue.parts[0]["test"]) == 20


def test_the_order_of_the_lines_and_missing_files_move_no_sample(tmp_path: Path) -> None:
    rows = lines({"thunder": range(50), "wind noise": range(50, 90)}, "train").splitlines(keepends=True)
    (tmp_path / "vggsound.csv").write_text("".join(rows), encoding="utf-8")
    before = {*ids(read(tmp_path), "validation")}
    (tmp_path / "vggsound.csv").write_text("".join(reversed(rows)), encoding="utf-8")
    touch(tmp_path, f"{FOLDER}/{video(3)}_000005.mp4")
    assert {*ids(read(tmp_path), "validation")} == before
    assert len(before) == 9


def test_training_clips_of_test_videos_and_repeated_lines_are_left_out(tmp_path: Path) -> None:
    text = lines({"thunder": range(20)}, "train") + lines({"thunder": range(20, 30)}, "test")
    text += f"{video(25)},70,wind noise,train\n{video(4)},5,wind noise,train\n"
    (tmp_path / "vggsound.csv").write_text(text, encoding="utf-8")
    catalogue = read(tmp_path)
    check_parts("vggsound", catalogue.parts[0], 30, catalogue.groups)
    assert [(skipped.sample_id, skipped.reason) for skipped in catalogue.skipped] == [
        (f"{video(25)}_000070", "its video is also in the test part"),
        (f"{video(4)}_000005", "listed twice"),
    ]
    assert catalogue.labels[catalogue.sample_ids.index(f"{video(4)}_000005")] == 0


def test_c2kds_fifty_classes_are_rows_of_the_full_lists_in_the_same_parts(tmp_path: Path) -> None:
    labels = {
        "alarm clock ringing": range(30),
        "zebra braying": range(30, 60),
        "subway, metro, underground": range(60, 90),
    }
    (tmp_path / "vggsound.csv").write_text(lines(labels, "train"), encoding="utf-8")
    full, fifty = read(tmp_path), read(tmp_path, subset="c2kd50")
    assert len(fifty.classes) == len(set(fifty.classes)) == 50
    assert fifty.classes == tuple(sorted(fifty.classes))
    expected = {0: "alarm clock ringing", 27: "pigeon, dove cooing", 44: "subway, metro, underground", 49: "wind noise"}
    assert {index: fifty.classes[index] for index in expected} == expected
    assert fifty.labels.tolist() == [0] * 30 + [44] * 30
    for part in ("train", "validation"):
        assert ids(fifty, part) == [name for name in ids(full, part) if not 30 <= int(name[2:10]) < 60]
    assert len(ids(fifty, "validation")) == 6


def write_avel(root: Path, text: str) -> Path:
    (root / "vggsound-avel50k.csv").write_text(f"video_id,category,split\n{text}", encoding="utf-8")
    return root


def test_avel50k_has_its_own_classes_and_split_and_matches_by_name_or_id(tmp_path: Path) -> None:
    write_avel(
        tmp_path,
        "---g-f_I2yQ,people marching,train\n--U7joUcTCo_000000,cattle,val\nv--0PQM4-hqg,helicopter,test\n"
        "glLQrEijrKg_000300,helicopter,train\ngone_______,cattle,train\ntwo________,cattle,train\n",
    )
    touch(
        tmp_path,
        f"{FOLDER}/---g-f_I2yQ_000001.mp4",
        f"{FOLDER}/--U7joUcTCo_000000.mp4",
        f"{FOLDER}/--U7joUcTCo_000050.mp4",
        "prefixed/v--0PQM4-hqg_000030.mp4",
        f"{FOLDER}/glLQrEijrKg_000299.mp4",
        f"{FOLDER}/two_________000001.mp4",
        f"{FOLDER}/two_________000002.mp4",
    )
    catalogue = read(tmp_path, subset="avel50k")
    check_parts("vggsound", catalogue.parts[0], 5, catalogue.groups)
    assert catalogue.classes == ("cattle", "helicopter", "people marching")
    assert catalogue.labels.tolist() == [2, 0, 1, 1, 0]
    assert [rows.tolist() for rows in catalogue.parts[0].values()] == [[0, 3, 4], [1], [2]]
    assert paths(catalogue) == {
        "---g-f_I2yQ": f"{FOLDER}/---g-f_I2yQ_000001.mp4",
        "--U7joUcTCo_000000": f"{FOLDER}/--U7joUcTCo_000000.mp4",
        "v--0PQM4-hqg": "prefixed/v--0PQM4-hqg_000030.mp4",
        "glLQrEijrKg_000300": f"{FOLDER}/glLQrEijrKg_000300.mp4",
        "gone_______": f"{FOLDER}/gone_______.mp4",
    }
    assert [(skipped.sample_id, skipped.reason) for skipped in catalogue.skipped] == [
        ("two________", "2 clips of this video were found, and the list does not say which one is meant")
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("---g-f_I2yQ,people marching\n", r"line 2: .* train, val.*'---g-f_I2yQ,people marching'"),
        ("---g-f_I2yQ,people marching,dev\n", r"line 2: .* as split"),
        ("../../x,people marching,train\n", r"line 2: expected a YouTube id"),
    ],
)
def test_a_line_of_avel50k_without_id_or_part_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=f"vggsound-avel50k.csv, {message}"):
        read(write_avel(tmp_path, text), subset="avel50k")


def test_avel50k_without_its_list_or_a_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"subset=avel50k needs vggsound-avel50k.csv"):
        read(tmp_path, subset="avel50k")
    (tmp_path / "vggsound-avel50k.csv").write_text("id,category,split\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"column video_id.* id, category, split"):
        read(tmp_path, subset="avel50k")


@pytest.mark.parametrize(
    "line",
    [
        "---g-f_I2yQ,1,people marching",
        "---g-f_I2yQ,one,people marching,test",
        "../../secret,1,people marching,test",
        "---g-f_I2yQ,1,people marching,validation",
        "---g-f_I2yQ,1,,test",
        "---g-f_I2yQ_000001.mp4,people marching",
    ],
)
def test_a_line_unlike_the_official_ones_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "vggsound.csv").write_text(f"{QUOTED}{line}\n", encoding="utf-8")
    with pytest.raises(UserError, match=f"vggsound.csv, line 4: .*'{line}'"):
        read(tmp_path)


def test_missing_and_empty_lists_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "data/train.csv", "train_tiny.csv")
    with pytest.raises(UserError, match=r"expected vggsound.csv, or train.csv and test.csv.*: train.csv, train_tiny"):
        read(tmp_path)
    touch(tmp_path, "vggsound.csv")
    with pytest.raises(UserError, match=r"vggsound.csv is empty"):
        read(tmp_path)


def miniature(root: Path, clips: int) -> Path:
    root.mkdir()
    VGGSOUND.write_fixture(root, clips, np.random.default_rng(1))
    return root


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return miniature(tmp_path_factory.mktemp("vggsound") / "root", 16)


@pytest.mark.parametrize("subset", ["full", "c2kd50", "avel50k"])
def test_the_miniature_is_large_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, subset: str) -> None:
    monkeypatch.setattr(encoding, "write_video", lambda path, *_: touch(path.parent, path.name))
    catalogue = read(miniature(tmp_path / "root", 96), subset=subset)
    check_parts("vggsound", catalogue.parts[0], len(catalogue.sample_ids), catalogue.groups)
    bad = ("-no_track__", "-muted_____", "-truncated_", "-missing___")
    assert sum(name.startswith(bad) for name in catalogue.sample_ids) == 4
    used = {
        "dog barking",
        "helicopter",
        "pigeon" if subset == "avel50k" else "pigeon, dove cooing",
        "playing accordion",
    }
    for part, least in (("train", 48), ("validation", 12), ("test", 16)):
        good = [row for row in catalogue.parts[0][part] if not catalogue.sample_ids[row].startswith(bad)]
        assert len(good) >= least
        assert {catalogue.classes[label] for label in catalogue.labels[good]} == used


def test_the_miniature_has_the_known_defects(small: Path) -> None:
    catalogue = read(small)
    check_parts("vggsound", catalogue.parts[0], len(catalogue.sample_ids), catalogue.groups)
    assert sorted(skipped.reason for skipped in catalogue.skipped) == [
        "its video is also in the test part",
        "listed twice",
    ]
    assert {"-two_clips__000010", "-two_clips__000120"} < set(catalogue.sample_ids)
    missing = [path for path in paths(catalogue).values() if not (small / path).is_file()]
    assert missing == [f"{FOLDER}/-missing____000030.mp4"]
    with pytest.raises(av.error.FFmpegError):
        av.open(str(small / FOLDER / "-truncated__000030.mp4"))
    with av.open(str(small / FOLDER / "-no_track___000030.mp4")) as container:
        assert len(container.streams.audio) == 0
    assert np.abs(sound(small / FOLDER / "-muted______000030.mp4")).max() == 0
    with av.open(str(small / FOLDER / "-short_one__000000.mp4")) as container:
        assert container.duration < 1.2e6
        assert len(list(container.decode(video=0))) == 5


def test_sounds_and_pictures_of_the_miniature_tell_the_class(small: Path) -> None:
    catalogue = read(small)
    found = []
    for row in catalogue.parts[0]["test"]:
        file = small / catalogue.inputs["video"][row].path
        samples = sound(file)
        pitch = np.abs(np.fft.rfft(samples)).argmax() * 16000 / len(samples)
        with av.open(str(file)) as container:
            frame = next(container.decode(video=0)).to_ndarray(format="rgb24")
        hue, _, _ = colorsys.rgb_to_hsv(*frame[24:40, 24:40].mean((0, 1)).tolist())
        octave = np.digitize(pitch, [300, 533.5, 948.7, 1687.1, 3000]) - 1  # 300 * 10 ** (class / 4)
        found.append((int(octave), int(4 * hue)))
    assert found == [(0, 0), (1, 1), (2, 2), (3, 3)] * 2


def test_the_miniature_is_the_same_again(small: Path, tmp_path: Path) -> None:
    again = miniature(tmp_path / "root", 16)
    files = sorted(path.relative_to(small) for path in small.rglob("*") if path.is_file())
    assert len(files) > 30
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert all((small / name).read_bytes() == (again / name).read_bytes() for name in files)


def sound(file: Path) -> np.ndarray:
    """(samples,) of the audio track."""
    with av.open(str(file)) as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
