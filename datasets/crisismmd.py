"""CrisisMMD v2.0: images and texts of tweets about seven disasters, labeled by kind of humanitarian information.

There are 18,082 images. The official split by tweet has 6126 / 998 / 955 samples for which the annotators of text and
image agree (the default), and 13,608 / 2237 / 2237 samples in total. The images of one tweet are samples of one group.

- Labels: text and image were annotated separately and disagree in 55 percent of all humanitarian training rows (29
  percent of the informative ones); the column `label` is then one of the two, roughly at random. Therefore the agreed
  rows are the default. Their label_text and label_image have the five official classes: injured, dead, missing, and
  found people count as affected, and damaged vehicles as infrastructure. Only `label` distinguishes these, in 49 rows.
  With all rows, the option `label` selects the annotation to use; a student of the other modality then learns labels
  that were not assigned to that modality.
- Texts: HTML entities are unescaped, also doubly escaped ones. UTF-8 sequences that were decoded as Windows-1252 or Mac
  Roman are decoded again (about 7 and 5 percent of the tweets, such as "Weâ€™re"). Emoji whose code was cut to four
  digits are restored: U+1F449 became U+1F44 and the digit 9 (6 percent). Links are removed, because each link is a
  unique random word and every tweet with an image has one. Without links, two tweets may have the same text; notes
  count those that are in training and in another part. RT, user names, and hashtags are kept.
- With all rows, every column distinguishes eight classes, at least in validation and test; with the agreed ones, only
  `label` does. A column that does not is rejected if more than five classes are requested. Not verified: the class
  counts of all humanitarian training rows. Not supported: the damage task (images only), and random splits of the union
  of all files.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from cmkd_bench.config.preparation import Preparation
from cmkd_bench.data.media.catalogue import Catalogue, Official, Skipped
from cmkd_bench.data.media.clips import ImageClip
from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.dataset import PARTS, Modality, Source
from cmkd_bench.datasets._tweet_repair import clean
from cmkd_bench.errors import UserError, nearest_match
from cmkd_bench.parameters import parameter
from cmkd_bench.registry import register_dataset

HUMANITARIAN = (
    "affected_individuals",
    "infrastructure_and_utility_damage",
    "injured_or_dead_people",
    "missing_or_found_people",
    "not_humanitarian",
    "other_relevant_information",
    "rescue_volunteering_or_donation_effort",
    "vehicle_damage",
)
INFORMATIVE = ("informative", "not_informative")
PEOPLE = {"injured_or_dead_people": "affected_individuals", "missing_or_found_people": "affected_individuals"}
MERGED = {2: {}, 8: {}, 6: PEOPLE, 5: {**PEOPLE, "vehicle_damage": "infrastructure_and_utility_damage"}}
CLASS_COUNTS = {"humanitarian": (5, 6, 8), "informative": (2,)}  # the task's default is the first
OFFICIAL_PARTS = {"train": "train", "validation": "dev", "test": "test"}
FOLDERS = {"agreed": "crisismmd_datasplit_agreed_label", "all": "crisismmd_datasplit_all"}
PUBLISHED: dict[
    tuple[str, str], dict[str, int | tuple[int, ...]]
] = {  # numbers of rows by part; for agreed rows, those of the task's classes in their order
    ("humanitarian", "all"): {"train": 13_608, "validation": 2237, "test": 2237},
    ("informative", "all"): {"train": 13_608, "validation": 2237, "test": 2237},
    ("humanitarian", "agreed"): {
        "train": (71, 612, 3252, 1279, 912),
        "validation": (9, 80, 521, 239, 149),
        "test": (9, 81, 504, 235, 126),
    },
    ("informative", "agreed"): {"train": (6345, 3256), "validation": (1056, 517), "test": (1030, 504)},
}
COLUMNS = (
    *("event_name", "tweet_id", "image_id", "tweet_text", "image"),
    *("label", "label_text", "label_image", "label_text_image"),
)
IMAGE_ID = re.compile(r"(\d{1,18})_\d+", re.ASCII)


@dataclass(frozen=True)
class Options:
    """Every column distinguishes five classes; six and eight require a column that keeps the fine-grained ones."""

    task: str = parameter(
        "humanitarian", "the task", choices=tuple(CLASS_COUNTS), source="tasks 2 and 1 of Ofli et al. 2020"
    )
    classes: int = parameter(
        0,
        "number of classes: 5, 6, or 8 (humanitarian) or 2 (informative); 0: the first of these for the task",
        source="5: the official split; 6: Abavisani et al. 2020; 8: as first annotated",
        choices=(0, 2, 5, 6, 8),
    )
    rows: str = parameter(
        "agreed",
        "agreed: rows whose text and image have the same label; all: all rows",
        choices=tuple(FOLDERS),
        source="Ofli et al. 2020",
    )
    label: str = parameter(
        "label_text",
        "column of the label; with agreed rows and 5 classes, all columns are equal",
        choices=("label_text", "label_image", "label"),
        source="the official training script (--label_index 6)",
    )


@dataclass(frozen=True)
class Row:
    """A line of a split file; `place` is the file and line number for messages, and `text` is the cleaned tweet."""

    place: str
    image_id: str
    tweet: int
    text: str
    image: str
    label: str
    agreed: bool


@register_dataset("crisismmd")
class CrisisMMD(MediaDataset[Options]):
    """Images and cleaned tweets with the official split."""

    modalities = (
        Modality("image", "image", "an image of the tweet, RGB"),
        Modality("text", "text", "the tweet without links"),
    )
    classes = tuple(name for name in HUMANITARIAN if name not in MERGED[5])
    default_pairs = (("text", "image"),)
    folder = "CrisisMMD_v2.0"
    marks = ("data_image", "crisismmd_datasplit*")
    obtain = (
        "Download crisisnlp.qcri.org/data/crisismmd/CrisisMMD_v2.0.tar.gz and unpack it. Then, in its folder, unpack "
        "crisismmd_datasplit_all.zip and crisismmd_datasplit_agreed_label.zip."
    )
    sources = (
        Source(
            file="data_image, crisismmd_datasplit_all, crisismmd_datasplit_agreed_label",
            origin="crisisnlp.qcri.org/crisismmd, version 2.0",
            license="CC BY-NC-SA 4.0 (as its page on Hugging Face says)",
            citation="Alam, Ofli, Imran: CrisisMMD: Multimodal Twitter Datasets from Natural Disasters. ICWSM 2018; "
            "Ofli, Alam, Imran: Analysis of Social Media Data using Multimodal Deep Learning for Disaster Response. "
            "ISCRAM 2020 (tasks and splits)",
        ),
    )
    task = "recognize which kind of humanitarian information a tweet contains, or whether it is informative"

    def __init__(self, options: Options, preparation: Preparation | None = None) -> None:
        super().__init__(options, preparation)
        allowed = CLASS_COUNTS[options.task]
        self.count = options.classes or allowed[0]
        if self.count not in allowed:
            counts = " or ".join(map(str, allowed))
            raise UserError(
                f"dataset.crisismmd.classes={options.classes}: the {options.task} task has {counts} classes. "
                f"Set dataset.crisismmd.classes={allowed[0]} or choose another dataset.crisismmd.task."
            )
        kept = tuple(name for name in HUMANITARIAN if name not in MERGED[self.count])
        self.names = kept if options.task == "humanitarian" else INFORMATIVE

    def catalogue(self, root: Path) -> Catalogue:
        """Read the three files of the split that the options select.

        Raises:
            UserError: if a file is missing, is still packed, or has a malformed line, a path outside the root, an
                unknown class, or an image that is listed twice.
        """
        listed = [(row, part) for part in PARTS for row in self._read(root, part)]
        self._check([row for row, _ in listed])
        rows = [row for row, _ in listed if row.text]
        parts = np.array([part for row, part in listed if row.text])
        return Catalogue(
            sample_ids=[row.image_id for row in rows],
            labels=np.array([self.names.index(self._class_of(row)) for row in rows], np.int64),
            classes=self.names,
            inputs={"image": [ImageClip(row.image) for row in rows], "text": [row.text for row in rows]},
            parts=({part: np.flatnonzero(parts == part) for part in PARTS},),
            groups=np.array([row.tweet for row in rows], np.int64),
            skipped=[
                Skipped(row.image_id, "text", "", "the tweet has no words except for links", part, self._class_of(row))
                for row, part in listed
                if not row.text
            ],
            notes=self._notes(rows, parts),
        )

    def official(self) -> Official:
        """Return the numbers of rows, by class only for the classes of the official task."""
        counts = PUBLISHED[self.options.task, self.options.rows]
        samples = {part: own if isinstance(own, int) else sum(own) for part, own in counts.items()}
        default = self.count == CLASS_COUNTS[self.options.task][0]
        classes = {
            part: dict(zip(self.names, own, strict=True))
            for part, own in counts.items()
            if default and not isinstance(own, int)
        }
        return Official(samples, classes)

    def _class_of(self, row: Row) -> str:
        return MERGED[self.count].get(row.label, row.label)

    def _read(self, root: Path, part: str) -> Iterator[Row]:
        agreed = "_agreed_lab" if self.options.rows == "agreed" else ""
        name = f"task_{self.options.task}_text_img{agreed}_{OFFICIAL_PARTS[part]}.tsv"
        file = _find(root, FOLDERS[self.options.rows], name)
        relative = file.relative_to(root).as_posix()
        try:
            lines = file.read_bytes().decode("utf-8-sig").split("\n")  # splitlines() would also split inside tweets
        except UnicodeDecodeError as error:
            raise _wrong(relative, f"not valid UTF-8 ({error}). Unpack it again.") from error
        if (header := lines[0].rstrip("\r").split("\t")) != list(COLUMNS):
            raise _wrong(relative, f"expected the columns {', '.join(COLUMNS)}, got: {', '.join(header)[:200]}.")
        for number, line in enumerate(lines[1:], start=2):
            if line.strip():
                yield self._row(f"{relative}, line {number}", line.rstrip("\r"))

    def _row(self, place: str, line: str) -> Row:
        fields = line.split("\t")
        record = dict(zip(COLUMNS, fields, strict=False))
        image_id = IMAGE_ID.fullmatch(record.get("image_id", ""))
        if len(fields) != len(COLUMNS) or image_id is None or image_id[1] != record["tweet_id"]:
            raise _wrong(
                place,
                f"expected {len(COLUMNS)} fields separated by tabs ({', '.join(COLUMNS)}) with an image_id like "
                f"917793137925459968_0 that starts with the tweet_id, got {line[:200]!r}. Unpack the file again; "
                "spreadsheet programs corrupt it.",
            )
        path = PurePosixPath(record["image"])
        if path.is_absolute() or ".." in path.parts or re.search(r"[\\:\0]", record["image"]) or not path.name:
            raise _wrong(
                place,
                f"expected an image path inside the dataset's folder, such as "
                f"data_image/hurricane_maria/1_10_2017/914509757070770176_0.jpg, got {record['image']!r}.",
            )
        label = record[self.options.label]
        known = HUMANITARIAN if self.options.task == "humanitarian" else INFORMATIVE
        if label not in known:
            nearest = nearest_match(label, known)
            hint = f" Did you mean '{nearest}'?" if nearest else ""
            raise _wrong(place, f"unknown {self.options.label} {label!r}.{hint} Known: {', '.join(known)}.")
        agreed = record["label_text"] == record["label_image"]
        return Row(place, record["image_id"], int(image_id[1]), clean(record["tweet_text"]), str(path), label, agreed)

    def _check(self, rows: Sequence[Row]) -> None:
        places: dict[str, str] = {}
        for row in rows:
            if (first := places.setdefault(row.image_id, row.place)) != row.place:
                raise _wrong(row.place, f"the image {row.image_id} is already listed in {first}.")
        fine = set(self.names) & set(MERGED[5])
        if fine and not any(row.label in fine for row in rows):
            raise UserError(
                f"dataset.crisismmd.classes={self.count}: {self.options.label} of the {self.options.rows} rows has "
                f"none of {', '.join(sorted(fine))}. Set dataset.crisismmd.label=label or dataset.crisismmd.classes=5."
            )

    def _notes(self, rows: Sequence[Row], parts: np.ndarray) -> tuple[str, ...]:
        notes = []
        if differing := sum(not row.agreed for row in rows):
            notes.append(
                f"text and image have different labels in {differing} of {len(rows)} samples; {self.options.label} is "
                "used"
            )
        texts = {part: [row.text for row, own in zip(rows, parts, strict=True) if own == part] for part in PARTS}
        training = set(texts["train"])
        for part in ("validation", "test"):
            if repeated := sum(text in training for text in texts[part]):
                notes.append(f"{repeated} {part} texts, ignoring links, are also in the training part")
        lacking = [text for name in self.names if (text := self._lacking(name, rows, parts))]
        return (*notes, f"classes that a part lacks: {'; '.join(lacking)}") if lacking else tuple(notes)

    def _lacking(self, name: str, rows: Sequence[Row], parts: np.ndarray) -> str:
        """Return the number of rows of a class by part if a part has none; otherwise an empty text."""
        own = Counter(part for row, part in zip(rows, parts, strict=True) if self._class_of(row) == name)
        if len(own) == len(PARTS):
            return ""
        return f"{name} has {', '.join(f'{own[part]} in {part}' for part in PARTS)}"

    @classmethod
    def write_fixture(cls, root: Path, clips: int, rng: np.random.Generator) -> None:
        """Write tweets of four classes; the files of all rows have another quarter in which text and image disagree."""
        from cmkd_bench.data.fixtures.encoding import truncate, write_lfs_pointer

        sizes = {"dev": max(4, clips // 6), "test": max(4, clips * 5 // 24)}
        sizes["train"] = max(8, clips - sum(sizes.values()))
        number = 0
        for part, size in sizes.items():
            lines: list[tuple[str, ...]] = []
            for row in range(size + size // 4):
                # the second image of a tweet directly follows the first; dev and test have one image per tweet
                second = part == "train" and row == 1
                number += not second
                lines.append(_write_sample(root, number, row, second, agreed=row < size, rng=rng))
            _write_split(root, part, lines)
            if part == "train":
                truncate(root / lines[4][4])
                (root / lines[5][4]).unlink()
                write_lfs_pointer(root / lines[6][4])


def _wrong(place: str, what: str) -> UserError:
    return UserError(f"dataset 'crisismmd': {place}: {what}")


def _find(root: Path, folder: str, name: str) -> Path:
    """Find a split file in its folder, in a folder of the same name inside it, or next to data_image."""
    for pattern in (f"{folder}/{name}", f"crisismmd_datasplit*/**/{name}", name):
        if found := sorted(root.glob(pattern)):
            return found[0]
    if (root / f"{folder}.zip").is_file():
        raise _wrong(f"{folder}.zip", f"not unpacked yet. Unpack it in place: cd {root} && unzip {folder}.zip")
    there = ", ".join(sorted(path.name for path in root.iterdir())[:10]) or "nothing"
    raise _wrong(f"{folder}/{name}", f"not found. The folder {root} contains {there}. {CrisisMMD.obtain}")


_FIXTURE_CLASSES = (1, 4, 5, 6)
_QUIRKS = ("RT @KAKEnews: ", 'He said "go &amp; ', "Weâ€™re here: ", "")


def _write_sample(
    root: Path, number: int, row: int, second: bool, agreed: bool, rng: np.random.Generator
) -> tuple[str, ...]:
    """Write an image and return the fields of its line in the file of all humanitarian rows."""
    from cmkd_bench.data.fixtures.encoding import write_image
    from cmkd_bench.data.fixtures.signals import picture, sentence

    label = row % len(_FIXTURE_CLASSES)
    other = label if agreed else (label + 1) % len(_FIXTURE_CLASSES)
    text_label, image_label = (HUMANITARIAN[_FIXTURE_CLASSES[index]] for index in (label, other))
    tweet = str(917793137925459968 + 4096 * number)
    image_id = f"{tweet}_{int(second)}"
    event, day = (("california_wildfires", "10_10_2017"), ("srilanka_floods", "1_6_2017"))[number % 2]
    path = f"data_image/{event}/{day}/{image_id}.{'png' if row % 8 == 3 else 'jpg'}"
    image = picture(other, len(_FIXTURE_CLASSES), ((64, 64), (48, 80))[row % 2], rng)
    gray = image.mean(2).astype(np.uint8)
    write_image(root / path, np.dstack([image, 255 - gray // 8]) if path.endswith("png") else image)
    words = sentence(label, len(_FIXTURE_CLASSES), 12, rng)
    text = f"{_QUIRKS[row // 4 % len(_QUIRKS)]}{words} https://t.co/{number:010d}"
    chosen = text_label if row % 2 else image_label
    if chosen == "infrastructure_and_utility_damage" and row % 3 == 0:
        chosen = "vehicle_damage"
    return event, tweet, image_id, text, path, chosen, text_label, image_label, "Positive" if agreed else "Negative"


def _write_split(root: Path, part: str, lines: list[tuple[str, ...]]) -> None:
    """Write both tasks' files of a part: all rows in a doubled folder, which some unpacking programs make."""
    doubled = root / FOLDERS["all"] / FOLDERS["all"]
    single = root / FOLDERS["agreed"]
    for folder in (doubled, single):
        folder.mkdir(parents=True, exist_ok=True)
    for task in CLASS_COUNTS:
        rows = [line if task == "humanitarian" else _informative(line) for line in lines]
        for file, kept in (
            (doubled / f"task_{task}_text_img_{part}.tsv", rows),
            (single / f"task_{task}_text_img_agreed_lab_{part}.tsv", [row for row in rows if row[6] == row[7]]),
        ):
            file.write_bytes("".join("\t".join(fields) + "\n" for fields in (COLUMNS, *kept)).encode())


def _informative(line: tuple[str, ...]) -> tuple[str, ...]:
    labels = ["not_informative" if label == "not_humanitarian" else "informative" for label in line[5:8]]
    return (*line[:5], *labels, "Positive" if labels[1] == labels[2] else "Negative")
