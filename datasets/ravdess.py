"""RAVDESS: 1440 spoken trials of 24 actors with eight emotions, as video and sound.

Each of the 24 actors has 60 trials: two sentences, each twice in two intensities (neutral has only one). Neutral
therefore has 96 trials, and every other emotion has 192. A file name has seven fields: modality (01 video with sound,
02 video only, 03 sound only), channel (01 speech, 02 song), emotion, intensity, sentence, repetition, actor. Video is
read from 01-01-*.mp4 and sound from 03-01-*.wav, which contains the same take uncompressed. If there is no 03-01-*.wav
at all, the sound of the mp4 files is used for all trials. 02-*.mp4 repeats the same takes, and songs lack two emotions;
neither is used.

Files are found by name in any folder below the root, so all archives can be unpacked into one place, or video and sound
into two. If a name occurs twice, the first path is used.

There is no official split, and published splits by clip share actors. Here, actors 1 to 4 are for testing, 5 to 8 for
validation, and 9 to 24 for training, so that half of the actors in each part are women and half are men (odd numbers).
A missing file or actor does not affect the others. Five of the 1440 wav files are stereo; their channels are averaged.
Not verified: the frame rate of the videos; nothing is assumed about it.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from cmkd_bench.data.fixtures.signals import film, sound
from cmkd_bench.data.media.catalogue import Catalogue, Official
from cmkd_bench.data.media.clips import AudioClip, VideoClip
from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.data.splits import by_group
from cmkd_bench.dataset import Modality, Source
from cmkd_bench.errors import UserError
from cmkd_bench.parameters import NoParameters
from cmkd_bench.registry import register_dataset

TEST_ACTORS, VALIDATION_ACTORS = range(1, 5), range(5, 9)
VIDEO = re.compile(r"01-(01-0[1-8]-0[12]-0[12]-0[12]-(?:0[1-9]|1\d|2[0-4]))\.mp4")
SOUND = re.compile(r"03-(01-0[1-8]-0[12]-0[12]-0[12]-(?:0[1-9]|1\d|2[0-4]))\.wav")


@register_dataset("ravdess")
class Ravdess(MediaDataset[NoParameters]):
    """Trials of 3 to 5 s, each with the face and voice of one actor."""

    modalities = (
        Modality("video", "video", "the actor's head and shoulders, from 01-01-*.mp4, 1280x720"),
        Modality("audio", "spectrogram", "the voice, from 03-01-*.wav, 48 kHz"),
    )
    classes = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
    default_pairs = (("audio", "video"),)
    sources = (
        Source(
            file="01-01-*.mp4, 03-01-*.wav",
            origin="zenodo.org/record/1188976: Video_Speech_Actor_01.zip to _24.zip, Audio_Speech_Actors_01-24.zip",
            license="CC BY-NC-SA 4.0",
            citation="Livingstone, Russo: The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS). "
            "PLoS ONE 13(5):e0196391, 2018",
        ),
    )
    task = "recognize which of eight emotions an actor speaks with"
    folder = "RAVDESS"
    marks = ("01-01-*.mp4|*/01-01-*.mp4|*/*/01-01-*.mp4",)
    obtain = (
        "Download Video_Speech_Actor_01.zip to Video_Speech_Actor_24.zip and Audio_Speech_Actors_01-24.zip from "
        "zenodo.org/record/1188976 and unpack all of them anywhere below its folder."
    )

    def catalogue(self, root: Path) -> Catalogue:
        """List all trials with video or sound, in the order of their names.

        Raises:
            UserError: if a part has no actors.
        """
        videos, sounds = find_trials(root)
        trials = sorted({*videos, *sounds})
        actors = np.array([int(trial[-2:]) for trial in trials], np.int64)
        parts = by_group(actors, VALIDATION_ACTORS, TEST_ACTORS)
        if not all(len(rows) for rows in parts.values()):
            found = ", ".join(map(str, np.unique(actors))) or "none"
            raise UserError(
                f"ravdess: each part needs at least one actor: 1 to 4 are for testing, 5 to 8 for validation, 9 to 24 "
                f"for training. Found in 01-01-*.mp4 and 03-01-*.wav below {root}: {found}. {self.obtain}"
            )
        notes = () if sounds else ("sound is read from the mp4 files because there is no 03-01-*.wav",)
        return Catalogue(
            sample_ids=[f"01-{trial}" for trial in trials],
            labels=np.array([int(trial[3:5]) - 1 for trial in trials], np.int64),
            classes=self.classes,
            inputs={
                "video": [VideoClip(videos.get(trial, _official(trial, "01", "mp4"))) for trial in trials],
                "audio": [
                    AudioClip(sounds.get(trial, _official(trial, "03", "wav")) if sounds else videos[trial])
                    for trial in trials
                ],
            },
            parts=[parts],
            groups=actors,
            notes=notes,
        )

    def official(self) -> Official:
        """Return the numbers of trials: each actor has 4 neutral ones, and 8 of every other emotion."""
        actors = {"train": 16, "validation": len(VALIDATION_ACTORS), "test": len(TEST_ACTORS)}
        by_class = {
            part: {emotion: count * (4 if emotion == "neutral" else 8) for emotion in self.classes}
            for part, count in actors.items()
        }
        return Official({part: sum(own.values()) for part, own in by_class.items()}, by_class)

    @classmethod
    def write_fixture(cls, root: Path, clips: int, rng: np.random.Generator) -> None:
        """Write four emotions, all archives in one place; defective trials (actor 24) are in addition to `clips`."""
        from cmkd_bench.data.fixtures.encoding import truncate, write_wav

        broken, lost, empty, mute = (f"01-0{emotion}-01-02-02-24" for emotion in (1, 2, 3, 4))
        for trial in [*_fixture_trials(clips), broken, lost, empty, mute]:
            _write_trial(root, trial, rng, mute=trial == mute)
        truncate(root / _official(broken, "01", "mp4"))
        (root / _official(lost, "03", "wav")).unlink()
        truncate(root / _official(empty, "03", "wav"), share=0.0)
        voice = sound(3, len(cls.classes), 1.5, 48000, rng)
        write_wav(root / _official(mute, "03", "wav"), np.stack([voice, voice / 2], axis=1), 48000)
        song = root / "Actor_24/03-02-02-01-01-01-24.wav"
        write_wav(song, sound(1, len(cls.classes), 1.5, 48000, rng), 48000)
        again = root / _official(broken, "01", "mp4")
        (again.parent / again.name.replace("01-", "02-", 1)).write_bytes(again.read_bytes())
        (again.parent / f"._{again.name}").write_bytes(b"resource fork")


def find_trials(root: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Find the videos and sounds below the root: relative paths, by the last six fields of their names."""
    videos: dict[str, str] = {}
    sounds: dict[str, str] = {}
    for path in sorted(root.rglob("0[13]-01-*")):
        for pattern, found in ((VIDEO, videos), (SOUND, sounds)):
            if match := pattern.fullmatch(path.name):
                found.setdefault(match[1], path.relative_to(root).as_posix())
    return videos, sounds


def _official(trial: str, modality: str, suffix: str) -> str:
    return f"Actor_{trial[-2:]}/{modality}-{trial}.{suffix}"


def _fixture_trials(clips: int) -> list[str]:
    """List trials of four emotions; the actors take turns, so that even a few trials cover all parts."""
    actors = sorted(range(1, 25), key=lambda actor: (actor - 1) % 4)
    takes = [f"{sentence:02d}-{repetition:02d}" for repetition in (1, 2) for sentence in (1, 2)]
    trials = []
    for number in range(min(clips, len(actors) * len(takes) * 4)):
        turn, place = divmod(number, len(actors))
        trials.append(f"01-0{1 + (turn + place) % 4}-01-{takes[turn // 4]}-{actors[place]:02d}")
    return trials


def _write_trial(root: Path, trial: str, rng: np.random.Generator, mute: bool) -> None:
    from cmkd_bench.data.fixtures.encoding import write_video, write_wav

    label, classes, frames = int(trial[3:5]) - 1, len(Ravdess.classes), int(rng.integers(12, 20))
    voice = sound(label, classes, frames / 10, 48000, rng)
    picture = film(label, classes, frames, (36, 64), rng)
    write_video(root / _official(trial, "01", "mp4"), picture, 10, None if mute else voice[::3], 16000)
    write_wav(root / _official(trial, "03", "wav"), voice, 48000)
