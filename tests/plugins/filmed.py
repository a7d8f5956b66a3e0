"""A downloaded dataset in miniature: films with sound, a still, a sentence; one CSV file lists them."""

from __future__ import annotations

import csv
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from cmkd_bench.config.preparation import Preparation
from cmkd_bench.data.fixtures import encoding, signals
from cmkd_bench.data.media.catalogue import Catalogue, Skipped
from cmkd_bench.data.media.clips import AudioClip, Clip, ImageClip, VideoClip
from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.dataset import Modality, Source
from cmkd_bench.errors import UserError
from cmkd_bench.parameters import parameter
from cmkd_bench.registry import register_dataset

CLASSES = ("rest", "walk")


@dataclass(frozen=True)
class Options:
    """What a test can change of the catalogue."""

    note: str = parameter("", "a note")


class DelicateStill(ImageClip):
    """A still that waits, or crashes the process, where the environment says so.

    Environment:
        FILMED_BRAKE: as long as this file exists, a process decodes as many stills as the number in it, and then waits.
        FILMED_CRASH: the path of a still that kills its process.
    """

    decoded: ClassVar[dict[int, int]] = {}  # by process

    def decode(self, root: Path, preparation: Preparation) -> np.ndarray:
        while (brake := os.environ.get("FILMED_BRAKE")) and Path(brake).exists() and self._has_done(Path(brake)):
            time.sleep(0.01)
        self.decoded[os.getpid()] = self.decoded.get(os.getpid(), 0) + 1
        if os.environ.get("FILMED_CRASH") == self.path:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().decode(root, preparation)

    def _has_done(self, brake: Path) -> bool:
        return self.decoded.get(os.getpid(), 0) >= int(brake.read_text())


@register_dataset("filmed")
class Filmed(MediaDataset[Options]):
    """Every third sample is tested, every sixth validates."""

    modalities = (
        Modality("video", "video", "frames"),
        Modality("audio", "spectrogram", "sound"),
        Modality("still", "image", "a photo"),
        Modality("text", "text", "a sentence"),
    )
    classes = CLASSES
    default_pairs = (("audio", "video"),)
    sources = (Source("filmed/list.csv", "made by the tests", "CC0", "nobody"),)
    task = "what is done"
    folder = "Filmed"
    marks = ("list.csv", "films/*")
    obtain = "Ask the tests."

    def catalogue(self, root: Path) -> Catalogue:
        with (root / "list.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        if not rows or set(rows[0]) != {"name", "label", "text"}:
            raise UserError(f"{root / 'list.csv'}: not the official list.")
        names = [row["name"] for row in rows]
        number = np.arange(len(rows))
        clips: dict[str, list[Clip]] = {
            "video": [VideoClip(f"films/{name}.mp4") for name in names],
            "audio": [AudioClip(f"films/{name}.mp4") for name in names],
            "still": [DelicateStill(f"stills/{name}.png") for name in names],
        }
        parts = {
            "train": np.flatnonzero(number % 3 != 2),
            "validation": np.flatnonzero(number % 6 == 2),
            "test": np.flatnonzero(number % 6 == 5),
        }
        return Catalogue(
            sample_ids=names,
            labels=np.array([CLASSES.index(row["label"]) for row in rows]),
            classes=CLASSES,
            inputs={**clips, "text": [row["text"] for row in rows]},
            parts=[parts],
            skipped=[Skipped("ghost", "", "", "listed twice")],
            notes=(self.options.note,) if self.options.note else (),
        )

    @classmethod
    def write_fixture(cls, root: Path, clips: int, rng: np.random.Generator) -> None:
        with (root / "list.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["name", "label", "text"])
            for number in range(clips):
                writer.writerow([f"f{number:03d}", CLASSES[number % 2], signals.sentence(number % 2, 2, 5, rng)])
        for number in range(clips):
            film = signals.film(number % 2, 2, 10, (32, 48), rng)
            sound = signals.sound(number % 2, 2, 1.0, 16000, rng)
            encoding.write_video(root / f"films/f{number:03d}.mp4", film, 10, sound, 16000)
            encoding.write_image(root / f"stills/f{number:03d}.png", film[0])
