"""SUN RGB-D: 10335 photos of rooms by four depth cameras, for scene classification (19 classes) or segmentation (37).

The official split (`allsplit.mat`) has 5285 training and 5050 test images. Of these, 4845 and 4659 show one of the
benchmark's 19 scenes; the others are excluded from the scene task and listed as skipped. (The scenes are usually said
to be those with at least 80 images, but office_kitchen has 81 and is not among them.)

About a tenth of each camera's training images is the validation part, which is the same for both tasks. It is drawn by
recording: the place in xtion/sun3ddata, consecutive numbers in kv1, and otherwise images without a break of more than
ten minutes. Three cameras that were carried together count as one. Most recordings are longer than a tenth of the
images of some cameras, so these have fewer validation images. Classes are not balanced, so a missing scene.txt does not
move any other image; the split's seed is the first with all 19 scenes in the validation part. Copying the scene of the
training image that is nearest in time is then right for a quarter of the validation images, not for three quarters as
with single images.

The official parts share 37 places of sun3ddata, with 469 training and 496 test images, so no groups are defined. The
1449 images of NYU-Depth V2 are included, with exactly its official split. Depth files contain millimeters rotated by
three bits; values beyond 8 m are clipped, as in the official toolbox.

Not verified on the originals: that consecutive numbers in kv1 show one room.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from cmkd_bench.data.media.catalogue import Catalogue, Official, Skipped
from cmkd_bench.data.media.clips import Clip, ImageClip
from cmkd_bench.data.media.matlab import find_file, load_mat
from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.data.splits import stratified
from cmkd_bench.dataset import Modality, Source
from cmkd_bench.datasets._sun_clips import CLASSES_37, LabelMap, RotatedDepth
from cmkd_bench.datasets._sun_recordings import camera, recordings
from cmkd_bench.errors import UserError
from cmkd_bench.parameters import parameter
from cmkd_bench.registry import register_dataset

SPLIT_SEED = 2
VALIDATION_SHARE = 0.1
NO_SCENE, NOT_LISTED = "no scene.txt", "not in SUNRGBDMeta.mat"
PREFIX = "/n/fs/sun3d/data/SUNRGBD/"
ORIGIN = "It is part of SUNRGBDtoolbox.zip from rgbd.cs.princeton.edu; unpack it next to the folder SUNRGBD."

SCENES = (
    *("bathroom", "bedroom", "classroom", "computer_room", "conference_room", "corridor", "dining_area"),
    *("dining_room", "discussion_area", "furniture_store", "home_office", "kitchen", "lab", "lecture_theatre"),
    *("library", "living_room", "office", "rest_space", "study_space"),
)


@dataclass(frozen=True)
class Options:
    """Options that select the task and the depth maps."""

    task: str = parameter(
        "scene",
        "scene classification, or segmentation into 37 classes",
        choices=("scene", "segmentation37"),
        source="Song et al. 2015",
    )
    depth: str = parameter(
        "depth_bfx",
        "folder: depth_bfx (refined by the authors, with fewer holes) or depth (as captured)",
        choices=("depth_bfx", "depth"),
        source="ESANet's released code reads depth_bfx",
    )


@dataclass(frozen=True)
class Sample:
    """An image as listed in the annotations."""

    name: str  # its folder below SUNRGBD, which is its id
    rgb: str  # path of the photo, relative to the root
    depth: str  # path of the depth map, relative to the root
    row: int | None  # its row in SUNRGBDMeta.mat and SUNRGBD2Dseg.mat; None if it is not in SUNRGBDMeta.mat


@register_dataset("sunrgbd")
class SunRgbd(MediaDataset[Options]):
    """The official 5285 and 5050 images; validation recordings are held out from the 5285."""

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
            "Xiao, Owens, Torralba ICCV 2013 (SUN3D); cite these too",
        ),
    )
    task = "recognize which kind of room an image shows, or what each pixel shows"
    tasks = ("classification", "segmentation")
    folder = "sunrgbd"
    marks = ("SUNRGBD", "SUNRGBDtoolbox")
    obtain = (
        "Download SUNRGBD.zip and SUNRGBDtoolbox.zip from https://rgbd.cs.princeton.edu and unpack both into one "
        "folder, so that SUNRGBD/ and SUNRGBDtoolbox/ are next to each other."
    )

    def catalogue(self, root: Path) -> Catalogue:
        """List the official training images, then the test images, in the order of allsplit.mat."""
        listed = read_split(find_file(root / "SUNRGBDtoolbox", "allsplit.mat", ORIGIN))
        names, training = [*listed["train"], *listed["test"]], len(listed["train"])
        groups = np.array(recordings(names, training))
        parts = _parts(names, groups, training)
        shared = np.isin(groups, np.intersect1d(groups[:training], groups[training:]))
        samples = self._samples(root, names)
        labels, skipped = self._labels(root, samples, training)
        if not (labels >= 0).any():
            raise UserError(
                f"none of the {len(names)} images in allsplit.mat can be used; for example, {names[0]}: "
                f"{skipped[0].reason}. Unpack SUNRGBD.zip in {root}, so that it contains SUNRGBD/kv1."
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
            groups=None if shared.any() else groups[kept],
            targets=_targets(root, [samples[row] for row in kept]) if segments else None,
            skipped=skipped,
            notes=(*_notes(groups, shared, training), *(() if segments else _absent(labels[kept], parts))),
        )

    def official(self) -> Official:
        """Return the numbers of images, of which 4845 and 4659 show one of the 19 scenes."""
        return Official({"train+validation": 5285, "test": 5050})

    def _samples(self, root: Path, names: Sequence[str]) -> list[Sample]:
        """Find each image's files in SUNRGBDMeta.mat or, if not listed there, as the only files in its folders."""
        base, known, samples = _base(root), self._known(root), []
        for name in names:
            images, depths = f"{base}/{name}/image", f"{base}/{name}/{self.options.depth}"
            row, rgb, depth = known.get(name) or (None, _single(root, images, ".jpg"), _single(root, depths, ".png"))
            samples.append(Sample(name, f"{images}/{rgb}", f"{depths}/{depth}", row))
        return samples

    def _known(self, root: Path) -> dict[str, tuple[int, str, str]]:
        toolbox = root / "SUNRGBDtoolbox"
        if self.options.task == "scene" and not any(toolbox.rglob("SUNRGBDMeta.mat")):
            return {}  # only the order of the label maps depends on it
        return read_meta(find_file(toolbox, "SUNRGBDMeta.mat", ORIGIN))

    def _labels(self, root: Path, samples: Sequence[Sample], training: int) -> tuple[np.ndarray, list[Skipped]]:
        """Return the class of each image, or -1 if it is excluded, and the reasons for exclusion."""
        labels, skipped = np.zeros(len(samples), np.int64), []
        for number, sample in enumerate(samples):
            if self.options.task == "scene":
                labels[number], path, reason = _scene(root, sample)
            elif sample.row is None:
                labels[number], path, reason = -1, "", NOT_LISTED
            if labels[number] < 0:
                part, is_missing = "train" if number < training else "test", reason in (NO_SCENE, NOT_LISTED)
                skipped.append(Skipped(sample.name, "", path, reason, part, is_missing=is_missing))
        return labels, skipped

    @classmethod
    def write_fixture(cls, root: Path, clips: int, rng: np.random.Generator) -> None:
        """Write about twice as many images as `clips`, so that a tenth is enough; recordings have one to three."""
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
            f"all{part}": np.array([[_as_listed(names[row]) for row in rows]], object)
            for part, rows in (("train", train), ("test", test))
        }
        write_mat(toolbox / "traintestSUNRGBD" / "allsplit.mat", lists)
        write_mat(toolbox / "Metadata" / "SUNRGBDMeta.mat", {"SUNRGBDMeta": entries})
        write_mat73(toolbox / "Metadata" / "SUNRGBD2Dseg.mat", {"SUNRGBD2Dseg/seglabel": maps})


def read_split(path: Path) -> dict[str, list[str]]:
    """Read the names of the training and test images, in the order of the file.

    Raises:
        UserError: if an entry is not a folder of SUNRGBD or is listed twice.
    """
    content = load_mat(path, "alltrain", "alltest")
    listed = {
        part: [_name(entry, path) for entry in np.atleast_1d(content[f"all{part}"])] for part in ("train", "test")
    }
    names, counts = np.unique([*listed["train"], *listed["test"]], return_counts=True)
    if (counts > 1).any():
        twice = names[counts.argmax()]
        raise UserError(f"{path} lists '{twice}' twice; expected each image in one part. Download it again.")
    return listed


def read_meta(path: Path) -> dict[str, tuple[int, str, str]]:
    """Read the row and the names of the photo and the depth map of each image.

    Raises:
        UserError: if an entry lacks these fields.
    """
    found = {}
    for row, entry in enumerate(np.atleast_1d(load_mat(path, "SUNRGBDMeta")["SUNRGBDMeta"])):
        try:
            rgb, depth = str(entry.rgbname), str(entry.depthname)
            name = _name(str(entry.rgbpath).rpartition("/image/")[0], path)
        except AttributeError:
            held = ", ".join(getattr(entry, "_fieldnames", ())) or "none"
            raise UserError(
                f"{path}: entry {row + 1} has the fields {held}; expected rgbpath, rgbname, and depthname."
            ) from None
        if "/" in rgb + depth:
            raise UserError(f"{path}: entry {row + 1}: expected plain file names, got '{rgb}' and '{depth}'.")
        found[name] = (row, rgb, depth)
    return found


def _name(entry: Any, path: Path) -> str:
    """Return the folder below SUNRGBD in an absolute path of the authors' machine, which may have extra slashes."""
    _, marker, rest = re.sub("/+", "/", str(entry)).partition("/SUNRGBD/")
    name = rest.strip("/")
    if not marker or not name or ".." in name.split("/"):
        raise UserError(f"{path}: expected a folder like {PREFIX}kv1/NYUdata/NYU0001, got '{entry}'.")
    return name


def _base(root: Path) -> str:
    """Return the folder with the cameras' folders; unpacking into a folder named like the archive doubles it."""
    doubled = root / "SUNRGBD" / "SUNRGBD"
    return "SUNRGBD/SUNRGBD" if doubled.is_dir() else "SUNRGBD"


def _single(root: Path, folder: str, suffix: str) -> str:
    """Return the file of a folder with exactly one; otherwise the name that most images have."""
    found = [path.name for path in (root / folder).glob(f"*{suffix}")]
    return found[0] if len(found) == 1 else Path(folder).parent.name + suffix


def _scene(root: Path, sample: Sample) -> tuple[int, str, str]:
    """Return the class or -1, the path of scene.txt, and the reason for exclusion."""
    path = f"{sample.rgb.rpartition('/image/')[0]}/scene.txt"
    try:
        scene = "_".join((root / path).read_text(encoding="utf-8-sig", errors="replace").split())
    except OSError:
        return -1, path, NO_SCENE
    if scene not in SCENES:
        return -1, path, f"scene '{scene}' is not one of the {len(SCENES)}"
    return SCENES.index(scene), path, ""


def _targets(root: Path, samples: Sequence[Sample]) -> list[Clip]:
    path = find_file(root / "SUNRGBDtoolbox", "SUNRGBD2Dseg.mat", ORIGIN).relative_to(root).as_posix()
    return [LabelMap(path, sample.row) for sample in samples if sample.row is not None]


def _parts(names: Sequence[str], groups: np.ndarray, training: int) -> dict[str, np.ndarray]:
    """Hold out whole recordings, about a tenth of each camera's images, from the training images."""
    cameras = np.unique([camera(name) for name in names[:training]], return_inverse=True)[1]
    shares = (1 - VALIDATION_SHARE, VALIDATION_SHARE, 0.0)
    held_out = stratified(cameras, shares, SPLIT_SEED, groups[:training])
    return {**held_out, "test": np.arange(training, len(names))}


def _notes(groups: np.ndarray, shared: np.ndarray, training: int) -> tuple[str, ...]:
    notes: tuple[str, ...] = ("includes all images of NYU-Depth V2; do not train on one dataset and test on the other",)
    if shared.any():
        own, images = np.unique(groups[shared]), (int(shared[:training].sum()), int(shared[training:].sum()))
        notes += (
            f"the official parts share {len(own)} recordings, e.g. {own[0]}, with {images[0]} training and {images[1]} "
            "test images; train and validation share none",
        )
    return notes


def _absent(labels: np.ndarray, parts: dict[str, np.ndarray]) -> tuple[str, ...]:
    return tuple(
        f"no validation image shows '{SCENES[label]}'"
        for label in np.setdiff1d(labels[parts["train"]], labels[parts["validation"]])
    )


def _as_listed(name: str) -> str:
    """Return the path in allsplit.mat, where most have a slash at the end."""
    return PREFIX + name + ("" if name.startswith("kv2/kinect2data/") else "/")


def _fixture_names(recording: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Return folders of all four cameras, and SUNRGBDMeta as (N,) structs of objects."""
    names, entries = [], []
    for number, group in enumerate(recording):
        time = datetime(2014, 5, 1) + timedelta(hours=int(group), seconds=20 * number)  # an hour between recordings
        folder = (
            f"kv1/b3dodata/img_{group + number:04d}",
            f"kv2/kinect2data/{number:06d}_{time:%Y-%m-%d_%H-%M-%S}_260595134347_rgbf{number:06d}-resize",
            f"realsense/sa/{time:%Y_%m_%d-%H_%M_%S}-1311000073",
            f"xtion/sun3ddata/mit_room_{group}/room_{group}_scan1/{number:07d}-000000067032",
        )[group % 4]
        rgb = folder.rpartition("/")[2] if "kv1" in folder else f"{number:07d}"
        depth = f"{rgb}-000000067040" if "xtion" in folder else f"{rgb}_abs" if "b3dodata" in folder else rgb
        paths = (f"{PREFIX}{folder}/image/{rgb}.jpg", f"{PREFIX}{folder}/depth_bfx/{depth}.png")
        names.append(folder)
        entries.append((*paths, f"{rgb}.jpg", f"{depth}.png"))
    fields = ("rgbpath", "depthpath", "rgbname", "depthname")
    return names, np.array(entries, [(field, object) for field in fields])
