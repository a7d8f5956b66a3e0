"""NYU-Depth V2: 1449 photos of rooms with Kinect depth, for segmentation (40 or 13 classes) or scene classification.

A single HDF5 file of 2.8 GB, `nyu_depth_v2_labeled.mat`, is read image by image; `splits.mat` contains the official
split into 795 training and 654 test images. About a tenth of the 795, whole scenes from each of ten scene types, is the
validation part, which is the same for every task. If the official parts of the given file share a scene, a note says so
and no groups are defined. Images are used whole; the usual evaluation crop (rows 45-471, columns 41-601, without the
white border of the projection) is not applied. Unlabeled pixels are ignored; images without any label or without any
depth are excluded.

Not verified on the original: that `scenes` contains the scene names, e.g. bathroom_0001 (an error is raised if it is
not text).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cmkd_bench.config.preparation import Preparation
from cmkd_bench.data.media.catalogue import Catalogue, Official
from cmkd_bench.data.media.clips import BadClip, Clip, resize_depth, resize_labels, resize_rgb
from cmkd_bench.data.media.matlab import find_file, load_mat, open_hdf5, text_cells
from cmkd_bench.data.media.media_dataset import MediaDataset
from cmkd_bench.data.splits import stratified
from cmkd_bench.dataset import Modality, Source
from cmkd_bench.errors import UserError, nearest_match
from cmkd_bench.parameters import parameter
from cmkd_bench.registry import register_dataset

FILE = "nyu_depth_v2_labeled.mat"
SPLIT_SEED = 0
VALIDATION_SHARE = 0.1
IGNORED = 255
DEPTH_KEYS = {"filled": "depths", "raw": "rawDepths"}
SPLITS_ORIGIN = (
    "Download it from http://horatio.cs.nyu.edu/mit/silberman/indoor_seg_sup/splits.mat or "
    "github.com/ankurhanda/nyuv2-meta-data and put it next to nyu_depth_v2_labeled.mat."
)
MAPPING_ORIGIN = (
    "It maps the 894 labels to 40 classes. Download it from github.com/ankurhanda/nyuv2-meta-data and put it next to "
    "nyu_depth_v2_labeled.mat, or choose task=scene."
)

CLASSES_40 = (
    *("wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf"),
    *("picture", "counter", "blinds", "desk", "shelves", "curtain", "dresser", "pillow", "mirror", "floor mat"),
    *("clothes", "ceiling", "books", "refridgerator", "television", "paper", "towel", "shower curtain", "box"),
    *("whiteboard", "person", "night stand", "toilet", "sink", "lamp", "bathtub", "bag"),
    *("otherstructure", "otherfurniture", "otherprop"),
)
CLASSES_13 = (
    *("bed", "books", "ceiling", "chair", "floor", "furniture", "objects"),
    *("picture", "sofa", "table", "tv", "wall", "window"),
)
# class13Mapping.mat: for each of the 40 classes, the one of the 13, counted from 1
FROM_40_TO_13 = (
    *(12, 5, 6, 1, 4, 9, 10, 12, 13, 6, 8, 6, 13, 10, 6, 13, 6, 7, 7, 5),
    *(7, 3, 2, 6, 11, 7, 7, 7, 7, 7, 7, 6, 7, 7, 7, 7, 7, 7, 6, 7),
)
SCENES = (
    *("bathroom", "bedroom", "bookstore", "classroom", "dining_room", "home_office", "kitchen", "living_room"),
    *("office", "others"),
)
SCENE_COUNTS = {  # the published images of each scene, in the order of SCENES
    "train+validation": (63, 192, 25, 26, 62, 26, 119, 114, 40, 128),
    "test": (58, 191, 11, 23, 55, 24, 106, 107, 38, 41),
}
# Gupta et al.: the types that are too rare; the file misspells exercise_room
OTHERS = (
    *("basement", "cafe", "computer_lab", "conference_room", "dinette", "exercise_room", "excercise_room", "foyer"),
    *("furniture_store", "home_storage", "indoor_balcony", "laundry_room", "office_kitchen", "playroom"),
    *("printer_room", "reception_room", "student_lounge", "study", "study_room"),
)


@dataclass(frozen=True)
class Options:
    """Options that select the task and the depth maps."""

    task: str = parameter(
        "segmentation40",
        "segmentation into 40 or 13 classes, or scene classification",
        choices=("segmentation40", "segmentation13", "scene"),
        source="Gupta et al. 2013 (40 classes; ten scenes), Couprie et al. 2013 (13 classes)",
    )
    depth: str = parameter(
        "filled",
        "filled: holes filled in by the authors; raw: as projected",
        choices=("filled", "raw"),
        source="MST-Distill's released code reads the filled depths",
    )


@dataclass(frozen=True)
class Row(Clip):
    """One image's row of an array in the file; HDF5 reverses MATLAB's axes."""

    row: int

    def read(self, root: Path, key: str) -> np.ndarray:
        """Read the row in MATLAB's order of axes, (H, W) or (H, W, 3).

        Raises:
            BadClip: if the file is missing or broken.
        """
        try:
            return np.asarray(open_hdf5(root / self.path)[key][self.row]).T
        except (OSError, KeyError, IndexError, ValueError) as error:
            raise BadClip(f"cannot read row {self.row} of '{key}': {error}") from error


@dataclass(frozen=True)
class RgbRow(Row):
    """A photo."""

    def decode(self, root: Path, preparation: Preparation) -> np.ndarray:
        """(3, height, width) uint8."""
        return resize_rgb(self.read(root, "images"), preparation)


@dataclass(frozen=True)
class DepthRow(Row):
    """A depth map."""

    key: str  # key of the array

    def metres(self, root: Path) -> np.ndarray:
        """(H, W) float32, 0 where unknown.

        Raises:
            BadClip: if no pixel is known.
        """
        depth = self.read(root, self.key).astype(np.float32)
        known = np.isfinite(depth) & (depth > 0)
        if not known.any():
            raise BadClip("no pixel has a depth")
        return np.where(known, depth, np.float32(0))

    def decode(self, root: Path, preparation: Preparation) -> np.ndarray:
        """(1, height, width) int16 in millimetres."""
        return resize_depth(self.metres(root), preparation)


@dataclass(frozen=True)
class LabelRow(Row):
    """A label map."""

    mapping: bytes  # the class (or 255) of each label from 0 (unlabeled) to 894, as one byte each

    def classes(self, root: Path) -> np.ndarray:
        """Return the classes, (H, W) uint8; 255 is ignored.

        Raises:
            BadClip: if no pixel is labeled, or a label is unknown.
        """
        labels = self.read(root, "labels")
        if labels.max() >= len(self.mapping):
            raise BadClip(f"label {labels.max()} exceeds the maximum, {len(self.mapping) - 1}")
        mapped: np.ndarray = np.frombuffer(self.mapping, np.uint8)[labels]
        if (mapped == IGNORED).all():
            raise BadClip("no pixel is labeled")
        return mapped

    def decode(self, root: Path, preparation: Preparation) -> np.ndarray:
        """(height, width) uint8."""
        return resize_labels(self.classes(root), preparation)


@register_dataset("nyudv2")
class NyudV2(MediaDataset[Options]):
    """The official 795 and 654 images; validation scenes are held out from the 795."""

    modalities = (
        Modality("rgb", "image", "the photo, RGB, (3, height, width)"),
        Modality("depth", "depth", "distance along the optical axis in mm, 0 where unknown, (1, height, width)"),
    )
    classes = CLASSES_40
    default_pairs = (("rgb", "depth"),)
    sources = (
        Source(
            file=FILE,
            origin="https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html",
            license="none stated",
            citation="Silberman, Hoiem, Kohli, Fergus: Indoor segmentation and support inference from RGBD images. "
            "ECCV 2012",
        ),
        Source(
            file="splits.mat, classMapping40.mat",
            origin="http://horatio.cs.nyu.edu/mit/silberman/indoor_seg_sup/, github.com/ankurhanda/nyuv2-meta-data",
            license="none stated",
            citation="Gupta, Arbelaez, Malik: Perceptual organization and recognition of indoor scenes from RGB-D "
            "images. CVPR 2013",
        ),
    )
    task = "recognize what each pixel shows, or which kind of room an image shows"
    tasks = ("segmentation", "classification")
    folder = "nyudv2"
    marks = (FILE,)
    obtain = (
        f"Download {FILE} (2.8 GB) from http://horatio.cs.nyu.edu/mit/silberman/nyu_depth_v2/, and splits.mat and "
        "classMapping40.mat from github.com/ankurhanda/nyuv2-meta-data. Put all three into one folder."
    )

    def catalogue(self, root: Path) -> Catalogue:
        """List the images in the order of the file; ids are their numbers, starting from 0001."""
        scenes, types = _annotations(root / FILE, DEPTH_KEYS[self.options.depth])
        kinds = np.array([_kind(scene_type, row) for row, scene_type in enumerate(types)])
        groups = np.array(scenes)
        official = _official(find_file(root, "splits.mat", SPLITS_ORIGIN), len(scenes))
        parts, notes = _parts(official, groups, kinds)
        disjoint = not notes
        if self.options.task == "scene":
            notes += tuple(
                f"no validation image shows '{SCENES[kind]}'"
                for kind in np.setdiff1d(kinds[official["train"]], kinds[parts["validation"]])
            )
        rows = range(len(scenes))
        return Catalogue(
            sample_ids=[f"{row + 1:04d}" for row in rows],
            labels=kinds if self.options.task == "scene" else np.zeros(len(scenes), np.int64),
            classes={"segmentation40": CLASSES_40, "segmentation13": CLASSES_13, "scene": SCENES}[self.options.task],
            inputs={
                "rgb": [RgbRow(FILE, row) for row in rows],
                "depth": [DepthRow(FILE, row, DEPTH_KEYS[self.options.depth]) for row in rows],
            },
            parts=[parts],
            groups=groups if disjoint else None,
            targets=self._targets(root, len(scenes)),
            notes=notes,
        )

    def official(self) -> Official:
        """Return the numbers of images, and those of each scene for that task."""
        scenes = {part: dict(zip(SCENES, counts, strict=True)) for part, counts in SCENE_COUNTS.items()}
        samples = {part: sum(counts) for part, counts in SCENE_COUNTS.items()}
        return Official(samples, scenes if self.options.task == "scene" else {})

    def _targets(self, root: Path, images: int) -> list[Clip] | None:
        if self.options.task == "scene":
            return None
        path = find_file(root, "classMapping40.mat", MAPPING_ORIGIN)
        mapping = np.ravel(load_mat(path, "mapClass")["mapClass"])
        if len(mapping) != 894 or mapping.min() < 1 or mapping.max() > len(CLASSES_40):
            raise UserError(
                f"{path}: 'mapClass' has {len(mapping)} numbers from {mapping.min()} to {mapping.max()}; "
                "expected 894 from 1 to 40. Download it again."
            )
        if self.options.task == "segmentation13":
            mapping = np.array(FROM_40_TO_13)[mapping - 1]
        table = bytes([IGNORED, *(mapping.astype(int) - 1)])
        return [LabelRow(FILE, row, table) for row in range(images)]

    @classmethod
    def write_fixture(cls, root: Path, clips: int, rng: np.random.Generator) -> None:
        """Write about twice as many images as `clips`, so that a tenth is enough; scenes have one to three."""
        from cmkd_bench.data.fixtures.encoding import write_mat, write_mat73
        from cmkd_bench.data.fixtures.signals import room

        types, things = ("bedroom", "kitchen", "living_room", "excercise_room"), (157, 3, 5, 894)
        scene = np.repeat(np.arange(clips), np.arange(clips) % 3 + 1)
        rooms = [room(int(number) % 4, 4, (48, 64), rng) for number in scene]
        images, depths = (np.stack([views[item] for views in rooms]) for item in (0, 1))
        labels = np.stack(
            [np.array([21, 11, things[number % 4]], np.uint16)[views[2]] for number, views in zip(scene, rooms)]
        )
        border = np.ones((48, 64), bool)
        border[2:-2, 2:-2] = False
        images[:, border], labels[:, border] = 255, 0
        raw = np.where(border | (rng.random(depths.shape) < 0.1), np.float32(0), depths)
        train, test = (np.flatnonzero((scene % 5 == 4) == part) for part in (False, True))
        depths[train[0]], depths[train[1]], raw[train[2]], labels[train[3]] = 0, np.nan, 0, 0
        write_mat73(
            root / FILE,
            {
                "images": images.transpose(0, 3, 2, 1),
                "depths": depths.transpose(0, 2, 1),
                "rawDepths": raw.transpose(0, 2, 1),
                "labels": labels.transpose(0, 2, 1),
                "sceneTypes": np.array([[types[number % 4] for number in scene]], object),
                "scenes": np.array([[f"{types[number % 4]}_{number:04d}" for number in scene]], object),
            },
        )
        write_mat(
            root / "splits.mat", {"trainNdxs": np.uint16(train[:, None] + 1), "testNdxs": np.uint16(test[:, None] + 1)}
        )
        mapping = np.full((1, 894), 40, np.uint8)  # only the labels used here have their official mapping
        mapping[0, np.array([21, 11, 157, 3, 5]) - 1] = (1, 2, 4, 3, 5)
        write_mat(root / "classMapping40.mat", {"mapClass": mapping})


def _annotations(path: Path, depth_key: str) -> tuple[list[str], list[str]]:
    """Read each image's scene and scene type, and check the shapes of the arrays."""
    import h5py

    if not path.is_file():
        raise UserError(f"no {FILE} in {path.parent}. {NyudV2.obtain}")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise UserError(f"{path} is not a readable HDF5 file: {error}. Download it again.") from error
    with file:
        scenes, types = text_cells(file, "scenes"), text_cells(file, "sceneTypes")
        if len(types) != len(scenes):
            raise UserError(f"{path} has {len(scenes)} 'scenes' and {len(types)} 'sceneTypes'. Download it again.")
        for key, channels in (("images", (3,)), (depth_key, ()), ("labels", ())):
            _check_shape(file, key, (len(scenes), *channels))
    return scenes, types


def _check_shape(file: Any, key: str, leading: tuple[int, ...]) -> None:
    """Check the shape of an array; a transposed file would give portrait images without any other error."""
    shape = file[key].shape if key in file else None
    if shape is None or len(shape) != len(leading) + 2 or shape[:-2] != leading or shape[-2] <= shape[-1]:
        found = f"has no '{key}'" if shape is None else f"has '{key}' of shape {shape}"
        axes = ", ".join(map(str, leading))
        raise UserError(
            f"{file.filename} {found}; expected ({axes}, width, height) of landscape images, in the axis order of "
            "h5py: (1449, 640, 480) for depth in the published file. Download it again."
        )


def _kind(scene_type: str, row: int) -> int:
    if scene_type in OTHERS:
        return SCENES.index("others")
    if scene_type in SCENES[:-1]:
        return SCENES.index(scene_type)
    known = (*SCENES[:-1], *OTHERS)
    hint = f" Did you mean '{nearest}'?" if (nearest := nearest_match(scene_type, known)) else ""
    raise UserError(
        f"{FILE}: unknown scene type '{scene_type}' of image {row + 1}.{hint} Known: {', '.join(sorted(known))}."
    )


def _official(path: Path, images: int) -> dict[str, np.ndarray]:
    """Read the rows of the official parts, counted from 0; the file counts from 1."""
    content = load_mat(path, "trainNdxs", "testNdxs")
    rows = {part: np.sort(np.ravel(content[f"{part}Ndxs"]).astype(np.int64)) - 1 for part in ("train", "test")}
    if not np.array_equal(np.sort(np.concatenate(list(rows.values()))), np.arange(images)):
        raise UserError(
            f"{path}: {len(rows['train'])} trainNdxs and {len(rows['test'])} testNdxs do not contain each of the "
            f"numbers 1 to {images}, the images of {FILE}, exactly once. Use the split of the same release."
        )
    return rows


def _parts(
    official: dict[str, np.ndarray], groups: np.ndarray, kinds: np.ndarray
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Return the three parts, and a note if the official parts share scenes."""
    train = official["train"]
    scenes, first, inverse = np.unique(groups[train], return_index=True, return_inverse=True)
    kind_of_scene = kinds[train][first][inverse]
    held_out = stratified(kind_of_scene, (1 - VALIDATION_SHARE, VALIDATION_SHARE, 0.0), SPLIT_SEED, inverse)
    parts = {name: train[held_out[name]] for name in ("train", "validation")} | {"test": official["test"]}
    shared = np.intersect1d(scenes, groups[official["test"]])
    if not len(shared):
        return parts, ()
    example = f"{len(shared)} scenes, e.g. {shared[0]}"
    return parts, (f"the official parts share {example}; train and validation share none",)
