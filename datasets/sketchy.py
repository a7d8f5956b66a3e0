"""Sketchy: sketches of photographed objects in 125 classes, each paired with its photo.

There are 75,471 sketches of 12,500 photos (100 per class). Both are used in the variant tx_000000000000: the whole
photo is scaled to 256 x 256, and the sketch is moved and scaled with it, so that the pair is aligned. A sample is a
sketch. It shares its photo with about five others, so all sketches of a photo are in the same part.

- Classes: the sorted folders of the photos; a partial copy has as many classes as it has folders.
- Exclusions: sketches listed in info/invalid-ambiguous.txt, -context.txt, -error.txt, or -pose.txt are skipped, with
  the list as the reason. Files with other names are skipped too. If a photo is in two classes, only the sketches in the
  first class are used.
- Split: the test part consists of the photos in info/testset.txt, or of a tenth of the photos of each class if that
  file is missing, as a note says. Validation is a tenth of the other photos of each class, at least one. A photo counts
  even if only sketches name it, and each class is drawn separately, so a missing file does not move any other sample.
- testset.txt lists ten photos of each class as `airplane/n02691156_10151.jpg`, and the other lists name 10921 sketches
  as bare stems; either form and line ending is read. Not verified: the license. Not supported: the splits for zero-shot
  learning, and the extended photos.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from cmkd_bench.data.media.catalogue import Catalogue, Official, Skipped
from cmkd_bench.data.media.clips import ImageClip
from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.dataset import PARTS, Modality, Source
from cmkd_bench.errors import UserError
from cmkd_bench.parameters import parameter
from cmkd_bench.registry import register_dataset

VARIANT = "tx_000000000000"
PHOTOS = f"256x256/photo/{VARIANT}"
SKETCHES = f"256x256/sketch/{VARIANT}"
CLASSES = 125
PUBLISHED_SKETCHES = 75_471
SPLIT_SEED = 0
NAME = re.compile(r"(n\d+_\d+)(?:-(\d+))?", re.ASCII)  # a photo, or with a number one of its sketches
INVALID = ("ambiguous", "context", "error", "pose")


@dataclass(frozen=True)
class Options:
    """Options that select the sketches; the photos and their parts do not depend on them."""

    sketches_per_photo: str = parameter(
        "all",
        "all: all valid sketches; first: only the first valid one, so that no photo is repeated",
        choices=("all", "first"),
        source="ours",
    )


@dataclass(frozen=True)
class Sketch:
    """The file of a sketch; `photo` is the stem of its photo."""

    stem: str
    photo: str
    label: str
    path: str


@register_dataset("sketchy")
class Sketchy(MediaDataset[Options]):
    """Aligned pairs, split by photo."""

    modalities = (
        Modality("photo", "image", "the photo, RGB"),
        Modality("sketch", "image", "dark strokes on white, RGB"),
    )
    classes = ()
    default_pairs = (("photo", "sketch"),)
    folder = "sketchy"
    marks = (PHOTOS, SKETCHES)
    obtain = (
        "Download rendered_256x256.7z and the archive of annotations (info/) from sketchy.eye.gatech.edu and unpack "
        "them into one folder, which then contains 256x256 and info."
    )
    sources = (
        Source(
            file=f"{PHOTOS}, {SKETCHES}, info",
            origin="sketchy.eye.gatech.edu, rendered_256x256.7z and info",
            license="none found (not verified); the photos are from ImageNet",
            citation="Sangkloy, Burnell, Ham, Hays: The Sketchy Database: Learning to Retrieve Badly Drawn Bunnies. "
            "SIGGRAPH 2016, ACM Trans. Graph. 35(4) 119",
        ),
    )
    task = "recognize which of 125 kinds of objects is shown"

    def catalogue(self, root: Path) -> Catalogue:
        """List the sketches, and read the lists in info/ if there are any.

        Raises:
            UserError: if there are no class folders, a line of a list is invalid, or no photo of testset.txt is found.
        """
        photos = _photos(root)
        classes = tuple(photos)
        sketches, skipped = _sketches(root, classes)
        owners = _owners(photos, sketches)
        invalid = _invalid(root)
        part_of_photo, note = _split(root, owners)
        kept: list[Sketch] = []
        for sketch in sketches:
            if reason := _fault(sketch, owners, invalid):
                part = part_of_photo[sketch.photo]
                skipped.append(Skipped(sketch.stem, "sketch", sketch.path, reason, part, sketch.label))
            elif self.options.sketches_per_photo == "all" or not kept or kept[-1].photo != sketch.photo:
                kept.append(sketch)
        if not kept:
            raise UserError(f"dataset 'sketchy': no sketch of a known class found in {root / SKETCHES}. {self.obtain}")
        parts = np.array([part_of_photo[sketch.photo] for sketch in kept])
        return Catalogue(
            sample_ids=[sketch.stem for sketch in kept],
            labels=np.array([classes.index(sketch.label) for sketch in kept], np.int64),
            classes=classes,
            inputs={
                "photo": [ImageClip(photos[sketch.label].get(sketch.photo, _photo_path(sketch))) for sketch in kept],
                "sketch": [ImageClip(sketch.path) for sketch in kept],
            },
            parts=({part: np.flatnonzero(parts == part) for part in PARTS},),
            groups=np.unique([sketch.photo for sketch in kept], return_inverse=True)[1],
            skipped=skipped,
            notes=(
                *([f"only {len(classes)} of the {CLASSES} classes are present"] if len(classes) != CLASSES else []),
                *([] if invalid else ["info/ has no lists of invalid sketches, so none are excluded"]),
                *note,
            ),
        )

    def official(self) -> Official | None:
        """Return the number of sketches; None for one sketch per photo, as some photos may have no valid one."""
        every = self.options.sketches_per_photo == "all"
        return Official({"train+validation+test": PUBLISHED_SKETCHES}) if every else None

    @classmethod
    def write_fixture(cls, root: Path, clips: int, rng: np.random.Generator) -> None:
        """Write four classes of six photos each: one for testing, and one of the others for validation."""
        from cmkd_bench.data.fixtures.encoding import truncate, write_image, write_lfs_pointer
        from cmkd_bench.data.fixtures.signals import picture

        each = max(1, clips // 24)
        photos = [(label, f"n0269{label}156_{58 + 100 * number}") for label in range(4) for number in range(6)]
        for label, photo in photos:
            image = picture(label, 4, (64, 64), rng)
            name = _FIXTURE_CLASSES[label]
            for variant in (VARIANT, "tx_000100000000"):
                write_image(root / f"256x256/photo/{variant}/{name}/{photo}.jpg", image)
            for number in range(1, each + 2):
                drawing = _outline(label, (64, 64), rng)
                drawing = drawing if number % 2 else np.repeat(drawing[..., None], 3, axis=2)
                write_image(root / SKETCHES / name / f"{photo}-{number}.png", drawing)
        _write_lists(root, [f"{photo}-{each + 1}" for _, photo in photos], [photo for _, photo in photos[::6]])
        for folder, file in ((PHOTOS, ".DS_Store"), (SKETCHES, "n02690156_58-1 (copy).png")):
            (root / folder / _FIXTURE_CLASSES[0] / file).write_bytes(b"no image")
        part_of_photo = _split(root, {photo: _FIXTURE_CLASSES[label] for label, photo in photos})[0]
        broken = [(_FIXTURE_CLASSES[label], photo) for label, photo in photos if part_of_photo[photo] == "train"][::4]
        (root / PHOTOS / "/".join(broken[0])).with_suffix(".jpg").unlink()
        truncate((root / PHOTOS / "/".join(broken[1])).with_suffix(".jpg"))
        write_lfs_pointer(root / SKETCHES / f"{'/'.join(broken[2])}-1.png")


def _photos(root: Path) -> dict[str, dict[str, str]]:
    """Find the photos: paths by class and stem."""
    folders = _folders(root / PHOTOS)
    if not folders:
        there = ", ".join(path.name for path in _folders(root / "256x256/photo")) or "nothing"
        raise UserError(
            f"dataset 'sketchy': no class folders found in {root / PHOTOS}; 256x256/photo contains {there}. "
            f"{Sketchy.obtain}"
        )
    return {
        folder.name: {
            path.stem: f"{PHOTOS}/{folder.name}/{path.name}"
            for path in sorted(folder.iterdir())
            if (match := NAME.fullmatch(path.stem)) and match[2] is None
        }
        for folder in folders
    }


def _sketches(root: Path, classes: Sequence[str]) -> tuple[list[Sketch], list[Skipped]]:
    """List all sketches by class, photo, and number, and the other files in their folders."""
    found: list[Sketch] = []
    skipped: list[Skipped] = []
    for folder in _folders(root / SKETCHES):
        relative = f"{SKETCHES}/{folder.name}"
        if folder.name not in classes:
            skipped.append(Skipped(folder.name, "photo", relative, f"{PHOTOS} has no class folder with this name"))
            continue
        numbered = []
        for path in sorted(folder.iterdir()):
            match = NAME.fullmatch(path.stem)
            if match and match[2]:
                sketch = Sketch(path.stem, match[1], folder.name, f"{relative}/{path.name}")
                numbered.append((match[1], int(match[2]), sketch))
            elif not path.name.startswith("."):
                reason = "not named like a sketch (n02691156_58-1.png)"
                skipped.append(Skipped(path.stem, "sketch", f"{relative}/{path.name}", reason))
        found += [sketch for _, _, sketch in sorted(numbered, key=lambda entry: entry[:2])]
    return found, skipped


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _owners(photos: Mapping[str, Mapping[str, str]], sketches: Sequence[Sketch]) -> dict[str, str]:
    """Return the class of each photo that exists or that a sketch names; the first class if there are two."""
    named = [(label, photo) for label, stems in photos.items() for photo in stems]
    named += [(sketch.label, sketch.photo) for sketch in sketches]
    return {photo: label for label, photo in sorted(named, reverse=True)}


def _fault(sketch: Sketch, owners: Mapping[str, str], invalid: Mapping[str, str]) -> str:
    """Return why a sketch is excluded; an empty string if it is not."""
    if sketch.stem in invalid:
        return f"listed in {invalid[sketch.stem]}"
    owner = owners[sketch.photo]
    return "" if owner == sketch.label else f"its photo is also in the class {owner}"


def _photo_path(sketch: Sketch) -> str:
    return f"{PHOTOS}/{sketch.label}/{sketch.photo}.jpg"


def _invalid(root: Path) -> dict[str, str]:
    """Return the lists that contain each sketch, joined by commas, by the stem of the sketch."""
    lists: dict[str, str] = {}
    for kind in INVALID:
        for photo, number in _read_list(root, f"invalid-{kind}.txt", "sketch", "n02691156_58-1"):
            stem = f"{photo}-{number}"
            lists[stem] = f"{lists[stem]}, invalid-{kind}.txt" if stem in lists else f"invalid-{kind}.txt"
    return lists


def _split(root: Path, owners: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the part of each photo, and notes about the split."""
    listed = {photo for photo, _ in _read_list(root, "testset.txt", "photo", "airplane/n02691156_58.jpg")}
    if listed and listed.isdisjoint(owners):
        raise UserError(
            f"dataset 'sketchy': testset.txt lists {len(listed)} photos, such as {min(listed)}, but none of the "
            f"{len(owners)} photos found, such as {min(owners)}. Use photos and lists from the same release."
        )
    part_of_photo = dict.fromkeys(owners, "train")
    for label in set(owners.values()):
        own = sorted(photo for photo, owner in owners.items() if owner == label)
        test = listed.intersection(own) if listed else _draw_tenth(own)
        validation = _draw_tenth([photo for photo in own if photo not in test])
        part_of_photo.update(dict.fromkeys(test, "test") | dict.fromkeys(validation, "validation"))
    drawn = "info/testset.txt is missing: the test part is a random tenth of each class's photos"
    return part_of_photo, () if listed else (drawn,)


def _draw_tenth(photos: Sequence[str]) -> set[str]:
    """Draw a tenth of a class's photos, at least one, independently of the other classes."""
    order = np.random.RandomState(SPLIT_SEED).permutation(len(photos))
    return {photos[row] for row in order[: max(1, round(len(photos) / 10))]}


def _read_list(root: Path, name: str, kind: str, example: str) -> Iterator[tuple[str, str]]:
    """Yield the photo and number of each line of a list in info/, which may be missing; photos have no number."""
    places = [root / "info" / name, *sorted(root.glob(f"info*/info/{name}")), root / "256x256/info" / name]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        return
    for number, line in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if not line.strip():
            continue
        match = NAME.fullmatch(PurePosixPath(line.strip().replace("\\", "/")).name.partition(".")[0])
        if match is None or (kind == "sketch" and not match[2]):
            raise UserError(
                f"dataset 'sketchy': {file.relative_to(root).as_posix()}, line {number}: expected a {kind} like "
                f"{example}, with or without the class folder and the suffix, got {line[:200]!r}."
            )
        yield match[1], match[2] or ""


_FIXTURE_CLASSES = ("airplane", "hot-air_balloon", "jack-o-lantern", "tiger")


def _outline(label: int, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw a closed dark line on white, (H, W) uint8; its number of bulges depends on the class."""
    angle = np.linspace(0, 2 * np.pi, 600)
    radius = rng.uniform(0.28, 0.36) * (1 + 0.3 * np.cos((label + 2) * angle + rng.uniform(-0.3, 0.3)))
    rows, columns = (
        ((0.5 + radius * wave(angle)) * (length - 1)).astype(int)
        for wave, length in zip((np.sin, np.cos), size, strict=True)
    )
    drawing = np.full(size, 255, np.uint8)
    for down, right in ((0, 0), (1, 0), (0, 1)):
        drawing[rows + down, columns + right] = 0
    return drawing


def _write_lists(root: Path, invalid: Sequence[str], test: Sequence[str]) -> None:
    """Write the lists, one of them empty; one sketch is in two of them."""
    (root / "info").mkdir()
    lists = {"ambiguous": invalid[::2], "context": [], "error": invalid[1::2], "pose": invalid[:1]}
    for kind, stems in lists.items():
        (root / f"info/invalid-{kind}.txt").write_bytes(b"".join(stem.encode() + b"\n" for stem in stems))
    lines = [f"{name}/{photo}.jpg\n" for name, photo in zip(_FIXTURE_CLASSES, test, strict=True)]
    (root / "info/testset.txt").write_bytes("".join(lines).encode())
