"""CREMA-D: both splits, the lists clips are read from, and every known defect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile

from cmkd_bench.data.media.catalogue import Catalogue
from cmkd_bench.data.splits import check_parts
from cmkd_bench.errors import UserError
from cmkd_bench.registry import datasets

KIND: Any = datasets.get("cremad")
WOMEN = [
    *(1002, 1003, 1004, 1006, 1007, 1008, 1009, 1010, 1012, 1013, 1018, 1020, 1021, 1024, 1025, 1028, 1029, 1030),
    *(1037, 1043, 1046, 1047, 1049, 1052, 1053, 1054, 1055, 1056, 1058, 1060, 1061, 1063, 1072, 1073, 1074, 1075),
    *(1076, 1078, 1079, 1082, 1084, 1089, 1091),
]
TESTED = [
    *(1003, 1011, 1028, 1032, 1039, 1040, 1041, 1044, 1047, 1053),
    *(1056, 1059, 1061, 1070, 1071, 1074, 1087, 1089, 1091),
]
VALIDATED = [1020, 1033, 1034, 1037, 1046, 1054, 1063, 1067, 1085, 1086]
HEADER = '"Stimulus_Number","Filename"'


def catalogue(root: Path, split: str = "speaker") -> Catalogue:
    result: Catalogue = KIND(KIND.Options(split)).catalogue(root)
    return result


def listed(root: Path, *lines: str) -> Path:
    (root / "SentenceFilenames.csv").write_text("\n".join([HEADER, *lines]) + "\n")
    return root


def published(root: Path, train: str, test: str, folder: str = "") -> Path:
    (root / folder).mkdir(exist_ok=True)
    (root / folder / "train.csv").write_text(train, encoding="utf-8-sig")
    (root / folder / "test.csv").write_text(test)
    return root


@pytest.fixture(scope="module")
def fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cremad")
    KIND.write_fixture(root, 96, np.random.default_rng(0))
    return root


@pytest.fixture
def all_actors(tmp_path: Path) -> Path:
    clips = [f"{actor}_{sentence}_SAD_XX" for actor in range(1001, 1092) for sentence in ("DFA", "TAI", "IOM")]
    return listed(tmp_path, *(f'{number},"{clip}"' for number, clip in enumerate(clips, start=1)))


def test_labels_have_the_order_of_the_papers(tmp_path: Path) -> None:
    clips = ["1001_IEO_NEU_XX", "1001_IEO_HAP_LO", "1001_IEO_SAD_MD", "1001_IEO_FEA_HI", "1001_WSI_DIS_XX"]
    root = listed(tmp_path, *(f'{number},"{clip}"' for number, clip in enumerate([*clips, "1002_DFA_ANG_XX"], 1)))
    found = catalogue(root)
    labels = dict(zip(found.sample_ids, found.labels.tolist(), strict=True))
    assert labels == dict(zip([*clips, "1002_DFA_ANG_XX"], range(6), strict=True))
    assert found.classes == KIND.classes == ("NEU", "HAP", "SAD", "FEA", "DIS", "ANG")


def test_sound_is_read_from_the_wav_and_video_from_the_flv(tmp_path: Path) -> None:
    found = catalogue(listed(tmp_path, '1,"1001_IEO_NEU_XX"'))
    assert [clip.path for clip in found.inputs["video"]] == ["VideoFlash/1001_IEO_NEU_XX.flv"]
    assert [clip.path for clip in found.inputs["audio"]] == ["AudioWAV/1001_IEO_NEU_XX.wav"]


def test_no_actor_is_in_two_parts_and_the_sexes_are_balanced(all_actors: Path) -> None:
    found = catalogue(all_actors)
    check_parts("cremad", found.parts[0], 273, found.groups)
    actors = {part: {int(found.sample_ids[row][:4]) for row in rows} for part, rows in found.parts[0].items()}
    women = {part: len(held & set(WOMEN)) for part, held in actors.items()}
    assert {part: len(held) for part, held in actors.items()} == {"train": 62, "validation": 10, "test": 19}
    assert women == {"train": 29, "validation": 5, "test": 9}
    assert found.notes == ()


def test_the_speaker_split_never_changes(all_actors: Path) -> None:
    found = catalogue(all_actors)
    assert found.groups is not None
    tested, validated = (np.unique(found.groups[found.parts[0][part]]).tolist() for part in ("test", "validation"))
    assert tested == TESTED
    assert validated == VALIDATED


def test_a_missing_list_is_replaced_by_the_next(all_actors: Path) -> None:
    first = catalogue(all_actors)
    (all_actors / "SentenceFilenames.csv").unlink()
    (all_actors / "processedResults").mkdir()
    header = '"","FileName","VoiceVote","VoiceLevel","FaceVote","FaceLevel","MultiModalVote","MultiModalLevel"'
    lines = [f'"{row}","{clip}","H","71.67","H","57","A:D","57.38"' for row, clip in enumerate(first.sample_ids, 1)]
    (all_actors / "processedResults/summaryTable.csv").write_text("\n".join([header, *reversed(lines)]))
    second = catalogue(all_actors)
    assert second.sample_ids == first.sample_ids
    assert all(np.array_equal(first.parts[0][part], second.parts[0][part]) for part in first.parts[0])


def test_without_lists_the_folders_are_listed_and_a_note_says_so(tmp_path: Path) -> None:
    for file in ("VideoFlash/1001_IEO_NEU_XX.flv", "AudioWAV/1002_IEO_NEU_XX.wav", "AudioWAV/._1003_IEO_NEU_XX.wav"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    found = catalogue(tmp_path)
    assert found.sample_ids == ["1001_IEO_NEU_XX", "1002_IEO_NEU_XX"]
    assert "listed from the folders" in found.notes[0]


def test_without_lists_and_clips_the_error_names_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "AudioMP3").mkdir()
    with pytest.raises(UserError, match=r"SentenceFilenames\.csv .*Found: AudioMP3\."):
        catalogue(tmp_path)


@pytest.mark.parametrize("clip", ["1001_IEO_JOY_XX", "1001_IEO_NEU", "1001_IEO_NEU_XX.flv", ""])
def test_a_malformed_name_is_shown_with_its_line(tmp_path: Path, clip: str) -> None:
    root = listed(tmp_path, '1,"1001_IEO_NEU_XX"', f'2,"{clip}"')
    with pytest.raises(UserError, match=rf'SentenceFilenames\.csv, line 3 \(2,"{clip}"\): expected .* 1001_IEO'):
        catalogue(root)


def test_a_list_without_its_column_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "SentenceFilenames.csv").write_text("clip,emotion\n1001_IEO_NEU_XX,NEU\n")
    with pytest.raises(UserError, match=r"no column Filename\. Found: clip, emotion\."):
        catalogue(tmp_path)


@pytest.mark.parametrize("folder", ["", "C2KD"])
def test_the_published_lists_are_read_past_a_byte_order_mark(tmp_path: Path, folder: str) -> None:
    train = "1041_TIE_NEU_XX,NEU\n1071_MTI_SAD_XX,SAD\n1028_WSI_DIS_XX,DIS\n"
    found = catalogue(published(tmp_path, train, "1016_IEO_HAP_LO,HAP\n1041_IEO_FEA_LO,FEA\n", folder), "c2kd")
    assert " ".join(found.sample_ids) == (
        "1016_IEO_HAP_LO 1028_WSI_DIS_XX 1041_IEO_FEA_LO 1041_TIE_NEU_XX 1071_MTI_SAD_XX"
    )
    assert {part: rows.tolist() for part, rows in found.parts[0].items()} == {
        "train": [1, 3, 4],
        "validation": [],
        "test": [0, 2],
    }
    assert found.labels.tolist() == [1, 4, 3, 0, 2]
    assert found.groups is None
    assert found.notes == ("split=c2kd: 1 of 4 speakers are in both train and test; there is no validation part",)


def test_without_the_published_lists_the_error_says_where_they_are(all_actors: Path) -> None:
    (all_actors / "train.csv").write_text("1041_TIE_NEU_XX,NEU\n")
    with pytest.raises(UserError, match=r"needs train\.csv and test\.csv in ") as caught:
        catalogue(all_actors, "c2kd")
    assert "Found: SentenceFilenames.csv, train.csv. " in str(caught.value)
    assert "github.com/GeWu-Lab/OGM-GE_CVPR2022, data/CREMAD" in str(caught.value)
    assert "dataset.cremad.split=speaker" in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1041_TIE_NEU_XX,SAD", r"test\.csv, line 2 \(1041_TIE_NEU_XX,SAD\): expected .* emotion"),
        ("1041_TIE_NEU_XX", r"line 2 \(1041_TIE_NEU_XX\): expected .* emotion"),
        ("1041_TIE_NEU_ZZ,NEU", r"line 2 \(1041_TIE_NEU_ZZ,NEU\): expected a name"),
        ("1001_IEO_NEU_XX,NEU", r"line 2 \(1001_IEO_NEU_XX,NEU\): .* train\.csv"),
    ],
)
def test_a_malformed_published_line_is_shown(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        catalogue(published(tmp_path, "1001_IEO_NEU_XX,NEU\n", f"1002_IEO_NEU_XX,NEU\n{line}\n"), "c2kd")


@pytest.mark.parametrize("split", ["speaker", "c2kd"])
def test_four_clips_are_left_out_by_name(fixture: Path, split: str) -> None:
    found = catalogue(fixture, split)
    reasons = {line.sample_id: line.reason for line in found.skipped}
    assert sorted(reasons) == ["1064_IEO_DIS_MD", "1064_TIE_SAD_XX", "1076_MTI_NEU_XX", "1076_MTI_SAD_XX"]
    assert "61 s" in reasons["1064_IEO_DIS_MD"]
    assert all(line.path == f"VideoFlash/{line.sample_id}.flv" for line in found.skipped)
    assert not set(reasons) & set(found.sample_ids)


def test_a_defective_clip_that_is_not_listed_is_not_reported(tmp_path: Path) -> None:
    assert catalogue(listed(tmp_path, '1,"1064_IEO_DIS_MD"', '2,"1001_IEO_NEU_XX"')).skipped[0].modality == "video"
    assert catalogue(listed(tmp_path, '2,"1001_IEO_NEU_XX"')).skipped == []


def test_the_wav_of_either_name_is_taken(tmp_path: Path) -> None:
    root = listed(tmp_path, '1,"1040_ITH_SAD_XX"')
    (root / "AudioWAV").mkdir()
    assert catalogue(root).inputs["audio"][0].path == "AudioWAV/1040_ITH_SAD_XX.wav"
    (root / "AudioWAV/1040_ITH_SAD_X.wav").touch()
    found = catalogue(root)
    assert found.sample_ids == ["1040_ITH_SAD_XX"]
    assert found.inputs["audio"][0].path == "AudioWAV/1040_ITH_SAD_X.wav"
    assert found.inputs["video"][0].path == "VideoFlash/1040_ITH_SAD_XX.flv"


def test_the_fixture_holds_enough_good_clips_of_every_class(fixture: Path) -> None:
    found = catalogue(fixture)
    check_parts("cremad", found.parts[0], len(found.sample_ids), found.groups)
    bad = {"1002_IWW_HAP_XX", "1003_IWW_HAP_XX", "1007_IWW_HAP_XX"}
    for part, least in (("train", 48), ("validation", 12), ("test", 16)):
        good = [row for row in found.parts[0][part] if found.sample_ids[row] not in bad]
        assert len(good) >= least
        assert set(found.labels[good].tolist()) == {0, 1, 2, 4}


def test_the_fixtures_media_are_real_and_its_defects_are_there(fixture: Path) -> None:
    with av.open(str(fixture / "VideoFlash/1001_TAI_DIS_XX.flv")) as file:
        assert [stream.codec_context.name for stream in file.streams] == ["flv", "mp3float"]
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    sound, rate = soundfile.read(fixture / "AudioWAV/1001_TAI_DIS_XX.wav")
    assert frames[0].shape == (48, 64, 3)
    assert (rate, len(sound)) == (16000, 1600 * len(frames))
    with av.open(str(fixture / "VideoFlash/1005_IWW_DIS_XX.flv")) as file:
        assert not file.streams.audio
        assert len(list(file.decode(video=0))) > 10
    assert not soundfile.read(fixture / "AudioWAV/1076_MTI_SAD_XX.wav")[0].any()
    assert (fixture / "AudioWAV/1040_ITH_SAD_X.wav").is_file()
    assert not (fixture / "AudioWAV/1040_ITH_SAD_XX.wav").exists()
    assert (fixture / "VideoFlash/1002_IWW_HAP_XX.flv").read_text().startswith("version https://git-lfs")
    assert not (fixture / "AudioWAV/1003_IWW_HAP_XX.wav").stat().st_size
    assert not (fixture / "VideoFlash/1007_IWW_HAP_XX.flv").exists()
    assert (fixture / "C2KD/train.csv").read_bytes().endswith(b"\r\n")


def test_the_fixture_is_the_same_for_the_same_seed_and_valid_when_small(tmp_path: Path) -> None:
    roots = [tmp_path / name for name in ("one", "two")]
    for root in roots:
        root.mkdir()
        KIND.write_fixture(root, 12, np.random.default_rng(3))
    one, two = ({path.relative_to(root): path.read_bytes() for path in root.rglob("*.*")} for root in roots)
    assert one == two
    assert len(one) == 44
    found = catalogue(roots[0])
    check_parts("cremad", found.parts[0], len(found.sample_ids), found.groups)
