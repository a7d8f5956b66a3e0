"""Files as telephones, cameras and recorders write them: turned, with broken notes, without a stated length."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from cmkd_bench.data.fixtures.encoding import truncate, write_video
from cmkd_bench.data.media.clips import AudioClip, BadClip, VideoClip
from cmkd_bench.data.media.decoding.audio import waveform
from cmkd_bench.data.media.decoding.image import read_rgb
from cmkd_bench.data.media.decoding.video import frames_at_middles

CORNERS = list(itertools.product((-1, 1), (-1, 1)))  # (x, y), y downwards
GREYS = dict(zip(CORNERS, (40, 90, 150, 210)))
ORIENTATION, FIRST = 0x0112, 0x010F
RATE = 16000


def quarters(colors: dict[tuple[int, int], int], width: int, height: int) -> np.ndarray:
    """(H, W, 3) with one grey in each quarter."""
    image = np.zeros((height, width, 3), np.uint8)
    for (x, y), grey in colors.items():
        rows = slice(None, height // 2) if y < 0 else slice(height // 2, None)
        image[rows, slice(None, width // 2) if x < 0 else slice(width // 2, None)] = grey
    return image


def turned(a: int, b: int, c: int, d: int) -> dict[tuple[int, int], int]:
    """Where the quarters are on the screen: (x, y) goes to (a x + c y, b x + d y)."""
    return {(a * x + c * y, b * x + d * y): grey for (x, y), grey in GREYS.items()}


def write_matrix(path: Path, values: Iterable[float]) -> None:
    """Overwrite the display matrix a b u c d v x y w of an mp4's only track."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40  # version 0: five words, two reserved, layer, group, volume, reserved
    a, b, c, d = (round(value * 2**16) for value in values)
    content[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 2**30)
    path.write_bytes(content)


@pytest.mark.parametrize(
    "matrix",
    [
        (1, 0, 0, 1),  # as it is
        (0, 1, -1, 0),  # a quarter clockwise, the usual one
        (-1, 0, 0, -1),
        (0, -1, 1, 0),
        (-1, 0, 0, 1),  # mirrored
        (1, 0, 0, -1),
        (0, 1, 1, 0),
        (0, -1, -1, 0),
    ],
)
def test_a_video_is_shown_as_a_player_shows_it(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    write_video(tmp_path / "a.mp4", np.repeat(quarters(GREYS, 64, 32)[None], 60, 0), 2)
    write_matrix(tmp_path / "a.mp4", matrix)
    width, height = (64, 32) if matrix[0] else (32, 64)
    expected = quarters(turned(*matrix), width, height).astype(int)
    for start in (0.0, 25.0):  # from the beginning, and after a seek
        (frame,) = frames_at_middles(tmp_path / "a.mp4", start, start + 2.0, 1)
        assert frame.shape == expected.shape
        assert np.abs(frame - expected).mean() < 6


@pytest.mark.parametrize(("matrix", "as_if"), [((0.8, 0.6, -0.6, 0.8), (1, 0, 0, 1)), ((0, 0, 0, 0), (1, 0, 0, 1))])
def test_other_matrices_are_rounded_or_ignored(tmp_path: Path, matrix: Any, as_if: Any) -> None:
    write_video(tmp_path / "a.mp4", np.repeat(quarters(GREYS, 64, 32)[None], 4, 0), 2)
    write_matrix(tmp_path / "a.mp4", matrix)
    (frame,) = frames_at_middles(tmp_path / "a.mp4", 0.0, None, 1)
    assert np.abs(frame - quarters(turned(*as_if), 64, 32).astype(int)).mean() < 6


def photo(path: Path, orientation: int | None, broken: bool, **options: Any) -> None:
    """An image whose EXIF has an orientation, and a first value that Pillow can read but not write again."""
    exif = Image.Exif()
    exif[FIRST] = "Maker"
    if orientation is not None:
        exif[ORIENTATION] = orientation
    content = exif.tobytes()
    if broken:  # the tag of the first value becomes one that must be a number
        content = content.replace(struct.pack("<H", FIRST), struct.pack("<H", 257), 1)
        content = content.replace(struct.pack(">H", FIRST), struct.pack(">H", 257), 1)
    Image.fromarray(quarters(GREYS, 64, 32)).save(path, exif=content, **options)


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.png"])
@pytest.mark.parametrize("broken", [False, True])
@pytest.mark.parametrize(
    ("orientation", "matrix"),
    # of the standard: where the first row and the first column are to be shown
    [
        (None, (1, 0, 0, 1)),
        (1, (1, 0, 0, 1)),  # top, left
        (2, (-1, 0, 0, 1)),  # top, right
        (3, (-1, 0, 0, -1)),  # bottom, right
        (4, (1, 0, 0, -1)),  # bottom, left
        (5, (0, 1, 1, 0)),  # left, top
        (6, (0, 1, -1, 0)),  # right, top
        (7, (0, -1, -1, 0)),  # right, bottom
        (8, (0, -1, 1, 0)),  # left, bottom
        (9, (1, 0, 0, 1)),  # there is no such orientation
    ],
)
def test_a_photo_is_turned_by_its_orientation_alone(
    tmp_path: Path, name: str, broken: bool, orientation: int | None, matrix: tuple[int, int, int, int]
) -> None:
    photo(tmp_path / name, orientation, broken)
    image = read_rgb(tmp_path / name)
    expected = quarters(turned(*matrix), *((64, 32) if matrix[0] else (32, 64))).astype(int)
    assert image.shape == expected.shape
    assert np.abs(image - expected).mean() < 6


def write_adts(path: Path, parts: list[np.ndarray]) -> None:
    """Raw AAC: frames one after another, without a header. Each part is encoded for itself."""
    path.write_bytes(b"")
    for number, part in enumerate(parts):
        one = path.with_suffix(f".{number}.aac")
        with av.open(str(one), "w", format="adts") as container:
            stream = container.add_stream("aac", rate=RATE, layout="mono", options={"b": "200000"})
            block = av.AudioFrame.from_ndarray(part[None].astype(np.float32), "fltp", "mono")
            block.sample_rate = RATE
            container.mux(stream.encode(block))
            container.mux(stream.encode(None))
        path.write_bytes(path.read_bytes() + one.read_bytes())


def test_an_estimated_length_condemns_no_sound(tmp_path: Path, settings: Any) -> None:
    """The first frames have few bits, the others many, so that FFmpeg expects many more seconds than there are."""
    quiet = 0.01 * np.sin(2 * np.pi * 200 * np.arange(2 * RATE) / RATE)
    noise = np.random.default_rng(0).normal(0, 0.2, 4 * RATE)
    write_adts(tmp_path / "a.aac", [quiet, noise])
    with av.open(str(tmp_path / "a.aac")) as container:
        assert container.duration / av.time_base > 8.0, "the file does not show what it is for"
    whole = waveform(tmp_path / "a.aac", 0.0, None, settings(seconds=10.0, fill="zero"))
    heard = np.flatnonzero(np.abs(whole) > 0.02) / 8000
    assert 1.8 < heard[0] < 2.3
    assert 5.8 < heard[-1] < 6.5
    assert waveform(tmp_path / "a.aac", 4.0, None, settings(seconds=3.0)).any()
    with pytest.raises(BadClip, match=r"^truncated: sound ends at 6\.\d s of 9\.0 s$"):  # the annotation says so
        AudioClip("a.aac", 0.0, 9.0).decode(tmp_path, settings(seconds=9.0))


@pytest.mark.parametrize("name", ["a.flv", "a.mp4"])
def test_a_stated_length_still_tells_a_truncated_sound(tmp_path: Path, settings: Any, name: str) -> None:
    noise = np.random.default_rng(0).normal(0, 0.2, 3 * 44100)
    write_video(tmp_path / name, np.zeros((30, 48, 64, 3), np.uint8), 10, noise)
    assert AudioClip(name).decode(tmp_path, settings(seconds=3.0)).any()
    truncate(tmp_path / name, 0.6)
    with pytest.raises(BadClip):
        AudioClip(name).decode(tmp_path, settings(seconds=3.0))


def test_a_track_without_a_decoder_is_named(tmp_path: Path, settings: Any) -> None:
    frames = np.zeros((30, 48, 64, 3), np.uint8)
    write_video(tmp_path / "a.mp4", frames, 10, np.random.default_rng(0).normal(0, 0.2, 3 * 44100))
    content = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "v.mp4").write_bytes(content.replace(b"avc1", b"zzz1"))
    (tmp_path / "s.mp4").write_bytes(content.replace(b"mp4a", b"zzz2").replace(b"esds", b"zzz3"))
    with pytest.raises(BadClip, match=r"^no decoder for the video track$"):
        VideoClip("v.mp4").decode(tmp_path, settings())
    with pytest.raises(BadClip, match=r"^no decoder for the audio track$"):
        AudioClip("s.mp4").decode(tmp_path, settings())
    assert AudioClip("v.mp4").decode(tmp_path, settings()).any()
    assert VideoClip("s.mp4").decode(tmp_path, settings()).shape == (4, 3, 16, 24)
