"""Frames of a video are those that are shown at the wanted times; each frame's grey tells its number."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from cmkd_bench.data.fixtures.encoding import truncate, write_lfs_pointer, write_video, write_wav
from cmkd_bench.data.media.clips import BadClip, VideoClip
from cmkd_bench.data.media.decoding import video as module

FPS = 10
STEP = 6  # of grey between two frames; codecs are off by less than half of it


def numbered(frames: int) -> np.ndarray:
    """(frames, 48, 64, 3): frame n is grey of 20 + 6 n."""
    return np.broadcast_to((20 + STEP * np.arange(frames, dtype=np.uint8))[:, None, None, None], (frames, 48, 64, 3))


def numbers(decoded: np.ndarray) -> list[int]:
    return [round((float(frame.mean()) - 20) / STEP) for frame in decoded]


def tone(seconds: float, rate: int = 44100) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize("name", ["a.mp4", "a.flv"])
@pytest.mark.parametrize("sound", [None, tone(3.0)])
@pytest.mark.parametrize(
    ("start", "end", "count", "expected"),
    [
        # 30 frames of 0.1 s: the middles of 4 parts of 3 s are 0.375, 1.125, 1.875, 2.625
        (0.0, None, 4, [3, 11, 18, 26]),
        (0.0, 3.0, 4, [3, 11, 18, 26]),
        # of [1, 2) in 2 parts: 1.25 and 1.75
        (1.0, 2.0, 2, [12, 17]),
        # more frames than there are: 0.52, 0.56, ..., each shown again
        (0.5, 0.7, 5, [5, 5, 6, 6, 6]),
        (2.0, None, 1, [25]),
    ],
)
def test_frames_are_those_shown_at_the_middles(
    tmp_path: Path, settings: Any, name: str, sound: Any, start: float, end: float, count: int, expected: list[int]
) -> None:
    write_video(tmp_path / name, numbered(30), FPS, sound)
    decoded = VideoClip(name, start, end).decode(tmp_path, settings(frames=count))
    assert (decoded.shape, decoded.dtype) == ((count, 3, 16, 24), np.uint8)
    if (start, count) == (0.5, 5):  # 0.6 lies on the border between frames 5 and 6
        expected = [5, 5, numbers(decoded)[2], 6, 6]
    assert numbers(decoded) == expected


def test_seeking_gives_the_same_frames_as_reading_through(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (120, 12, 16, 3), dtype=np.uint8).repeat(4, 1).repeat(4, 2)
    for name in ("a.mp4", "a.flv"):
        write_video(tmp_path / name, frames, FPS, tone(12.0))
        clip = VideoClip(name, 7.3, 11.9)
        through = clip.decode(tmp_path, settings())
        monkeypatch.setattr(module, "SEEK_FROM", 1.0)
        assert np.array_equal(clip.decode(tmp_path, settings()), through)
        monkeypatch.undo()
        assert len({frame.tobytes() for frame in through}) == 4


def test_a_stream_without_a_duration_in_its_header_is_measured(tmp_path: Path, settings: Any) -> None:
    class Pipe(io.RawIOBase):
        content = b""

        def writable(self) -> bool:
            return True

        def write(self, block: Any) -> int:
            Pipe.content += bytes(block)
            return len(block)

    with av.open(Pipe(), "w", format="matroska") as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        for frame in numbered(30):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24")))
        container.mux(stream.encode(None))
    (tmp_path / "a.mkv").write_bytes(Pipe.content)
    with av.open(str(tmp_path / "a.mkv")) as container:
        assert not container.duration
        assert not container.streams.video[0].duration
    assert numbers(VideoClip("a.mkv").decode(tmp_path, settings())) == [3, 11, 18, 26]


def test_colours_and_places_are_kept(tmp_path: Path, settings: Any) -> None:
    frames = np.zeros((10, 48, 64, 3), np.uint8)
    frames[:, :24, :, 0] = 200  # red above
    frames[:, 24:, 32:, 2] = 200  # blue below on the right
    write_video(tmp_path / "a.mp4", frames, FPS)
    middle = VideoClip("a.mp4").decode(tmp_path, settings(frames=1))[0].astype(int)
    assert abs(middle[:, 3, 5] - [200, 0, 0]).max() < 12
    assert abs(middle[:, 12, 20] - [0, 0, 200]).max() < 12
    assert middle[:, 12, 4].max() < 12


def bad(tmp_path: Path, settings: Any, name: str = "a.mp4", *times: float) -> str:
    with pytest.raises(BadClip) as caught:
        VideoClip(name, *times).decode(tmp_path, settings())
    return str(caught.value)


def test_reasons(tmp_path: Path, settings: Any) -> None:
    assert bad(tmp_path, settings) == "missing"
    (tmp_path / "a.mp4").touch()
    assert bad(tmp_path, settings) == "empty file"
    write_lfs_pointer(tmp_path / "a.mp4")
    assert bad(tmp_path, settings) == "git-lfs pointer instead of the file: run git lfs pull"
    (tmp_path / "a.mp4").write_text("<!DOCTYPE html><html>404</html>")
    assert bad(tmp_path, settings) == "web page instead of the file: the download failed"
    (tmp_path / "a.mp4").write_bytes(bytes(range(256)) * 20)
    assert bad(tmp_path, settings) == "cannot be decoded: Invalid data found when processing input"
    (tmp_path / "b.mp4").mkdir()
    assert bad(tmp_path, settings, "b.mp4") == "cannot be opened: Is a directory"
    write_wav(tmp_path / "a.wav", tone(1.0), 44100)
    assert bad(tmp_path, settings, "a.wav") == "no video track"
    assert bad(tmp_path, settings, "../a.mp4") == "the path leads out of the dataset's folder"
    assert bad(tmp_path, settings, "/etc/hostname") == "the path leads out of the dataset's folder"


def test_truncated_files_are_told(tmp_path: Path, settings: Any) -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (30, 48, 64, 3), dtype=np.uint8)
    write_video(tmp_path / "a.mp4", frames, FPS)
    truncate(tmp_path / "a.mp4")  # its index stands at the end
    assert bad(tmp_path, settings) == "cannot be decoded: Invalid data found when processing input"
    write_video(tmp_path / "a.flv", frames, FPS)
    truncate(tmp_path / "a.flv", 0.5)
    found = re.fullmatch(r"truncated: frames end at (.*) s of 3\.0 s", bad(tmp_path, settings, "a.flv"))
    assert found
    assert 0.2 < float(found[1]) < 2.0


def test_a_clip_may_end_a_little_after_its_file_but_not_long_after(tmp_path: Path, settings: Any) -> None:
    write_video(tmp_path / "a.mp4", numbered(30), FPS)
    decoded = VideoClip("a.mp4", 0.0, 3.3).decode(tmp_path, settings(frames=11))
    assert numbers(decoded)[-2:] == [28, 29]
    assert bad(tmp_path, settings, "a.mp4", 0.0, 6.0) == "truncated: frames end at 3.0 s of 6.0 s"
    assert bad(tmp_path, settings, "a.mp4", 5.0) == "starts at 5.0 s, but ends at 3.0 s"
