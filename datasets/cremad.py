"""CREMA-D: 7442 clips of 91 actors who speak one of twelve sentences with one of six emotions, as video and sound.

The label is the intended emotion, the third field of a clip's name. HAP, SAD, FEA, DIS, and ANG have 1271 clips each,
NEU has 1087. Only 72 % of the raters' majority votes on the full clips agree with the label. No split is official.

- split=speaker: 62 actors for training, 10 for validation, 19 for testing; no actor is in two parts. The seed of the
  split is the first one that balances women and men in all parts (29 and 33, 5 and 5, 9 and 10).
- split=c2kd: the lists of OGM-GE and C2KD, with 6698 and 744 clips. Both contain every actor, and there is no
  validation part.

Sound is read only from AudioWAV, because 28 FLVs have no audio track in copies made before December 16, 2020. Four
clips with known defects are excluded by name in both splits. One file was called 1040_ITH_SAD_X.wav until October 2022;
both names are accepted. A clone without git-lfs has pointers in place of all media, which decoding reports. Not
verified: the codec, frame size, and frame rate of the FLVs; nothing is assumed about them.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cmkd_bench.data.fixtures.signals import film, sound
from cmkd_bench.data.media.catalogue import Catalogue, Official, Skipped
from cmkd_bench.data.media.clips import AudioClip, VideoClip
from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.dataset import PARTS, Modality, Source
from cmkd_bench.errors import UserError
from cmkd_bench.parameters import parameter
from cmkd_bench.registry import register_dataset

SPLIT_SEED = 1
CLIP_LISTS = ("SentenceFilenames.csv", "processedResults/summaryTable.csv")
CLIP_NAME = re.compile(
    r"(\d{4})_(IEO|TIE|IOM|IWW|TAI|MTI|IWL|ITH|DFA|ITS|TSI|WSI)_(ANG|DIS|FEA|HAP|NEU|SAD)_(LO|MD|HI|XX?)"
)
MISNAMED = "1040_ITH_SAD_X"
DEFECTS = {
    "1064_IEO_DIS_MD": "known defect: the video is 61 s long and contains all emotions",
    "1064_TIE_SAD_XX": "known defect: the video has no duration",
    "1076_MTI_NEU_XX": "known defect: the video is very short and has no sound",
    "1076_MTI_SAD_XX": "known defect: the video shows an error image, and the sound is silent",
}


# The published clips of each class, in the order of the classes. In split=speaker, the actors are divided by us.
COUNTS = {
    "speaker": {"train+validation+test": (1087, 1271, 1271, 1271, 1271, 1271)},
    "c2kd": {"train": (973, 1148, 1131, 1138, 1142, 1166), "test": (114, 123, 140, 133, 129, 105)},
}


@dataclass(frozen=True)
class Options:
    """Options that select the split."""

    split: str = parameter(
        "speaker",
        "speaker: disjoint actors; c2kd: published lists with all actors in train and test, and no validation part",
        source="ours (speaker); OGM-GE and C2KD (c2kd)",
        choices=("speaker", "c2kd"),
    )


@register_dataset("cremad")
class CremaD(MediaDataset[Options]):
    """Clips of 1.3 to 5 s, each with the face and voice of one actor."""

    modalities = (
        Modality("video", "video", "the actor's face, from VideoFlash/*.flv"),
        Modality("audio", "spectrogram", "the voice, from AudioWAV/*.wav, 16 kHz"),
    )
    classes = ("NEU", "HAP", "SAD", "FEA", "DIS", "ANG")
    default_pairs = (("audio", "video"),)
    sources = (
        Source(
            file="VideoFlash, AudioWAV, SentenceFilenames.csv",
            origin="github.com/CheyneyComputerScience/CREMA-D (git-lfs); gitlab.com/cs-cooper-lab/crema-d-mirror",
            license="ODbL 1.0 (the database), DbCL 1.0 (its contents)",
            citation="Cao, Cooper, Keutmann, Gur, Nenkova, Verma: CREMA-D: Crowd-sourced Emotional Multimodal Actors "
            "Dataset. IEEE Transactions on Affective Computing 5(4):377-390, 2014",
        ),
        Source(
            file="train.csv, test.csv (only for split=c2kd)",
            origin="github.com/GeWu-Lab/OGM-GE_CVPR2022, data/CREMAD; the same in C2KD's repository",
            license="MIT (the repository's)",
            citation="Peng, Wei, Deng, Wang, Hu: Balanced Multimodal Learning via On-the-fly Gradient Modulation. "
            "CVPR 2022",
        ),
    )
    task = "recognize which of six emotions an actor speaks with"
    folder = "CREMA-D"
    marks = ("VideoFlash", "AudioWAV")
    obtain = (
        "git lfs clone https://github.com/CheyneyComputerScience/CREMA-D.git (7.5 GB; without git-lfs, and in the zip "
        "download, the media are missing). For split=c2kd, put train.csv and test.csv from github.com/GeWu-Lab/"
        "OGM-GE_CVPR2022, data/CREMAD, into its folder or into C2KD/ below it."
    )

    def catalogue(self, root: Path) -> Catalogue:
        """List all clips in the order of their names, except for the four known defects.

        Raises:
            UserError: if no clips are listed, a line is malformed, or the lists that split=c2kd needs are missing.
        """
        if self.options.split == "c2kd":
            part_of, notes = published_parts(root)
        else:
            clips, notes = listed_clips(root)
            part_of = speaker_parts(clips)
        kept = [clip for clip in sorted(part_of) if clip not in DEFECTS]
        misnamed = (root / f"AudioWAV/{MISNAMED}.wav").is_file()
        sounds = {f"{MISNAMED}X": MISNAMED} if misnamed else {}
        return Catalogue(
            sample_ids=kept,
            labels=np.array([self.classes.index(clip.split("_")[2]) for clip in kept], np.int64),
            classes=self.classes,
            inputs={
                "video": [VideoClip(f"VideoFlash/{clip}.flv") for clip in kept],
                "audio": [AudioClip(f"AudioWAV/{sounds.get(clip, clip)}.wav") for clip in kept],
            },
            parts=[{part: np.flatnonzero([part_of[clip] == part for clip in kept]) for part in PARTS}],
            groups=None if self.options.split == "c2kd" else np.array([_actor(clip) for clip in kept], np.int64),
            skipped=[
                Skipped(clip, "video", f"VideoFlash/{clip}.flv", reason, part_of[clip], clip.split("_")[2])
                for clip, reason in DEFECTS.items()
                if clip in part_of
            ],
            notes=notes,
        )

    def official(self) -> Official:
        """Return the numbers of clips of the split."""
        counts = COUNTS[self.options.split]
        by_class = {part: dict(zip(self.classes, own, strict=True)) for part, own in counts.items()}
        return Official({part: sum(own) for part, own in counts.items()}, by_class)

    @classmethod
    def write_fixture(cls, root: Path, clips: int, rng: np.random.Generator) -> None:
        """Write at least twelve actors with four emotions; clips with defects are in addition to `clips`."""
        from cmkd_bench.data.fixtures.encoding import truncate, write_lfs_pointer, write_wav

        pointer, empty, lost, mute = "1002_IWW_HAP_XX", "1003_IWW_HAP_XX", "1007_IWW_HAP_XX", "1005_IWW_DIS_XX"
        names = [*_fixture_names(clips), *DEFECTS, f"{MISNAMED}X", pointer, empty, lost, mute]
        for name in names:
            _write_clip(root, name, rng, mute=name in (mute, "1076_MTI_NEU_XX", "1076_MTI_SAD_XX"))
        write_wav(root / "AudioWAV/1076_MTI_SAD_XX.wav", np.zeros(16000), 16000)
        truncate(root / "VideoFlash/1064_TIE_SAD_XX.flv")
        (root / f"AudioWAV/{MISNAMED}X.wav").rename(root / f"AudioWAV/{MISNAMED}.wav")
        write_lfs_pointer(root / f"VideoFlash/{pointer}.flv")
        truncate(root / f"AudioWAV/{empty}.wav", share=0.0)
        (root / f"VideoFlash/{lost}.flv").unlink()
        _write_lists(root, sorted(names))


def listed_clips(root: Path) -> tuple[list[str], tuple[str, ...]]:
    """Return the names of all clips from the first list found, or else from the folders with a note that says so.

    Raises:
        UserError: if there are no clips, or if a name is not a valid clip name.
    """
    for name in CLIP_LISTS:
        if (root / name).is_file():
            return _read_list(root, name), ()
    files = [*root.glob("VideoFlash/*.flv"), *root.glob("AudioWAV/*.wav")]
    if clips := {_full_name(path.stem) for path in files if CLIP_NAME.fullmatch(path.stem)}:
        return sorted(clips), (
            f"clips are listed from the folders, as {CLIP_LISTS[0]} is missing; a missing file can change the split",
        )
    raise UserError(
        f"cremad: {root} has neither {' nor '.join(CLIP_LISTS)}, and no clips in VideoFlash and AudioWAV. "
        f"Found: {_found(root)}. Download the list from github.com/CheyneyComputerScience/CREMA-D."
    )


def speaker_parts(clips: list[str]) -> dict[str, str]:
    """Assign each clip to a part at random, by actor: about 70, 10, and 20 % of the actors."""
    actors = np.unique([_actor(clip) for clip in clips])
    shuffled = np.random.RandomState(SPLIT_SEED).permutation(actors).tolist()
    tested, validated = math.ceil(len(actors) / 5), math.ceil(len(actors) / 10)
    part_of_actor = dict.fromkeys(shuffled[:tested], "test")
    part_of_actor |= dict.fromkeys(shuffled[tested : tested + validated], "validation")
    return {clip: part_of_actor.get(_actor(clip), "train") for clip in clips}


def published_parts(root: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the part of each clip from train.csv and test.csv, with a note about their leak.

    Raises:
        UserError: if a file is missing, a line is malformed, or a clip is listed twice.
    """
    lists = {part: f"{part}.csv" for part in ("train", "test")}
    folders = [folder for folder in ("", "C2KD/") if all((root / folder / name).is_file() for name in lists.values())]
    if not folders:
        raise UserError(
            f"cremad: split=c2kd needs train.csv and test.csv in {root} or in C2KD/ below it. Found: {_found(root)}. "
            "Download them from github.com/GeWu-Lab/OGM-GE_CVPR2022, data/CREMAD, or use dataset.cremad.split=speaker."
        )
    part_of: dict[str, str] = {}
    for part, name in lists.items():
        for place, row in _rows(root, folders[0] + name):
            if row[0].split("_")[2:3] != row[1:]:
                raise UserError(f"cremad: {place}: expected a clip and its emotion, like 1001_IEO_NEU_XX,NEU.")
            clip = _checked_name(row[0], place)
            if clip in part_of:
                raise UserError(f"cremad: {place}: this clip is already listed in {lists[part_of[clip]]}.")
            part_of[clip] = part
    train, test = ({_actor(clip) for clip in part_of if part_of[clip] == part} for part in lists)
    note = f"split=c2kd: {len(train & test)} of {len(train | test)} speakers are in both train and test"
    return part_of, (f"{note}; there is no validation part",)


def _read_list(root: Path, name: str) -> list[str]:
    rows = _rows(root, name)
    header = next(rows, ("", []))[1]
    columns = [number for number, title in enumerate(header) if title.lower() == "filename"]
    if not columns:
        raise UserError(f"cremad: {name} has no column Filename. Found: {', '.join(header) or 'an empty file'}.")
    return sorted({_checked_name("".join(row[columns[0] : columns[0] + 1]), place) for place, row in rows})


def _rows(root: Path, name: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the non-empty lines of a CSV file, each with its location for messages."""
    lines = (root / name).read_text(encoding="utf-8-sig", errors="replace").splitlines()
    for number, (line, row) in enumerate(zip(lines, csv.reader(lines), strict=False), start=1):
        if row:
            yield f"{name}, line {number} ({line})", row


def _checked_name(clip: str, place: str) -> str:
    if not CLIP_NAME.fullmatch(clip):
        raise UserError(f"cremad: {place}: expected a name like 1001_IEO_NEU_XX: actor, sentence, emotion, level.")
    return _full_name(clip)


def _full_name(clip: str) -> str:
    return f"{clip}X" if clip.endswith("_X") else clip


def _actor(clip: str) -> int:
    return int(clip[:4])


def _found(root: Path) -> str:
    names = sorted(path.name for path in root.iterdir()) if root.is_dir() else []
    return ", ".join(names[:12]) + (", ..." if len(names) > 12 else "") or "nothing"


def _fixture_names(clips: int) -> list[str]:
    """Return names of clips without defects; every actor has all four emotions in turn."""
    defective = [1002, 1003, 1005, 1007, 1040, 1064, 1076]
    actors = [*defective, *(actor for actor in range(1001, 1092) if actor not in defective)][: max(12, clips // 9)]
    sentences, emotions = ("TAI", "IOM", "DFA", "ITS", "TSI", "WSI", "IWL"), ("NEU", "HAP", "SAD", "DIS")
    names = []
    for number in range(min(clips, len(actors) * len(sentences) * len(emotions))):
        turn, place = divmod(number, len(actors))
        names.append(f"{actors[place]}_{sentences[turn // 4]}_{emotions[(turn + place) % 4]}_XX")
    return names


def _write_clip(root: Path, name: str, rng: np.random.Generator, mute: bool) -> None:
    from cmkd_bench.data.fixtures.encoding import write_video, write_wav

    label, classes, frames = CremaD.classes.index(name.split("_")[2]), len(CremaD.classes), int(rng.integers(13, 26))
    picture = film(label, classes, frames, (48, 64), rng)
    track = None if mute else sound(label, classes, frames / 10, 11025, rng)
    write_video(root / f"VideoFlash/{name}.flv", picture, 10, track, 11025)
    write_wav(root / f"AudioWAV/{name}.wav", sound(label, classes, frames / 10, 16000, rng), 16000)


def _write_lists(root: Path, names: list[str]) -> None:
    """Write the official list, whose last line has no end, and the published split, with Windows line endings."""
    lines = ['"Stimulus_Number","Filename"', *(f'{number},"{name}"' for number, name in enumerate(names, start=1))]
    (root / CLIP_LISTS[0]).write_text("\n".join(lines), encoding="utf-8")
    (root / "C2KD").mkdir()
    for part, rows in (("train", range(1, 5)), ("test", range(1))):
        text = "".join(f"{name},{name[9:12]}\r\n" for number, name in enumerate(names) if number % 5 in rows)
        (root / f"C2KD/{part}.csv").write_bytes(text.encode())
