"""Images of all modes, rows of arrays, depth and label maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cmkd_bench.data.fixtures.encoding import truncate, write_image
from cmkd_bench.data.media.clips import ArrayClip, BadClip, ImageClip, resize_depth, resize_labels, resize_rgb


def colour(tmp_path: Path, settings: Any, image: Any, name: str = "a.png", **options: Any) -> list[int]:
    """The one colour of a decoded image."""
    image.save(tmp_path / name, **options)
    decoded = ImageClip(name).decode(tmp_path, settings())
    assert (decoded.shape, decoded.dtype) == ((3, 16, 24), np.uint8)
    assert (decoded == decoded[:, :1, :1]).all()
    return [int(value) for value in decoded[:, 0, 0]]


def test_any_mode_becomes_rgb(tmp_path: Path, settings: Any) -> None:
    size = (40, 30)
    assert colour(tmp_path, settings, Image.new("RGB", size, (10, 20, 30))) == [10, 20, 30]
    assert colour(tmp_path, settings, Image.new("L", size, 77)) == [77] * 3
    assert colour(tmp_path, settings, Image.new("1", size, 1)) == [255] * 3
    assert colour(tmp_path, settings, Image.new("RGBA", size, (0, 0, 0, 0))) == [255] * 3
    assert colour(tmp_path, settings, Image.new("RGBA", size, (0, 100, 200, 255))) == [0, 100, 200]
    assert colour(tmp_path, settings, Image.new("LA", size, (0, 0))) == [255] * 3
    assert colour(tmp_path, settings, Image.new("P", size, 0), transparency=0) == [255] * 3
    assert colour(tmp_path, settings, Image.fromarray(np.full((30, 40), 257 * 99, np.uint16))) == [99] * 3
    assert colour(tmp_path, settings, Image.new("CMYK", size, (0, 0, 0, 255)), "a.jpg") == [0] * 3


def test_a_photo_is_turned_upright(tmp_path: Path, settings: Any) -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :30] = 255
    rotated = Image.Exif()
    rotated[0x0112] = 6  # to be turned by 90 degrees clockwise: left becomes top
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=rotated)
    decoded = ImageClip("a.jpg").decode(tmp_path, settings())
    assert decoded[:, :6].min() > 240
    assert decoded[:, 10:].max() < 15


def test_reasons(tmp_path: Path, settings: Any) -> None:
    def bad() -> str:
        with pytest.raises(BadClip) as caught:
            ImageClip("a.png").decode(tmp_path, settings())
        return str(caught.value)

    assert bad() == "missing"
    (tmp_path / "a.png").write_bytes(b"no image at all")
    assert bad() == "cannot be decoded: unknown image format"
    write_image(tmp_path / "a.png", np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    truncate(tmp_path / "a.png")
    assert bad().startswith("cannot be decoded: ")


def test_resizing_is_antialiased(settings: Any) -> None:
    stripes = np.zeros((160, 240, 3), np.uint8)
    stripes[:, ::2] = 255
    resized = resize_rgb(stripes, settings()).astype(int)
    assert np.abs(resized - 127.5).max() < 16, "picking single pixels would give 0 or 255"


def test_depth_never_mixes_known_and_unknown(settings: Any) -> None:
    metres = np.zeros((32, 48))
    metres[::2] = 2.0015
    metres[0, 0] = np.nan
    metres[1:, 40:] = 100.0
    stored = resize_depth(metres, settings())
    assert (stored.shape, stored.dtype) == ((1, 16, 24), np.int16)
    assert set(np.unique(stored).tolist()) <= {0, 2001, 2002, 32767}
    # the centre of output pixel (r, c) is input pixel (2 r + 1, 2 c + 1): odd rows are unknown
    assert (stored[0, :, :20] == 0).all()
    assert (stored[0, :, 20:] == 32767).all()


def test_labels_are_picked_not_mixed(settings: Any) -> None:
    labels = np.arange(48 * 72).reshape(48, 72) % 7
    stored = resize_labels(labels, settings())
    assert (stored.shape, stored.dtype) == ((16, 24), np.uint8)
    assert np.array_equal(stored, labels[1::3, 1::3])


def test_rows_of_an_array(tmp_path: Path, settings: Any) -> None:
    rows = np.arange(24, dtype=np.float64).reshape(4, 6)
    rows[3, 0] = np.inf
    np.save(tmp_path / "a.npy", rows)

    def bad(row: int, shape: tuple[int, ...], name: str = "a.npy") -> str:
        with pytest.raises(BadClip) as caught:
            ArrayClip(name, row, shape).decode(tmp_path, settings())
        return str(caught.value)

    decoded = ArrayClip("a.npy", 2, (1, 2, 3)).decode(tmp_path, settings())
    assert decoded.dtype == np.float32
    assert decoded.tolist() == [[[12, 13, 14], [15, 16, 17]]]
    assert bad(4, (6,)) == "the array has no row 4, only 4 rows"
    assert bad(3, (6,)) == "row 3 has values that are not finite"
    assert bad(0, (5,)) == "row 0 has shape (6,), which cannot be reshaped to (5,)"
    np.save(tmp_path / "b.npy", np.array([{"a": 1}], object), allow_pickle=True)
    assert bad(0, (1,), "b.npy").startswith("cannot be read as an array: ")
