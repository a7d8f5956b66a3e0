"""AVE: 4143 audio-visual events of 28 classes in 4097 YouTube clips of ten seconds.

A sample is a line of trainSet.txt, valSet.txt or testSet.txt (3339, 402 and 402 lines), which together are
Annotations.txt; that file is not read, so its header, which only the copy in the zip has, does not matter. Sound and
frames are both in AVE/<YouTube id>.mp4. 45 clips have two or three lines with different labels (mostly banjo and
mandolin, or male and female speech), so one answer per clip is not always right. As published, 10 of these clips are
in train and validation and 8 in train and test: by default their training lines are left out. The 18 are computed from
the lists, not assumed. One event has the length zero (VWi2ENBuTbw) and is left out. Clips that were downloaded from
YouTube again are never complete; a missing one moves no other sample.

Not verified: the frame rates and sizes of the clips, which seem to vary.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np

from cmkd_bench.data.fixtures import encoding, signals
from cmkd_bench.data.media.catalogue import Catalogue, Skipped
from cmkd_bench.data.media.clips import AudioClip, VideoClip
from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.data.splits import held_out_later
from cmkd_bench.dataset import PARTS, Modality, Source
from cmkd_bench.errors import UserError, nearest_match
from cmkd_bench.parameters import parameter
from cmkd_bench.registry import register_dataset

SPLIT_FILES = dict(zip(PARTS, ("trainSet.txt", "valSet.txt", "testSet.txt"), strict=True))
HEADER = "Category&VideoID&Quality&StartTime&EndTime"
LINE = re.compile(r"([^&]+)&([A-Za-z0-9_-]{11})&[^&]*&([0-9]+)&([0-9]+)")
FIXTURE_PARTS = (*PARTS, "train", "test", "train", "train", "train", "validation", "train", "test", "train", "test")
FIXTURE_CLASSES = ("Church bell", "Male speech, man speaking", "Race car, auto racing", "Frying (food)")


@dataclass(frozen=True)
class AVEOptions:
    """Which lines are samples, and which seconds of a clip are used."""

    split: str = parameter(
        "clean",
        "clean: no training line of a clip that is in validation or test, too; official: as published, with this leak",
        choices=("clean", "official"),
        source="our own choice; the literature uses official",
    )
    labels: str = parameter(
        "all",
        "all: each line is a sample; first: a clip is one sample of its part, with the label that is listed first",
        choices=("all", "first"),
        source="the dataset's paper; C2KD's code uses first",
    )
    crop: str = parameter(
        "event",
        "event: the seconds that the line names; full: the whole clip",
        choices=("event", "full"),
        source="C2KD's preprocessing",
    )


@dataclass(frozen=True)
class Event:
    """A line: what is seen and heard in a video from one second to another.

    Attributes:
        number: 1 for the first line of a video, 2 for the second, over all parts.
    """

    category: str
    video: str
    start: int
    end: int
    part: str
    number: int

    @property
    def sample_id(self) -> str:
        """The YouTube id, with the number where it is a further label of the video."""
        return self.video if self.number == 1 else f"{self.video}.{self.number}"


@register_dataset("ave")
class AVE(MediaDataset[AVEOptions]):
    """Official parts, without the training lines whose clips are held out."""

    modalities = (
        Modality("video", "video", "frames of the event, RGB"),
        Modality("audio", "spectrogram", "the event's sound"),
    )
    classes = (
        "Church bell",
        "Male speech, man speaking",
        "Bark",
        "Fixed-wing aircraft, airplane",
        "Race car, auto racing",
        "Female speech, woman speaking",
        "Helicopter",
        "Violin, fiddle",
        "Flute",
        "Ukulele",
        "Frying (food)",
        "Truck",
        "Shofar",
        "Motorcycle",
        "Acoustic guitar",
        "Train horn",
        "Clock",
        "Banjo",
        "Goat",
        "Baby cry, infant cry",
        "Bus",
        "Chainsaw",
        "Cat",
        "Horse",
        "Toilet flush",
        "Rodents, rats, mice",
        "Accordion",
        "Mandolin",
    )
    default_pairs = (("audio", "video"),)
    sources = (
        Source(
            file="AVE_Dataset.zip",
            origin="github.com/YapengTian/AVE-ECCV18 (Google Drive)",
            license="none stated; the clips are YouTube users' (AudioSet)",
            citation="Tian, Shi, Li, Duan, Xu: Audio-visual event localization in unconstrained videos. ECCV 2018",
        ),
    )
    task = "which of 28 events is seen and heard"
    folder = "AVE_Dataset"
    marks = ("AVE", *SPLIT_FILES.values())
    obtain = (
        "Download AVE_Dataset.zip by the link in the README of github.com/YapengTian/AVE-ECCV18 and unpack it; "
        "the clips are AVE_Dataset/AVE/<YouTube id>.mp4, the lists stand beside that folder."
    )

    def catalogue(self, root: Path) -> Catalogue:
        """A sample for each line that is used, in the order of the training, validation and test lists.

        Raises:
            UserError: for a list that is missing, and for a line or class that is unlike the official ones.
        """
        events = _read_events(root)
        reasons = self._reasons_to_skip(events)
        used = [event for event, reason in zip(events, reasons, strict=True) if not reason]
        later_parts = held_out_later([event.part for event in used], [event.video for event in used])
        leaks = len({event.video for event, later in zip(used, later_parts, strict=True) if later})
        whole = self.options.crop == "full"
        times = [(0.0, None) if whole else (float(event.start), float(event.end)) for event in used]
        paths = [f"AVE/{event.video}.mp4" for event in used]
        return Catalogue(
            sample_ids=[event.sample_id for event in used],
            labels=np.array([self.classes.index(event.category) for event in used], np.int64),
            classes=self.classes,
            inputs={
                "video": [VideoClip(path, *time) for path, time in zip(paths, times, strict=True)],
                "audio": [AudioClip(path, *time) for path, time in zip(paths, times, strict=True)],
            },
            parts=[{part: np.flatnonzero([event.part == part for event in used]) for part in PARTS}],
            groups=None if leaks else np.array([event.video for event in used]),
            skipped=[
                Skipped(event.sample_id, "", "", reason)
                for event, reason in zip(events, reasons, strict=True)
                if reason
            ],
            notes=(f"{leaks} clips of the training part are in validation or test, too, as published",) * bool(leaks),
        )

    def _reasons_to_skip(self, events: list[Event]) -> list[str]:
        """For each event why it is no sample, or an empty string."""
        first: dict[tuple[str, str], Event] = {}
        for event in events:
            first.setdefault((event.part, event.video), event)
        reasons = []
        later_parts = held_out_later([event.part for event in events], [event.video for event in events])
        for event, later in zip(events, later_parts, strict=True):
            if event.start >= event.end:
                reasons.append(f"the event has no length: second {event.start} to second {event.end}")
            elif later and self.options.split == "clean":
                reasons.append(f"its clip is in the {later} part, too")
            elif self.options.labels == "first" and first[event.part, event.video] != event:
                reasons.append("a further label of a clip that is kept once")
            else:
                reasons.append("")
        return reasons

    @classmethod
    def write_fixture(cls, root: Path, clips: int, rng: np.random.Generator) -> None:
        """Four classes, clips of 4 s with noise around the event; the defects come on top of `clips`."""
        events = [
            Event(FIXTURE_CLASSES[row % 4], signals.youtube_id(rng), block % 2, 3 + block // 2 % 2, part, 1)
            for block, part in zip(range(max(4, -(-clips // 4))), cycle(FIXTURE_PARTS))
            for row in range(4)
        ]
        last = {event.part: event.video for event in events}
        bell, speech, car, frying = FIXTURE_CLASSES
        for category, video, start, end in (
            (bell, "-no_track__", 0, 4),
            (speech, "-silent____", 0, 4),
            (car, "-truncated_", 0, 4),
            (frying, "-missing___", 0, 4),
            (bell, "-two_labels", 0, 2),
            (speech, "-two_labels", 2, 4),
            (bell, last["validation"], 0, 1),
            (bell, last["test"], 0, 1),
            (bell, "VWi2ENBuTbw", 0, 0),
        ):
            events.append(Event(category, video, start, end, "train", 1))
        _write_lists(root, events)
        for video in dict.fromkeys(event.video for event in events):
            _write_clip(root / "AVE" / f"{video}.mp4", [event for event in events if event.video == video], rng)
        encoding.truncate(root / "AVE" / "-truncated_.mp4")
        (root / "AVE" / "-missing___.mp4").unlink()


def _read_events(root: Path) -> list[Event]:
    """All lines of the three lists.

    Raises:
        UserError: naming the file, and the line where one is at fault.
    """
    events: list[Event] = []
    lines_of: Counter[str] = Counter()
    for part, name in SPLIT_FILES.items():
        if not (root / name).is_file():
            raise UserError(f"dataset 'ave': {name} is not in {root}. {AVE.obtain}")
        text = (root / name).read_text(encoding="utf-8-sig", errors="replace")
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip() in ("", HEADER):
                continue
            if not (match := LINE.fullmatch(line.strip())):
                raise UserError(f"dataset 'ave': {name}, line {number}: '{line}' is not of the form {HEADER}.")
            category, video, start, end = match.groups()
            if category not in AVE.classes:
                nearest = nearest_match(category, AVE.classes)
                hint = f" The nearest of the 28 is '{nearest}'." if nearest else ""
                raise UserError(f"dataset 'ave': {name}, line {number}: unknown class '{category}'.{hint}")
            lines_of[video] += 1
            events.append(Event(category, video, int(start), int(end), part, lines_of[video]))
    return events


def _write_lists(root: Path, events: list[Event]) -> None:
    lines = [f"{event.category}&{event.video}&good&{event.start}&{event.end}\n" for event in events]
    for part, name in SPLIT_FILES.items():
        own = [line for line, event in zip(lines, events, strict=True) if event.part == part]
        (root / name).write_text("".join(own), encoding="utf-8")
    (root / "Annotations.txt").write_text(f"{HEADER}\n{''.join(sorted(lines))}", encoding="utf-8")
    (root / "ReadMe.txt").write_text("A miniature with synthetic clips.\n", encoding="utf-8")


def _write_clip(file: Path, events: list[Event], rng: np.random.Generator, fps: int = 5, rate: int = 16000) -> None:
    frames = rng.normal(110, 25, (4 * fps, 64, 64, 3)).clip(0, 255).astype(np.uint8)
    sound = rng.normal(0, 0.05, 4 * rate)
    for event in (event for event in events if event.start < event.end):
        label, seconds = FIXTURE_CLASSES.index(event.category), event.end - event.start
        frames[event.start * fps : event.end * fps] = signals.film(label, 4, seconds * fps, (64, 64), rng)
        sound[event.start * rate : event.end * rate] = signals.sound(label, 4, seconds, rate, rng)
    if file.stem == "-silent____":
        sound[:] = 0
    encoding.write_video(file, frames, fps, None if file.stem == "-no_track__" else sound, rate)
