"""SUN RGB-D: 10335 photos of rooms by four depth cameras, to tell the scene of (19 classes) or to segment (37).

The official split (`allsplit.mat`) has 5285 training and 5050 test images; of them 4845 and 4659 show one of the 19
scenes with at least 80 images, the others are left out of the scene task and listed as skipped. About a tenth of each
camera's training images is the validation part, the same for both tasks, drawn by recording: the place of
xtion/sun3ddata, the time stamp of kv2, consecutive numbers of kv1/NYUdata. Classes are not balanced in it, so that a
scene.txt that is missing moves no other image. Depth files hold millimetres rotated by three bits; beyond 8 m they are
clipped, as the official toolbox does. The 1449 images of NYU-Depth V2 are among these.

Not verified on the originals: that the official parts share no recording (checked in the files at hand: if they do, it
is noted and no groups are given); that consecutive numbers of NYUdata show one room; whether other folders hold
several images of one recording (each image is its own there); the spelling of every scene.txt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cmkd_bench.config.preparation import Preparation
from cmkd_bench.data.media.catalogue import Catalogue, Skipped
from cmkd_bench.data.media.clips import BadClip, Clip, ImageClip, media_file, resize_depth, resize_labels
from cmkd_bench.data.media.matlab import find_file, load_mat, open_hdf5
from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.data.splits import stratified
from cmkd_bench.dataset import Modality, Source
from cmkd_bench.errors import UserError
from cmkd_bench.parameters import parameter
from cmkd_bench.registry import register_dataset

SPLIT_SEED = 0
VALIDATION_SHARE = 0.1
IGNORED = 255
FARTHEST = 8.0
PREFIX = "/n/fs/sun3d/data/SUNRGBD/"
ORIGIN = "It is part of SUNRGBDtoolbox.zip from rgbd.cs.princeton.edu; unpack it beside the folder SUNRGBD."
RECORDINGS = (
    re.compile(r"(xtion/sun3ddata/[^/]+)/.+"),
    re.compile(r"(kv2/[^/]+)/(?:\d+_)?(\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d)_.+"),
)
NUMBERED = re.compile(r"kv1/NYUdata/NYU(\d+)")

SCENES = (
    *("bathroom", "bedroom", "classroom", "computer_room", "conference_room", "corridor", "dining_area"),
    *("dining_room", "discussion_area", "furniture_store", "home_office", "kitchen", "lab", "lecture_theatre"),
    *("library", "living_room", "office", "rest_space", "study_space"),
)
CLASSES_37 = (
    *("wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf"),
    *("picture", "counter", "blinds", "desk", "shelves", "curtain", "dresser", "pillow", "mirror", "floor mat"),
    *("clothes", "ceiling", "books", "refrigerator", "television", "paper", "towel", "shower curtain", "box"),
    *("whiteboard", "person", "night stand", "toilet", "sink", "lamp", "bathtub", "bag"),
)


@dataclass(frozen=True)
class Options:
    """What of the files is used."""

    task: str = parameter(
        "scene",
        "classes of whole images, or of pixels",
        choices=("scene", "segmentation37"),
        source="Song et al. 2015",
    )
    depth: str = parameter(
        "depth_bfx",
        "the folder: refined by the authors, with fewer holes, or as the camera gave it",
        choices=("depth_bfx", "depth"),
        source="ESANet's released code reads depth_bfx",
    )


@dataclass(frozen=True)
class Sample:
    """An image as the annotations list it.

    Attributes:
        name: its folder below SUNRGBD, which is its id.
        rgb: path of the photo, relative to the root.
        depth: path of the depth map, likewise.
        row: its number in SUNRGBDMeta.mat and SUNRGBD2Dseg.mat; None where SUNRGBDMeta.mat does not tell.
    """

    name: str
    rgb: str
    depth: str
    row: int | None


@dataclass(frozen=True)
class RotatedDepth(Clip):
    """A 16-bit PNG of millimetres, rotated to the left by three bits."""

    def metres(self, root: Path) -> np.ndarray:
        """(H, W) float32, 0 where unknown.

        Raises:
            BadClip: if the file is missing, broken, not of 16 bits, or no pixel is known.
        """
        from PIL import Image

        try:
            with Image.open(media_file(root, self.path)) as image:
                mode, stored = image.mode, np.asarray(image)
        except (OSError, SyntaxError) as error:  # Pillow raises SyntaxError for a broken PNG
            raise BadClip(f"not a readable image: {error}") from error
        if not mode.startswith("I"):
            raise BadClip(f"an image of mode {mode}, where 16 bits per pixel are expected")
        stored = stored.astype(np.uint16)
        if not stored.any():
            raise BadClip("no pixel has a depth")
        metres = (stored >> 3 | stored << 13).astype(np.float32) / 1000
        return np.minimum(metres, np.float32(FARTHEST))

    def decode(self, root: Path, preparation: Preparation) -> np.ndarray:
        """(1, height, width) int16 in millimetres."""
        return resize_depth(self.metres(root), preparation)


@dataclass(frozen=True)
class LabelMap(Clip):
    """A label map of SUNRGBD2Dseg.mat.

    Attributes:
        row: its number.
    """

    row: int

    def classes(self, root: Path) -> np.ndarray:
        """(H, W) uint8 of 0 to 36, 255 is ignored.

        Raises:
            BadClip: if the file or row is broken, upright, has an unknown label, or no pixel is labelled.
        """
        file = open_hdf5(root / self.path)
        try:
            references = file["SUNRGBD2Dseg"]["seglabel"]
            reference = references[self.row, 0] if references.shape[1] == 1 else references[0, self.row]
            labels = np.asarray(file[reference]).T
        except (OSError, KeyError, IndexError, TypeError, ValueError) as error:
            raise BadClip(f"row {self.row} of 'seglabel' cannot be read: {error}") from error
        if labels.ndim != 2 or labels.shape[0] >= labels.shape[1]:
            raise BadClip(f"a label map of shape {labels.shape}, where (height, width) of a landscape is expected")
        if labels.max() > len(CLASSES_37):
            raise BadClip(f"label {labels.max()}, where {len(CLASSES_37)} is the highest")
        if not labels.any():
            raise BadClip("no pixel is labelled")
        return labels.astype(np.uint8) - np.uint8(1)  # 0, unlabelled, becomes 255

    def decode(self, root: Path, preparation: Preparation) -> np.ndarray:
        """(height, width) uint8."""
        return resize_labels(self.classes(root), preparation)


@register_dataset("sunrgbd")
class SunRgbd(MediaDataset[Options]):
    """The official 5285 and 5050 images; validation recordings are held out of the 5285."""

    modalities = (
        Modality("rgb", "image", "the photo, RGB, (3, height, width)"),
        Modality("depth", "depth", "distance along the optical axis in mm, 0 where unknown, (1, height, width)"),
    )
    classes = SCENES
    default_pairs = (("rgb", "depth"),)
    sources = (
        Source(
            file="SUNRGBD/, SUNRGBDtoolbox/",
            origin="https://rgbd.cs.princeton.edu (SUNRGBD.zip, SUNRGBDtoolbox.zip)",
            license="none stated",
            citation="Song, Lichtenberg, Xiao: SUN RGB-D: A RGB-D scene understanding benchmark suite. CVPR 2015; it "
            "includes images of Silberman et al. ECCV 2012 (NYU-Depth V2), Janoch et al. ICCV Workshop 2011 (B3DO) and "
            "Xiao, Owens, Torralba ICCV 2013 (SUN3D), which are to be cited too",
        ),
    )
    task = "which kind of room an image shows, or what each pixel does"
    folder = "sunrgbd"
    marks = ("SUNRGBD", "SUNRGBDtoolbox")
    obtain = (
        "Download SUNRGBD.zip and SUNRGBDtoolbox.zip from https://rgbd.cs.princeton.edu and unpack both into one "
        "folder, so that SUNRGBD/ and SUNRGBDtoolbox/ stand beside each other."
    )

    def catalogue(self, root: Path) -> Catalogue:
        """The official training images, then the test images, in the order of allsplit.mat."""
        listed = read_split(find_file(root / "SUNRGBDtoolbox", "allsplit.mat", ORIGIN))
        names, training = [*listed["train"], *listed["test"]], len(listed["train"])
        groups = np.array(recordings(names, training))
        parts = _parts(names, groups, training)
        shared = np.intersect1d(groups[:training], groups[training:])
        samples = self._samples(root, names)
        labels, skipped = self._labels(root, samples)
        if not (labels >= 0).any():
            raise UserError(
                f"none of the {len(names)} images of allsplit.mat can be used; of the first, {names[0]}: "
                f"{skipped[0].reason}. Unpack SUNRGBD.zip in {root}, so that SUNRGBD/kv1 stands there."
            )
        kept, row_of = np.flatnonzero(labels >= 0), np.cumsum(labels >= 0) - 1
        parts = {part: row_of[rows[labels[rows] >= 0]] for part, rows in parts.items()}
        segments = self.options.task != "scene"
        return Catalogue(
            sample_ids=[names[row] for row in kept],
            labels=np.zeros(len(kept), np.int64) if segments else labels[kept],
            classes=CLASSES_37 if segments else SCENES,
            inputs={
                "rgb": [ImageClip(samples[row].rgb) for row in kept],
                "depth": [RotatedDepth(samples[row].depth) for row in kept],
            },
            parts=[parts],
            groups=None if len(shared) else groups[kept],
            targets=_targets(root, [samples[row] for row in kept]) if segments else None,
            skipped=skipped,
            notes=(*_notes(shared), *(() if segments else _absent(labels[kept], parts))),
        )

    def _samples(self, root: Path, names: Sequence[str]) -> list[Sample]:
        """Each image's files, by SUNRGBDMeta.mat or, where it lacks, the single file of its folders."""
        base, known, samples = _base(root), self._known(root), []
        for name in names:
            images, depths = f"{base}/{name}/image", f"{base}/{name}/{self.options.depth}"
            row, rgb, depth = known.get(name) or (None, _single(root, images, ".jpg"), _single(root, depths, ".png"))
            samples.append(Sample(name, f"{images}/{rgb}", f"{depths}/{depth}", row))
        return samples

    def _known(self, root: Path) -> dict[str, tuple[int, str, str]]:
        toolbox = root / "SUNRGBDtoolbox"
        if self.options.task == "scene" and not any(toolbox.rglob("SUNRGBDMeta.mat")):
            return {}  # only the label maps' order depends on it
        return read_meta(find_file(toolbox, "SUNRGBDMeta.mat", ORIGIN))

    def _labels(self, root: Path, samples: Sequence[Sample]) -> tuple[np.ndarray, list[Skipped]]:
        """The class of each image, -1 where it is left out, and why."""
        labels, skipped = np.zeros(len(samples), np.int64), []
        for number, sample in enumerate(samples):
            if self.options.task == "scene":
                labels[number], path, reason = _scene(root, sample)
            elif sample.row is None:
                labels[number], path, reason = -1, "", "not in SUNRGBDMeta.mat"
            if labels[number] < 0:
                skipped.append(Skipped(sample.name, "", path, reason))
        return labels, skipped

    @classmethod
    def write_fixture(cls, root: Path, clips: int, rng: np.random.Generator) -> None:
        """About twice as many images, so that a tenth of a part is enough; recordings have one to three."""
        from cmkd_bench.data.fixtures.encoding import truncate, write_image, write_mat, write_mat73
        from cmkd_bench.data.fixtures.signals import room

        scenes, things = ("bathroom", "bedroom", "kitchen", "office"), (33, 4, 3, 14)
        recording = np.repeat(np.arange(clips), np.arange(clips) % 3 + 1)
        train, test = (np.flatnonzero((recording % 5 == 4) == part) for part in (False, True))
        names, entries = _fixture_names(recording)
        maps = np.empty((len(names), 1), object)
        for number, name in enumerate(names):
            label = number % 4
            rgb, metres, regions = room(label, 4, (48, 64), rng)
            stored = (metres * 1000).astype(np.uint16)
            stored[rng.random(stored.shape) < 0.05] = 0
            folder = root / "SUNRGBD" / name
            write_image(folder / "image" / entries[number]["rgbname"], rgb)
            for kind in ("depth", "depth_bfx"):
                write_image(folder / kind / entries[number]["depthname"], stored << 3 | stored >> 13)
            (folder / "scene.txt").write_text(scenes[label], encoding="utf-8")
            maps[number, 0] = np.array([1, 2, things[label]], np.uint8)[regions].T
        spoilt = [root / "SUNRGBD" / names[row] for row in train[:4]]
        (spoilt[0] / "depth_bfx" / entries[train[0]]["depthname"]).unlink()
        truncate(spoilt[1] / "image" / entries[train[1]]["rgbname"], 0.8)
        (spoilt[2] / "scene.txt").write_text(f" {scenes[train[2] % 4]}\n", encoding="utf-8-sig")
        (spoilt[3] / "scene.txt").write_text("idk", encoding="utf-8")
        maps[train[4], 0][:] = 0
        toolbox = root / "SUNRGBDtoolbox"
        lists = {
            f"all{part}": np.array([[PREFIX + names[row] for row in rows]], object)
            for part, rows in (("train", train), ("test", test))
        }
        write_mat(toolbox / "traintestSUNRGBD" / "allsplit.mat", lists)
        write_mat(toolbox / "Metadata" / "SUNRGBDMeta.mat", {"SUNRGBDMeta": entries})
        write_mat73(toolbox / "Metadata" / "SUNRGBD2Dseg.mat", {"SUNRGBD2Dseg/seglabel": maps})


def read_split(path: Path) -> dict[str, list[str]]:
    """The names of the training and test images, in the file's order.

    Raises:
        UserError: for an entry that is no folder of SUNRGBD, or one that is listed twice.
    """
    content = load_mat(path, "alltrain", "alltest")
    listed = {
        part: [_name(entry, path) for entry in np.atleast_1d(content[f"all{part}"])] for part in ("train", "test")
    }
    names, counts = np.unique([*listed["train"], *listed["test"]], return_counts=True)
    if (counts > 1).any():
        twice = names[counts.argmax()]
        raise UserError(f"{path} lists '{twice}' twice, where each image is in one part. Download it again.")
    return listed


def read_meta(path: Path) -> dict[str, tuple[int, str, str]]:
    """The row and the names of the photo and the depth map of each image.

    Raises:
        UserError: for entries without them.
    """
    found = {}
    for row, entry in enumerate(np.atleast_1d(load_mat(path, "SUNRGBDMeta")["SUNRGBDMeta"])):
        try:
            rgb, depth = str(entry.rgbname), str(entry.depthname)
            name = _name(str(entry.rgbpath).rpartition("/image/")[0], path)
        except AttributeError:
            held = ", ".join(getattr(entry, "_fieldnames", ())) or "none"
            raise UserError(
                f"{path}: entry {row + 1} has the fields {held}, where rgbpath, rgbname and depthname are expected."
            ) from None
        if "/" in rgb + depth:
            raise UserError(
                f"{path}: entry {row + 1} names '{rgb}' and '{depth}', where plain file names are expected."
            )
        found[name] = (row, rgb, depth)
    return found


def recordings(names: Sequence[str], training: int) -> list[str]:
    """What each image shares with others of its recording; consecutive numbers of NYUdata lie within one official part.

    Args:
        names: the training images', then the test images'.
        training: how many of them are training images.
    """
    groups, official = [], (names[:training], names[training:])
    numbers = [{int(match[1]) for match in map(NUMBERED.fullmatch, part) if match} for part in official]
    for row, name in enumerate(names):
        if match := NUMBERED.fullmatch(name):
            first = int(match[1])
            while first - 1 in numbers[row >= training]:
                first -= 1
            groups.append(f"kv1/NYUdata/NYU{first:04d}")
        else:
            match = next((found for pattern in RECORDINGS if (found := pattern.fullmatch(name))), None)
            groups.append("/".join(match.groups()) if match else name)
    return groups


def _name(entry: Any, path: Path) -> str:
    """The folder below SUNRGBD of an absolute path of the authors' machine, which may have stray slashes."""
    _, marker, rest = re.sub("/+", "/", str(entry)).partition("/SUNRGBD/")
    name = rest.strip("/")
    if not marker or not name or ".." in name.split("/"):
        raise UserError(f"{path} names '{entry}', where a folder like {PREFIX}kv1/NYUdata/NYU0001 is expected.")
    return name


def _base(root: Path) -> str:
    """Where the cameras' folders stand: unpacking into a folder of the archive's name doubles it."""
    doubled = root / "SUNRGBD" / "SUNRGBD"
    return "SUNRGBD/SUNRGBD" if doubled.is_dir() else "SUNRGBD"


def _single(root: Path, folder: str, suffix: str) -> str:
    """The file of a folder that has one; else the name that most images have."""
    found = [path.name for path in (root / folder).glob(f"*{suffix}")]
    return found[0] if len(found) == 1 else Path(folder).parent.name + suffix


def _scene(root: Path, sample: Sample) -> tuple[int, str, str]:
    """The class, or -1, scene.txt and the reason."""
    path = f"{sample.rgb.rpartition('/image/')[0]}/scene.txt"
    try:
        scene = "_".join((root / path).read_text(encoding="utf-8-sig", errors="replace").split())
    except OSError:
        return -1, path, "no scene.txt"
    if scene not in SCENES:
        return -1, path, f"scene '{scene}' is not one of the {len(SCENES)}"
    return SCENES.index(scene), path, ""


def _targets(root: Path, samples: Sequence[Sample]) -> list[Clip]:
    path = find_file(root / "SUNRGBDtoolbox", "SUNRGBD2Dseg.mat", ORIGIN).relative_to(root).as_posix()
    return [LabelMap(path, sample.row) for sample in samples if sample.row is not None]


def _parts(names: Sequence[str], groups: np.ndarray, training: int) -> dict[str, np.ndarray]:
    """Whole recordings, about a tenth of each camera's images, are held out of the training images."""
    cameras = np.unique(["/".join(name.split("/")[:2]) for name in names[:training]], return_inverse=True)[1]
    shares = (1 - VALIDATION_SHARE, VALIDATION_SHARE, 0.0)
    held_out = stratified(cameras, shares, SPLIT_SEED, groups[:training])
    return {**held_out, "test": np.arange(training, len(names))}


def _notes(shared: np.ndarray) -> tuple[str, ...]:
    notes: tuple[str, ...] = ("holds all images of NYU-Depth V2: do not train on one and test on the other",)
    if len(shared):
        example = f"{len(shared)} recordings, e.g. {shared[0]}"
        notes += (f"the official parts share {example}; validation shares none with train",)
    return notes


def _absent(labels: np.ndarray, parts: dict[str, np.ndarray]) -> tuple[str, ...]:
    return tuple(
        f"no validation image shows '{SCENES[label]}'"
        for label in np.setdiff1d(labels[parts["train"]], labels[parts["validation"]])
    )


def _fixture_names(recording: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Folders of all four cameras, and SUNRGBDMeta as (N,) structs of objects."""
    names, entries = [], []
    for number, group in enumerate(recording):
        minute = f"2014-05-{group // 60 + 1:02d}_14-{group % 60:02d}"
        folder = (
            f"kv1/NYUdata/NYU{group + number:04d}",
            f"kv2/kinect2data/{number:06d}_{minute}-37_260595134347_rgbf{number:06d}-resize",
            f"realsense/sa/2014_10_24-{number:06d}-1311000073",
            f"xtion/sun3ddata/mit_room_{group}/room_{group}_scan1/{number:07d}-000000067032",
        )[group % 4]
        rgb = folder.rpartition("/")[2] if "NYU" in folder else f"{number:07d}"
        depth = f"{rgb}-000000067040" if "xtion" in folder else rgb
        paths = (f"{PREFIX}{folder}/image/{rgb}.jpg", f"{PREFIX}{folder}/depth_bfx/{depth}.png")
        names.append(folder)
        entries.append((*paths, f"{rgb}.jpg", f"{depth}.png"))
    fields = ("rgbpath", "depthpath", "rgbname", "depthname")
    return names, np.array(entries, [(field, object) for field in fields])
