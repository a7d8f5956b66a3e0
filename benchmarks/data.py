"""Measure how many clips per second are decoded and read back from prepared arrays, in one thread.

A clip is 10 s of 340 x 256 at 25 frames per second with sound, H.264 and AAC, as long as AVE's and VGGSound's; prepared
it is 10 frames of 256 x 256 and a log-mel spectrogram. The page cache is warm. How long a training step waits for such
arrays is measured by `python -m benchmarks.gpu --only feeding`, also with `--device cpu`.

Run from the root of the repository: python -m benchmarks.data
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks._timing import interleaved
from cmkd_bench.config.compose import compose
from cmkd_bench.config.overrides import parse_overrides
from cmkd_bench.config.preparation import Preparation
from cmkd_bench.data.fixtures.encoding import write_video
from cmkd_bench.data.media.clips import AudioClip, VideoClip

ROUNDS = 5


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    configuration, _ = compose(parse_overrides([]), "ave")
    assert configuration is not None
    with tempfile.TemporaryDirectory() as folder:
        Console().print(decoding(Path(folder), configuration.preparation, configuration.augmentation.frames))


def decoding(folder: Path, preparation: Preparation, seen: int) -> Table:
    """A clip from its file, and from the prepared arrays; `seen` is how many of its frames a network is shown."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(256, size=(24, 32, 3), dtype=np.uint8))
    still = np.asarray(
        coarse.resize((340, 256), Image.Resampling.BICUBIC)
    )  # noise would be dearer to decode than films
    frames = np.stack([np.roll(still, shift, axis=1) for shift in range(250)])
    write_video(folder / "clip.mp4", frames, 25, rng.normal(0, 0.1, 441_000).clip(-1, 1), 44_100)
    video, audio = VideoClip("clip.mp4"), AudioClip("clip.mp4")
    rows = {"video": video.decode(folder, preparation), "audio": audio.decode(folder, preparation)}
    arrays = {}
    for name, row in rows.items():
        np.save(folder / f"{name}.npy", np.stack([row] * 32))
        arrays[name] = np.load(folder / f"{name}.npy", mmap_mode="r")
    place = iter(range(10**9))

    def read(frames: int) -> None:
        row = next(place) % 32
        copied = {name: torch.from_numpy(array[row].copy()) for name, array in arrays.items()}
        if frames:
            copied["video"][:frames].float()
            copied["audio"].float()

    seconds = interleaved(
        {
            "decoded: picture": lambda: video.decode(folder, preparation),
            "decoded: sound": lambda: audio.decode(folder, preparation),
            "read": lambda: read(0),
            f"read, {seen} frames as float32": lambda: read(seen),
            "read, all frames as float32": lambda: read(preparation.frames),
        },
        ROUNDS,
    )
    both = seconds["decoded: picture"] + seconds["decoded: sound"]
    size = (folder / "clip.mp4").stat().st_size / 1e3
    table = Table(title=f"one clip of {size:.0f} kB, one thread")
    for heading in ("", "ms", "clips/s", "times faster than decoding"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, value in {**seconds, "decoded: both": both}.items():
        ratio = "" if name.startswith("decoded") else f"{both / value:.0f}"
        table.add_row(name, f"{value * 1e3:.2f}", f"{1 / value:.0f}", ratio)
    return table


if __name__ == "__main__":
    main()
