"""AVE: 4143 audio-visual events of 28 classes in 4097 YouTube clips of ten seconds.

Each line of trainSet.txt, valSet.txt, and testSet.txt (3339, 402, and 402 lines) is a sample. Annotations.txt contains
the same lines and is not read; only the copy in the zip has a header. Sound and frames are both in
AVE/<YouTube id>.mp4. 45 clips have two or three lines with different labels (mostly banjo and mandolin, or male and
female speech), so a single answer per clip is not always right. As published, 10 of these clips are in both train and
validation, and 8 in both train and test; by default, their training lines are excluded. These 18 clips are found from
the lists, not hard-coded. One event has zero length (VWi2ENBuTbw) and is excluded. Clips downloaded again from YouTube
are never complete; a missing clip does not change the part of any other sample.

Not verified: the frame rates and sizes of the clips, which seem to vary.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np

from cmkd_bench.data.fixtures import signals
from cmkd_bench.data.media.catalogue import Catalogue, Official, Skipped
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
# The published lines of each class, in the order of the classes.
COUNTS = {
    "train": (
        *(152, 142, 137, 148, 152, 141, 144, 151, 138, 131, 146, 112, 82, 81),
        *(150, 142, 128, 147, 80, 67, 57, 128, 48, 52, 144, 89, 124, 126),
    ),
    "validation": (
        *(18, 17, 17, 18, 18, 17, 17, 18, 17, 16, 18, 13, 10, 9),
        *(18, 17, 16, 18, 10, 8, 6, 16, 6, 6, 18, 10, 15, 15),
    ),
}
COUNTS["test"] = COUNTS["validation"]
FIXTURE_PARTS = (*PARTS, "train", "test", "train", "train", "train", "validation", "train", "test", "train", "test")
FIXTURE_CLASSES = ("Church bell", "Male speech, man speaking", "Race car, auto racing", "Frying (food)")


@dataclass(frozen=True)
class AVEOptions:
    """Options that select the lines to use as samples, and the seconds of each clip."""

    split: str = parameter(
        "clean",
        "clean: without training lines of clips that are also in validation or test; official: as published, with leak",
        choices=("clean", "official"),
        source="our choice; the literature uses official",
    )
    labels: str = parameter(
        "all",
        "all: each line is a sample; first: each clip is one sample per part, with the label listed first",
        choices=("all", "first"),
        source="the dataset's paper; C2KD's code uses first",
    )
    crop: str = parameter(
        "event",
        "event: the seconds given in the line; full: the whole clip",
        choices=("event", "full"),
        source="C2KD's preprocessing",
    )


@dataclass(frozen=True)
class Event:
    """A line: an event in a video, with its start and end in seconds."""

    category: str
    video: str
    start: int
    end: int
    part: str
    number: int  # 1 for the first line of a video, 2 for the second, and so on, across all parts

    @property
    def sample_id(self) -> str:
        """The YouTube id, followed by the number for additional labels of the video."""
        return self.video if self.number == 1 else f"{self.video}.{self.number}"


@register_dataset("ave")
class AVE(MediaDataset[AVEOptions]):
    """The official parts, without training lines whose clips are also in validation or test."""

    modalities = (
        Modality("video", "video", "frames of the event, RGB"),
        Modality("audio", "spectrogram", "sound of the event"),
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
    task = "recognize which of 28 events is seen and heard"
    folder = "AVE_Dataset"
    marks = ("AVE", *SPLIT_FILES.values())
    obtain = (
        "Download AVE_Dataset.zip from the link in the README of github.com/YapengTian/AVE-ECCV18 and unpack it. "
        "The clips are in AVE_Dataset/AVE/<YouTube id>.mp4, and the lists are in AVE_Dataset/."
    )

    def catalogue(self, root: Path) -> Catalogue:
        """List a sample for each line that is used, in the order of the training, validation, and test lists.

        Raises:
            UserError: if a list is missing, or if a line or class does not match the official ones.
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
                Skipped(event.sample_id, "", "", reason, event.part, event.category)
                for event, reason in zip(events, reasons, strict=True)
                if reason
            ],
            notes=(f"{leaks} training clips are also in validation or test, as published",) * bool(leaks),
        )

    def official(self) -> Official:
        """Return the numbers of lines, which do not depend on the options."""
        by_class = {part: dict(zip(self.classes, counts, strict=True)) for part, counts in COUNTS.items()}
        return Official({part: sum(counts) for part, counts in COUNTS.items()}, by_class)

    def _reasons_to_skip(self, events: list[Event]) -> list[str]:
        """Return for each event why it is excluded; an empty string if it is not."""
        first: dict[tuple[str, str], Event] = {}
        for event in events:
            first.setdefault((event.part, event.video), event)
        reasons = []
        later_parts = held_out_later([event.part for event in events], [event.video for event in events])
        for event, later in zip(events, later_parts, strict=True):
            if event.start >= event.end:
                reasons.append(f"the event has zero length: second {event.start} to second {event.end}")
            elif later and self.options.split == "clean":
                reasons.append(f"its clip is also in the {later} part")
            elif self.options.labels == "first" and first[event.part, event.video] != event:
                reasons.append("an additional label of a clip that is used once")
            else:
                reasons.append("")
        return reasons

    @classmethod
    def write_fixture(cls, root: Path, clips: int, rng: np.random.Generator) -> None:
        """Write four classes with 4 s clips that have noise around the event; defects are in addition to `clips`."""
        from cmkd_bench.data.fixtures.encoding import truncate

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
        truncate(root / "AVE" / "-truncated_.mp4")
        (root / "AVE" / "-missing___.mp4").unlink()


def _read_events(root: Path) -> list[Event]:
    """Read all lines of the three lists.

    Raises:
        UserError: if a list is missing or a line is invalid, naming the file and the line.
    """
    events: list[Event] = []
    lines_of: Counter[str] = Counter()
    for part, name in SPLIT_FILES.items():
        if not (root / name).is_file():
            raise UserError(f"dataset 'ave': {name} not found in {root}. {AVE.obtain}")
        text = (root / name).read_text(encoding="utf-8-sig", errors="replace")
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip() in ("", HEADER):
                continue
            if not (match := LINE.fullmatch(line.strip())):
                raise UserError(f"dataset 'ave': {name}, line {number}: expected {HEADER}, got '{line}'.")
            category, video, start, end = match.groups()
            if category not in AVE.classes:
                nearest = nearest_match(category, AVE.classes)
                hint = f" Did you mean '{nearest}'?" if nearest else ""
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
    from cmkd_bench.data.fixtures.encoding import write_video

    frames = rng.normal(110, 25, (4 * fps, 64, 64, 3)).clip(0, 255).astype(np.uint8)
    sound = rng.normal(0, 0.05, 4 * rate)
    for event in (event for event in events if event.start < event.end):
        label, seconds = FIXTURE_CLASSES.index(event.category), event.end - event.start
        frames[event.start * fps : event.end * fps] = signals.film(label, 4, seconds * fps, (64, 64), rng)
        sound[event.start * rate : event.end * rate] = signals.sound(label, 4, seconds, rate, rng)
    if file.stem == "-silent____":
        sound[:] = 0
    write_video(file, frames, fps, None if file.stem == "-no_track__" else sound, rate)
