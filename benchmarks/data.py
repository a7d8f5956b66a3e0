"""Measure how many clips per second are decoded and read back, and how long a ResNet-18 step waits for data on disk.

A clip is 10 s of 340 x 256 at 25 frames per second with sound, H.264 and AAC, as long as AVE's and VGGSound's; prepared
it is 10 frames of 256 x 256 and a log-mel spectrogram. The first table is one thread. The second is the engine's own
feed over a memory map, read ahead while the step before is computed, against the same batches from memory; `waiting` is
the time until the feed hands a batch over. The page cache is warm.

Run from the root of the repository: python -m benchmarks.data [--device cuda] [--clips 256]
"""

from __future__ import annotations

import argparse
import functools
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch.nn import functional as F

from benchmarks._timing import interleaved
from cmkd_bench.config.augmentation import Augmentation
from cmkd_bench.config.compose import compose
from cmkd_bench.config.overrides import parse_overrides
from cmkd_bench.config.preparation import Preparation
from cmkd_bench.data.fixtures.encoding import write_video
from cmkd_bench.data.media.clips import AudioClip, VideoClip
from cmkd_bench.network import InputShape
from cmkd_bench.networks import build_network
from cmkd_bench.training.read_ahead import AHEAD, read_ahead
from cmkd_bench.training.tensors import Inputs, Mapped, Resident
from cmkd_bench.training.views import View

CLASSES, BATCH, ROUNDS = 28, 8, 5


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--clips", type=int, default=32, help="in the memory map of the second table")
    given = parser.parse_args()
    torch.set_num_threads(1)
    configuration, _ = compose(parse_overrides([]), "ave")
    assert configuration is not None
    with tempfile.TemporaryDirectory() as folder:
        Console().print(decoding(Path(folder), configuration.preparation, configuration.augmentation.frames))
        device = torch.device(given.device)
        Console().print(waiting(Path(folder), configuration.augmentation, device, given.clips))


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


def waiting(folder: Path, augmentation: Augmentation, device: torch.device, clips: int) -> Table:
    """The share of a training step in which nothing is computed because the batch is not there."""
    rng = np.random.default_rng(0)
    stored = rng.integers(256, size=(clips, 10, 3, 256, 256), dtype=np.uint8)
    np.save(folder / "frames.npy", stored)
    sources: dict[str, Inputs] = {
        "disk": Mapped.of(np.load(folder / "frames.npy", mmap_mode="r"), np.arange(clips), device),
        "memory": Resident(torch.from_numpy(stored).to(device)),
    }
    mean = torch.full((3, 1, 1), 128.0, device=device)
    view = View("video", augmentation, mean, 1 / mean)
    network = build_network("timm/resnet18", InputShape("video", view.shape(stored.shape[1:])), CLASSES).to(device)
    table = Table(title=f"ResNet-18, {BATCH} clips of {augmentation.frames} frames per step, {device}")
    for heading in ("batches from", "step, ms", "waiting, ms", "waiting, % of the step"):
        table.add_column(heading, justify="left" if heading == "batches from" else "right")
    for name, source in sources.items():
        steps, waits = zip(*_steps(source, view, network, device, clips), strict=True)
        step, wait = statistics.median(steps), statistics.median(waits)
        table.add_row(name, f"{step * 1e3:.1f}", f"{wait * 1e3:.2f}", f"{100 * sum(waits) / sum(steps):.2f}")
    return table


def _steps(
    source: Inputs, view: View, network: torch.nn.Module, device: torch.device, clips: int
) -> Iterator[tuple[float, float]]:
    """Seconds of each step, and of the waiting in it; the first steps, which fill caches, are left out."""
    labels = torch.randint(CLASSES, (BATCH,), device=device)
    generator = torch.Generator().manual_seed(0)
    order = torch.cat([torch.randperm(clips) for _ in range(4 if device.type == "cpu" else 40)])
    drawn = [(rows, view.frames(BATCH, 10, generator)) for rows in torch.split(order, BATCH) if len(rows) == BATCH]
    jobs = (functools.partial(source.stored, rows, frames) for rows, frames in drawn)
    batches = read_ahead(jobs, 0 if source.is_resident else AHEAD)
    for number in range(10**6):
        start = time.perf_counter()
        batch = next(batches, None)
        got = time.perf_counter()
        if batch is None:
            return
        loss = F.cross_entropy(network(view(batch, generator)).logits, labels)
        network.zero_grad()
        torch.autograd.backward(loss)
        if device.type == "cuda":
            torch.cuda.synchronize()
        if number >= AHEAD:
            yield time.perf_counter() - start, got - start


if __name__ == "__main__":
    main()
