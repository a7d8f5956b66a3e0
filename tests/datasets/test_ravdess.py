"""RAVDESS: which of the many files count, in which folders, and whose actors are in which part."""

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
from cmkd_bench.parameters import NoParameters
from cmkd_bench.registry import datasets

KIND: Any = datasets.get("ravdess")


def catalogue(root: Path) -> Catalogue:
    result: Catalogue = KIND(NoParameters()).catalogue(root)
    return result


def touch(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


@pytest.fixture
def one_trial_each(tmp_path: Path) -> Path:
    """Video and sound of one happy trial of each actor, everything unpacked into one place."""
    names = [f"Actor_{actor:02d}/{{}}-01-03-01-02-01-{actor:02d}.{{}}" for actor in range(1, 25)]
    return touch(tmp_path, *(name.format(*kind) for name in names for kind in (("01", "mp4"), ("03", "wav"))))


@pytest.fixture(scope="module")
def fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ravdess")
    KIND.write_fixture(root, 96, np.random.default_rng(0))
    return root


def test_the_third_field_is_the_emotion(one_trial_each: Path) -> None:
    emotions = ["neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"]
    for code in range(1, 9):
        touch(one_trial_each, f"Actor_12/01-01-0{code}-01-01-02-12.mp4")
    found = catalogue(one_trial_each)
    labels = dict(zip(found.sample_ids, found.labels.tolist(), strict=True))
    assert [found.classes[labels[f"01-01-0{code}-01-01-02-12"]] for code in range(1, 9)] == emotions
    assert labels["01-01-03-01-02-01-01"] == 2


def test_whole_actors_are_held_out_with_both_sexes_in_every_part(one_trial_each: Path) -> None:
    found = catalogue(one_trial_each)
    check_parts("ravdess", found.parts[0], 24, found.groups)
    actors = {part: [int(found.sample_ids[row][-2:]) for row in rows] for part, rows in found.parts[0].items()}
    assert actors == {"test": [1, 2, 3, 4], "validation": [5, 6, 7, 8], "train": list(range(9, 25))}
    assert all(sum(actor % 2 for actor in held) == len(held) // 2 for held in actors.values())


def test_a_missing_actor_moves_no_other(one_trial_each: Path) -> None:
    for file in (one_trial_each / "Actor_02").iterdir():
        file.unlink()
    parts = catalogue(one_trial_each).parts[0]
    assert [len(parts[part]) for part in ("train", "validation", "test")] == [16, 4, 3]


def test_two_roots_and_nested_archives_are_found_by_name(one_trial_each: Path, tmp_path: Path) -> None:
    for number, file in enumerate(sorted(one_trial_each.rglob("*.mp4"))):
        folder = f"Speech/{file.parent.name}" if number % 2 else f"Video_Speech_{file.parent.name}/{file.parent.name}"
        (one_trial_each / folder).mkdir(parents=True)
        file.rename(one_trial_each / folder / file.name)
    found = catalogue(one_trial_each)
    name = "01-03-01-02-01-02"
    assert found.inputs["video"][1].path == f"Speech/Actor_02/01-{name}.mp4"
    assert found.inputs["audio"][1].path == f"Actor_02/03-{name}.wav"
    assert found.inputs["video"][0].path == "Video_Speech_Actor_01/Actor_01/01-01-03-01-02-01-01.mp4"


def test_of_a_name_that_is_there_twice_the_first_path_is_taken(one_trial_each: Path) -> None:
    touch(one_trial_each, "Again/Actor_01/01-01-03-01-02-01-01.mp4", "AAA/Actor_01/03-01-03-01-02-01-01.wav")
    found = catalogue(one_trial_each)
    assert len(found.sample_ids) == 24
    assert found.inputs["video"][0].path == "Actor_01/01-01-03-01-02-01-01.mp4"
    assert found.inputs["audio"][0].path == "AAA/Actor_01/03-01-03-01-02-01-01.wav"


@pytest.mark.parametrize(
    "file",
    [
        "01-02-03-01-01-01-09.mp4",  # song
        "03-02-03-01-01-01-09.wav",
        "02-01-03-01-01-01-09.mp4",  # video only
        "01-01-09-01-01-01-09.mp4",  # no such emotion
        "01-01-03-01-01-01-25.mp4",  # no such actor
        "01-01-03-01-01-01-00.mp4",
        "._01-01-03-01-01-01-09.mp4",
        "01-01-03-01-01-01-09.wav",
        "03-01-03-01-01-01-09.mp4",
    ],
)
def test_other_files_are_no_trials(one_trial_each: Path, file: str) -> None:
    found = catalogue(touch(one_trial_each, f"Actor_09/{file}"))
    assert len(found.sample_ids) == 24
    assert not any(clip.path.endswith(file) for clips in found.inputs.values() for clip in clips)


def test_a_missing_half_has_its_official_path(one_trial_each: Path) -> None:
    (one_trial_each / "Actor_07/03-01-03-01-02-01-07.wav").unlink()
    (one_trial_each / "Actor_08/01-01-03-01-02-01-08.mp4").unlink()
    found = catalogue(one_trial_each)
    assert found.inputs["audio"][6].path == "Actor_07/03-01-03-01-02-01-07.wav"
    assert found.inputs["video"][7].path == "Actor_08/01-01-03-01-02-01-08.mp4"
    assert found.notes == ()


def test_without_any_wav_all_sound_is_the_videos(one_trial_each: Path) -> None:
    for file in one_trial_each.rglob("*.wav"):
        file.unlink()
    touch(one_trial_each, "Actor_01/03-02-03-01-01-01-01.wav")
    found = catalogue(one_trial_each)
    assert [clip.path for clip in found.inputs["audio"]] == [clip.path for clip in found.inputs["video"]]
    assert found.notes == ("sound is read from the mp4 files because there is no 03-01-*.wav",)


@pytest.mark.parametrize(("actors", "shown"), [([], "none"), ([1, 2, 9], "1, 2, 9")])
def test_a_part_without_actors_is_an_error_that_names_what_is_there(
    tmp_path: Path, actors: list[int], shown: str
) -> None:
    touch(tmp_path, *(f"01-01-03-01-02-01-{actor:02d}.mp4" for actor in actors))
    with pytest.raises(UserError, match=rf"5 to 8 for validation.* below .*: {shown}\. .*zenodo\.org/record/1188976"):
        catalogue(tmp_path)


def test_the_fixture_holds_enough_good_trials_of_every_class(fixture: Path) -> None:
    found = catalogue(fixture)
    check_parts("ravdess", found.parts[0], len(found.sample_ids), found.groups)
    bad = {"01-01-01-01-02-02-24", "01-01-02-01-02-02-24", "01-01-03-01-02-02-24"}
    for part, least in (("train", 48), ("validation", 12), ("test", 16)):
        good = [row for row in found.parts[0][part] if found.sample_ids[row] not in bad]
        assert len(good) >= least
        assert set(found.labels[good].tolist()) == {0, 1, 2, 3}


def test_the_fixtures_media_are_real_and_its_defects_are_there(fixture: Path) -> None:
    with av.open(str(fixture / "Actor_01/01-01-01-01-01-01-01.mp4")) as file:
        assert [stream.codec_context.name for stream in file.streams] == ["h264", "aac"]
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    sound, rate = soundfile.read(fixture / "Actor_01/03-01-01-01-01-01-01.wav")
    assert frames[0].shape == (36, 64, 3)
    assert (rate, len(sound)) == (48000, 4800 * len(frames))
    with pytest.raises(av.error.FFmpegError):
        av.open(str(fixture / "Actor_24/01-01-01-01-02-02-24.mp4"))
    assert not (fixture / "Actor_24/03-01-02-01-02-02-24.wav").exists()
    assert not (fixture / "Actor_24/03-01-03-01-02-02-24.wav").stat().st_size
    with av.open(str(fixture / "Actor_24/01-01-04-01-02-02-24.mp4")) as file:
        assert not file.streams.audio
    assert soundfile.info(fixture / "Actor_24/03-01-04-01-02-02-24.wav").channels == 2
    for other in ("03-02-02-01-01-01-24.wav", "02-01-01-01-02-02-24.mp4", "._01-01-01-01-02-02-24.mp4"):
        assert (fixture / "Actor_24" / other).is_file()


def test_the_fixture_is_the_same_for_the_same_seed_and_valid_when_small(tmp_path: Path) -> None:
    roots = [tmp_path / name for name in ("one", "two")]
    for root in roots:
        root.mkdir()
        KIND.write_fixture(root, 12, np.random.default_rng(3))
    one, two = ({path.relative_to(root): path.read_bytes() for path in root.rglob("*.*")} for root in roots)
    assert one == two
    assert len(one) == 34
    found = catalogue(roots[0])
    check_parts("ravdess", found.parts[0], len(found.sample_ids), found.groups)
