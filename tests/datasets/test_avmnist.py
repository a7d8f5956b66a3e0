"""AV-MNIST: the parts by row, labels of any number type, and arrays that do not fit together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmkd_bench.data.media.catalogue import Catalogue
from cmkd_bench.data.media.clips import ArrayClip
from cmkd_bench.data.splits import check_parts
from cmkd_bench.errors import UserError
from cmkd_bench.registry import datasets

KIND: Any = datasets.get("avmnist")


def catalogue(root: Path) -> Catalogue:
    result: Catalogue = KIND(KIND.Options()).catalogue(root)
    return result


def write(root: Path, train: int, test: int) -> Path:
    """Empty arrays in the official layout, one byte a number; a label is the last digit of its row's number."""
    for part, rows in (("train", train), ("test", test)):
        for name, shape in (("image", (rows, 784)), ("audio", (rows, 112, 112))):
            (root / name).mkdir(exist_ok=True)
            np.lib.format.open_memmap(root / f"{name}/{part}_data.npy", "w+", np.uint8, shape)
        np.save(root / f"{part}_labels.npy", np.arange(rows) % 10)
    return root


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write(tmp_path, 24, 10)


def test_the_parts_are_those_of_multibench(tmp_path: Path) -> None:
    found = catalogue(write(tmp_path, 60_000, 10_000))
    parts = {part: (rows[0], rows[-1], len(rows)) for part, rows in found.parts[0].items()}
    check_parts("avmnist", found.parts[0], 70_000)
    assert parts == {
        "train": (0, 54_999, 55_000),
        "validation": (55_000, 59_999, 5_000),
        "test": (60_000, 69_999, 10_000),
    }
    ids = [found.sample_ids[row] for row in (0, 59_999, 60_000, 69_999)]
    assert ids == ["train-00000", "train-59999", "test-00000", "test-09999"]
    for file in tmp_path.rglob("*_data.npy"):
        file.unlink()  # 1 GB where the file system keeps no sparse files


def test_a_row_of_the_catalogue_is_the_same_row_of_all_arrays(small: Path) -> None:
    found = catalogue(small)
    assert found.inputs["image"][23] == ArrayClip("image/train_data.npy", 23, (1, 28, 28))
    assert found.inputs["audio"][26] == ArrayClip("audio/test_data.npy", 2, (1, 112, 112))
    assert (found.sample_ids[26], found.labels[26], found.labels[23]) == ("test-00002", 2, 3)
    assert found.groups is None
    assert "recordings of the training part" in found.notes[0]


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.uint8, np.int32])
def test_labels_of_any_type_become_int64(small: Path, kind: type) -> None:
    np.save(small / "test_labels.npy", np.array([9, 8, 7, 6, 5, 4, 3, 2, 1, 0], kind))
    labels = catalogue(small).labels
    assert labels.dtype == np.int64
    assert labels[24:].tolist() == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize("wrong", [10, -1, 2.5, np.nan])
def test_a_label_that_is_no_digit_is_shown(small: Path, wrong: float) -> None:
    np.save(small / "test_labels.npy", np.array([1.0, 2.0, 3.0, wrong]))
    with pytest.raises(UserError, match=rf"test_labels\.npy.* {wrong}.* in row 3"):
        catalogue(small)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        (
            "audio/test_data.npy",
            (9, 112, 112),
            r"10 rows of 12544 .*shape \(9, 112, 112\)",
        ),
        (
            "image/train_data.npy",
            (24, 196),
            r"24 rows of 784 .*shape \(24, 196\)",
        ),
        ("image/train_data.npy", (24,), r"shape \(24,\)"),
        (
            "train_labels.npy",
            (24, 10),
            r"train_labels\.npy.* shape \(24, 10\)",
        ),
    ],
)
def test_arrays_that_do_not_fit_together_are_errors(small: Path, name: str, shape: tuple[int], message: str) -> None:
    np.save(small / name, np.zeros(shape, np.float32))
    with pytest.raises(UserError, match=message):
        catalogue(small)


def test_images_may_have_rows_and_columns(small: Path) -> None:
    np.save(small / "image/test_data.npy", np.zeros((10, 28, 28), np.float32))
    assert len(catalogue(small).sample_ids) == 34


def test_a_missing_array_is_named_with_those_that_are_there(small: Path) -> None:
    (small / "audio/test_data.npy").unlink()
    with pytest.raises(UserError, match=r"audio/test_data\.npy not found .*Found: audio/train_data\.npy, image/"):
        catalogue(small)


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"cut"])
def test_a_broken_array_is_an_error(small: Path, content: bytes) -> None:
    path = small / "image/train_data.npy"
    path.write_bytes(path.read_bytes()[:1000] if content == b"cut" else content)
    with pytest.raises(UserError, match=r"image/train_data\.npy is not a complete"):
        catalogue(small)


def test_objects_and_texts_are_not_read(small: Path) -> None:
    np.save(small / "image/train_data.npy", np.array([{}] * 24, object), allow_pickle=True)
    with pytest.raises(UserError, match=r"not a complete numeric \.npy file"):
        catalogue(small)
    np.save(small / "train_labels.npy", np.array(["1"] * 24))
    with pytest.raises(UserError, match=r"train_labels\.npy.* <U1"):
        catalogue(small)


def test_the_fixture_holds_enough_rows_of_every_class_with_signal_in_both_modalities(tmp_path: Path) -> None:
    KIND.write_fixture(tmp_path, 96, np.random.default_rng(0))
    found = catalogue(tmp_path)
    check_parts("avmnist", found.parts[0], len(found.sample_ids))
    for part, least in (("train", 48), ("validation", 12), ("test", 16)):
        assert len(found.parts[0][part]) >= least
        assert set(found.labels[found.parts[0][part]].tolist()) == {0, 1, 2, 3}
    labels = {part: np.load(tmp_path / f"{part}_labels.npy") for part in ("train", "test")}
    assert labels["train"].dtype == np.float64
    for name, shape in (("image", (144, 784)), ("audio", (144, 112, 112))):
        train, test = (np.load(tmp_path / name / f"{part}_data.npy") for part in ("train", "test"))
        assert train.shape == shape
        means = np.stack([train[labels["train"] == digit].mean(0).ravel() for digit in range(4)])
        distances = ((test.reshape(len(test), 1, -1) - means) ** 2).sum(2)
        assert (distances.argmin(1) == labels["test"]).mean() > 0.7
    assert np.load(tmp_path / "image/train_data.npy").min() < 0


def test_the_fixture_is_the_same_for_the_same_seed_and_valid_when_small(tmp_path: Path) -> None:
    roots = [tmp_path / name for name in ("one", "two")]
    for root in roots:
        root.mkdir()
        KIND.write_fixture(root, 12, np.random.default_rng(3))
    one, two = ({path.relative_to(root): path.read_bytes() for path in root.rglob("*.npy")} for root in roots)
    assert one == two
    assert len(one) == 6
    found = catalogue(roots[0])
    check_parts("avmnist", found.parts[0], len(found.sample_ids))
