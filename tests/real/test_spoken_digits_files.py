"""The Free Spoken Digit Dataset and MNIST's test files: what is in them, and pairs made of them."""

from __future__ import annotations

import gzip
import shutil
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from cmkd_bench.config.compose import compose
from cmkd_bench.config.overrides import parse_overrides
from cmkd_bench.data.splits import check_parts
from cmkd_bench.registry import datasets

SPEAKERS = {"george", "jackson", "lucas", "nicolas", "theo", "yweweler"}
CONFIGURATION: Any = compose(parse_overrides(["dataset.avmnist.source=fsdd"]), "avmnist")[0]


@pytest.fixture(scope="module")
def root(real_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clone and MNIST's files as a user has them."""
    root = tmp_path_factory.mktemp("avmnist")
    for archive in sorted((real_files / "avmnist").glob("fsdd_*.zip")):
        with zipfile.ZipFile(archive) as file:
            file.extractall(root / "free-spoken-digit-dataset/recordings")
    for path in (real_files / "avmnist").glob("t10k-*"):
        shutil.copy(path, root)
    return root


@pytest.fixture(scope="module")
def catalogue(root: Path) -> Any:
    kind: Any = datasets.get("avmnist")
    return kind(kind.Options(source="fsdd")).catalogue(root)


def test_the_recordings_are_those_of_version_1_0_10(root: Path, catalogue: Any) -> None:
    assert len(catalogue.sample_ids) == 3000
    assert not catalogue.skipped
    assert np.bincount(catalogue.labels).tolist() == [300] * 10
    assert Counter(name.split("_")[1] for name in catalogue.sample_ids) == dict.fromkeys(SPEAKERS, 500)
    heads = [soundfile.info(str(root / clip.path)) for clip in catalogue.inputs["audio"][::7]]
    assert {(head.samplerate, head.channels, head.subtype) for head in heads} == {(8000, 1, "PCM_16")}


def test_parts_share_no_speaker_and_no_image(catalogue: Any) -> None:
    rows = np.array([clip.row for clip in catalogue.inputs["image"]])
    assert len(set(rows.tolist())) == 3000
    tested = set()
    for parts in catalogue.parts:
        check_parts("avmnist", parts, 3000, catalogue.groups)
        assert {part: len(own) for part, own in parts.items()} == {"train": 2000, "validation": 500, "test": 500}
        tested |= {catalogue.sample_ids[row].split("_")[1] for row in parts["test"]}
    assert tested == SPEAKERS


def test_an_image_shows_the_digit_of_its_recording(root: Path, catalogue: Any) -> None:
    """MNIST's files are read here without the code under test."""
    content = gzip.decompress((root / "t10k-labels-idx1-ubyte.gz").read_bytes())
    images = np.frombuffer(gzip.decompress((root / "t10k-images-idx3-ubyte.gz").read_bytes())[16:], np.uint8)
    for row in range(0, 3000, 101):
        clip = catalogue.inputs["image"][row]
        assert content[8 + clip.row] == catalogue.labels[row] == int(catalogue.sample_ids[row][0])
        decoded = clip.decode(root, CONFIGURATION.preparation)
        np.testing.assert_array_equal(decoded[0], images.reshape(-1, 28, 28)[clip.row])


def test_a_quarter_of_the_variance_is_few_components(root: Path) -> None:
    kind: Any = datasets.get("avmnist")
    clip = kind(kind.Options(source="fsdd", image_energy=0.25)).catalogue(root).inputs["image"][0]
    whole = kind(kind.Options(source="fsdd")).catalogue(root).inputs["image"][0]
    kept, image = (one.decode(root, CONFIGURATION.preparation).astype(float) for one in (clip, whole))
    assert 0 < np.square(kept - kept.mean()).sum() < np.square(image - image.mean()).sum()


def test_every_recording_decodes(root: Path, catalogue: Any) -> None:
    for clip in catalogue.inputs["audio"][::97]:
        decoded = clip.decode(root, CONFIGURATION.preparation)
        assert decoded.shape == (1, 40, 33)
        assert decoded.std() == pytest.approx(1, abs=0.01)
