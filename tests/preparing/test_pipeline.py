"""A prepared set holds what decoding gives, is the same however it came to be, and says what it lacks."""

from __future__ import annotations

import csv
import fcntl
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmkd_bench.config.roots import PREPARED_ROOT
from cmkd_bench.data.fixtures.encoding import truncate, write_lfs_pointer, write_video
from cmkd_bench.data.manifest import build_manifest
from cmkd_bench.data.media.clips import AudioClip, ImageClip, VideoClip
from cmkd_bench.data.media.location import FIXTURE_MARK
from cmkd_bench.data.media.prepared import open_prepared
from cmkd_bench.data.media.preparing import writing
from cmkd_bench.data.media.preparing.pipeline import check_prepared
from cmkd_bench.data.media.preparing.progress import PreparationDisplay
from cmkd_bench.errors import UserError

SAMPLES = 18


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_arrays_hold_what_decoding_gives(prepare: Any, filmed: Any, films: Path) -> None:
    report = prepare()
    assert (report.samples, report.usable, report.decoded) == (SAMPLES, SAMPLES, SAMPLES)
    dataset = filmed()
    data = dataset.load(0)
    kinds = {"video": VideoClip("films/f007.mp4"), "audio": AudioClip("films/f007.mp4")}
    for name, clip in {**kinds, "still": ImageClip("stills/f007.png")}.items():
        assert isinstance(data.inputs[name], np.memmap)
        assert not data.inputs[name].flags.writeable
        assert np.array_equal(data.inputs[name][7], clip.decode(films, dataset.preparation))
    assert data.inputs["video"].shape == (SAMPLES, 3, 3, 16, 24)
    assert data.inputs["text"].shape == (SAMPLES,)
    assert data.sample_ids[7] == "f007"
    assert data.labels.tolist() == [0, 1] * 9
    assert {part: len(rows) for part, rows in data.parts.items()} == {"train": 12, "validation": 3, "test": 3}
    assert data.classes == ("rest", "walk")
    assert data.groups is None
    assert not data.fixture


def test_sums_per_row_are_those_of_the_arrays(prepare: Any, filmed: Any) -> None:
    prepare()
    data = filmed().load(0)
    rows = data.parts["train"]
    for name, axes, channels in (("video", (0, 1, 3, 4), 3), ("audio", (0, 2, 3), 1), ("still", (0, 2, 3), 3)):
        values = data.inputs[name][rows].astype(np.float64)
        total, squares, count = data.moments[name][rows].sum(axis=0).T
        assert len(total) == channels
        assert np.allclose(total / count, values.mean(axes))
        assert np.allclose(squares / count - (total / count) ** 2, values.var(axes), rtol=1e-6)


def test_the_bytes_do_not_depend_on_the_workers(
    prepare: Any, filmed: Any, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    truncate(films / "stills" / "f003.png")
    (films / "films" / "f011.mp4").unlink()
    one = prepare(workers=1).folder
    monkeypatch.setenv(PREPARED_ROOT, str(tmp_path / "again"))
    two = prepare(workers=2).folder
    assert one != two
    assert contents(one) == contents(two)
    assert len(contents(one)) == 14


def test_nothing_is_done_twice(prepare: Any) -> None:
    folder = prepare().folder
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir() if path.name != "lock"}
    again = prepare()
    assert (again.decoded, again.usable) == (0, SAMPLES)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_bad_clips_are_listed_and_in_no_part(prepare: Any, filmed: Any, films: Path, arrays: Path) -> None:
    prepare()
    whole = filmed().load(0)
    before = build_manifest(filmed(), 0, whole)
    shutil.rmtree(arrays)
    (films / "films" / "f001.mp4").unlink()
    write_lfs_pointer(films / "stills" / "f002.png")
    (films / "films" / "f005.mp4").write_bytes(b"")
    write_video(films / "films" / "f009.mp4", np.zeros((10, 32, 48, 3), np.uint8), 10)
    report = prepare()
    assert (report.usable, report.samples) == (SAMPLES - 4, SAMPLES)
    film = "films/f{}.mp4".format
    assert [tuple(row.values()) for row in rows_of(arrays / "filmed" / "skipped.csv")] == [
        ("ghost", "", "", "listed twice"),
        ("f001", "video", film("001"), "missing"),
        ("f001", "audio", film("001"), "missing"),
        ("f002", "still", "stills/f002.png", "git-lfs pointer instead of the file: run git lfs pull"),
        ("f005", "video", film("005"), "empty file"),
        ("f005", "audio", film("005"), "empty file"),
        ("f009", "audio", film("009"), "no audio track"),
    ]
    data = filmed().load(0)
    lost = {part: sorted({*whole.parts[part].tolist()} - {*rows.tolist()}) for part, rows in data.parts.items()}
    assert lost == {"train": [1, 9], "validation": [2], "test": [5]}
    assert len(data.labels) == len(data.sample_ids) == len(data.inputs["video"]) == SAMPLES
    after = build_manifest(filmed(), 0, data)
    shares, same = data.notes
    for share in ("83.3 % of train (10 of 12)", "66.6 % of validation (2 of 3)", "66.6 % of test (2 of 3)"):
        assert share in shares
    assert after.split[:12] in same
    assert after.split != before.split
    changed = [name for name in before.inputs if before.inputs[name] != after.inputs[name]]
    assert sorted(changed) == ["audio", "still", "video"]


def test_skipped_clips_are_tried_again_only_when_asked(prepare: Any, filmed: Any, films: Path, original: Path) -> None:
    (films / "films" / "f001.mp4").unlink()
    assert prepare().usable == SAMPLES - 1
    shutil.copy(original / "films" / "f001.mp4", films / "films")
    assert (prepare().decoded, prepare().usable) == (0, SAMPLES - 1)
    report = prepare(retry_skipped=True)
    assert (report.decoded, report.usable) == (1, SAMPLES)
    assert len(filmed().load(0).parts["train"]) == 12
    assert check_prepared(filmed(), PreparationDisplay(None)) == []


@pytest.mark.parametrize("name", ["video.npy", "audio.npy", "still.npy"])
def test_the_check_finds_a_flipped_bit(prepare: Any, filmed: Any, name: str) -> None:
    folder = prepare().folder
    assert check_prepared(filmed(), PreparationDisplay(None)) == []
    array = np.load(folder / name, mmap_mode="r+")
    array[13].reshape(-1).view(np.uint8)[5] ^= 1
    array.flush()
    assert check_prepared(filmed(), PreparationDisplay(None)) == [f"{name}, row 13: f013"]


@pytest.mark.parametrize("name", ["samples.json", "video.digests.npy", "audio.moments.npy"])
def test_the_check_finds_a_changed_index(prepare: Any, filmed: Any, name: str) -> None:
    folder = prepare().folder
    content = bytearray((folder / name).read_bytes())
    content[-3] ^= 1
    (folder / name).write_bytes(content)
    assert f"{name} was changed" in check_prepared(filmed(), PreparationDisplay(None))


def test_another_copy_is_refused_until_forced(prepare: Any, filmed: Any, films: Path) -> None:
    prepare()
    lines = (films / "list.csv").read_text().splitlines()
    (films / "list.csv").write_text("\n".join(lines[:13]) + "\n")
    with pytest.raises(UserError, match=r"files of 18 samples; this one has files of 12 samples.* --force"):
        prepare()
    assert prepare(start_anew=True).samples == 12
    (films / FIXTURE_MARK).write_text("{}")
    with pytest.raises(UserError, match=r"files of 12 samples; this one has a miniature of 12 samples"):
        prepare()
    assert prepare(start_anew=True).fixture
    assert filmed().load(0).fixture


def test_settings_and_options_have_sets_of_their_own(prepare: Any, filmed: Any) -> None:
    variants = [filmed(), filmed(height=32), filmed(note="leaks")]
    folders = [prepare(variant).folder for variant in variants]
    assert len(set(folders)) == 3
    assert all(len(folder.name) == 10 for folder in folders)
    assert variants[1].load(0).inputs["still"].shape == (SAMPLES, 3, 32, 24)
    assert variants[2].load(0).notes == ("leaks",)


def test_what_is_not_prepared_cannot_be_loaded(filmed: Any, arrays: Path, prepare: Any) -> None:
    assert open_prepared(filmed().folder_of_set()) is None
    with pytest.raises(UserError, match=r"filmed.* not prepared .* cmkd-bench prepare filmed --root DIR"):
        filmed().load(0)
    prepare()
    filmed().folder_of_set().manifest.unlink()
    with pytest.raises(UserError, match=r"filmed.* only partly prepared"):
        filmed().load(0)


def test_a_row_that_a_crash_of_the_machine_tore_is_decoded_again(prepare: Any, filmed: Any) -> None:
    folder = prepare().folder
    before = contents(folder)
    filmed().folder_of_set().manifest.unlink()
    array = np.load(folder / "still.npy", mmap_mode="r+")
    array[4] = 0
    array.flush()
    assert prepare().decoded == 1
    assert contents(folder) == before


def test_a_disk_that_is_too_small_is_told_before(
    prepare: Any, filmed: Any, arrays: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # of a sample: 3 x 3 x 16 x 24 of video, 16 x 49 x 2 of audio, 3 x 16 x 24 of still
    assert 3 * 3 * 16 * 24 + 16 * 49 * 2 + 3 * 16 * 24 == 6176
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(writing.shutil, "disk_usage", lambda _: usage(10**9, 10**9, 10**6))
    with pytest.raises(UserError, match=r"\(18 samples of 0\.01 MB\), but 0\.0 GB are free"):
        prepare()
    assert not list(arrays.rglob("*.npy"))


def test_no_clip_at_all_can_be_read(prepare: Any, films: Path) -> None:
    for film in (films / "films").iterdir():
        film.write_bytes(b"")
    with pytest.raises(UserError, match=r"'video' .* f000 \(films/f000\.mp4\): empty file; .* unpacked"):
        prepare()


def test_settings_that_cannot_work_are_a_message(prepare: Any, filmed: Any) -> None:
    with pytest.raises(UserError, match=r"fewer than prepare\.n_fft=8192"):
        prepare(filmed(n_fft=8192))


def test_two_commands_do_not_prepare_the_same_set(prepare: Any, filmed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "LOCK_SECONDS", 0.2)
    folder = filmed().folder_of_set()
    folder.path.mkdir(parents=True)
    with folder.lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="another command is preparing"):
            prepare()
    assert prepare().usable == SAMPLES
