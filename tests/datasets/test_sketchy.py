"""The sketches: pairs by name, lists of either form, a split by photo that no missing file moves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cmkd_bench.data.media.catalogue import Catalogue
from cmkd_bench.data.media.clips import ImageClip
from cmkd_bench.data.splits import check_parts
from cmkd_bench.datasets.sketchy import Options, Sketchy
from cmkd_bench.errors import UserError

PHOTOS = "256x256/photo/tx_000000000000"
SKETCHES = "256x256/sketch/tx_000000000000"
PLANE, LANTERN = "n02691156_58", "n03590841_7"
Writer = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    """Write empty photos and sketches, given as `class/stem`, and lists in info/."""

    def files(photos: list[str], sketches: list[str], **lists: bytes) -> Path:
        for folder, stems, suffix in ((PHOTOS, photos, ".jpg"), (SKETCHES, sketches, ".png")):
            for stem in stems:
                file = tmp_path / folder / (stem + suffix)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.touch()
        for name, content in lists.items():
            (tmp_path / "info").mkdir(exist_ok=True)
            (tmp_path / "info" / f"{name.replace('_', '-')}.txt").write_bytes(content)
        return tmp_path

    return files


def many(label: str, synset: str, count: int) -> list[str]:
    return [f"{label}/{synset}_{number}" for number in range(count)]


def drawn_of(photos: list[str]) -> list[str]:
    return [f"{photo}-{number}" for photo in photos for number in (1, 2)]


def catalogue(root: Path, **options: str) -> Catalogue:
    return Sketchy(Options(**options)).catalogue(root)


def photos_by_part(found: Catalogue) -> dict[str, set[str]]:
    return {part: {found.sample_ids[row].split("-")[0] for row in rows} for part, rows in found.parts[0].items()}


@pytest.fixture(scope="module")
def miniature(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sketchy")
    Sketchy.write_fixture(root, 96, np.random.default_rng(0))
    return root


def test_a_sketch_is_paired_with_its_photo_also_in_folders_with_hyphens(write: Writer) -> None:
    found = catalogue(
        write(
            [f"jack-o-lantern/{LANTERN}", f"airplane/{PLANE}"],
            [f"jack-o-lantern/{LANTERN}-10", f"jack-o-lantern/{LANTERN}-2", f"airplane/{PLANE}-1"],
        )
    )
    assert found.classes == ("airplane", "jack-o-lantern")
    assert list(found.sample_ids) == ["n02691156_58-1", "n03590841_7-2", "n03590841_7-10"]
    assert found.labels.tolist() == [0, 1, 1]
    assert list(found.inputs["photo"]) == [
        ImageClip(f"{PHOTOS}/airplane/n02691156_58.jpg"),
        ImageClip(f"{PHOTOS}/jack-o-lantern/n03590841_7.jpg"),
        ImageClip(f"{PHOTOS}/jack-o-lantern/n03590841_7.jpg"),
    ]
    assert found.inputs["sketch"][2] == ImageClip(f"{SKETCHES}/jack-o-lantern/n03590841_7-10.png")
    assert found.groups is not None
    assert found.groups[0] != found.groups[1] == found.groups[2]


def test_first_takes_one_valid_sketch_of_each_photo(write: Writer) -> None:
    sketches = [f"airplane/{PLANE}-{number}" for number in (1, 2, 3)] + ["airplane/n02691156_9-4"]
    root = write([f"airplane/{PLANE}"], sketches, invalid_pose=b"n02691156_58-1\n")
    assert list(catalogue(root, sketches_per_photo="first").sample_ids) == ["n02691156_58-2", "n02691156_9-4"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("form", ["{}", "airplane/{}.png", "{}.svg", "airplane\\{}.png"])
def test_invalid_sketches_are_left_out_with_their_lists(write: Writer, form: str, end: bytes) -> None:
    sketches = [f"airplane/{PLANE}-{number}" for number in (1, 2, 3)]
    root = write(
        [f"airplane/{PLANE}"],
        sketches,
        invalid_error=form.format("n02691156_58-3").encode() + end + end,
        invalid_pose=form.format("n02691156_58-1").encode() + end + form.format("n02691156_58-3").encode() + end,
    )
    found = catalogue(root)
    assert list(found.sample_ids) == ["n02691156_58-2"]
    assert [(line.sample_id, line.modality, line.path, line.reason) for line in found.skipped] == [
        ("n02691156_58-1", "sketch", f"{SKETCHES}/airplane/n02691156_58-1.png", "listed in invalid-pose.txt"),
        (
            "n02691156_58-3",
            "sketch",
            f"{SKETCHES}/airplane/n02691156_58-3.png",
            "listed in invalid-error.txt, invalid-pose.txt",
        ),
    ]


@pytest.mark.parametrize("form", ["tiger/{}.jpg", "{}", "{}.jpg"])
def test_the_photos_of_testset_are_the_test_part(write: Writer, form: str) -> None:
    photos = many("tiger", "n02129604", 20)
    listed = ["n02129604_3", "n02129604_17", "n02129604_999"]
    lines = "".join(form.format(stem) + "\r\n" for stem in listed).encode()
    found = catalogue(write(photos, drawn_of(photos), testset=lines))
    parts = photos_by_part(found)
    assert parts["test"] == {"n02129604_3", "n02129604_17"}
    assert len(parts["validation"]) == 2
    assert len(parts["train"]) == 16
    assert not any("testset" in note for note in found.notes)


def test_without_testset_a_tenth_of_the_photos_of_each_class_is_drawn_and_said(write: Writer) -> None:
    photos = many("tiger", "n02129604", 100) + many("zebra", "n02391049", 50)
    found = catalogue(write(photos, drawn_of(photos)))
    assert found.groups is not None
    check_parts("sketchy", found.parts[0], len(found.sample_ids), found.groups)
    count = {
        part: [len([name for name in own if name[:9] == synset]) for synset in ("n02129604", "n02391049")]
        for part, own in photos_by_part(found).items()
    }
    assert count == {"train": [81, 41], "validation": [9, 4], "test": [10, 5]}
    assert any("info/testset.txt is missing" in note for note in found.notes)
    assert any("no lists of invalid" in note for note in found.notes)


def test_no_missing_file_and_no_missing_class_moves_another_sample(write: Writer) -> None:
    tigers, zebras = many("tiger", "n02129604", 30), many("zebra", "n02391049", 30)
    root = write(tigers + zebras, drawn_of(tigers + zebras))
    before = photos_by_part(catalogue(root))
    (root / PHOTOS / "zebra/n02391049_4.jpg").unlink()
    (root / SKETCHES / "zebra/n02391049_5-1.png").unlink()
    found = catalogue(root)
    assert photos_by_part(found) == before
    row = list(found.sample_ids).index("n02391049_4-2")
    assert found.inputs["photo"][row] == ImageClip(f"{PHOTOS}/zebra/n02391049_4.jpg")
    for file in (*(root / PHOTOS / "tiger").iterdir(), *(root / SKETCHES / "tiger").iterdir()):
        file.unlink()
    (root / PHOTOS / "tiger").rmdir()
    (root / SKETCHES / "tiger").rmdir()
    assert photos_by_part(catalogue(root)) == {
        part: {photo for photo in own if photo.startswith("n02391049")} for part, own in before.items()
    }


def test_a_photo_of_two_classes_counts_for_the_first(write: Writer) -> None:
    found = catalogue(
        write(
            ["duck/n01_1", "songbird/n01_1", "songbird/n01_2"], ["duck/n01_1-1", "songbird/n01_1-1", "songbird/n01_2-1"]
        )
    )
    assert list(found.sample_ids) == ["n01_1-1", "n01_2-1"]
    assert found.labels.tolist() == [0, 1]
    (line,) = found.skipped
    assert (line.path, line.reason) == (f"{SKETCHES}/songbird/n01_1-1.png", "its photo is also in the class duck")


def test_odd_files_and_a_class_without_photos_are_left_out_by_name(write: Writer) -> None:
    root = write(
        [f"airplane/{PLANE}", "airplane/Thumbs"], [f"airplane/{PLANE}-1", "airplane/n02_1 (copy)", "bat/n1_1-1"]
    )
    (root / SKETCHES / "airplane/.DS_Store").touch()
    found = catalogue(root)
    assert list(found.sample_ids) == ["n02691156_58-1"]
    assert [(line.sample_id, line.modality) for line in found.skipped] == [("n02_1 (copy)", "sketch"), ("bat", "photo")]
    assert "only 1 of the 125 classes are present" in found.notes


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "invalid_pose",
            b"n02691156_58-1\nnonsense\n",
            r"info/invalid-pose\.txt, line 2: .*'nonsense'",
        ),
        ("invalid_pose", b"n02691156_58\n", r"line 1: expected a sketch .*'n02691156_58'"),
        (
            "testset",
            b"airplane\n",
            r"info/testset\.txt, line 1: expected a photo like airplane/n.*'airplane'",
        ),
        (
            "testset",
            b"n7_7\n",
            r"testset\.txt lists 1 photos, such as n7_7, .* such as n0269",
        ),
    ],
)
def test_lists_of_another_form_are_named(write: Writer, name: str, content: bytes, message: str) -> None:
    root = write([f"airplane/{PLANE}"], [f"airplane/{PLANE}-1"], **{name: content})
    with pytest.raises(UserError, match=message):
        catalogue(root)


def test_no_classes_and_no_sketches_are_named_with_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "256x256/photo/tx_000100000000/tiger").mkdir(parents=True)
    with pytest.raises(UserError, match=r"no class folders .*; 256x256/photo .* tx_000100000000\. "):
        catalogue(tmp_path)
    (tmp_path / PHOTOS / "tiger").mkdir(parents=True)
    with pytest.raises(UserError, match="no sketch of a known class"):
        catalogue(tmp_path)


@pytest.mark.parametrize(("clips", "sizes"), [(96, (48, 12, 16)), (16, (8, 4, 4))])
@pytest.mark.parametrize("testset", [True, False])
def test_enough_good_samples_are_left(tmp_path: Path, clips: int, sizes: tuple[int, int, int], testset: bool) -> None:
    Sketchy.write_fixture(tmp_path, clips, np.random.default_rng(1))
    if not testset:
        (tmp_path / "info/testset.txt").unlink()
    found = catalogue(tmp_path)
    assert found.groups is not None
    check_parts("sketchy", found.parts[0], len(found.sample_ids), found.groups)
    assert found.classes == ("airplane", "hot-air_balloon", "jack-o-lantern", "tiger")
    for part, size in zip(("train", "validation", "test"), sizes, strict=True):
        rows = [row for row in found.parts[0][part] if _good(tmp_path, found, row)]
        assert len(rows) >= size or not testset
        assert set(found.labels[rows].tolist()) == {0, 1, 2, 3}


def test_the_miniature_holds_the_known_defects(miniature: Path) -> None:
    found = catalogue(miniature)
    bad = [row for row in range(len(found.sample_ids)) if not _good(miniature, found, row)]
    assert len(bad) == 4 + 4 + 1
    assert set(bad) <= set(found.parts[0]["train"].tolist())
    photos = [miniature / clip.path for clip in found.inputs["photo"] if isinstance(clip, ImageClip)]
    assert sum(not path.exists() for path in photos) == 4
    pointers = [
        path for path in (miniature / SKETCHES).rglob("*.png") if path.read_bytes().startswith(b"version https")
    ]
    assert len(pointers) == 1
    reasons = [line.reason for line in found.skipped]
    assert len(reasons) == 25
    assert sum(reason.startswith("not named like") for reason in reasons) == 1
    assert "listed in invalid-ambiguous.txt, invalid-pose.txt" in reasons
    with Image.open(miniature / SKETCHES / "tiger/n02693156_58-1.png") as image:
        assert (image.mode, image.size) == ("L", (64, 64))


def test_the_same_seed_writes_the_same_bytes(miniature: Path, tmp_path: Path) -> None:
    Sketchy.write_fixture(tmp_path, 96, np.random.default_rng(0))
    files = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert len(files) > 100
    assert files == {path.relative_to(miniature): path.read_bytes() for path in miniature.rglob("*") if path.is_file()}


def _good(root: Path, found: Catalogue, row: int) -> bool:
    for clips in found.inputs.values():
        clip = clips[row]
        assert isinstance(clip, ImageClip)
        try:
            with Image.open(root / clip.path) as image:
                image.load()
        except OSError:
            return False
    return True
