"""Decode frames of a video at given times, in one pass through the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from cmkd_bench.data.media.decoding.refusals import BadClip, tolerance

SEEK_FROM = 20.0  # seconds; before that, reading sequentially is about as fast as one seek
_TIE = 1e-6  # seconds; times are fractions in the file and floats here


def frames_at_middles(path: Path, start: float, end: float | None, count: int) -> list[np.ndarray]:
    """Return the frame at the midpoint of each of `count` equal parts of [start, end).

    Args:
        path: path of the file.
        start: in seconds after the beginning of the file.
        end: in seconds; None is the end of the video track.
        count: number of frames.

    Returns:
        `count` arrays (H, W, 3) uint8, RGB.

    Raises:
        BadClip: if there is no video track, nothing can be decoded, or the frames end before the clip does.
    """
    with open_container(path) as container:
        stream = first_track(container, "video")
        end = _duration(path, container, stream) if end is None else end
        if end <= start:
            raise BadClip(f"starts at {start:.1f} s, but ends at {end:.1f} s")
        middles = start + (np.arange(count) + 0.5) * (end - start) / count
        if start >= SEEK_FROM and (chosen := _after_seek(container, stream, start, end, middles)) is not None:
            return chosen
    with open_container(path) as container:
        return _pick(_timed_frames(container, first_track(container, "video")), start, end, middles)


@contextmanager
def open_container(path: Path) -> Iterator[Any]:
    """Open a container with PyAV; its errors become the reason why the clip is bad.

    Raises:
        BadClip: if the file cannot be opened, or if an error is raised within the block.
    """
    import av

    try:
        with av.open(str(path), metadata_errors="ignore") as container:
            yield container
    except av.error.FFmpegError as error:
        raise BadClip(f"cannot be decoded: {error.strerror}") from error


def first_track(container: Any, kind: str) -> Any:
    """Return the first track of a kind, to be decoded in one thread.

    Raises:
        BadClip: if there is none, or FFmpeg has no decoder for it.
    """
    streams = getattr(container.streams, kind)
    if not streams:
        raise BadClip(f"no {kind} track")
    stream = streams[0]
    if stream.codec_context is None:
        raise BadClip(f"no decoder for the {kind} track")
    stream.thread_type = "NONE"
    stream.codec_context.thread_count = 1
    return stream


def origin(container: Any) -> float:
    """Return the start time of a container in seconds, which sound and picture share."""
    import av

    return float(container.start_time or 0) / float(av.time_base)


def decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Yield all frames of a stream; packets that cannot be decoded are skipped, as players do."""
    import av

    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            continue
        yield from frames


def _timed_frames(container: Any, stream: Any) -> Iterator[tuple[float, Any]]:
    begin = origin(container)
    for frame in decoded(container, stream):
        if frame.time is not None:
            yield frame.time - begin, frame


def _upright(frame: Any) -> np.ndarray:
    """Return a frame as (H, W, 3) uint8 RGB, turned and mirrored as its display matrix says.

    The matrix maps a place (x, y) of the frame to (a x + c y, b x + d y) on the screen; telephones write quarter turns.
    Of other angles, the nearest quarter turn is used.
    """
    pixels: np.ndarray = frame.to_ndarray(format="rgb24")
    matrix = next((data for data in frame.side_data if data.type.name == "DISPLAYMATRIX"), None)
    if matrix is None:
        return pixels
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].astype(np.int64).tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):
        pixels, a, d = pixels.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def _pick(frames: Iterator[tuple[float, Any]], start: float, end: float, middles: np.ndarray) -> list[np.ndarray]:
    chosen: list[np.ndarray] = []
    latest = None
    time = step = 0.0
    for shown_from, frame in frames:
        if latest is None:
            latest = frame
        while len(chosen) < len(middles) and shown_from > middles[len(chosen)] + _TIE:
            chosen.append(_upright(latest))
        if len(chosen) == len(middles):
            return chosen
        time, step, latest = shown_from, shown_from - time, frame
    if latest is None:
        raise BadClip("no frame can be decoded")
    # Assume that the last frame lasts as long as the one before it.
    if time + step + tolerance(end - start) < middles[-1]:
        raise BadClip(f"truncated: frames end at {time + step:.1f} s of {end:.1f} s")
    last = _upright(latest)
    return chosen + [last] * (len(middles) - len(chosen))


def _after_seek(container: Any, stream: Any, start: float, end: float, middles: np.ndarray) -> list[np.ndarray] | None:
    """Return the same frames, read from the key frame before the start, or None if the file seeks to a later one."""
    import av

    try:
        container.seek(round((start + origin(container)) / stream.time_base), stream=stream, backward=True)
    except av.error.FFmpegError:
        return None
    frames = _timed_frames(container, stream)
    first = next(frames, None)
    if first is None or first[0] > start + _TIE:
        return None

    def all_frames() -> Iterator[tuple[float, Any]]:
        yield first
        yield from frames

    return _pick(all_frames(), start, end, middles)


def _duration(path: Path, container: Any, stream: Any) -> float:
    """Return the length of the video track in seconds, from the header or else from the end of its last packet."""
    import av

    if stream.duration:
        first = float((stream.start_time or 0) * stream.time_base) - origin(container)
        return first + float(stream.duration * stream.time_base)
    if container.duration:
        return float(container.duration) / float(av.time_base)
    with open_container(path) as again:
        ends = [
            float((packet.pts + (packet.duration or 0)) * packet.time_base)
            for packet in again.demux(again.streams.video[0])
            if packet.pts is not None
        ]
        if not ends:
            raise BadClip("no frame can be decoded")
        return max(ends) - origin(again)
