"""VGGSound: ten-second clips from YouTube with 309 sounds whose source is visible, and two subsets from the literature.

The current lists have 183730 training and 15446 test clips. Many are no longer on YouTube, so copies on disk differ; a
missing, truncated, or silent clip does not move any other sample. A tenth of the training videos of each class is the
validation part; all clips of a video are in the same part. 6 videos have clips in both train and test; their training
clips are excluded (found from the lists, not hard-coded). Known and kept: about 6000 clips with a still image, 408
exact duplicates under other ids, and clips shorter than ten seconds.

Clips may be anywhere below the root, in the folders of the published archives or in those of C2KD's code, but not
behind a symbolic link to a folder. subset=c2kd50 has the 50 classes of C2KD's train_tiny.csv and test_tiny.csv, which
contain all rows of these classes (25835 and 2500). Each clip is in the same part as with subset=full. subset=avel50k
follows vggsound-avel50k.csv and its split.

Not verified: the format of video_id in vggsound-avel50k.csv. It may be a clip's name or the 11 characters of the
YouTube id, each with or without a preceding letter. A bare id that matches several clips on disk is excluded.
"""

from __future__ import annotations

import csv
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, zip_longest
from pathlib import Path

import numpy as np

from cmkd_bench.data.fixtures import signals
from cmkd_bench.data.media.catalogue import Catalogue, Official, Skipped
from cmkd_bench.data.media.clips import AudioClip, VideoClip
from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.data.splits import held_out_later, stratified
from cmkd_bench.dataset import PARTS, Modality, Source
from cmkd_bench.errors import UserError
from cmkd_bench.parameters import parameter
from cmkd_bench.registry import register_dataset

FOLDER = "scratch/shared/beegfs/hchen/train_data/VGGSound_final/video"
SPLIT_SEED = 0
LISTS = (("vggsound.csv",), ("train.csv", "test.csv"))
AVEL_LIST = "vggsound-avel50k.csv"
AVEL_PARTS = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}
NAME = re.compile(r"([A-Za-z0-9_-]{11})_([0-9]{6})(?:\.mp4)?")
LOOSE_NAME = re.compile(r"[A-Za-z]??([A-Za-z0-9_-]{11})(?:_([0-9]{6}))?(?:\.mp4)?")
_C2KD50 = (
    "alarm clock ringing; baby laughter; blowtorch igniting; car engine idling; cat meowing; cell phone buzzing; "
    "cow lowing; cutting hair with electric trimmers; dog barking; dog growling; dog howling; dog whimpering; "
    "eating with cutlery; ferret dooking; firing muskets; footsteps on snow; goose honking; helicopter; "
    "horse neighing; otter growling; people coughing; people eating crisps; people farting; people hiccup; "
    "people marching; people slapping; people sniggering; pigeon, dove cooing; plastic bottle crushing; "
    "playing accordion; playing acoustic guitar; playing bongo; playing clarinet; playing congas; "
    "playing double bass; playing snare drum; playing tennis; playing timbales; playing trumpet; playing tuning fork; "
    "pumping water; sea lion barking; smoke detector beeping; strike lighter; subway, metro, underground; thunder; "
    "tornado roaring; turkey gobbling; waterfall burbling; wind noise"
)
C2KD50 = tuple(_C2KD50.split("; "))  # in alphabetical order
OFFICIAL = {
    "full": Official({"train+validation": 183_730, "test": 15_446}),
    "c2kd50": Official({"train+validation": 25_835, "test": 2_500}),
    "avel50k": Official({"train+validation+test": 50_543}),
}
FIXTURE_CLASSES = ("dog barking", "helicopter", "pigeon, dove cooing", "playing accordion")


@dataclass(frozen=True)
class VGGSoundOptions:
    """Options that select the clips and classes."""

    subset: str = parameter(
        "full",
        "full: 309 classes; c2kd50: 50 of them; avel50k: half of VGGSound-AVEL100k, 141 merged classes, own split",
        choices=("full", "c2kd50", "avel50k"),
        source="the dataset's paper; C2KD's code; MST-Distill (with a different, random split)",
    )


@dataclass(frozen=True)
class Row:
    """A line of a list."""

    sample_id: str  # the clip's name without the suffix; in the list of avel50k possibly just the YouTube id
    video: str  # the YouTube id
    start: str  # the clip's first second in six digits; empty if the list does not give it
    label: str
    part: str


@register_dataset("vggsound")
class VGGSound(MediaDataset[VGGSoundOptions]):
    """The official test part; a tenth of the official training part is for validation."""

    modalities = (
        Modality("video", "video", "frames of the clip, RGB"),
        Modality("audio", "spectrogram", "sound of the clip"),
    )
    classes = ()  # the sorted labels of the lists
    default_pairs = (("audio", "video"),)
    sources = (
        Source(
            file="vggsound.csv, or train.csv and test.csv; *.mp4",
            origin="github.com/hche11/VGGSound; clips: huggingface.co/datasets/Loie/VGGSound",
            license="CC BY 4.0 (annotations); the videos belong to their owners",
            citation="Chen, Xie, Vedaldi, Zisserman: VGGSound: a large-scale audio-visual dataset. ICASSP 2020",
        ),
        Source(
            file=AVEL_LIST,
            origin="the README of VGGSound-AVEL100k (CPSP), Google Drive",
            license="none stated",
            citation="Zhou, Guo, Wang: Contrastive positive sample propagation along the audio-visual event line. "
            "IEEE TPAMI 2022",
        ),
    )
    task = "recognize which of 309 sounds is heard while its source is seen"
    folder = "vggsound"
    marks = ("vggsound.csv|data/vggsound.csv|train.csv|data/train.csv",)
    obtain = (
        "Download vggsound_00.tar.gz to vggsound_19.tar.gz and vggsound.csv from "
        "huggingface.co/datasets/Loie/VGGSound and unpack the archives into one folder, next to vggsound.csv; clips "
        "are found in any folder below. subset=avel50k also needs vggsound-avel50k.csv."
    )

    def catalogue(self, root: Path) -> Catalogue:
        """List a sample for each line that is used, in the order of the list.

        Raises:
            UserError: if a list is missing, is empty, or does not match the official format.
        """
        listed = _read_avel(root) if self.options.subset == "avel50k" else _read_lists(root)
        classes = C2KD50 if self.options.subset == "c2kd50" else tuple(sorted({row.label for row in listed}))
        number = {name: label for label, name in enumerate(classes)}
        files = _find_files(root)
        reasons = _reasons_to_skip(listed, files)
        rows = [row for row, reason in zip(listed, reasons, strict=True) if not reason]
        if self.options.subset != "avel50k":
            rows = _draw_validation(rows)
        rows = [row for row in rows if row.label in number]
        paths = [next(iter(_paths(row, files)), f"{FOLDER}/{row.sample_id}.mp4") for row in rows]
        return Catalogue(
            sample_ids=[row.sample_id for row in rows],
            labels=np.array([number[row.label] for row in rows], np.int64),
            classes=classes,
            inputs={"video": [VideoClip(path) for path in paths], "audio": [AudioClip(path) for path in paths]},
            parts=[{part: np.flatnonzero([row.part == part for row in rows]) for part in PARTS}],
            groups=np.array([row.video for row in rows]),
            skipped=[
                Skipped(row.sample_id, "", "", reason, row.part, row.label)
                for row, reason in zip(listed, reasons, strict=True)
                if reason and row.label in number
            ],
        )

    def official(self) -> Official:
        """Return the numbers of lines of the lists, which say the class of each line."""
        return OFFICIAL[self.options.subset]

    @classmethod
    def write_fixture(cls, root: Path, clips: int, rng: np.random.Generator) -> None:
        """Write 3 s clips of four classes, more than `clips`, because only a tenth of them is for validation."""
        from cmkd_bench.data.fixtures.encoding import truncate

        train, test = max(6, -(-clips * 3 // 8)), max(2, -(-clips // 16))
        rows = [
            _clip_of(signals.youtube_id(rng), int(rng.integers(300)), label, "train" if row < train else "test")
            for row in range(train + test)
            for label in FIXTURE_CLASSES
        ]
        dog, helicopter, pigeon, accordion = FIXTURE_CLASSES
        rows += [
            _clip_of("-no_track__", 30, dog, "train"),
            _clip_of("-muted_____", 30, helicopter, "train"),
            _clip_of("-truncated_", 30, pigeon, "train"),
            _clip_of("-missing___", 30, accordion, "train"),
            _clip_of("-short_one_", 0, dog, "train"),
            _clip_of("-two_clips_", 10, pigeon, "train"),
            _clip_of("-two_clips_", 120, accordion, "train"),
            _clip_of(rows[-1].video, 299, dog, "train"),
        ]
        for row in rows:
            _write_clip(root / FOLDER / f"{row.sample_id}.mp4", FIXTURE_CLASSES.index(row.label), rng)
        truncate(root / FOLDER / "-truncated__000030.mp4")
        (root / FOLDER / "-missing____000030.mp4").unlink()
        with (root / "vggsound.csv").open("w", newline="", encoding="utf-8") as file:
            lines = [(row.video, int(row.start), row.label, row.part) for row in [*rows, rows[0]]]
            csv.writer(file).writerows(lines)
        with (root / AVEL_LIST).open("w", newline="", encoding="utf-8") as file:
            parts = cycle(("train", "train", "val", "test", "train"))
            merged = [(row.video, row.label.split(",")[0], part) for row, part in zip(rows, parts, strict=False)]
            csv.writer(file, lineterminator="\n").writerows([("video_id", "category", "split"), *merged])


def _read_lists(root: Path) -> list[Row]:
    """Read vggsound.csv, or else train.csv and test.csv, from the root or its folder data.

    Raises:
        UserError: if there are no such lists, or if a line matches neither format.
    """
    for folder in (root, root / "data"):
        for names in LISTS:
            if all((folder / name).is_file() for name in names):
                return [row for name in names for row in _read_list(folder / name)]
    found = ", ".join(sorted(path.name for path in (*root.glob("*.csv"), *root.glob("data/*.csv")))) or "none"
    raise UserError(
        f"dataset 'vggsound': expected vggsound.csv, or train.csv and test.csv, in {root} or its folder data. "
        f"Found: {found}. {VGGSound.obtain}"
    )


def _read_list(file: Path) -> list[Row]:
    rows, part = [], file.stem
    for number, fields in _lines(file):
        if (row := _row(fields, part)) is not None:
            rows.append(row)
        elif number > 1 or " " not in fields[0]:  # otherwise a header; ids and file names have no spaces
            form = "'YouTube id,start second,label,train or test' or '<YouTube id>_<start, six digits>.mp4,label'"
            raise UserError(f"dataset 'vggsound': {file}, line {number}: expected {form}, got '{','.join(fields)}'.")
    if not rows:
        raise UserError(f"dataset 'vggsound': {file} is empty. {VGGSound.obtain}")
    return rows


def _row(fields: list[str], part: str) -> Row | None:
    """Parse a line in either format, or return None; a label may have unquoted commas.

    Args:
        fields: the fields of the line.
        part: the part for lines that do not name one.
    """
    name, *label = fields
    match = NAME.fullmatch(name)
    if match is None and len(label) > 2:
        start, *label, part = label
        match = NAME.fullmatch(f"{name}_{start.zfill(6)}")
    if match is None or not any(label) or part not in ("train", "test"):
        return None
    return _clip_of(match[1], int(match[2]), ",".join(label), part)


def _clip_of(video: str, start: int, label: str, part: str) -> Row:
    return Row(f"{video}_{start:06d}", video, f"{start:06d}", label, part)


def _read_avel(root: Path) -> list[Row]:
    """Read vggsound-avel50k.csv with its parts.

    Raises:
        UserError: if the list is missing, lacks a column, or has a line with an unknown part or without a YouTube id.
    """
    file = next((folder / AVEL_LIST for folder in (root, root / "data") if (folder / AVEL_LIST).is_file()), None)
    if file is None:
        raise UserError(f"dataset 'vggsound': subset=avel50k needs {AVEL_LIST} in {root} or its folder data.")
    lines = _lines(file)
    _, header = next(lines, (1, [""]))
    names = [name.strip() for name in header]
    if missing := {"video_id", "category", "split"} - {*names}:
        raise UserError(
            f"dataset 'vggsound': {file} lacks the column {', '.join(sorted(missing))}. Found: {', '.join(names)}."
        )
    rows = []
    for number, fields in lines:
        cells = {name: field.strip() for name, field in zip_longest(names, fields[: len(names)], fillvalue="")}
        match, part = LOOSE_NAME.fullmatch(cells["video_id"]), AVEL_PARTS.get(cells["split"])
        if match is None or part is None or not cells["category"]:
            raise UserError(
                f"dataset 'vggsound': {file}, line {number}: expected a YouTube id or clip name as video_id, a "
                f"category, and one of {', '.join(AVEL_PARTS)} as split, got '{','.join(fields)}'."
            )
        rows.append(Row(cells["video_id"].removesuffix(".mp4"), match[1], match[2] or "", cells["category"], part))
    return rows


def _lines(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the fields of all non-empty lines with their line numbers."""
    with file.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.reader(stream)
        try:
            for fields in reader:
                if any(fields):
                    yield reader.line_num, fields
        except (csv.Error, UnicodeDecodeError) as error:
            raise UserError(f"dataset 'vggsound': {file}, after line {reader.line_num}: {error}.") from None


def _find_files(root: Path) -> dict[str, dict[str, str]]:
    """Find clips below the root by YouTube id and start second (six digits or empty); open no file."""
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.endswith(".mp4"))  # C2KD's frames of a clip
        below = Path(folder).relative_to(root).as_posix()
        for name in names:
            if name.endswith(".mp4") and (match := LOOSE_NAME.fullmatch(name)):
                clips, start = found[match[1]], match[2] or ""
                if start not in clips or below == FOLDER:
                    clips[start] = f"{below}/{name}" if below != "." else name
    return found


def _paths(row: Row, files: Mapping[str, Mapping[str, str]]) -> list[str]:
    """List the files that a row may refer to."""
    clips = files.get(row.video, {})
    return [path for start, path in clips.items() if start == row.start or not row.start]


def _reasons_to_skip(rows: Sequence[Row], files: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return for each row why it is excluded; an empty string if it is not."""
    seen: set[str] = set()
    reasons = []
    later_parts = held_out_later([row.part for row in rows], [row.video for row in rows])
    for row, later in zip(rows, later_parts, strict=True):
        if later:
            reasons.append(f"its video is also in the {later} part")
        elif row.sample_id in seen:
            reasons.append("listed twice")
        elif (count := len(_paths(row, files))) > 1:
            reasons.append(f"{count} clips of this video were found, and the list does not say which one is meant")
        else:
            reasons.append("")
            seen.add(row.sample_id)
    return reasons


def _draw_validation(rows: Sequence[Row]) -> list[Row]:
    """Assign a tenth of the training videos to validation, stratified by the class of each video's first clip.

    The order of the rows does not matter, so both formats of the lists give the same parts.
    """
    first: dict[str, str] = {}
    for row in sorted((row for row in rows if row.part == "train"), key=lambda row: row.sample_id):
        first.setdefault(row.video, row.label)
    videos, labels = np.array(list(first)), np.unique(list(first.values()), return_inverse=True)[1]
    held_out = {*videos[stratified(labels, (0.9, 0.1, 0), SPLIT_SEED)["validation"]].tolist()}
    return [replace(row, part="validation") if row.video in held_out else row for row in rows]


def _write_clip(file: Path, label: int, rng: np.random.Generator, fps: int = 5, rate: int = 16000) -> None:
    from cmkd_bench.data.fixtures.encoding import write_video

    video = file.stem[:11]
    seconds = 1 if video == "-short_one_" else 3
    sound = signals.sound(label, 4, seconds, rate, rng)
    if video == "-muted_____":
        sound[:] = 0
    frames = signals.film(label, 4, seconds * fps, (64, 64), rng)
    write_video(file, frames, fps, None if video == "-no_track__" else sound, rate)
