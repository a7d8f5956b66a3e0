"""AVE: the lists are read as they are, and no clip that is held out is trained on unless the user asks for it."""

from __future__ import annotations

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

AVE = datasets.get("ave")
IN_VALIDATION = (
    "-GJvu5hr6w4 00N83yxKYUI 0j6rg-m7C5g 1n7amzH3-1E 1u3hR1PNYf4 2Fkh-PUx2SA 2qVuxENcRvw 3s0QRMuXTnE 6OSEf-W1gmc "
    "7PZl6hYrQGo"
)
IN_TEST = "-9_5_2i4igQ -PljzzluWNw -WOcO4B-Jis 0NmA9tKpBdw 0f_iTO5t3hU 0qvQIuQoODo 1cmo1SGxJnc 7iIBkME4bSM"
TRAIN = "Church bell&RUhOCu3LNXM&good&0&10\nChurch bell&MH3m4AwEcRY&good&6&8\n"
VALIDATION = "Race car, auto racing&aaaaaaaaaaa&good&0&10\n"
TEST = "Mandolin&0IklLP7_kBw&good&4&10\n"


def write(root: Path, train: str = TRAIN, validation: str = VALIDATION, test: str = TEST) -> Path:
    for name, text in (("trainSet.txt", train), ("valSet.txt", validation), ("testSet.txt", test)):
        (root / name).write_text(text, encoding="utf-8")
    return root


def read(root: Path, **options: Any) -> Catalogue:
    catalogue = AVE(AVE.Options(**options)).catalogue(root)
    check_parts("ave", catalogue.parts[0], len(catalogue.sample_ids), catalogue.groups)
    return catalogue


def ids(catalogue: Catalogue, part: str) -> list[str]:
    return [catalogue.sample_ids[row] for row in catalogue.parts[0][part]]


def test_lines_become_samples_of_the_official_parts(tmp_path: Path) -> None:
    catalogue = read(write(tmp_path))
    assert [ids(catalogue, part) for part in ("train", "validation", "test")] == [
        ["RUhOCu3LNXM", "MH3m4AwEcRY"],
        ["aaaaaaaaaaa"],
        ["0IklLP7_kBw"],
    ]
    assert catalogue.labels.tolist() == [0, 0, 4, 27]
    assert catalogue.labels.dtype == np.int64
    assert catalogue.inputs["video"][1] == VideoClip("AVE/MH3m4AwEcRY.mp4", 6.0, 8.0)
    assert catalogue.inputs["audio"][3] == AudioClip("AVE/0IklLP7_kBw.mp4", 4.0, 10.0)
    assert catalogue.skipped == []
    assert catalogue.notes == ()


def test_the_28_classes_are_in_the_official_order() -> None:
    assert len(AVE.classes) == len(set(AVE.classes)) == 28
    expected = {0: "Church bell", 5: "Female speech, woman speaking", 10: "Frying (food)", 17: "Banjo", 27: "Mandolin"}
    assert {index: AVE.classes[index] for index in expected} == expected


def test_the_whole_clip_is_an_option(tmp_path: Path) -> None:
    catalogue = read(write(tmp_path), crop="full")
    assert catalogue.inputs["video"][1] == VideoClip("AVE/MH3m4AwEcRY.mp4", 0.0, None)
    assert catalogue.inputs["audio"][1] == AudioClip("AVE/MH3m4AwEcRY.mp4", 0.0, None)


def test_headers_byte_order_marks_and_line_ends_do_not_matter(tmp_path: Path) -> None:
    expected = read(write(tmp_path))
    header = "Category&VideoID&Quality&StartTime&EndTime\n"
    write(tmp_path, *(f"\ufeff{header}{text}\n".replace("\n", "\r\n") for text in (TRAIN, VALIDATION, TEST)))
    (tmp_path / "Annotations.txt").write_text(f"{header}{TRAIN}{VALIDATION}{TEST}", encoding="utf-8")
    found = read(tmp_path)
    assert found.sample_ids == expected.sample_ids
    assert found.inputs == expected.inputs


def write_leaks(root: Path) -> Path:
    """The 18 clips of the published leak, each with another label in train; one of them has three."""

    def lines(category: str, names: str) -> str:
        return "".join(f"{category}&{name}&good&0&5\n" for name in names.split())

    train = TRAIN + lines("Banjo", f"{IN_VALIDATION} {IN_TEST} 0f_iTO5t3hU")
    return write(root, train, VALIDATION + lines("Mandolin", IN_VALIDATION), TEST + lines("Mandolin", IN_TEST))


def test_training_lines_of_the_18_clips_that_are_held_out_are_left_out(tmp_path: Path) -> None:
    catalogue = read(write_leaks(tmp_path))
    assert ids(catalogue, "train") == ["RUhOCu3LNXM", "MH3m4AwEcRY"]
    assert len(ids(catalogue, "validation")) == 11
    assert len(ids(catalogue, "test")) == 9
    reasons = {
        **dict.fromkeys(IN_VALIDATION.split(), "its clip is also in the validation part"),
        **dict.fromkeys([*IN_TEST.split(), "0f_iTO5t3hU.2"], "its clip is also in the test part"),
    }
    assert {skipped.sample_id: skipped.reason for skipped in catalogue.skipped} == reasons
    assert catalogue.groups is not None
    assert catalogue.notes == ()


def test_the_published_split_is_an_option_that_says_what_it_leaks(tmp_path: Path) -> None:
    catalogue = read(write_leaks(tmp_path), split="official")
    assert len(ids(catalogue, "train")) == 21
    assert catalogue.groups is None
    (note,) = catalogue.notes
    assert note.startswith("18 ")


def test_a_clip_with_two_labels_is_two_samples_of_one_group_or_one(tmp_path: Path) -> None:
    write(tmp_path, f"{TRAIN}Banjo&bbbbbbbbbbb&good&0&3\nMandolin&bbbbbbbbbbb&good&3&7\n")
    both = read(tmp_path)
    assert both.sample_ids[2:4] == ["bbbbbbbbbbb", "bbbbbbbbbbb.2"]
    assert both.labels[2:4].tolist() == [17, 27]
    assert both.groups is not None
    assert both.groups[2] == both.groups[3] == "bbbbbbbbbbb"
    once = read(tmp_path, labels="first")
    assert ids(once, "train") == ["RUhOCu3LNXM", "MH3m4AwEcRY", "bbbbbbbbbbb"]
    assert once.labels[2] == 17
    assert [skipped.sample_id for skipped in once.skipped] == ["bbbbbbbbbbb.2"]


def test_the_event_without_length_is_left_out(tmp_path: Path) -> None:
    catalogue = read(write(tmp_path, f"Church bell&VWi2ENBuTbw&good&0&0\n{TRAIN}"), crop="full")
    assert ids(catalogue, "train") == ["RUhOCu3LNXM", "MH3m4AwEcRY"]
    assert [(skipped.sample_id, skipped.reason) for skipped in catalogue.skipped] == [
        ("VWi2ENBuTbw", "the event has zero length: second 0 to second 0")
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "Church bell,RUhOCu3LNXM,good,0,10",
            "line 3: .* got 'Church bell,RUhOCu3LNXM,good,0,10'",
        ),
        ("Church bell&../../secret&good&0&10", "line 3: expected Category&VideoID"),
        ("Church bell&RUhOCu3LNXM&good&0&ten", "line 3: expected Category"),
        (
            "Churchbell&RUhOCu3LNXM&good&0&10",
            "line 3: unknown class 'Churchbell'. .*'Church bell'",
        ),
    ],
)
def test_a_line_unlike_the_official_ones_is_named(tmp_path: Path, line: str, message: str) -> None:
    write(tmp_path, f"{TRAIN}{line}\n")
    with pytest.raises(UserError, match=f"dataset 'ave': trainSet.txt, {message}"):
        read(tmp_path)


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    (write(tmp_path) / "valSet.txt").unlink()
    with pytest.raises(UserError, match=r"dataset 'ave': valSet.txt .*Download AVE_Dataset.zip"):
        read(tmp_path)


def miniature(root: Path, clips: int) -> Path:
    root.mkdir()
    AVE.write_fixture(root, clips, np.random.default_rng(1))
    return root


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return miniature(tmp_path_factory.mktemp("ave") / "root", 16)


def test_the_miniature_is_large_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "write_video", lambda path, *_: _touch(path))
    catalogue = read(miniature(tmp_path / "root", 96))
    bad = {"-no_track__", "-silent____", "-truncated_", "-missing___"}
    assert bad < set(catalogue.sample_ids)
    for part, least in (("train", 48), ("validation", 12), ("test", 16)):
        good = [row for row in catalogue.parts[0][part] if catalogue.sample_ids[row] not in bad]
        assert len(good) >= least
        assert set(catalogue.labels[good].tolist()) == {0, 1, 4, 10}


def _touch(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"0")


def test_the_miniature_has_the_known_defects(small: Path) -> None:
    catalogue = read(small)
    assert all(len(rows) >= 4 for rows in catalogue.parts[0].values())
    assert "-two_labels.2" in catalogue.sample_ids
    assert sorted(skipped.reason for skipped in catalogue.skipped) == [
        "its clip is also in the test part",
        "its clip is also in the validation part",
        "the event has zero length: second 0 to second 0",
    ]
    assert read(small, split="official").notes
    lines = (small / "Annotations.txt").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "Category&VideoID&Quality&StartTime&EndTime"
    assert len(lines) == 1 + len(catalogue.sample_ids) + len(catalogue.skipped)
    assert not (small / "AVE" / "-missing___.mp4").exists()
    with pytest.raises(av.error.FFmpegError):
        av.open(str(small / "AVE" / "-truncated_.mp4"))
    with av.open(str(small / "AVE" / "-no_track__.mp4")) as container:
        assert len(container.streams.video) == 1
        assert len(container.streams.audio) == 0
    assert np.abs(sound(small / "AVE" / "-silent____.mp4")).max() == 0


def test_the_miniature_holds_the_event_in_its_seconds_alone(small: Path) -> None:
    catalogue = read(small)
    row = next(row for row, clip in enumerate(catalogue.inputs["audio"]) if (clip.start, clip.end) == (1, 4))
    clip = catalogue.inputs["video"][row]
    samples = sound(small / clip.path)
    before, within = samples[: int(0.9 * 16000)], samples[int(1.1 * 16000) : int(3.9 * 16000)]
    assert within.std() > 3 * before.std() > 0
    with av.open(str(small / clip.path)) as container:
        frames = [frame.to_ndarray(format="rgb24").astype(float) for frame in container.decode(video=0)]
    assert len(frames) == 20
    spread = [frame.std(axis=2).mean() for frame in frames]  # grey noise has none but the codec's
    assert min(spread[5:]) > 2 * max(spread[:5])


def test_the_miniature_is_the_same_again(small: Path, tmp_path: Path) -> None:
    again = miniature(tmp_path / "root", 16)
    files = sorted(path.relative_to(small) for path in small.rglob("*") if path.is_file())
    assert len(files) > 20
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert all((small / name).read_bytes() == (again / name).read_bytes() for name in files)


def sound(file: Path) -> np.ndarray:
    """(samples,) of the audio track."""
    with av.open(str(file)) as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
