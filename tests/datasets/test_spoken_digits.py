"""AV-MNIST from recordings and idx files: pairs, parts by speaker, corruptions, and files that do not fit."""

from __future__ import annotations

import gzip
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmkd_bench.config.compose import compose
from cmkd_bench.config.overrides import parse_overrides
from cmkd_bench.config.roots import Roots
from cmkd_bench.data.fixtures.encoding import write_wav
from cmkd_bench.data.media.clips import AudioClip
from cmkd_bench.data.media.preparing.pipeline import prepare_dataset
from cmkd_bench.data.media.preparing.progress import PreparationDisplay
from cmkd_bench.data.splits import check_parts
from cmkd_bench.datasets._spoken_digits import SPEAKERS, NoisyAudioClip
from cmkd_bench.errors import UserError
from cmkd_bench.registry import datasets
from cmkd_bench.terminal import Terminal

KIND: Any = datasets.get("avmnist")
RECORDINGS = "free-spoken-digit-dataset/recordings"
CONFIGURATION: Any = compose(parse_overrides(["dataset.avmnist.source=fsdd"]), "avmnist")[0]
PREPARATION = CONFIGURATION.preparation


def catalogue(root: Path, **options: float) -> Any:
    return KIND(KIND.Options(source="fsdd", **options)).catalogue(root)


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write an array of bytes, packed if the name says so."""
    content = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_images(root: Path, part: str = "train", packed: str = ".gz") -> np.ndarray:
    """Write 1200 images, of which number k is of digit k // 2 % 10, and return them."""
    images = np.random.default_rng(1).integers(0, 256, (1200, 28, 28), np.uint8)
    write_idx(root / f"{part}-images-idx3-ubyte{packed}", images)
    write_idx(root / f"{part}-labels-idx1-ubyte{packed}", (np.arange(1200) // 2 % 10).astype(np.uint8))
    return images


def write_recordings(root: Path, speakers: tuple[str, ...], takes: range = range(2)) -> None:
    tone = 0.1 * np.sin(np.arange(2400) / 3)
    for digit in range(10):
        for speaker in speakers:
            for take in takes:
                write_wav(root / f"{RECORDINGS}/{digit}_{speaker}_{take}.wav", tone, 8000)


@pytest.fixture
def images(tmp_path: Path) -> np.ndarray:
    """The images of a folder with all six speakers."""
    write_recordings(tmp_path, SPEAKERS)
    return write_images(tmp_path)


def test_a_pair_has_one_digit_and_an_image_of_its_own(tmp_path: Path, images: np.ndarray) -> None:
    found = catalogue(tmp_path)
    assert len(found.sample_ids) == 10 * 6 * 2
    rows = np.array([clip.row for clip in found.inputs["image"]])
    assert len(set(rows.tolist())) == len(rows)
    assert (rows % 2 == 1).all()  # those in even rows belong to the principal components
    assert (rows // 2 % 10 == found.labels).all()
    assert [int(name[0]) for name in found.sample_ids] == found.labels.tolist()
    row = found.sample_ids.index("7_theo_01")
    assert found.inputs["audio"][row] == AudioClip(f"{RECORDINGS}/7_theo_1.wav")
    np.testing.assert_array_equal(found.inputs["image"][row].decode(tmp_path, PREPARATION)[0], images[rows[row]])


def test_a_fold_tests_one_speaker_and_validates_on_the_next(tmp_path: Path, images: np.ndarray) -> None:
    found = catalogue(tmp_path)
    assert found.groups is not None
    assert len(found.parts) == KIND(KIND.Options(source="fsdd")).folds == 6
    for fold, parts in enumerate(found.parts):
        check_parts("avmnist", parts, 120, found.groups)
        speakers = {part: {found.sample_ids[row].split("_")[1] for row in rows} for part, rows in parts.items()}
        assert speakers["test"] == {SPEAKERS[fold]}
        assert speakers["validation"] == {SPEAKERS[(fold + 1) % 6]}
        assert len(speakers["train"]) == 4


def test_a_partial_download_keeps_the_pairs_that_it_has(tmp_path: Path, images: np.ndarray) -> None:
    whole = catalogue(tmp_path)
    pairs = dict(zip(whole.sample_ids, whole.inputs["image"], strict=True))
    for path in (tmp_path / RECORDINGS).glob("*_lucas_*"):
        path.unlink()
    for path in (tmp_path / RECORDINGS).glob("*_theo_*"):
        path.unlink()
    (tmp_path / RECORDINGS / "3_george_0.wav").unlink()
    found = catalogue(tmp_path)
    assert len(found.sample_ids) == 79
    assert len(found.parts) == 4
    assert all(pairs[name] == clip for name, clip in zip(found.sample_ids, found.inputs["image"], strict=True))
    check_parts("avmnist", found.parts[3], 79, found.groups)
    assert any("2921 of 3000 recordings are missing" in note and "yweweler" in note for note in found.notes)


def test_a_fold_without_recordings_is_named(tmp_path: Path) -> None:
    write_recordings(tmp_path, SPEAKERS[:3], range(1))
    write_images(tmp_path)
    dataset = KIND(KIND.Options(source="fsdd"), PREPARATION)
    dataset.roots = Roots(data=tmp_path, prepared=tmp_path / "prepared")
    prepare_dataset(dataset, tmp_path, 1, PreparationDisplay(Terminal()))
    assert {part: len(rows) for part, rows in dataset.load(2).parts.items()} == {
        "train": 10,
        "validation": 10,
        "test": 10,
    }
    with pytest.raises(UserError, match=r"no fold 3 .*Available: 0 to 2"):
        dataset.load(3)


def test_three_speakers_are_the_least(tmp_path: Path) -> None:
    write_images(tmp_path)
    write_recordings(tmp_path, SPEAKERS[:2], range(1))
    with pytest.raises(UserError, match=r"at least three.*: george, jackson\."):
        catalogue(tmp_path)
    write_recordings(tmp_path, SPEAKERS[2:3], range(1))
    assert len(catalogue(tmp_path).parts) == 3


def test_other_recordings_are_left_out_by_name(tmp_path: Path, images: np.ndarray) -> None:
    for name in ("0_someone_0", "0_george_50", "zero_george_1"):
        write_wav(tmp_path / f"{RECORDINGS}/{name}.wav", np.full(800, 0.1), 8000)
    found = catalogue(tmp_path)
    assert sorted(one.sample_id for one in found.skipped) == ["0_george_50", "0_someone_0", "zero_george_1"]
    assert len(found.sample_ids) == 120


def test_the_training_images_are_preferred_and_the_test_images_are_named(tmp_path: Path) -> None:
    write_recordings(tmp_path, SPEAKERS)
    write_images(tmp_path, "t10k", packed="")
    found = catalogue(tmp_path)
    assert found.inputs["image"][0].path == "t10k-images-idx3-ubyte"
    assert any("MNIST's test part" in note for note in found.notes)
    (tmp_path / "MNIST/raw").mkdir(parents=True)
    write_images(tmp_path / "MNIST/raw")
    found = catalogue(tmp_path)
    assert found.inputs["image"][0].path == "MNIST/raw/train-images-idx3-ubyte.gz"
    assert not any("MNIST" in note for note in found.notes)


def test_missing_or_broken_idx_files_are_errors(tmp_path: Path, images: np.ndarray) -> None:
    labels = tmp_path / "train-labels-idx1-ubyte.gz"
    content = labels.read_bytes()
    for broken in (content[:30], b"<html>", gzip.compress(gzip.decompress(content)[:-1])):
        labels.write_bytes(broken)
        with pytest.raises(UserError, match=r"train-labels-idx1-ubyte\.gz: "):
            catalogue(tmp_path)
    write_idx(labels, np.zeros(1200, np.uint8))
    with pytest.raises(UserError, match="only 0 images of digit 1"):
        catalogue(tmp_path)
    labels.unlink()
    with pytest.raises(UserError, match=r"Found: train-images-idx3-ubyte\.gz"):
        catalogue(tmp_path)


def test_image_energy_keeps_the_fewest_components_with_that_share(tmp_path: Path) -> None:
    write_recordings(tmp_path, SPEAKERS[:3])
    write_images(tmp_path)
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(784, 3)))[0].T
    images = 128 + rng.normal(size=(1200, 3)) * [400, 200, 100] @ directions
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", images.round().clip(0, 255).astype(np.uint8).reshape(-1, 28, 28))
    # variances 16, 4 and 1 of 21: three quarters are in the first component, nine tenths in the first two
    for energy, kept in ((0.7, 1), (0.9, 2)):
        clip = catalogue(tmp_path, image_energy=energy).inputs["image"][5]
        row = clip.row
        expected = 128 + (images[row] - 128) @ directions[:kept].T @ directions[:kept]
        decoded = clip.decode(tmp_path, PREPARATION)
        assert (decoded.shape, decoded.dtype) == ((1, 28, 28), np.uint8)
        assert np.abs(decoded.ravel() - expected).mean() < 2


def test_noise_has_the_asked_level_and_depends_on_the_name(tmp_path: Path, images: np.ndarray) -> None:
    given = replace(PREPARATION, clip_norm=False, mels=0, log_offset=1e-12, spectrogram_type="float32")
    one, other = catalogue(tmp_path, noise=2.0).inputs["audio"][:2]
    assert one == NoisyAudioClip(f"{RECORDINGS}/0_george_0.wav", noise=2.0)
    noisy, plain = (np.exp(clip.decode(tmp_path, given)).sum() for clip in (one, AudioClip(one.path)))
    assert noisy / plain == pytest.approx(1 + 2.0**2, rel=0.05)
    np.testing.assert_array_equal(one.decode(tmp_path, given), one.decode(tmp_path, given))
    assert (one.decode(tmp_path, given) != other.decode(tmp_path, given)).any()


def test_the_published_arrays_have_one_fold_and_cannot_be_changed() -> None:
    assert KIND(KIND.Options()).folds == 1
    for changes in ({"noise": 1.0}, {"image_energy": 0.25}):
        with pytest.raises(UserError, match=r"Add dataset\.avmnist\.source=fsdd"):
            KIND(KIND.Options(**changes))


def test_the_fixture_has_the_real_form_and_its_defects(tmp_path: Path) -> None:
    KIND.write_fixture(tmp_path, 96, np.random.default_rng(0))
    found = catalogue(tmp_path)
    assert len(found.sample_ids) == 4 * 6 * 4 - 1
    assert len(found.skipped) == 2
    for parts in found.parts:
        check_parts("avmnist", parts, len(found.sample_ids), found.groups)
        assert set(found.labels[parts["test"]].tolist()) == {0, 1, 2, 3}
